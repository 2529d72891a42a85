"""The part of run-crate that needs Python: schema, canonical form, signxml and python3-saml, and documents of
theirs for the crate to judge. Prints one line per check and `end`."""

import base64
import pathlib
import subprocess
import sys
import tempfile

import onelogin.saml2
import saml2.data.schemas
from lxml import etree
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from signxml import SignatureConfiguration, SignatureMethod, XMLSigner, XMLVerifier, methods

OUT = pathlib.Path(sys.argv[1])
ACCEPT = sys.argv[2]
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
ACS = "https://orders.example.com/acs"
ISSUER = "https://idp.example.net/sts"


def check(name, outcome):
    print(("ok    " if outcome else "FAIL  ") + name, flush=True)


def holds(action):
    try:
        return action() is not False
    except Exception as error:  # whatever a foreign library throws
        holds.reason = error
        return False


def expect(name, action):
    outcome = holds(action)
    check(name, outcome)
    if not outcome:
        print("      " + str(holds.reason).replace("\n", " ")[:200])


holds.reason = ""


def refuse(name, action):
    check(name, not holds(action))


def documents(prefix):
    return sorted(OUT.glob(prefix + "*.xml"))


def text(path):
    return path.read_text(encoding="utf-8")


def pem(name):
    return text(OUT / name)


def der(name):
    lines = pem(name).strip().splitlines()
    return "".join(lines[1:-1])


def response(assertion):
    issued = etree.fromstring(text(OUT / "unsigned-bearer.xml").encode()).get("IssueInstant")
    return (
        '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        f'Destination="{ACS}" ID="_response" IssueInstant="{issued}" Version="2.0">'
        f'<saml:Issuer xmlns:saml="{SAML}">{ISSUER}</saml:Issuer><samlp:Status><samlp:StatusCode '
        'Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode></samlp:Status>'
        f"{assertion}</samlp:Response>"
    )


# Schema and canonical form.
protocol = pathlib.Path(onelogin.saml2.__file__).parent / "schemas/saml-schema-protocol-2.0.xsd"
metadata = protocol.parent / "saml-schema-metadata-2.0.xsd"
encryption = pathlib.Path(saml2.data.schemas.__file__).parent / "xenc-schema-11.xsd"
schema = etree.XMLSchema(
    etree.fromstring(
        f"""<schema xmlns="http://www.w3.org/2001/XMLSchema">
        <import namespace="urn:oasis:names:tc:SAML:2.0:protocol" schemaLocation="{protocol.as_uri()}"/>
        <import namespace="urn:oasis:names:tc:SAML:2.0:metadata" schemaLocation="{metadata.as_uri()}"/>
        <import namespace="http://www.w3.org/2009/xmlenc11#" schemaLocation="{encryption.as_uri()}"/>
        </schema>"""
    )
)
for path in sorted(OUT.glob("*.xml")):
    tree = etree.fromstring(text(path).encode())
    check(f"schema: {path.stem}", schema.validate(tree))
    if not schema.validate(tree):
        print("      " + str(schema.error_log.last_error))
    canonical = etree.tostring(
        tree, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=["xs"]
    ).decode()
    check(f"lxml: {path.stem} is canonical", canonical == text(path))

# signxml.
for key, method in [("rsa", "RSA_SHA256"), ("p256", "ECDSA_SHA256")]:
    config = SignatureConfiguration(
        signature_methods=frozenset({SignatureMethod[method]}), location=".//"
    )
    for path in documents(key + "-"):

        def verified(source, certificate=key):
            return XMLVerifier().verify(
                source.encode(),
                x509_cert=pem(certificate + ".crt"),
                id_attribute="ID",
                expect_config=config,
            )

        expect(f"signxml: {path.stem}", lambda: verified(text(path)))
        refuse(
            f"signxml: a tampered {path.stem} is refused",
            lambda: verified(text(path).replace("dana", "root", 1)),
        )
        refuse(
            f"signxml: {path.stem} under another key is refused",
            lambda: verified(text(path), "other"),
        )


