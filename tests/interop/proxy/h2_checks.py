"""HTTP/2 frame by frame against the listener: what RFC 9113 and RFC 7541 demand of a server. One line per section."""

import os
import socket
import struct
import sys
import time

import hpack
from hyperframe.frame import Frame, GoAwayFrame, PingFrame, RstStreamFrame, SettingsFrame

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from report import check  # noqa: E402

host, port = os.environ["PUBLIC"].removeprefix("http://").split(":")
PATH = "/open/h2"

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32
PROTOCOL, FLOW, CLOSED, SIZE, REFUSED, CANCEL, COMPRESSION = 1, 3, 5, 6, 7, 8, 9
NO_TIME = 5


def fields(method="GET", path=PATH, more=()):
    return [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost"), *more]


def block(headers):
    """Literals that are not indexed, with names as they are written here."""
    out = b""
    for name, value in headers:
        out += b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
    return out


class Connection:
    def __init__(self):
        self.socket = socket.create_connection((host, int(port)), timeout=NO_TIME)
        self.buffer = b""
        self.decoder = hpack.Decoder()
        self.settings = {}
        self.seen = []

    def start(self, settings=b""):
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.send(SETTINGS, 0, 0, settings)
        first = self.next(time.monotonic() + NO_TIME)
        if not isinstance(first, SettingsFrame):
            raise AssertionError(f"the first frame is {first}")
        self.settings = first.settings
        self.send(SETTINGS, ACK, 0, b"")

    def send(self, kind, flags, stream, payload):
        head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream)
        self.socket.sendall(head + payload)

    def get(self, stream=1, flags=END_STREAM | END_HEADERS, headers=None, method="GET"):
        self.send(HEADERS, flags, stream, block(headers or fields(method)))

    def post(self, stream=1, more=()):
        self.send(HEADERS, END_HEADERS, stream, block(fields("POST", more=more)))

    def next(self, until):
        """The next frame; None at the end of the connection."""
        while True:
            if len(self.buffer) >= 9:
                frame, length = Frame.parse_frame_header(memoryview(self.buffer[:9]))
                if len(self.buffer) >= 9 + length:
                    frame.parse_body(memoryview(self.buffer[9 : 9 + length]))
                    self.buffer = self.buffer[9 + length :]
                    self.seen.append(frame)
                    return frame
            self.socket.settimeout(max(0.01, until - time.monotonic()))
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not piece:
                return None
            self.buffer += piece


def until(connection, wanted):
    """Reads frames until one is wanted. At the end of the connection the answer is the end."""
    end = time.monotonic() + NO_TIME
    while True:
        try:
            frame = connection.next(end)
        except TimeoutError:
            raise AssertionError(f"nothing came but {connection.seen[-3:]}") from None
        if frame is None or wanted(frame):
            return frame


# What must come. The general code may stand for any other (RFC 9113 §5.4).
def ends(*codes):
    """A connection error, or the end of the connection."""
    def judge(connection):
        frame = until(connection, lambda frame: isinstance(frame, GoAwayFrame))
        if frame is not None and frame.error_code not in (PROTOCOL, *codes):
            raise AssertionError(f"GOAWAY with {frame.error_code}")
    return judge


def resets(stream, *codes):
    """A stream error, which may be made one of the connection."""
    def judge(connection):
        def is_wanted(frame):
            is_reset = isinstance(frame, RstStreamFrame) and frame.stream_id == stream
            return is_reset or isinstance(frame, GoAwayFrame)
        frame = until(connection, is_wanted)
        if frame is not None and frame.error_code not in (PROTOCOL, *codes):
            raise AssertionError(f"{type(frame).__name__} with {frame.error_code}")
    return judge


