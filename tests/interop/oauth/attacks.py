"""Forged tokens: the playbook of attacks on JWTs, signed with PyCA cryptography alone and sent wherever the gateway
reads one. Nothing may be accepted, nothing may be fetched, and nothing may break."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from report import check

PUBLIC, ADMIN, TOKEN = (os.environ[name] for name in ("PUBLIC", "ADMIN", "TOKEN"))
SECRET, ORDERS = os.environ["SECRET"], os.environ["ORDERS"]
ISSUER = PUBLIC + "/oauth2/alpha/attacked"
PARTNER = "https://attacked.example"
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"
PASSWORD = json.dumps({"username": os.environ["USERNAME"], "password": os.environ["PASSWORD"]})
WEAK = ("", "\0", "secret", "password", "changeme", "123456", "key", "jwt", "your-256-bit-secret", "a" * 32, SECRET)
KIDS = (
    "", "\0", "/dev/null", "../../../../../../../../dev/null", "file:///dev/null", "/proc/sys/kernel/randomize_va_space",
    "x' UNION SELECT '1';-- ", "' OR 1=1;--", "key; sleep 20", "|sleep 20", "`sleep 20`", "$(sleep 20)", "{{7*7}}",
    "${jndi:ldap://127.0.0.1:1/x}", "http://127.0.0.1:1/kid", "%00", "a" * 65536, None, 0, True, [], {},
)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value):
    return value if isinstance(value, str) else json.dumps(value)


def joined(header, claims, sign):
    first = b64(compact(header).encode()) + "." + b64(compact(claims).encode())
    return first + "." + b64(sign(first.encode()))


def by_hmac(secret, size="256"):
    return lambda data: hmac.new(secret, data, "sha" + size).digest()


def by_rsa(key):
    return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def by_ec(key):
    def sign(data):
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def nothing(_):
    return b""


def numbers(key):
    def text(number):
        return b64(number.to_bytes((number.bit_length() + 7) // 8, "big"))

    public = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {"kty": "RSA", "n": text(public.n), "e": text(public.e)}
    return {"kty": "EC", "crv": "P-256", "x": b64(public.x.to_bytes(32, "big")), "y": b64(public.y.to_bytes(32, "big"))}


def public_of(jwk):
    """The public key of a JWK, as an object of the library."""
    if jwk["kty"] == "RSA":
        n, e = (int.from_bytes(unb64(jwk[name]), "big") for name in ("n", "e"))
        return rsa.RSAPublicNumbers(e, n).public_key()
    x, y = (int.from_bytes(unb64(jwk[name]), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def spellings(jwk):
    """Every way to write a public key down that somebody might take for a secret."""
    key, form = public_of(jwk), serialization.PublicFormat
    formats = [form.SubjectPublicKeyInfo] + ([form.PKCS1] if jwk["kty"] == "RSA" else [])
    for each in formats:
        pem = key.public_bytes(serialization.Encoding.PEM, each)
        yield from (pem, pem.rstrip(b"\n"), pem.replace(b"\n", b"\r\n"), b"\n" + pem)
        yield key.public_bytes(serialization.Encoding.DER, each)
    yield from (json.dumps(jwk).encode(), json.dumps(jwk, separators=(",", ":")).encode())
    yield unb64(jwk["n"] if jwk["kty"] == "RSA" else jwk["x"])


def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "attacker")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Trap(BaseHTTPRequestHandler):
    """Serves the attacker's keys to whoever follows a pointer, and remembers that somebody did."""

    hits = []
    keys = {}

    def do_GET(self):
        Trap.hits.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(Trap.keys).encode())

    def log_message(self, *_):
        pass


trap = ThreadingHTTPServer(("127.0.0.1", 0), Trap)
threading.Thread(target=trap.serve_forever, daemon=True).start()
TRAP = f"http://127.0.0.1:{trap.server_port}/keys"

EVIL_RSA = rsa.generate_private_key(65537, 2048)
EVIL_EC = ec.generate_private_key(ec.SECP256R1())


