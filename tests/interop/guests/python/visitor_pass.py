"""Validates visitor passes: `<base64url of JSON>.<base64url of its HMAC-SHA256>`. The JSON has `visitor`,
`until` (ISO 8601) and perhaps `areas`."""

import base64
import binascii
import json
import re
from datetime import datetime

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import crypto
from wit_world.imports.types import Call, Claim, Fault, Principal, Refusal, Token, Value_Texts

BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


def refusal(fault: Fault, code=None, message=None, detail=None) -> Err[Refusal]:
    return Err(Refusal(fault, code, message, detail))


def decode(text: str) -> bytes:
    if not BASE64URL.fullmatch(text):
        raise refusal(Fault.MALFORMED)
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise refusal(Fault.MALFORMED) from None


def configured(call: Call, name: str):
    # The gateway fills in the manifest's defaults, so that every name is there.
    return next(value.value for found, value in call.config if found == name)


def check(body: str, mac: bytes) -> None:
    try:
        genuine = crypto.open("pass").verify(body.encode(), mac)
    except Err as error:
        raise refusal(Fault.INTERNAL, detail=f"the key: {error.value}") from None
    if not genuine:
        raise refusal(Fault.BAD_SIGNATURE)


def seconds(until: str) -> int:
    end = datetime.fromisoformat(until)
    if end.tzinfo is None:
        raise ValueError("a time without its zone")
    return int(end.timestamp())


class Validator(exports.Validator):
    def validate_token(self, token: Token, call: Call) -> Principal:
        try:
            body, mac = token.bytes.decode().split(".")
        except ValueError:
            raise refusal(Fault.MALFORMED) from None
        check(body, decode(mac))

        try:
            fields = json.loads(decode(body))
            visitor, areas = fields["visitor"], fields.get("areas", [])
            expires_at = seconds(fields["until"])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise refusal(Fault.MALFORMED) from None
        texts = isinstance(areas, list) and all(isinstance(area, str) for area in areas)
        if not isinstance(visitor, str) or not visitor or not texts or expires_at < 0:
            raise refusal(Fault.MALFORMED)
        if expires_at <= call.now:
            raise refusal(Fault.EXPIRED)
        closed = configured(call, "closed")
        open_areas = [area for area in areas if area not in closed]
        if areas and not open_areas:
            raise refusal(Fault.REFUSED, "areas-closed", "every area of this pass is closed")
        return Principal(
            subject=visitor,
            issuer=configured(call, "issuer"),
            audiences=[],
            client=None,
            scopes=None,
            expires_at=expires_at,
            authenticated_at=None,
            authentication_context=None,
            authentication_methods=[],
            claims=[Claim("areas", Value_Texts(open_areas))],
            actors=[],
            may_act=None,
        )
