"""joserfc as the relying party of a REST STS instance: `rest_verify.py ANSWER`."""

import json
import os
import sys

import requests
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from report import check, same

SYMMETRIC = os.environ["VERIFY"] == "hs256"


def verify():
    with open(sys.argv[1], encoding="utf-8") as answer:
        token = json.load(answer)["issued_token"]
    if SYMMETRIC:
        read = jwt.decode(token, OctKey.import_key("0123456789abcdef0123456789abcdef"), algorithms=["HS256"])
    else:
        jwks = requests.get(os.environ["PUBLIC"] + "/oauth2/" + os.environ.get("INSTANCE", "alpha/inst1") + "/jwks", timeout=10).json()
        keys = KeySet.import_key_set(jwks)
        # No header with an RSA key in it fits in the 512 bytes that joserfc allows by default.
        class Roomy(JWSRegistry):
            max_header_length = 2048

        read = jwt.decode(token, keys, registry=Roomy(algorithms=["RS256"]))
        # With key reference type JWK the key is in the header too: it must be one of those published.
        embedded = RSAKey.import_key(read.header["jwk"])
        same(embedded.thumbprint() in [key.thumbprint() for key in keys], True, "embedded key is published")
        same(embedded.is_private, False, "embedded key is private")
    claims = read.claims
    same(claims["iss"], "https://idp.example.net/sts", "iss")
    same(claims["aud"], "orders-api", "aud")
    same(claims["azp"], "orders-web", "azp")
    same(claims["sub"], os.environ["SUBJECT"], "sub")
    same(claims["nonce"], "n-77aa01", "nonce")
    # One made from a token of the same life ends with it, a moment early.
    lifetime = claims["exp"] - claims["iat"]
    same(590 <= lifetime <= 600, True, f"lifetime of {lifetime} seconds")
    same(read.header["typ"], "JWT", "typ")
    same(sorted(set(("jti", "auth_time")) - set(claims)), [], "missing claims")


check(f"joserfc verifies the {os.environ['VERIFY'].upper()} token for {os.environ['SUBJECT']}", verify)
