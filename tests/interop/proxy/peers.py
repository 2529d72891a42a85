"""Servers behind the gateway: a WebSocket echo, and gRPC without generated code."""

import asyncio
import sys
from concurrent import futures

import grpc
import websockets.asyncio.server as ws


async def echo(socket):
    headers = socket.request.headers
    await socket.send(f"{socket.request.path} {headers.get('Authorization', '')}")
    async for message in socket:
        if message == "close":
            await socket.close(4001, "as asked")
            return
        await socket.send(message)


async def websocket(port):
    async with ws.serve(echo, "127.0.0.1", port, max_size=None, subprotocols=["echo.v1"]):
        await asyncio.Future()


def unary(request, context):
    metadata = dict(context.invocation_metadata())
    if request == b"fail":
        context.set_trailing_metadata((("x-count", "0"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as asked: ä")
    context.set_trailing_metadata((("x-count", "1"), ("x-secret", "1")))
    return metadata.get("authorization", "").encode()


def both_ways(requests, context):
    count = 0
    for request in requests:
        count += 1
        yield request[::-1]
    context.set_trailing_metadata((("x-count", str(count)),))


def serve_grpc(port):
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "BothWays": grpc.stream_stream_rpc_method_handler(both_ways),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("interop.Echo", handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "websocket":
        asyncio.run(websocket(port))
    else:
        serve_grpc(port)
