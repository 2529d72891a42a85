"""What five servers see of requests that readers could read differently: each exactly one request, with the path
that the gateway judged, or none."""

import base64
import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from report import check, same  # noqa: E402

ORIGINS = ["nginx", "haproxy", "apache", "caddy", "node"]
host, port = os.environ["PUBLIC"].removeprefix("http://").split(":")
basic = base64.b64encode(f"{os.environ['USERNAME']}:{os.environ['PASSWORD']}".encode()).decode()


def log(origin):
    """Method and target of every request the origin has seen."""
    with open(os.environ[f"LOG_{origin}"], errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    match origin:
        case "apache":
            return [line.rsplit(" ", 1)[0] for line in lines]
        case "caddy":
            requests = [json.loads(line)["request"] for line in lines]
            return [f"{request['method']} {request['uri']}" for request in requests]
        case "node":
            return [" ".join(json.loads(line)[:2]) for line in lines]
        case "haproxy":
            # What breaks off before it is a request.
            return [line for line in lines if line != "<BADREQ> <BADREQ>"]
        case _:
            return lines


def send(data):
    """Everything that comes back until the gateway closes, or says nothing for a while."""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(data)
        connection.settimeout(3)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionResetError):
            pass
    return answer


def statuses(answer):
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]


def request(origin, line, headers=(), body=b"", closes=True, named=True):
    head = [line]
    if named:
        head.append(f"Host: {origin}.example")
    head.append(f"Authorization: Basic {basic}")
    head.extend(headers)
    if closes:
        head.append("Connection: close")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


# Name, request line, headers, body, and what every origin sees.
GOOD = [
    ("a path", "GET /a HTTP/1.1", [], b"", ["GET /a"]),
    ("a query", "GET /a/b?x=1&y=%2f HTTP/1.1", [], b"", ["GET /a/b?x=1&y=%2f"]),
    ("an encoded letter", "GET /%61 HTTP/1.1", [], b"", ["GET /%61"]),
    ("a parameter", "GET /a;x=1/b HTTP/1.1", [], b"", ["GET /a;x=1/b"]),
    ("a body of known length", "POST /post HTTP/1.1", ["Content-Length: 5"], b"hello", ["POST /post"]),
    ("a body in chunks", "POST /chunks HTTP/1.1", ["Transfer-Encoding: chunked"],
     b"5;ext=1\r\nhello\r\n0\r\n\r\n", ["POST /chunks"]),
    ("a trailer", "POST /trailer HTTP/1.1", ["Transfer-Encoding: chunked"],
     b"5\r\nhello\r\n0\r\nX-User: evil\r\n\r\n", ["POST /trailer"]),
    ("an absolute target", "GET http://{origin}.example/absolute HTTP/1.1", [], b"", ["GET /absolute"]),
    ("aliases of what the gateway sets", "GET /aliases HTTP/1.1",
     ["X_User: evil", "X.User: evil", "X-User: evil", "X_Forwarded_For: 6.6.6.6", "X-Forwarded-For: 6.6.6.6",
      "X-Original-URL: /evil", "X-Rewrite-URL: /evil", "Forwarded: for=6.6.6.6", "DPoP: evil"],
     b"", ["GET /aliases"]),
    ("names in Connection", "GET /connection HTTP/1.1",
     ["Connection: close, authorization, x-user, host, content-length, x-gone", "X-Gone: 1"], b"",
     ["GET /connection"]),
]

SECOND = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
END = b"0\r\n\r\n"

