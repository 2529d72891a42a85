"""Authlib and requests as clients of the gateway."""

import json
import os

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from report import check, refused, same

ISSUER = os.environ["PUBLIC"] + "/oauth2/alpha/clients"
TOKEN = ISSUER + "/token"
CLIENT, SECRET = os.environ["CLIENT"], os.environ["SECRET"]
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"
FORM = {
    "subject_token": json.dumps({"username": os.environ["USERNAME"], "password": os.environ["PASSWORD"]}),
    "subject_token_type": "urn:cambist:token-type:username",
    "audience": os.environ["ORDERS"],
}


def fetch(method, secret=SECRET, client=CLIENT, **more):
    with OAuth2Session(client, secret, token_endpoint_auth_method=method) as session:
        return session.fetch_token(TOKEN, grant_type=GRANT, **{**FORM, **more})


def exchanged(method):
    token = fetch(method)
    same(token["token_type"], "Bearer", "token_type")
    same(token["issued_token_type"], TYPE + "access_token", "issued_token_type")
    same(token["scope"], "orders:read", "scope")


def used():
    with OAuth2Session(CLIENT, SECRET) as session:
        session.fetch_token(TOKEN, grant_type=GRANT, **FORM)
        prepared = session.prepare_request(requests.Request("GET", "http://api.example", auth=session.token_auth))
        same(prepared.headers["Authorization"], "Bearer " + session.token["access_token"], "Authorization")


def plain(auth=(CLIENT, SECRET), data=None, **options):
    form = {"grant_type": GRANT, **FORM, **(data or {})}
    return requests.post(TOKEN, data=form, auth=auth, timeout=10, **options)


def plain_exchange():
    answer = plain()
    same(answer.status_code, 200, "status")
    same(answer.headers["Content-Type"].split(";")[0], "application/json", "Content-Type")
    same(answer.headers["Cache-Control"], "no-store", "Cache-Control")
    same(answer.json()["issued_token_type"], TYPE + "access_token", "issued_token_type")


def repeated():
    answer = plain(data={"subject_token": [FORM["subject_token"]] * 2})
    same((answer.status_code, answer.json()["error"]), (400, "invalid_request"), "answer")


def wrong_secret():
    answer = plain(auth=(CLIENT, "wrong"))
    same((answer.status_code, answer.json()["error"]), (401, "invalid_client"), "answer")
    same(answer.headers["WWW-Authenticate"].split()[0], "Basic", "WWW-Authenticate")


def no_form():
    answer = requests.post(TOKEN, json={"grant_type": GRANT, **FORM}, auth=(CLIENT, SECRET), timeout=10)
    same((answer.status_code, answer.json()["error"]), (400, "invalid_request"), "answer")


def kept_alive():
    with requests.Session() as session:
        for _ in range(3):
            answer = session.post(TOKEN, data={"grant_type": GRANT, **FORM}, auth=(CLIENT, SECRET), timeout=10)
            same(answer.status_code, 200, "status")


for method in ("client_secret_basic", "client_secret_post"):
    check(f"Authlib exchanges with {method}", lambda method=method: exchanged(method))
check("Authlib uses what it got as a bearer token", used)
check("Authlib raises for a wrong secret", lambda: refused(lambda: fetch("client_secret_basic", "wrong"), OAuthError))
check("Authlib raises for an unknown target", lambda: refused(lambda: fetch("client_secret_post", audience="https://other.example"), OAuthError))
check("requests exchanges", plain_exchange)
check("requests exchanges three times on one connection", kept_alive)
check("requests is refused with a parameter sent twice", repeated)
check("requests is challenged for a wrong secret", wrong_secret)
check("requests is refused with a JSON body", no_form)