def forgeries(header, claims, jwk):
    """Groups of tokens that the holder of no key can make out of a genuine one's parts."""
    kid = header.get("kid")
    evil, sign, alg = (EVIL_RSA, by_rsa(EVIL_RSA), "RS256") if jwk["kty"] == "RSA" else (EVIL_EC, by_ec(EVIL_EC), "ES256")
    owned = {**numbers(evil), "alg": alg, "use": "sig", "kid": kid}
    Trap.keys = {"keys": [owned]}

    def of(**more):
        return {name: value for name, value in {**header, **more}.items() if value is not Ellipsis}

    yield "alg none, in every spelling", [
        made
        for name in ("none", "None", "NONE", "nOnE", "", None, "HS256,none", Ellipsis)
        for made in (joined(of(alg=name), claims, nothing), joined(of(alg=name), claims, sign), joined(of(alg=name), claims, nothing)[:-1])
    ]
    yield "a blank signature", [joined(of(), claims, nothing), joined(of(), claims, nothing)[:-1], joined(of(), claims, lambda _: b"\0")]
    yield "a psychic signature", [
        joined(of(alg=name), claims, lambda _, value=value: value)
        for name, size in (("ES256", 64), ("ES384", 96), ("ES512", 132))
        for value in (b"\0" * size, b"\x30\x06\x02\x01\x00\x02\x01\x00", b"\xff" * size)
    ]
    yield "a weak secret", [
        joined(of(alg="HS" + size), claims, by_hmac(word.encode(), size)) for word in WEAK for size in ("256", "384", "512")
    ]
    yield "the public key as a secret", [
        joined(of(alg="HS" + size), claims, by_hmac(secret, size)) for secret in spellings(jwk) for size in ("256", "512")
    ]
    yield "a key of the attacker in the header", [
        joined(of(jwk=owned), claims, sign),
        joined(of(jwk=owned, kid=...), claims, sign),
        joined(of(jwk={"keys": [owned]}), claims, sign),
        joined(of(x5c=[base64.b64encode(certificate(evil)).decode()]), claims, sign),
        joined(of(x5t=b64(hashlib.sha1(certificate(evil)).digest()), x5c=[base64.b64encode(certificate(evil)).decode()]), claims, sign),
    ]
    yield "a pointer to the attacker's keys", [
        joined(of(**{name: place, "kid": named}), claims, sign)
        for name in ("jku", "x5u", "kid", "iss", "url")
        for place in (TRAP, TRAP + "/.well-known/jwks.json", TRAP.replace("http:", "https:"), "file:///etc/passwd")
        for named in ((kid, "other") if name != "kid" else (place,))
    ] + [joined(of(), {**claims, "iss": TRAP}, sign), joined(of(), {**claims, "jku": TRAP}, sign)]
    yield "a key id that leads elsewhere", [
        made
        for name in KIDS
        for made in (joined(of(kid=name), claims, sign), joined(of(kid=name, alg="HS256"), claims, by_hmac(b"")))
    ]
    yield "the attacker's own signature", [
        joined(of(), claims, sign), joined(of(kid=...), claims, sign), joined(of(alg="PS256"), claims, sign),
        joined(of(alg="ES256"), claims, by_ec(EVIL_EC)), joined(of(alg="RS256"), claims, by_rsa(EVIL_RSA)),
    ]


