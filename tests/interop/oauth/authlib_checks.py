"""Authlib as a client: exchange with signed assertions, key-bound tokens, introspection, revocation."""

import base64
import hashlib
import json
import os
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, import_key

from report import check, refused, same

ISSUER = os.environ["PUBLIC"] + "/oauth2/alpha/oauth"
TOKEN = ISSUER + "/token"
SECRET = os.environ["SECRET"]
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"
PASSWORD = {
    "subject_token": json.dumps({"username": os.environ["USERNAME"], "password": os.environ["PASSWORD"]}),
    "subject_token_type": "urn:cambist:token-type:username",
    "audience": os.environ["ORDERS"],
}
KEYS = {key["alg"]: import_key(key) for key in json.loads(Path(os.environ["KEYS"]).read_text())}


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def session(client, method="client_secret_basic", secret=SECRET, said=None, alg="ES256"):
    if method != "private_key_jwt":
        return OAuth2Session(client, secret, token_endpoint_auth_method=method)
    made = OAuth2Session(client, KEYS[alg], token_endpoint_auth_method=method)
    made.register_client_auth_method(PrivateKeyJWT(TOKEN, claims=said, alg=alg))
    return made


def brief(**more):
    # Authlib's own assertions last an hour.
    return {"jti": str(uuid.uuid4()), "exp": int(time.time()) + 60, **more}


def ours():
    return brief(aud=ISSUER)


def exchange(client="web", form=None, headers=None, **how):
    with session(client, **how) as asking:
        return asking.fetch_token(TOKEN, grant_type=GRANT, headers=headers, **(form or PASSWORD))


def own(token):
    return {"subject_token": token, "subject_token_type": TYPE + "access_token", "audience": PASSWORD["audience"]}


def signed(alg):
    token = exchange("signer", method="private_key_jwt", said=ours(), alg=alg)
    same(claims(token["access_token"])["client_id"], "signer", "client_id")


def in_its_own_name():
    with session("signer", method="private_key_jwt", said=ours()) as asking:
        token = asking.fetch_token(TOKEN, grant_type="client_credentials", scope="orders:read")
    same(claims(token["access_token"])["sub"], "client:signer", "sub")


def to_the_endpoint():
    # What Authlib does by itself: `aud` is the URL of the token endpoint.
    refused(lambda: exchange("signer", method="private_key_jwt", said=brief()), OAuthError)
    exchange("endpoint-signer", method="private_key_jwt", said=brief())


def for_an_hour():
    refused(lambda: exchange("endpoint-signer", method="private_key_jwt"), OAuthError)


def replayed():
    said = ours()
    exchange("signer", method="private_key_jwt", said=said)
    refused(lambda: exchange("signer", method="private_key_jwt", said=said), OAuthError)


def proof(key, **more):
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    said = {"jti": str(uuid.uuid4()), "htm": "POST", "htu": TOKEN, "iat": int(time.time()), **more}
    return {"DPoP": jwt.encode(header, said, key)}


def bound():
    key = ECKey.generate_key("P-256")
    token = exchange(headers=proof(key))
    same(token["token_type"], "DPoP", "token_type")
    same(claims(token["access_token"])["cnf"], {"jkt": key.thumbprint()}, "cnf")
    refused(lambda: exchange(form=own(token["access_token"])), OAuthError)
    named = base64.urlsafe_b64encode(hashlib.sha256(token["access_token"].encode()).digest()).rstrip(b"=").decode()
    again = exchange(form=own(token["access_token"]), headers=proof(key, ath=named))
    same(again["token_type"], "DPoP", "token_type")


def ask(what, token, client="orders-api", **how):
    with session(client, **how) as asking:
        method = asking.introspect_token if what == "introspect" else asking.revoke_token
        return method(f"{ISSUER}/{what}", token=token)


def introspected():
    token = exchange()["access_token"]
    seen = ask("introspect", token).json()
    same((seen["active"], seen["sub"], seen["client_id"]), (True, os.environ["USERNAME"], "web"), "answer")
    same(ask("introspect", token, client="web").json(), {"active": False}, "to somebody else")
    same(ask("introspect", token, client="signer", method="private_key_jwt", said=ours()).json(), {"active": False}, "to a signer")
    same(ask("introspect", token, secret="wrong").status_code, 401, "with a wrong secret")


def revoked():
    parent = exchange()["access_token"]
    child = exchange(form=own(parent))["access_token"]
    same(ask("revoke", parent).json()["error"], "unauthorized_client", "by another client")
    same(ask("revoke", parent, client="web").status_code, 200, "status")
    for token in (parent, child):
        same(ask("introspect", token).json(), {"active": False}, "after")
        refused(lambda token=token: exchange(form=own(token)), OAuthError)


for alg in ("ES256", "RS256"):
    check(f"Authlib exchanges with private_key_jwt ({alg})", lambda alg=alg: signed(alg))
check("Authlib asks in its own name with private_key_jwt", in_its_own_name)
check("Authlib's assertion for the token endpoint needs the client's permission", to_the_endpoint)
check("Authlib is refused with an assertion that lasts an hour", for_an_hour)
check("Authlib is refused with an assertion used before", replayed)
check("Authlib gets a token bound to its key, worthless without it", bound)
check("Authlib introspects as the resource server", introspected)
check("Authlib revokes, and what was made from the token ends with it", revoked)