def answers(stream=1, status=("200",)):
    def judge(connection):
        found = None
        while True:
            frame = until(connection, lambda frame: frame.stream_id == stream or isinstance(frame, GoAwayFrame))
            if frame is None or isinstance(frame, (GoAwayFrame, RstStreamFrame)):
                raise AssertionError(f"{frame}")
            if type(frame).__name__ == "HeadersFrame":
                found = found or dict(connection.decoder.decode(frame.data)).get(":status")
            if "END_STREAM" in frame.flags:
                break
        if found not in status:
            raise AssertionError(f"status {found}")
    return judge


def lives(connection):
    """The connection goes on: a PING is answered."""
    connection.send(PING, 0, 0, b"interop!")
    frame = until(connection, lambda f: isinstance(f, GoAwayFrame) or (isinstance(f, PingFrame) and f.opaque_data == b"interop!"))
    if not isinstance(frame, PingFrame) or "ACK" not in frame.flags:
        raise AssertionError(f"no answer to a PING but {frame}")


def both(*judges):
    return lambda connection: [judge(connection) for judge in judges]


def refused_or_answered(connection):
    def is_wanted(frame):
        return isinstance(frame, (RstStreamFrame, GoAwayFrame)) or type(frame).__name__ == "HeadersFrame"
    frame = until(connection, is_wanted)
    if frame is not None and type(frame).__name__ == "HeadersFrame":
        status = dict(connection.decoder.decode(frame.data)).get(":status")
        if status != "200":
            raise AssertionError(f"status {status}")
    elif frame is not None and frame.error_code != PROTOCOL:
        raise AssertionError(f"{frame}")


def setting(name, value):
    return struct.pack(">HI", name, value)


def window(increment):
    return struct.pack(">I", increment)


def headers(raw, flags=END_STREAM | END_HEADERS, stream=1):
    return lambda c: c.send(HEADERS, flags, stream, raw)


def malformed(more=(), drop=(), first=()):
    """A request with other fields."""
    kept = [pair for pair in fields() if pair[0] not in drop]
    return headers(block([*first, *kept, *more]))


def steps(*all):
    return lambda c: [step(c) for step in all]


def frame(kind, flags, stream, payload=b""):
    return lambda c: c.send(kind, flags, stream, payload)


def get(stream=1):
    return lambda c: c.get(stream)


def answered(stream=1):
    return lambda c: answers(stream)(c)


ONE = block(fields())
POST = block(fields("POST"))
PRIO = struct.pack(">IB", 0, 15)
SELF = struct.pack(">IB", 1, 15)
open_post = frame(HEADERS, END_HEADERS, 1, POST)
begun = frame(HEADERS, END_STREAM, 1, ONE[:20])
reset = frame(RST, 0, 1, window(CANCEL))


def many_streams(c):
    limit = c.settings.get(SettingsFrame.MAX_CONCURRENT_STREAMS, 100)
    for index in range(limit + 1):
        c.send(HEADERS, END_HEADERS, index * 2 + 1, POST)
    c.last = limit * 2 + 1


