"""OpenBao verifies access tokens in its JWT authentication method, by JWK set and by discovery."""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import requests

from report import check, same

PUBLIC, SECRET, ORDERS, BAO = (os.environ[name] for name in ("PUBLIC", "SECRET", "ORDERS", "BAO"))
ALGORITHMS = ("ES256", "ES384", "RS256", "PS256", "EdDSA")


def bao(*arguments, given=None):
    done = subprocess.run([BAO, *arguments], input=given, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(" ".join((done.stderr or done.stdout).split()))
    return done.stdout


def issue(issuer):
    subject = json.dumps({"username": os.environ["USERNAME"], "password": os.environ["PASSWORD"]})
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": subject,
        "subject_token_type": "urn:cambist:token-type:username",
        "audience": ORDERS,
    }
    answer = requests.post(issuer + "/token", data=form, auth=("web", SECRET), timeout=10)
    answer.raise_for_status()
    return answer.json()["access_token"]


def enable(path, issuer, alg, **place):
    bao("auth", "enable", f"-path={path}", "jwt")
    places = [f"{name}={value}" for name, value in place.items()]
    bao("write", f"auth/{path}/config", f"bound_issuer={issuer}", f"jwt_supported_algs={alg}", *places)
    for role, audience in (("orders", ORDERS), ("stock", "https://stock.example")):
        rules = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": [audience],
            "bound_claims": {"client_id": "web"},
            "claim_mappings": {"email": "email"},
            "token_ttl": "60s",
        }
        bao("write", f"auth/{path}/role/{role}", "-", given=json.dumps(rules))


def sign_in(path, token, role="orders"):
    answer = bao("write", "-format=json", f"auth/{path}/login", f"role={role}", f"jwt={token}")
    return json.loads(answer)["auth"]["metadata"]


def accepted(path, issuer):
    metadata = sign_in(path, issue(issuer))
    same((metadata["role"], metadata["email"]), ("orders", "dana@example.com"), "metadata")


def rejected(path, token, because, role="orders"):
    try:
        metadata = sign_in(path, token, role)
    except RuntimeError as error:
        same(because in str(error), True, f"`{because}` in: {error}")
    else:
        raise AssertionError(f"not refused: {metadata}")


def changed(token):
    head, claims, signature = token.split(".")
    return ".".join((head, claims[:-4] + ("AAAA" if claims[-4:] != "AAAA" else "BBBB"), signature))


for alg in ALGORITHMS:
    issuer = f"{PUBLIC}/oauth2/alpha/oauth-{alg.lower()}"
    by_set, by_discovery = f"set-{alg.lower()}", f"discovery-{alg.lower()}"
    check(f"OpenBao takes the {alg} JWK set", lambda: enable(by_set, issuer, alg, jwks_url=issuer + "/jwks"))
    check(f"OpenBao accepts an {alg} token by JWK set", lambda: accepted(by_set, issuer))
    check(f"OpenBao takes the {alg} discovery document", lambda: enable(by_discovery, issuer, alg, oidc_discovery_url=issuer))
    check(f"OpenBao accepts an {alg} token by discovery", lambda: accepted(by_discovery, issuer))
    check(f"OpenBao refuses a changed {alg} token", lambda: rejected(by_set, changed(issue(issuer)), "error"))
    check(
        f"OpenBao refuses the {alg} token for another audience",
        lambda: rejected(by_set, issue(issuer), "audience", role="stock"),
    )
other = f"{PUBLIC}/oauth2/alpha/oauth-es256"
check("OpenBao refuses a token of another instance", lambda: rejected("set-es384", issue(other), "error"))