# Refused, whatever the origin would make of it.
BAD = [
    ("length and chunks", "POST /bad HTTP/1.1", ["Content-Length: 6", CHUNKED], END + b"G"),
    ("chunks and length", "POST /bad HTTP/1.1", [CHUNKED, "Content-Length: 4"], b"1e\r\n" + SECOND[:30] + END),
    ("two lengths", "POST /bad HTTP/1.1", ["Content-Length: 0", "Content-Length: 35"], SECOND),
    ("the same length twice", "POST /bad HTTP/1.1", ["Content-Length: 5", "Content-Length: 5"], b"hello"),
    ("a list of lengths", "POST /bad HTTP/1.1", ["Content-Length: 5, 5"], b"hello"),
    ("a length with a sign", "POST /bad HTTP/1.1", ["Content-Length: +5"], b"hello"),
    ("a negative length", "POST /bad HTTP/1.1", ["Content-Length: -5"], SECOND),
    ("a hexadecimal length", "POST /bad HTTP/1.1", ["Content-Length: 0x5"], b"hello"),
    ("an empty length", "POST /bad HTTP/1.1", ["Content-Length: "], SECOND),
    ("a length too large for any number", "POST /bad HTTP/1.1", ["Content-Length: 18446744073709551617"], b"x"),
    ("another coding", "POST /bad HTTP/1.1", ["Transfer-Encoding: gzip, chunked"], END + SECOND),
    ("chunked twice", "POST /bad HTTP/1.1", [CHUNKED, CHUNKED], END + SECOND),
    ("chunked and a comma", "POST /bad HTTP/1.1", ["Transfer-Encoding: chunked,"], END + SECOND),
    ("chunked, identity", "POST /bad HTTP/1.1", ["Transfer-Encoding: chunked, identity"], END + SECOND),
    ("identity", "POST /bad HTTP/1.1", ["Transfer-Encoding: identity"], SECOND),
    ("an unknown coding", "POST /bad HTTP/1.1", ["Transfer-Encoding: xchunked"], SECOND),
    ("chunked behind a vertical tab", "POST /bad HTTP/1.1", ["Transfer-Encoding: \x0bchunked"], END + SECOND),
    ("a space before the colon", "POST /bad HTTP/1.1", ["Transfer-Encoding : chunked"], END + SECOND),
    ("chunks in HTTP/1.0", "POST /bad HTTP/1.0", [CHUNKED], END + SECOND),
    ("a folded line", "POST /bad HTTP/1.1", ["X-A: b\r\n " + CHUNKED], END + SECOND),
    ("a bare line feed", "POST /bad HTTP/1.1", ["X-A: b\n" + CHUNKED], END + SECOND),
    ("a bare carriage return", "GET /bad HTTP/1.1", ["X-A: b\rX-B: c"], SECOND),
    ("NUL", "GET /bad HTTP/1.1", ["X-A: b\0c"], SECOND),
    ("a header without a name", "GET /bad HTTP/1.1", [": x"], SECOND),
    ("a second host", "GET /bad HTTP/1.1", ["Host: other.example"], b""),
    ("another authority", "GET http://other.example/bad HTTP/1.1", [], b""),
    ("a second credential", "GET /bad HTTP/1.1", ["Authorization: Basic eA=="], b""),
    ("the parent", "GET /a/../bad HTTP/1.1", [], b""),
    ("the encoded parent", "GET /a/%2e%2E/bad HTTP/1.1", [], b""),
    ("an encoded slash", "GET /a%2f..%2fbad HTTP/1.1", [], b""),
    ("a backslash", "GET /a\\..\\bad HTTP/1.1", [], b""),
    ("an encoded backslash", "GET /a%5cbad HTTP/1.1", [], b""),
    ("an empty segment", "GET //bad HTTP/1.1", [], b""),
    ("an encoded NUL", "GET /bad%00 HTTP/1.1", [], b""),
    ("a fragment", "GET /bad#x HTTP/1.1", [], b""),
    ("bytes beyond ASCII", "GET /b\xc3\xa4d HTTP/1.1", [], b""),
    ("a space in the target", "GET /bad /x HTTP/1.1", [], b""),
    ("a tunnel", "CONNECT {origin}.example:80 HTTP/1.1", [], SECOND),
    ("TRACE", "TRACE /bad HTTP/1.1", [], b""),
    ("HTTP/1.2", "GET /bad HTTP/1.2", [], b""),
    ("HTTP/0.9", "GET /bad", [], b""),
    ("a switch that the route does not list", "GET /bad HTTP/1.1", ["Upgrade: websocket", "Connection: upgrade"], SECOND),
]

# What is wrong shows only when the origin has the head already: it sees a request that breaks off, and no other.
BROKEN = [
    ("a quote that stays open", "POST /bad HTTP/1.1", [CHUNKED], b"1;a=\"\r\nx\r\n0\r\n\r\n" + SECOND),
    ("a space behind a size", "POST /bad HTTP/1.1", [CHUNKED], b"1 \r\nx\r\n0\r\n\r\n"),
    ("a prefix before a size", "POST /bad HTTP/1.1", [CHUNKED], b"0x1\r\nx\r\n0\r\n\r\n"),
    ("a negative size", "POST /bad HTTP/1.1", [CHUNKED], b"-1\r\nx\r\n0\r\n\r\n"),
    ("a size too large for any number", "POST /bad HTTP/1.1", [CHUNKED], b"fffffffffffffffff\r\nx\r\n0\r\n\r\n"),
    ("a line feed behind a size", "POST /bad HTTP/1.1", [CHUNKED], b"1\nx\r\n0\r\n\r\n"),
    ("a chunk longer than its size", "POST /bad HTTP/1.1", [CHUNKED], b"1\r\nxy\r\n0\r\n\r\n"),
    ("a length in a trailer", "POST /bad HTTP/1.1", [CHUNKED], b"1\r\nx\r\n0\r\nContent-Length: 9\r\n\r\n"),
]