def spoiled(header, claims, sign):
    """Groups of tokens that the genuine key signed, but that say something unacceptable."""
    now = int(time.time())

    def of(**more):
        return {name: value for name, value in {**header, **more}.items() if value is not Ellipsis}

    def saying(**more):
        return {name: value for name, value in {**claims, **more}.items() if value is not Ellipsis}

    def signed(head, said):
        return joined(head, said, sign)

    yield "a time that has passed or not come", [
        signed(of(), saying(**said))
        for said in (
            {"exp": now - 120}, {"exp": ...}, {"exp": str(now + 60)}, {"exp": None}, {"exp": -1}, {"exp": 0},
            {"nbf": now + 600}, {"nbf": str(now)}, {"iat": now + 600, "nbf": now + 600},
        )
    ]
    yield "another issuer, audience or subject", [
        signed(of(), saying(**said))
        for said in (
            {"iss": "https://evil.example"}, {"iss": ...}, {"iss": [claims["iss"]]}, {"iss": claims["iss"] + "/"}, {"iss": claims["iss"].upper()},
            {"aud": "somebody-else"}, {"aud": ...}, {"aud": []}, {"aud": {"a": claims["aud"]}}, {"aud": [7]},
            {"sub": ...}, {"sub": ""}, {"sub": None}, {"sub": 7}, {"sub": ["root"]}, {"sub": {"sub": "root"}},
        )
    ]
    twice = json.dumps(claims)
    yield "a member twice", [
        signed(of(), twice[:-1] + ', "sub": "root"}'),
        signed(of(), '{"sub": "root", ' + twice[1:]),
        signed(json.dumps(of())[:-1] + ', "alg": "none"}', claims),
        signed('{"alg": "none", ' + json.dumps(of())[1:], claims),
        signed(of(), twice[:-1] + ', "x": {"a": 1, "a": 2}}'),
    ]
    yield "an extension nobody knows", [
        signed(of(**more), claims)
        for more in (
            {"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"crit": "exp"}, {"crit": ["x"], "x": 1},
        )
    ]
    good = signed(of(), claims)
    head, body, signature = good.split(".")
    yield "another serialisation", [
        json.dumps({"payload": body, "protected": head, "signature": signature}),
        json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}]}),
        good + ".", good + ".x", "." + good, f"{head}..{signature}", f"{head}.{body}", good + "=", good.replace(".", ". ", 1),
        f"{head}.{body}.{signature}.x.y", f"{head}=.{body}.{signature}", good.replace("-", "+").replace("_", "/") + "+",
    ]
    yield "a token within the token", [signed(of(cty="JWT"), json.dumps(good)), signed(of(), b64(good.encode()))]
    yield "too much", [
        signed(of(), {**claims, "x": "a" * 2_000_000})[:900_000],
        "." * 100_000,
        signed(of(), twice[:-1] + ', "deep": ' + "[" * 5000 + "]" * 5000 + "}"),
        signed({**of(), "x": "a" * 100_000}, claims),
    ]