# python3-saml.
def settings(want_encrypted, want_name_encrypted, private_key=""):
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": "urn:example:orders-sp",
                "assertionConsumerService": {"url": ACS},
                "privateKey": private_key,
                "x509cert": der("recipient.crt") if private_key else "",
            },
            "idp": {
                "entityId": ISSUER,
                "singleSignOnService": {"url": "https://idp.example.net/sso"},
                "x509cert": der("rsa.crt"),
            },
            "security": {
                "wantAssertionsSigned": True,
                "wantAssertionsEncrypted": want_encrypted,
                "wantNameIdEncrypted": want_name_encrypted,
                "wantAttributeStatement": True,
            },
        },
        sp_validation_only=False,
    )


read = OneLogin_Saml2_IdPMetadataParser.parse(pem("metadata-rsa.xml"), entity_id=ISSUER)
certificates = read["idp"]["x509certMulti"]["signing"]
check("python3-saml: the metadata's keys", certificates == [der("rsa.crt"), der("p256.crt")])

request = {
    "https": "on",
    "http_host": "orders.example.com",
    "script_name": "/acs",
    "get_data": {},
    "post_data": {},
}


def onelogin_accepts(document, used):
    encoded = base64.b64encode(response(document).encode()).decode()
    parsed = OneLogin_Saml2_Response(used, encoded)
    parsed.is_valid(request, raise_exceptions=True)
    return parsed.get_nameid() == "dana"


key = pem("recipient.key")
for name in ["rsa-bearer", "rsa-full"]:
    document = text(OUT / f"{name}.xml")
    expect(f"python3-saml: {name}", lambda: onelogin_accepts(document, settings(False, False)))
    refuse(
        f"python3-saml: a tampered {name} is refused",
        lambda: onelogin_accepts(document.replace("dana", "root", 1), settings(False, False)),
    )
for name, whole in [("whole", True), ("nameid", False)]:
    for cipher in ["gcm256", "gcm128"]:
        document = text(OUT / f"sealed-{name}-{cipher}-sha1-bearer.xml")
        expect(
            f"python3-saml: sealed-{name}-{cipher}-sha1-bearer",
            lambda: onelogin_accepts(document, settings(whole, not whole, key)),
        )


# Theirs, judged by the crate.
def judged(document, *arguments):
    result = subprocess.run(
        [ACCEPT, *map(str, arguments)], input=document, capture_output=True, check=True
    )
    return result.stdout.decode().strip()


def theirs(name, document, *arguments):
    verdict = judged(document, *arguments)
    check(f"{name} is accepted", verdict == "accepted dana")
    if verdict != "accepted dana":
        print("      " + verdict)
    for change in [(b"dana<", b"root<"), (b"orders-sp", b"others-sp")]:
        if change[0] in document:
            twin = judged(document.replace(*change, 1), *arguments)
            check(f"{name}, tampered, is {twin}", twin.startswith("refused"))


def placeholder():
    tree = etree.fromstring(text(OUT / "unsigned-bearer.xml").encode())
    tree.find(f"{{{SAML}}}Issuer").addnext(
        etree.Element(f"{{{DS}}}Signature", Id="placeholder", nsmap={"ds": DS})
    )
    return tree


for key, method in [("rsa", "RSA_SHA256"), ("rsa", "RSA_SHA512"), ("p256", "ECDSA_SHA256")]:
    signer = XMLSigner(
        method=methods.enveloped,
        signature_algorithm=SignatureMethod[method],
        digest_algorithm="sha256",
        c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
    )
    tree = placeholder()
    signed = signer.sign(
        tree,
        key=pem(f"{key}.key").encode(),
        cert=pem(f"{key}.crt"),
        reference_uri="#" + tree.get("ID"),
        id_attribute="ID",
    )
    document = etree.tostring(signed)
    theirs(f"signxml: {method}", document, OUT / f"{key}.crt")
    verdict = judged(document, OUT / "other.crt")
    check(f"signxml: {method} under another key is {verdict}", verdict.startswith("refused"))