UNNAMED = [
    ("no host", []),
    ("two names in one host", ["Host: {origin}.example,other.example"]),
    ("a name before the host", ["Host: user@{origin}.example"]),
    ("a path behind the host", ["Host: {origin}.example/x"]),
    ("an empty host", ["Host: "]),
]


def settled(origin, count):
    """The log, once nothing is added to it any more."""
    for _ in range(60):
        if len(log(origin)) >= count:
            break
        time.sleep(0.05)
    time.sleep(0.3)
    return log(origin)


def good(origin):
    before = len(log(origin))
    expected = []
    for name, line, headers, body, seen in GOOD:
        closes = not any(header.startswith("Connection") for header in headers)
        answer = send(request(origin, line.format(origin=origin), headers, body, closes))
        same(statuses(answer), [200], name)
        expected += seen
    # One connection, one after the other.
    first = request(origin, "GET /first HTTP/1.1", closes=False)
    answer = send(first + request(origin, "GET /second HTTP/1.1"))
    same(statuses(answer), [200, 200], "two on one connection")
    expected += ["GET /first", "GET /second"]
    # Processes of one origin may write their lines in another order than they answered.
    same(sorted(settled(origin, before + len(expected))[before:]), sorted(expected), "requests seen")


def bad(origin):
    before = len(log(origin))
    found = []
    for name, line, headers, body in BAD:
        answer = send(request(origin, line.format(origin=origin), headers, body, closes=False))
        codes = statuses(answer)
        if len(codes) > 1 or any(code not in (400, 501, 505) for code in codes):
            found.append(f"{name}: {codes}")
    for name, headers in UNNAMED:
        headers = [header.format(origin=origin) for header in headers]
        codes = statuses(send(request(origin, "GET /bad HTTP/1.1", headers, named=False)))
        if codes not in ([400], [404]):
            found.append(f"{name}: {codes}")
    same(found, [], "answers other than refusals")
    lines = settled(origin, before)[before:]
    same(lines, [], f"requests seen of {len(BAD) + len(UNNAMED)}")


def broken(origin):
    found = []
    for name, line, headers, body in BROKEN:
        before = len(log(origin))
        codes = statuses(send(request(origin, line, headers, body, closes=False)))
        # An origin may answer before it has seen the end.
        if codes not in ([400], [200]):
            found.append(f"{name}: {codes}")
        lines = settled(origin, before)[before:]
        if any(line != "POST /bad" for line in lines) or len(lines) > 1:
            found.append(f"{name}: {lines} seen")
    same(found, [], "answers and requests seen")


def headers_at_node():
    """What node was given, header by header."""
    with open(os.environ["LOG_node"]) as file:
        entries = [json.loads(line) for line in file]
    for method, url, raw in entries:
        pairs = list(zip(raw[::2], raw[1::2]))
        text = json.dumps(pairs).lower()
        if "evil" in text or basic.lower() in text or "6.6.6.6" in text:
            raise AssertionError(f"{method} {url} came with {pairs}")
        named = {name.lower(): value for name, value in pairs}
        same(len(named), len(pairs), f"headers of {url}, each once")
        same(named["authorization"].split(" ")[0], "Bearer", "the credential")
        same(named.get("x-user"), os.environ["USERNAME"], "the claim")
        same(named["host"], f"127.0.0.1:{os.environ['PORT_node']}", "the host")
        if url == "/connection":
            same(named.get("x-gone"), None, "what Connection names")


for origin in ORIGINS:
    check(f"{origin} sees each of {len(GOOD) + 2} good requests once, as it was judged", lambda: good(origin))
    check(f"{origin} sees none of {len(BAD) + len(UNNAMED)} doubtful ones", lambda: bad(origin))
    check(f"{origin} sees no second request behind {len(BROKEN)} broken bodies", lambda: broken(origin))
check("no origin gets a header that is the gateway's to say", headers_at_node)