def admin(path, document):
    answer = requests.put(f"{ADMIN}/admin/v1/{path}", json=document, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    if not answer.ok:
        raise RuntimeError(answer.text)


def token_endpoint(form, secret=SECRET):
    auth = ("web", secret) if secret else None
    return requests.post(ISSUER + "/token", data={"grant_type": GRANT, "audience": ORDERS, **form}, auth=auth, timeout=10)


def as_subject(kind):
    return lambda token: token_endpoint({"subject_token": token, "subject_token_type": TYPE + kind})


def as_actor(token):
    subject = joined(id_head, {**id_claims, "sub": "dana"}, by_rsa(partner))
    form = {"subject_token": subject, "subject_token_type": TYPE + "id_token"}
    return token_endpoint({**form, "actor_token": token, "actor_token_type": TYPE + "id_token"})


def as_assertion(token):
    form = {"subject_token": PASSWORD, "subject_token_type": "urn:cambist:token-type:username"}
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return token_endpoint({**form, "client_assertion": token, "client_assertion_type": kind}, None)


def to_introspection(token):
    return requests.post(ISSUER + "/introspect", data={"token": token}, auth=("orders-api", SECRET), timeout=10)


def accepted(answer):
    body = answer.json()
    return answer.status_code == 200 and body.get("active", True)


def nothing_fetched():
    if Trap.hits:
        raise AssertionError(str(Trap.hits))


def none_accepted(present, tokens):
    before = len(Trap.hits)
    for token in tokens:
        begun = time.monotonic()
        answer = present(token)
        spent = time.monotonic() - begun
        body = answer.json()
        is_refusal = body == {"active": False} or (400 <= answer.status_code < 500 and "error" in body)
        if accepted(answer) or not is_refusal:
            raise AssertionError(f"{answer.status_code} {json.dumps(body)[:200]} for {token[:200]}")
        if spent > 5:
            raise AssertionError(f"{spent:.1f} s for {token[:200]}")
    if len(Trap.hits) != before:
        raise AssertionError(f"followed a pointer to {Trap.hits[before:]}")


partner = rsa.generate_private_key(65537, 2048)
client = ec.generate_private_key(ec.SECP256R1())
PARTNER_KEY = {**numbers(partner), "alg": "RS256", "use": "sig", "kid": "partner-1"}
CLIENT_KEY = {**numbers(client), "alg": "ES256", "use": "sig", "kid": "client-1"}
admin("issuers/attacked", {"issuer": PARTNER, "audiences": ["web"], "jwks": {"keys": [PARTNER_KEY]}})
rights = {"audiences": [ORDERS], "scopes": ["orders:read"], "subject_audiences": ["web", ORDERS]}
admin("instances/alpha/attacked", {
    "validators": {
        "password": {"kind": "username", "scopes": ["orders:read"]},
        "own": {"kind": "access_token", "issuers": ["self"], "audiences": [ORDERS]},
        "id": {"kind": "id_token", "issuers": ["attacked"], "subject_prefix": "attacked:", "scopes": ["orders:read"]},
    },
    "providers": {"access": {"kind": "access_token"}},
    "actors": ["id"],
    "transformations": [{"subject": name, "issue": "access"} for name in ("password", "own", "id")],
    "relying_parties": {ORDERS: {"scopes": ["orders:read"]}},
    "clients": {
        "web": {**rights, "secret": SECRET, "actors": [{"subject": "attacked:robot"}]},
        "signer": {**rights, "authentication": {"method": "private_key_jwt", "jwks": {"keys": [CLIENT_KEY]}}},
        "orders-api": {"secret": SECRET, "introspects": [ORDERS]},
    },
})

now = int(time.time())
id_head = {"alg": "RS256", "typ": "JWT", "kid": "partner-1"}
id_claims = {"iss": PARTNER, "sub": "robot", "aud": "web", "iat": now, "exp": now + 900}
own = token_endpoint({"subject_token": PASSWORD, "subject_token_type": "urn:cambist:token-type:username"}).json()["access_token"]
own_head, own_claims = (json.loads(unb64(part)) for part in own.split(".")[:2])
own_keys = requests.get(ISSUER + "/jwks", timeout=10).json()["keys"]
own_key = next(key for key in own_keys if key["kid"] == own_head["kid"])
as_head = {"alg": "ES256", "typ": "client-authentication+jwt", "kid": "client-1"}


def assertion_claims():
    return {"iss": "signer", "sub": "signer", "aud": ISSUER, "iat": now, "exp": int(time.time()) + 120, "jti": str(uuid.uuid4())}


genuine = {
    "an ID token": (as_subject("id_token"), lambda: joined(id_head, id_claims, by_rsa(partner))),
    "an actor token": (as_actor, lambda: joined(id_head, id_claims, by_rsa(partner))),
    "an access token of ours": (as_subject("access_token"), lambda: own),
    "an access token at introspection": (to_introspection, lambda: own),
    "a client assertion": (as_assertion, lambda: joined(as_head, assertion_claims(), by_ec(client))),
}


def serves(name):
    present, make = genuine[name]
    answer = present(make())
    if not accepted(answer):
        raise AssertionError(answer.text)


for name in genuine:
    check(f"{name} that is genuine is accepted", lambda name=name: serves(name))

forged = [
    ("an ID token", as_subject("id_token"), id_head, {**id_claims, "sub": "root"}, PARTNER_KEY),
    ("an actor token", as_actor, id_head, id_claims, PARTNER_KEY),
    ("an access token of ours", as_subject("access_token"), own_head, {**own_claims, "sub": "root"}, own_key),
    ("an access token at introspection", to_introspection, own_head, {**own_claims, "sub": "root"}, own_key),
    ("a client assertion", as_assertion, as_head, assertion_claims(), CLIENT_KEY),
]
for name, present, header, claims, jwk in forged:
    for group, tokens in forgeries(header, claims, jwk):
        check(f"{group} ({len(tokens)}) does not make {name}", lambda present=present, tokens=tokens: none_accepted(present, tokens))

for name, present, header, make, sign in (
    ("an ID token", as_subject("id_token"), id_head, lambda: id_claims, by_rsa(partner)),
    ("an actor token", as_actor, id_head, lambda: id_claims, by_rsa(partner)),
    ("a client assertion", as_assertion, as_head, assertion_claims, by_ec(client)),
):
    for group, tokens in spoiled(header, make(), sign):
        check(f"{group} ({len(tokens)}) does not make {name}", lambda present=present, tokens=tokens: none_accepted(present, tokens))
check("no pointer was followed", nothing_fetched)
for name in genuine:
    check(f"{name} that is genuine still is", lambda name=name: serves(name))
