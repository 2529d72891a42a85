"""google-auth's external accounts (identity pool), with the gateway as the token URL."""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import google.auth
import google.auth.exceptions
import requests
from google.auth import identity_pool
from google.auth.transport.requests import Request

from report import check, same

ISSUER = os.environ["PUBLIC"] + "/oauth2/alpha/oauth"
ORDERS, SECRET = os.environ["ORDERS"], os.environ["SECRET"]
FILE = Path(os.environ["ID_TOKEN"])
GENUINE = FILE.read_text()
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


def settings(source, **more):
    return {
        "type": "external_account",
        "audience": ORDERS,
        "subject_token_type": ID_TOKEN,
        "token_url": ISSUER + "/token",
        "credential_source": source,
        "client_id": "web",
        "client_secret": SECRET,
        **more,
    }


def refreshed(source, scopes=("orders:read",), **more):
    credentials = identity_pool.Credentials.from_info(settings(source, **more), scopes=list(scopes))
    credentials.refresh(Request())
    return credentials


def about(token):
    answer = requests.post(ISSUER + "/introspect", data={"token": token}, auth=("orders-api", SECRET), timeout=10)
    return answer.json()


def from_file():
    credentials = refreshed({"file": str(FILE)})
    seen = about(credentials.token)
    same((seen["active"], seen["sub"], seen["aud"]), (True, "partner:pat", ORDERS), "introspection")
    same(credentials.valid, True, "valid")
    headers = {}
    credentials.apply(headers)
    same(headers["authorization"], "Bearer " + credentials.token, "Authorization")


def from_json():
    kept = FILE.with_suffix(".json")
    kept.write_text(json.dumps({"id_token": GENUINE}))
    refreshed({"file": str(kept), "format": {"type": "json", "subject_token_field_name": "id_token"}})


def from_url():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(GENUINE.encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        refreshed({"url": f"http://127.0.0.1:{server.server_port}/token"})
    finally:
        server.shutdown()


def from_configuration():
    kept = FILE.with_name("external-account.json")
    kept.write_text(json.dumps(settings({"file": str(FILE)})))
    credentials, _ = google.auth.load_credentials_from_file(str(kept), scopes=["orders:read"])
    credentials.refresh(Request())
    same(about(credentials.token)["active"], True, "introspection")


def told(error, source=None, **more):
    try:
        refreshed(source or {"file": str(FILE)}, **more)
    except google.auth.exceptions.OAuthError as raised:
        same(error in str(raised), True, f"{error} in {raised}")
    else:
        raise AssertionError("not refused")


def tampered():
    kept = FILE.with_name("tampered-token")
    kept.write_text(GENUINE[:-8] + "AAAAAAAA")
    told("invalid_request", {"file": str(kept)})


check("google-auth exchanges a token from a file", from_file)
check("google-auth exchanges a token from a JSON document", from_json)
check("google-auth exchanges a token from a URL", from_url)
check("google-auth exchanges by its configuration file", from_configuration)
check("google-auth is told of an unknown audience", lambda: told("invalid_target", audience="https://other.example"))
check("google-auth is told of too wide a scope", lambda: told("invalid_scope", scopes=("orders:write",)))
check("google-auth is told of a wrong secret", lambda: told("invalid_client", client_secret="wrong"))
check("google-auth is told of a tampered token", tampered)
