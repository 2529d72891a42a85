"""grpcio through the gateway: unary, both ways at once, trailers, errors, deadlines, large messages."""

import base64
import json
import os
import queue
import sys
import time

import grpc

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from report import check, same  # noqa: E402

address = os.environ["PUBLIC"].removeprefix("http://")
basic = base64.b64encode(f"{os.environ['USERNAME']}:{os.environ['PASSWORD']}".encode()).decode()
metadata = (("authorization", f"Basic {basic}"),)
channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)])
unary = channel.unary_unary("/interop.Echo/Unary")
both_ways = channel.stream_stream("/interop.Echo/BothWays")


def trailers(call):
    return dict(call.trailing_metadata())


def exchanged():
    answer, call = unary.with_call(b"x", metadata=metadata, timeout=20)
    scheme, token = answer.decode().split(" ")
    same(scheme, "Bearer", "the scheme")
    claims = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    same(claims["aud"], os.environ["ORDERS"], "the audience")
    same(call.code(), grpc.StatusCode.OK, "the status")
    same(trailers(call).get("x-count"), "1", "a trailer that is listed")
    same(trailers(call).get("x-secret"), None, "a trailer that is not")


def stream():
    sent = queue.SimpleQueue()
    call = both_ways(iter(sent.get, None), metadata=metadata, timeout=20)
    for index in range(100):
        sent.put(f"message {index}".encode())
        # Each answer comes before the next question.
        same(next(call), f"message {index}".encode()[::-1], "an answer")
    sent.put(None)
    same(list(call), [], "what is left")
    same(trailers(call).get("x-count"), "100", "a trailer")


def large():
    big = os.urandom(1 << 20) * 3
    call = both_ways(iter([big, b"end"]), metadata=metadata, timeout=60)
    same([len(answer) for answer in call], [3 << 20, 3], "the answers")


def failure():
    try:
        unary(b"fail", metadata=metadata, timeout=20)
    except grpc.RpcError as error:
        same(error.code(), grpc.StatusCode.FAILED_PRECONDITION, "the status")
        same(error.details(), "as asked: ä", "the message")
        same(trailers(error).get("x-count"), "0", "a trailer")
    else:
        raise AssertionError("no error")


def refused():
    try:
        unary(b"x", timeout=20)
    except grpc.RpcError as error:
        same(error.code(), grpc.StatusCode.UNAUTHENTICATED, "the status")
    else:
        raise AssertionError("not refused")


def cancelled():
    started = time.monotonic()
    call = both_ways(iter(queue.SimpleQueue().get, None), metadata=metadata, timeout=1)
    try:
        next(call)
    except grpc.RpcError as error:
        same(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED, "the status")
    else:
        raise AssertionError("an answer")
    if time.monotonic() - started > 5:
        raise AssertionError("the deadline was not kept")
    exchanged()


check("gRPC: a call with the new token, and the trailers that are listed", exchanged)
check("gRPC: a hundred messages each way, one after the other", stream)
check("gRPC: messages of 3 MiB", large)
check("gRPC: an error with its message and trailers", failure)
check("gRPC: without a credential it is UNAUTHENTICATED", refused)
check("gRPC: a deadline ends a stream and nothing else", cancelled)