def xmlsec_template(algorithm):
    tree = placeholder()
    signature = tree.find(f"{{{DS}}}Signature")
    del signature.attrib["Id"]
    info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
    c14n = "http://www.w3.org/2001/10/xml-exc-c14n#"
    etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=c14n)
    etree.SubElement(info, f"{{{DS}}}SignatureMethod", Algorithm=algorithm)
    reference = etree.SubElement(info, f"{{{DS}}}Reference", URI="#" + tree.get("ID"))
    transforms = etree.SubElement(reference, f"{{{DS}}}Transforms")
    etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=DS + "enveloped-signature")
    etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=c14n)
    digest = "http://www.w3.org/2001/04/xmlenc#sha256"
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=digest)
    etree.SubElement(reference, f"{{{DS}}}DigestValue")
    etree.SubElement(signature, f"{{{DS}}}SignatureValue")
    etree.SubElement(signature, f"{{{DS}}}KeyInfo")
    etree.SubElement(signature.find(f"{{{DS}}}KeyInfo"), f"{{{DS}}}X509Data")
    return tree


ENCRYPTED = """<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"
 Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="{cipher}"/>
 <ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey>
 <xenc:EncryptionMethod Algorithm="{transport}"/>
 <xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>
 <xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>"""
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"

with tempfile.TemporaryDirectory() as directory:
    work = pathlib.Path(directory)

    def xmlsec1(*arguments):
        return subprocess.run(
            ["xmlsec1", *map(str, arguments)], capture_output=True, check=True
        ).stdout

    more = "http://www.w3.org/2001/04/xmldsig-more#"
    for key, algorithm in [
        ("rsa", "rsa-sha256"),
        ("rsa", "rsa-sha384"),
        ("rsa", "rsa-sha512"),
        ("p256", "ecdsa-sha256"),
    ]:
        template = work / "template.xml"
        template.write_bytes(etree.tostring(xmlsec_template(more + algorithm)))
        signed = xmlsec1(
            "sign",
            "--privkey-pem",
            f"{OUT}/{key}.key,{OUT}/{key}.crt",
            "--id-attr:ID",
            f"{SAML}:Assertion",
            template,
        )
        theirs(f"xmlsec1: {algorithm}", signed, OUT / f"{key}.crt")
        theirs(
            f"xmlsec1: {algorithm} in a response",
            response(etree.tostring(etree.fromstring(signed)).decode()).encode(),
            OUT / f"{key}.crt",
        )

    # A signed assertion, encrypted by xmlsec1.
    def encrypted(cipher, transport, session_key):
        template = work / "encryption.xml"
        template.write_text(ENCRYPTED.format(cipher=cipher, transport=transport))
        data = xmlsec1(
            "encrypt",
            "--pubkey-cert-pem",
            OUT / "recipient.crt",
            "--session-key",
            session_key,
            "--xml-data",
            OUT / "rsa-bearer.xml",
            template,
        )
        data = etree.tostring(etree.fromstring(data)).decode()
        whole = f'<saml:EncryptedAssertion xmlns:saml="{SAML}">{data}</saml:EncryptedAssertion>'
        return whole.encode()

    crt, secret = OUT / "rsa.crt", OUT / "recipient.key"
    for cipher, session_key in [("aes128-gcm", "aes-128"), ("aes256-gcm", "aes-256")]:
        document = encrypted(XENC11 + cipher, XENC + "rsa-oaep-mgf1p", session_key)
        verdict = judged(document, crt, secret)
        check(f"xmlsec1: {cipher} with RSA-OAEP is {verdict}", verdict == "accepted dana")
        verdict = judged(document, crt)
        check(f"xmlsec1: {cipher} without the key is {verdict}", verdict.startswith("refused"))
    for cipher, transport, session_key in [
        (XENC + "aes256-cbc", XENC + "rsa-oaep-mgf1p", "aes-256"),
        (XENC + "tripledes-cbc", XENC + "rsa-oaep-mgf1p", "des-192"),
        (XENC11 + "aes256-gcm", XENC + "rsa-1_5", "aes-256"),
    ]:
        verdict = judged(encrypted(cipher, transport, session_key), crt, secret)
        name = cipher.split("#")[1] + " with " + transport.split("#")[1]
        check(f"xmlsec1: {name} is {verdict}", verdict.startswith("refused"))

# What the crate issues, the crate accepts.
for name in ["rsa-bearer", *[f"sealed-{extent}-gcm256-sha256-bearer" for extent in ("whole", "parts")]]:
    verdict = judged(text(OUT / f"{name}.xml").encode(), crt, secret)
    check(f"cambist: {name} is {verdict}", verdict == "accepted dana")
print("end")
