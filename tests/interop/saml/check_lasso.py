"""The part of run-crate that needs lasso, which is packaged for the system's own Python. Prints one line per
check and `end`."""

import base64
import pathlib
import re
import sys

import lasso

OUT = pathlib.Path(sys.argv[1])
ACS = "https://orders.example.com/acs"
ISSUER = "https://idp.example.net/sts"
SP = "urn:example:orders-sp"


def text(name):
    return (OUT / name).read_text(encoding="utf-8")


def der(name):
    return "".join(text(name).strip().splitlines()[1:-1])


def party(key):
    """The relying party, which knows the issuer by its metadata."""
    own = f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{SP}">
      <SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" WantAssertionsSigned="true">
      <KeyDescriptor><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{der("recipient.crt")}
      </X509Certificate></X509Data></KeyInfo></KeyDescriptor>
      <AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{ACS}" index="0"
      isDefault="true"/></SPSSODescriptor></EntityDescriptor>"""
    issuer = f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{ISSUER}">
      <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
      <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>
      {der(key + ".crt")}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
      <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
      Location="https://idp.example.net/sso"/></IDPSSODescriptor></EntityDescriptor>"""
    server = lasso.Server.newFromBuffers(own, text("recipient.key"))
    server.addProviderFromBuffer(lasso.PROVIDER_ROLE_IDP, issuer)
    return server


def response(assertion):
    issued = re.search(r'IssueInstant="([^"]*)"', text("unsigned-bearer.xml")).group(1)
    return (
        '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        f'Destination="{ACS}" ID="_response" IssueInstant="{issued}" Version="2.0">'
        f'<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{ISSUER}</saml:Issuer>'
        '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'
        f"{assertion}</samlp:Response>"
    )


def named(document, key):
    login = lasso.Login(party(key))
    login.processAuthnResponseMsg(base64.b64encode(response(document).encode()).decode())
    return login.nameIdentifier.content


def reads(name, document, key, wanted):
    try:
        got = named(document, key) == "dana"
    except (lasso.Error, AttributeError) as error:
        got = False
        if wanted:
            print("      " + str(error)[:200])
    suffix = "" if wanted else " is refused"
    print(("ok    " if got == wanted else "FAIL  ") + f"lasso: {name}{suffix}", flush=True)


for name in ["bearer", "hok", "sv"]:
    document = text(f"rsa-{name}.xml")
    reads(f"rsa-{name}", document, "rsa", True)
    reads(f"a tampered rsa-{name}", document.replace(">dana<", ">root<"), "rsa", False)
    reads(f"rsa-{name} under another key", document, "other", False)
# It takes one confirmation, and no ECDSA.
reads("rsa-full (several confirmations)", text("rsa-full.xml"), "rsa", False)
reads("p256-bearer (ECDSA)", text("p256-bearer.xml"), "p256", False)
for cipher in ["gcm256", "gcm128"]:
    name = f"sealed-whole-{cipher}-sha1-bearer"
    reads(name, text(f"{name}.xml"), "rsa", True)
print("end")
