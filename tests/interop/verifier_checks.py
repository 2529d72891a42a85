"""joserfc, PyJWT and Authlib as relying parties that verify what the gateway issues."""

import json
import os
import warnings

# Authlib warns that this part of it will go, and joserfc that `EdDSA` is an old name (RFC 9864).
warnings.showwarning = lambda *_: None

import jwt as pyjwt
import requests
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.jose.errors import BadSignatureError as AuthlibBadSignature
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidClaimError
from joserfc.jwk import KeySet, OctKey

from report import check, refused, same

PUBLIC, ORDERS, SHARED = os.environ["PUBLIC"], os.environ["ORDERS"], os.environ["SHARED"]
TYPE = "urn:ietf:params:oauth:token-type:"


def issue(issuer, kind):
    answer = requests.post(
        issuer + "/token",
        auth=(os.environ["CLIENT"], os.environ["SECRET"]),
        timeout=10,
        data={
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": json.dumps({"username": os.environ["USERNAME"], "password": os.environ["PASSWORD"]}),
            "subject_token_type": "urn:cambist:token-type:username",
            "requested_token_type": TYPE + kind,
            "audience": ORDERS,
        },
    )
    answer.raise_for_status()
    return answer.json()["access_token"]


def forged(token):
    """The same with a byte of the signature changed."""
    head, body, signature = token.split(".")
    return ".".join((head, body, ("B" if signature[0] == "A" else "A") + signature[1:]))


class Issuer:
    def __init__(self, algorithm):
        self.algorithm = algorithm
        self.url = f"{PUBLIC}/oauth2/alpha/verifiers-{algorithm.lower()}"
        self.symmetric = algorithm.startswith("HS")
        self.jwks = requests.get(self.url + "/jwks", timeout=10).json()

    def joserfc(self, token, audience=ORDERS):
        key = OctKey.import_key(SHARED) if self.symmetric else KeySet.import_key_set(self.jwks)
        read = jwt.decode(token, key, algorithms=[self.algorithm])
        registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.url},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True, "value": os.environ["USERNAME"]},
        )
        registry.validate(read.claims)
        return read

    def pyjwt(self, token, audience=ORDERS):
        key = SHARED if self.symmetric else pyjwt.PyJWKClient(self.url + "/jwks").get_signing_key_from_jwt(token).key
        return pyjwt.decode(
            token, key, algorithms=[self.algorithm], issuer=self.url, audience=audience,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
        )

    def authlib(self, token):
        key = JsonWebKey.import_key(SHARED, {"kty": "oct"}) if self.symmetric else JsonWebKey.import_key_set(self.jwks)
        claims = JsonWebToken([self.algorithm]).decode(
            token, key,
            claims_options={"iss": {"essential": True, "value": self.url}, "aud": {"essential": True, "value": ORDERS}},
        )
        claims.validate()
        return claims


def verifies(issuer, typ, token):
    same(issuer.joserfc(token).header["typ"], typ, "typ")
    same(issuer.joserfc(token).claims["email"], "dana@example.com", "email")


for algorithm in os.environ["ALGORITHMS"].split():
    issuer = Issuer(algorithm)
    for kind, typ in (("access_token", "at+jwt"), ("id_token", "JWT")):
        name = f"{algorithm} {kind}"
        token = issue(issuer.url, kind)
        check(f"joserfc verifies an {name}", lambda: verifies(issuer, typ, token))
        check(f"joserfc refuses that {name} for another audience",
              lambda: refused(lambda: issuer.joserfc(token, "https://other.example"), InvalidClaimError))
        check(f"joserfc refuses that {name} with a byte changed",
              lambda: refused(lambda: issuer.joserfc(forged(token)), BadSignatureError))
        check(f"PyJWT verifies an {name}", lambda: same(issuer.pyjwt(token)["sub"], os.environ["USERNAME"], "sub"))
        check(f"PyJWT refuses that {name} for another audience",
              lambda: refused(lambda: issuer.pyjwt(token, "https://other.example"), pyjwt.InvalidAudienceError))
        check(f"PyJWT refuses that {name} with a byte changed",
              lambda: refused(lambda: issuer.pyjwt(forged(token)), pyjwt.InvalidSignatureError))
        check(f"Authlib verifies an {name}", lambda: same(issuer.authlib(token)["sub"], os.environ["USERNAME"], "sub"))
        check(f"Authlib refuses that {name} with a byte changed",
              lambda: refused(lambda: issuer.authlib(forged(token)), AuthlibBadSignature))