CASES = [
    ("3.4", "a preface, settings and a request", get(), answers()),
    ("4.1", "a frame of an unknown type is ignored", frame(0x16, 0, 0, b"\0" * 8), lives),
    ("4.1", "flags that mean nothing are ignored", frame(PING, 0x16, 0, b"\0" * 8), lives),
    ("4.1", "the reserved bit is ignored", frame(PING, 0, 0x80000000, b"\0" * 8), lives),
    ("4.2", "16,384 bytes of data", steps(open_post, frame(DATA, END_STREAM, 1, b"a" * 16384)), answers(status=("200", "413"))),
    ("4.2", "data that is larger than a frame may be", steps(open_post, frame(DATA, END_STREAM, 1, b"a" * 16385)), resets(1, SIZE)),
    ("4.2", "a header block that is larger than a frame may be", headers(ONE + b"\0\1a\x7f\x80\x80\1" + b"a" * 16511), ends(SIZE, COMPRESSION, PROTOCOL)),
    ("4.3", "a header block that cannot be read", headers(b"\x00\x01"), ends(COMPRESSION)),
    ("4.3", "PRIORITY within a header block", steps(begun, frame(PRIORITY, 0, 1, PRIO)), ends(PROTOCOL)),
    ("4.3", "HEADERS of another stream within a header block", steps(begun, frame(HEADERS, END_HEADERS, 3, ONE)), ends(PROTOCOL)),
    ("5.1", "DATA on an idle stream", frame(DATA, END_STREAM, 1, b"a"), ends(PROTOCOL)),
    ("5.1", "RST_STREAM on an idle stream", reset, ends(PROTOCOL)),
    ("5.1", "WINDOW_UPDATE on an idle stream", frame(WINDOW, 0, 1, window(100)), ends(PROTOCOL)),
    ("5.1", "CONTINUATION on an idle stream", frame(CONTINUATION, END_HEADERS, 1, ONE), ends(PROTOCOL)),
    ("5.1", "PRIORITY on an idle stream, then a request", steps(frame(PRIORITY, 0, 1, PRIO), get()), answers()),
    ("5.1", "DATA behind the end of a stream", steps(get(), frame(DATA, END_STREAM, 1, b"a")), resets(1, CLOSED)),
    ("5.1", "HEADERS behind the end of a stream", steps(get(), frame(HEADERS, END_STREAM | END_HEADERS, 1, ONE)), resets(1, CLOSED)),
    ("5.1", "CONTINUATION behind the end of a stream", steps(get(), frame(CONTINUATION, END_HEADERS, 1, ONE)), resets(1, CLOSED, PROTOCOL)),
    ("5.1", "DATA behind a reset", steps(open_post, reset, frame(DATA, END_STREAM, 1, b"a")), resets(1, CLOSED)),
    ("5.1", "HEADERS behind a reset", steps(open_post, reset, frame(HEADERS, END_STREAM | END_HEADERS, 1, ONE)), resets(1, CLOSED)),
    ("5.1", "CONTINUATION behind a reset", steps(open_post, reset, frame(CONTINUATION, END_HEADERS, 1, ONE)), resets(1, CLOSED, PROTOCOL)),
    ("5.1", "DATA on a closed stream", steps(get(), answered(), frame(DATA, END_STREAM, 1, b"a")), resets(1, CLOSED)),
    ("5.1", "HEADERS on a closed stream", steps(get(), answered(), frame(HEADERS, END_STREAM | END_HEADERS, 1, ONE)), ends(CLOSED, PROTOCOL)),
    ("5.1", "CONTINUATION on a closed stream", steps(get(), answered(), frame(CONTINUATION, END_HEADERS, 1, ONE)), ends(CLOSED, PROTOCOL)),
    ("5.1", "PRIORITY on a closed stream", steps(get(), answered(), frame(PRIORITY, 0, 1, PRIO)), lives),
    ("5.1", "WINDOW_UPDATE and RST_STREAM behind the end of a stream", steps(get(), frame(WINDOW, 0, 1, window(1)), frame(RST, 0, 1, window(CANCEL))), lives),
    ("5.1.1", "a stream with an even number", get(2), ends(PROTOCOL)),
    ("5.1.1", "a stream with a smaller number", steps(get(5), get(3)), ends(PROTOCOL)),
    ("5.1.2", "more streams than announced", many_streams, lambda c: resets(c.last, PROTOCOL, REFUSED)(c)),
    ("5.4.1", "a connection error ends the connection", frame(PING, 0, 0, b"\0" * 9), ends(SIZE)),
    ("5.5", "an unknown frame within a header block", steps(begun, frame(0xFF, 0, 1, b"a")), ends(PROTOCOL)),
    ("6.1", "DATA on stream 0", frame(DATA, END_STREAM, 0, b"a"), ends(PROTOCOL)),
    ("6.1", "padding as long as DATA", steps(open_post, frame(DATA, END_STREAM | PADDED, 1, b"\x06hello")), ends(PROTOCOL)),
    ("6.1", "padded DATA", steps(open_post, frame(DATA, END_STREAM | PADDED, 1, b"\x02hello\0\0")), answers()),
    ("6.2", "PRIORITY instead of CONTINUATION", steps(begun, frame(PRIORITY, 0, 3, PRIO)), ends(PROTOCOL)),
    ("6.2", "HEADERS on stream 0", headers(ONE, stream=0), ends(PROTOCOL)),
    ("6.2", "padding longer than HEADERS", headers(bytes([len(ONE) + 1]) + ONE, END_STREAM | END_HEADERS | PADDED), ends(PROTOCOL)),
    ("6.2", "padded HEADERS with a priority", headers(b"\x02" + PRIO + ONE + b"\0\0", END_STREAM | END_HEADERS | PADDED | WITH_PRIORITY), answers()),
    ("6.3", "PRIORITY on stream 0", frame(PRIORITY, 0, 0, PRIO), ends(PROTOCOL)),
    ("6.3", "PRIORITY of four bytes", steps(open_post, frame(PRIORITY, 0, 1, PRIO[:4])), resets(1, SIZE)),
    ("6.3", "PRIORITY of a stream on itself", frame(PRIORITY, 0, 1, SELF), resets(1, PROTOCOL)),
    ("6.3", "HEADERS of a stream that depends on itself", headers(SELF + ONE, END_STREAM | END_HEADERS | WITH_PRIORITY), resets(1, PROTOCOL)),
    ("6.4", "RST_STREAM on stream 0", frame(RST, 0, 0, window(CANCEL)), ends(PROTOCOL)),
    ("6.4", "RST_STREAM of three bytes", steps(open_post, frame(RST, 0, 1, b"\0\0\0")), ends(SIZE)),
    ("6.5", "an acknowledgement with a payload", frame(SETTINGS, ACK, 0, setting(3, 1)), ends(SIZE)),
    ("6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1, setting(3, 1)), ends(PROTOCOL)),
    ("6.5", "SETTINGS of five bytes", frame(SETTINGS, 0, 0, b"\0" * 5), ends(SIZE)),
    ("6.5.2", "ENABLE_PUSH 2", frame(SETTINGS, 0, 0, setting(2, 2)), ends(PROTOCOL)),
    ("6.5.2", "a window above the largest", frame(SETTINGS, 0, 0, setting(4, 1 << 31)), ends(FLOW)),
    ("6.5.2", "frames below the smallest size", frame(SETTINGS, 0, 0, setting(5, 16383)), ends(PROTOCOL)),
    ("6.5.2", "frames above the largest size", frame(SETTINGS, 0, 0, setting(5, 1 << 24)), ends(PROTOCOL)),
    ("6.5.2", "an unknown setting is ignored", frame(SETTINGS, 0, 0, setting(0xFF, 1)), lives),
    ("6.5.3", "settings are acknowledged", frame(SETTINGS, 0, 0, setting(4, 100)),
     lambda c: until(c, lambda f: isinstance(f, SettingsFrame) and "ACK" in f.flags)),
    ("6.7", "a PING is answered", lambda c: None, lives),
    ("6.7", "an answer to a PING is not answered", frame(PING, ACK, 0, b"nobody!!"), both(lives, lambda c: [
        (_ for _ in ()).throw(AssertionError("it was")) for f in c.seen if isinstance(f, PingFrame) and f.opaque_data == b"nobody!!"])),
    ("6.7", "a PING on a stream", frame(PING, 0, 1, b"\0" * 8), ends(PROTOCOL)),
    ("6.7", "a PING of six bytes", frame(PING, 0, 0, b"\0" * 6), ends(SIZE)),
    ("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, b"\0" * 8), ends(PROTOCOL)),
    ("6.9", "an increment of 0 for the connection", frame(WINDOW, 0, 0, window(0)), ends(PROTOCOL)),
    ("6.9", "an increment of 0 for a stream", steps(open_post, frame(WINDOW, 0, 1, window(0))), resets(1, PROTOCOL)),
    ("6.9", "WINDOW_UPDATE of three bytes", frame(WINDOW, 0, 0, b"\0\0\1"), ends(SIZE)),
    ("6.9.1", "a window of one byte gets one byte", steps(frame(SETTINGS, 0, 0, setting(4, 1)), get()), lambda c: first_data(c, 1)),
    ("6.9.1", "the connection's window above the largest", steps(frame(WINDOW, 0, 0, window(0x7FFFFFFF)), frame(WINDOW, 0, 0, window(0x7FFFFFFF))), ends(FLOW)),
    ("6.9.1", "a stream's window above the largest", steps(open_post, frame(WINDOW, 0, 1, window(0x7FFFFFFF)), frame(WINDOW, 0, 1, window(0x7FFFFFFF))), resets(1, FLOW)),
    ("6.9.2", "a window that is changed later", steps(frame(SETTINGS, 0, 0, setting(4, 0)), get(), frame(SETTINGS, 0, 0, setting(4, 1))), lambda c: first_data(c, 1)),
    ("6.10", "header blocks in three parts", steps(frame(HEADERS, END_STREAM, 1, ONE[:9]), frame(CONTINUATION, 0, 1, ONE[9:20]), frame(CONTINUATION, END_HEADERS, 1, ONE[20:])), answers()),
    ("6.10", "DATA instead of CONTINUATION", steps(begun, frame(DATA, END_STREAM, 1, b"a")), ends(PROTOCOL)),
    ("6.10", "CONTINUATION on stream 0", steps(begun, frame(CONTINUATION, END_HEADERS, 0, ONE[20:])), ends(PROTOCOL)),
    ("6.10", "CONTINUATION behind whole HEADERS", steps(open_post, frame(CONTINUATION, END_HEADERS, 1, ONE)), ends(PROTOCOL)),
    ("6.10", "CONTINUATION behind a whole block", steps(frame(HEADERS, 0, 1, POST[:9]), frame(CONTINUATION, END_HEADERS, 1, POST[9:]), frame(CONTINUATION, END_HEADERS, 1, POST)), ends(PROTOCOL)),
    ("6.10", "CONTINUATION behind DATA", steps(open_post, frame(DATA, 0, 1, b"a"), frame(CONTINUATION, END_HEADERS, 1, POST)), ends(PROTOCOL)),
    ("7", "an unknown error code in RST_STREAM", steps(open_post, frame(RST, 0, 1, window(0xFF))), lives),
    ("8.1", "HEADERS in the middle without an end", steps(open_post, frame(HEADERS, END_HEADERS, 1, block([("x-a", "b")]))), resets(1, PROTOCOL)),
    ("8.1", "a request with trailers", steps(open_post, frame(DATA, 0, 1, b"a"), frame(HEADERS, END_STREAM | END_HEADERS, 1, block([("x-a", "b")]))), answers()),
    ("8.1", "HEAD has no body", headers(block(fields("HEAD"))), answers()),
    ("8.2", "a name with capital letters", malformed([("X-A", "b")]), resets(1, PROTOCOL)),
    ("8.2.2", "a header of the connection", malformed([("connection", "keep-alive")]), resets(1, PROTOCOL)),
    ("8.2.2", "an encoding of the connection", malformed([("transfer-encoding", "chunked")]), resets(1, PROTOCOL)),
    ("8.2.2", "TE other than trailers", malformed([("te", "trailers, deflate")]), resets(1, PROTOCOL)),
    ("8.3", "an unknown pseudo-header", malformed(first=[(":test", "x")]), resets(1, PROTOCOL)),
    ("8.3", "a pseudo-header of responses", malformed(first=[(":status", "200")]), resets(1, PROTOCOL)),
    ("8.3", "a pseudo-header behind others", malformed([("x-a", "b"), (":path", PATH)], drop=[":path"]), resets(1, PROTOCOL)),
    ("8.3", "a pseudo-header among the trailers changes nothing", steps(open_post, frame(HEADERS, END_STREAM | END_HEADERS, 1, block([(":path", "/x")]))), refused_or_answered),
    ("8.3.1", "an empty :path", malformed(drop=[":path"], first=[(":path", "")]), resets(1, PROTOCOL)),
    *[("8.3.1", f"without {name}", malformed(drop=[name]), resets(1, PROTOCOL)) for name in (":method", ":scheme", ":path")],
    *[("8.3.1", f"two of {name}", malformed(first=[pair for pair in fields() if pair[0] == name]), resets(1, PROTOCOL)) for name in (":method", ":scheme", ":path")],
    ("8.1.1", "a length that the data do not have", steps(lambda c: c.post(more=[("content-length", "1")]), frame(DATA, END_STREAM, 1, b"four")), resets(1, PROTOCOL)),
    ("8.1.1", "a length that several frames do not have", steps(lambda c: c.post(more=[("content-length", "1")]), frame(DATA, 0, 1, b"fo"), frame(DATA, END_STREAM, 1, b"ur")), resets(1, PROTOCOL)),
    ("8.4", "PUSH_PROMISE of a client", frame(PUSH, END_HEADERS, 1, window(2) + ONE), ends(PROTOCOL)),
    ("HPACK 2.3.3", "an index that is nowhere", headers(ONE + b"\xc6"), ends(COMPRESSION)),
    ("HPACK 2.3.3", "a literal whose name is nowhere", headers(ONE + b"\x7f\x0f\x01a"), ends(COMPRESSION)),
    ("HPACK 4.2", "a size update behind fields", headers(ONE + b"\x20"), ends(COMPRESSION)),
    ("HPACK 5.2", "a Huffman string with its end in it", headers(ONE + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"), ends(COMPRESSION)),
    ("HPACK 5.2", "padding of more than seven bits", headers(ONE + b"\x00\x85\xf2\xb2\x4a\x87\xff\xff\xff\xff\xff\x00"), ends(COMPRESSION)),
    ("HPACK 5.2", "padding of zeros", headers(ONE + b"\x00\x83\xf2\xb2\x40\x01a"), ends(COMPRESSION)),
    ("HPACK 6.1", "index 0", headers(ONE + b"\x80"), ends(COMPRESSION)),
    ("HPACK 6.3", "a table larger than announced", headers(b"\x3f\xff\xff\x7f" + ONE), ends(COMPRESSION)),
    ("HPACK 6.2", "fields in every form, with Huffman", lambda c: c.send(HEADERS, END_STREAM | END_HEADERS, 1, hpack.Encoder().encode([*fields(), ("x-a", "b"), hpack.NeverIndexedHeaderTuple("x-c", "d")])), answers()),
]


def first_data(connection, length):
    frame = until(connection, lambda f: type(f).__name__ == "DataFrame" and len(f.data) > 0 or isinstance(f, GoAwayFrame))
    if getattr(frame, "data", None) is None or len(frame.data) != length:
        raise AssertionError(f"{frame}")


def play(section):
    wrong = []
    for where, name, act, judge in CASES:
        if where != section:
            continue
        connection = Connection()
        try:
            connection.start()
            try:
                act(connection)
            except (BrokenPipeError, ConnectionResetError):
                pass
            judge(connection)
        except (AssertionError, OSError) as error:
            wrong.append(f"{name}: {error}")
        finally:
            connection.socket.close()
    if wrong:
        raise AssertionError("; ".join(wrong))


sections = list(dict.fromkeys(case[0] for case in CASES))
for section in sections:
    count = sum(case[0] == section for case in CASES)
    named = section if section.startswith("HPACK") else f"HTTP/2 {section}"
    check(f"{named}, {count} cases", lambda: play(section))
