"""The part of run-crate that needs pysaml2: it reads what the crate issues, and issues for it. Prints one line per
check and `end`."""

import base64
import logging
import pathlib
import re
import subprocess
import sys
import tempfile

from saml2 import BINDING_HTTP_POST, server
from saml2.client import Saml2Client
from saml2.config import Config, IdPConfig
from saml2.saml import NAMEID_FORMAT_UNSPECIFIED, NameID
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

logging.disable(logging.CRITICAL)
OUT = pathlib.Path(sys.argv[1])
ACCEPT = sys.argv[2]
ACS = "https://orders.example.com/acs"
ISSUER = "https://idp.example.net/sts"
SP = "urn:example:orders-sp"
WORK = tempfile.TemporaryDirectory()


def text(name):
    return (OUT / name).read_text(encoding="utf-8")


def der(name):
    return "".join(text(name).strip().splitlines()[1:-1])


def check(name, outcome):
    print(("ok    " if outcome else "FAIL  ") + name, flush=True)


def metadata(entity, role, key, use, endpoint):
    return f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}">
      <{role} protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
      <KeyDescriptor{use}><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>
      {der(key + ".crt")}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>{endpoint}</{role}></EntityDescriptor>"""


def client(key):
    known = metadata(
        ISSUER,
        "IDPSSODescriptor",
        key,
        ' use="signing"',
        '<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" '
        'Location="https://idp.example.net/sso"/>',
    )
    config = Config()
    config.load(
        {
            "entityid": SP,
            "service": {
                "sp": {
                    "endpoints": {"assertion_consumer_service": [(ACS, BINDING_HTTP_POST)]},
                    "allow_unsolicited": True,
                    "want_response_signed": False,
                    "want_assertions_signed": True,
                }
            },
            "key_file": str(OUT / "recipient.key"),
            "cert_file": str(OUT / "recipient.crt"),
            "encryption_keypairs": [
                {"key_file": str(OUT / "recipient.key"), "cert_file": str(OUT / "recipient.crt")}
            ],
            "metadata": {"inline": [known]},
            "allow_unknown_attributes": True,
        }
    )
    return Saml2Client(config=config)


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
    encoded = base64.b64encode(response(document).encode()).decode()
    parsed = client(key).parse_authn_request_response(encoded, BINDING_HTTP_POST, {})
    return parsed.name_id.text


def reads(name, document, key, wanted):
    try:
        got = named(document, key) == "dana"
    except Exception as error:  # whatever a foreign library throws
        got = False
        if wanted:
            print("      " + repr(error).replace("\n", " ")[:200])
    check(f"pysaml2: {name}{'' if wanted else ' is refused'}", got == wanted)


for key in ["rsa", "p256"]:
    document = text(f"{key}-bearer.xml")
    reads(f"{key}-bearer", document, key, True)
    reads(f"a tampered {key}-bearer", document.replace(">dana<", ">root<"), key, False)
    reads(f"{key}-bearer under another key", document, "other", False)
for cipher in ["gcm256", "gcm128"]:
    name = f"sealed-whole-{cipher}-sha1-bearer"
    reads(name, text(f"{name}.xml"), "rsa", True)

# What it issues.
known = metadata(
    SP,
    "SPSSODescriptor",
    "recipient",
    "",
    f'<AssertionConsumerService Binding="{BINDING_HTTP_POST}" Location="{ACS}" index="0"/>',
)
config = IdPConfig()
config.load(
    {
        "entityid": ISSUER,
        "service": {
            "idp": {
                "endpoints": {"single_sign_on_service": [("https://idp.example.net/sso", BINDING_HTTP_POST)]},
                "policy": {"default": {"lifetime": {"minutes": 5}}},
            }
        },
        "key_file": str(OUT / "rsa.key"),
        "cert_file": str(OUT / "rsa.crt"),
        "metadata": {"inline": [known]},
    }
)
issuer = server.Server(config=config)


def judged(document):
    result = subprocess.run(
        [ACCEPT, str(OUT / "rsa.crt"), str(OUT / "recipient.key")],
        input=document.encode(),
        capture_output=True,
        check=True,
    )
    return result.stdout.decode().strip()


def issued(**wanted):
    return str(
        issuer.create_authn_response(
            {},
            in_response_to=None,
            destination=ACS,
            sp_entity_id=SP,
            name_id=NameID(format=NAMEID_FORMAT_UNSPECIFIED, text="dana"),
            authn={"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "authn_auth": ISSUER},
            sign_alg=SIG_RSA_SHA256,
            digest_alg=DIGEST_SHA256,
            **wanted,
        )
    )


for name, wanted, expected in [
    ("a signed assertion", {"sign_assertion": True, "sign_response": False}, "accepted dana"),
    ("a signed response", {"sign_assertion": False, "sign_response": True}, "accepted dana"),
    ("both signed", {"sign_assertion": True, "sign_response": True}, "accepted dana"),
    ("neither signed", {"sign_assertion": False, "sign_response": False}, "refused"),
]:
    document = issued(**wanted)
    verdict = judged(document)
    check(f"pysaml2: {name} is {verdict}", verdict.startswith(expected))
    twin = judged(document.replace(">dana<", ">root<"))
    check(f"pysaml2: {name}, tampered, is {twin}", twin.startswith("refused"))
print("end")
