"""Replies as they stand on the wire: every type keeps its mark, so that `:1` and `$1 1` differ."""
import socket


class Closed(Exception):
    """The server has closed the connection."""


class Wire:
    """One connection. `read` gives a tree of (mark, value): value is text, or a list of trees; null is (mark, None)."""

    def __init__(self, port, timeout=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def send(self, *words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
        self.raw(b"".join(parts))

    def raw(self, data):
        try:
            self.socket.sendall(data)
        except OSError as gone:
            raise Closed() from gone

    def _more(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError as gone:
            raise Closed() from gone
        if not data:
            raise Closed()
        self.buffer += data

    def _line(self):
        while True:
            line, found, rest = self.buffer.partition(b"\r\n")
            if found:
                self.buffer = rest
                return line.decode("utf8", "backslashreplace")
            self._more()

    def _bytes(self, count):
        while len(self.buffer) < count + 2:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count + 2:]
        return data.decode("utf8", "backslashreplace")

    def read(self):
        line = self._line()
        mark, rest = line[:1], line[1:]
        if mark in "$=":
            return mark, None if int(rest) < 0 else self._bytes(int(rest))
        if mark in "*~>":
            return mark, None if int(rest) < 0 else [self.read() for _ in range(int(rest))]
        if mark == "%":
            return mark, [self.read() for _ in range(2 * int(rest))]
        return mark, rest

    def ask(self, *words):
        self.send(*words)
        return self.read()

    def silent(self, seconds):
        """Nothing arrives for so long."""
        if self.buffer:
            return False
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            self._more()
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(before)


def text_of(tree):
    """Plain values: lists, strings, None. For those who want to know something, not to compare."""
    mark, value = tree
    return [text_of(item) for item in value] if isinstance(value, list) else value
