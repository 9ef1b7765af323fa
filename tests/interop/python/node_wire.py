"""Replies of a data node as bytes: requests may be sent many at a time, and values are compared byte for byte."""
import socket

from wire import Closed

NULLS = (b"$-1", b"*-1", b"_")


class ByteWire:
    """`read` gives a tree of (mark, value): value is bytes or a list of trees; null is (mark, None)."""

    def __init__(self, port, timeout=20.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.at = 0

    def close(self):
        self.socket.close()

    def send(self, *requests):
        try:
            self.socket.sendall(b"".join(encode(words) for words in requests))
        except OSError as gone:
            raise Closed() from gone

    def _more(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError as gone:
            raise Closed() from gone
        if not data:
            raise Closed()
        self.buffer = self.buffer[self.at:] + data
        self.at = 0

    def _line(self):
        while True:
            end = self.buffer.find(b"\r\n", self.at)
            if end >= 0:
                line = self.buffer[self.at:end]
                self.at = end + 2
                return line
            self._more()

    def _bytes(self, count):
        while len(self.buffer) - self.at < count + 2:
            self._more()
        data = self.buffer[self.at:self.at + count]
        self.at += count + 2
        return data

    def read(self):
        line = self._line()
        mark, rest = chr(line[0]), line[1:]
        if line in NULLS:
            return mark, None
        if mark in "$=!":
            return mark, self._bytes(int(rest))
        if mark in "*~>":
            return mark, [self.read() for _ in range(int(rest))]
        if mark in "%|":
            return mark, [self.read() for _ in range(2 * int(rest))]
        return mark, rest

    def ask(self, *words):
        self.send(words)
        return self.read()

    def ask_all(self, requests):
        self.send(*requests)
        return [self.read() for _ in requests]

    def drain(self):
        """Everything up to the end of the connection; "silence" when that does not come."""
        replies = []
        try:
            while True:
                replies.append(self.read())
        except Closed:
            return replies
        except TimeoutError:
            return [*replies, ("silence", None)]


def as_bytes(word):
    return word if isinstance(word, bytes) else str(word).encode()


def encode(words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = as_bytes(word)
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


def plain(tree):
    """Values alone: lists, bytes, None."""
    mark, value = tree
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if mark == ":" else value
