"""A running server for the tests of the HTTP room, and sockets that say exactly what a test wants to say."""
import json
import re
import signal
import socket
import subprocess
import time

from harness import *

VARIANT = os.environ.get("OSSO_VARIANT", "release")
TOY = ROOT / f"build/{VARIANT}/tests/serve/toy"


_version = []


def need_server():
    """A build without the HTTP library has none."""
    if not _version:
        _version.append(osso("--version").text)
    if "server: libmicrohttpd" not in _version[0]:
        raise Skip("this osso was built without its server")


def built():
    """The toy of tests/serve/toy.c."""
    need_server()
    done = subprocess.run(["make", "-C", str(ROOT), f"VARIANT={VARIANT}", str(TOY.relative_to(ROOT))],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()[-2000:]
    return str(TOY)


class Server:
    """with Server(...) as s: the toy with these options, or `command` as it is."""

    def __init__(self, *options, command=None, env=None, **more):
        self.command = command or [built(), "port=0", *options]
        self.log = open(TEMP / f"log-{time.monotonic_ns()}", "w+b")
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
                                        env=environment(**(env or {})), **more)
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"osso: listening on http://(\S+):(\d+)\n", line)
        if not found:
            self.process.wait()
            raise AssertionError(f"it said {line!r} and {self.complaint()!r}")
        self.host, self.port = found[1].strip("[]"), int(found[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if "Sanitizer" in self.complaint():
            raise AssertionError(self.complaint()[-4000:])
        self.log.close()

    def complaint(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text("utf-8", "replace")

    def signal(self, which):
        self.process.send_signal(which)

    def ends(self, seconds=10):
        """Its exit status."""
        return self.process.wait(seconds * SLOW)

    def connect(self, timeout=10):
        s = socket.create_connection((self.host, self.port), timeout * SLOW)
        return Client(s)

    def ask(self, *args, **more):
        with self.connect() as c:
            return c.ask(*args, **more)

    def health(self):
        return self.ask("GET", "/health").body

    def ready(self):
        """Waits for the model of an osso serve."""
        until(lambda: self.health() == b'{"status":"ok"}', 20, "the model")
        return True

    def counts(self):
        return json.loads(self.ask("GET", "/counts").body)

    def metric(self, name, **more):
        text = self.ask("GET", "/metrics", **more).body.decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
        assert found, f"no {name} in {text}"
        return float(found[1])


class Answer:
    def __init__(self, status, headers, body, whole):
        self.status, self.headers, self.body, self.whole = status, headers, body, whole

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r} whole={self.whole}"

    def error(self):
        """The error object, which must have OpenAI's shape."""
        assert self.headers["content-type"] == "application/json", self
        e = json.loads(self.body)
        assert list(e) == ["error"] and list(e["error"]) == ["message", "type", "param", "code"], self
        assert isinstance(e["error"]["message"], str) and e["error"]["message"], self
        return e["error"]


def request(method, path, *, body=b"", host="localhost", headers=(), version="HTTP/1.1", length=True):
    """The bytes of a request; headers are (name, value)s."""
    lines = [f"{method} {path} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body and length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Client:
    def __init__(self, s):
        self.s, self.rest = s, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def send(self, data):
        self.s.sendall(data)

    def more(self):
        try:
            data = self.s.recv(65536)
        except ConnectionResetError:
            data = b""
        self.rest += data
        return data

    def closed(self, seconds=10):
        """Seconds until the server closes, without another byte or after what it still says."""
        start = time.monotonic()
        self.s.settimeout(seconds * SLOW)
        while self.more():
            pass
        return time.monotonic() - start

    def head(self):
        """(status, headers)"""
        while b"\r\n\r\n" not in self.rest:
            assert self.more(), f"closed within a head: {self.rest!r}"
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        assert re.match(r"HTTP/1\.[01] \d\d\d ", first), first
        return int(first.split()[1]), {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in lines}

    def exactly(self, n):
        while len(self.rest) < n:
            if not self.more():
                return None
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    def line(self):
        while b"\r\n" not in self.rest:
            if not self.more():
                return None
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def answer(self, method="GET"):
        status, headers = self.head()
        if method == "HEAD" or status in (204, 304):
            return Answer(status, headers, b"", True)
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while (line := self.line()) is not None:
                piece = self.exactly(int(line, 16) + 2)
                if piece is None:
                    break
                if piece == b"\r\n":
                    return Answer(status, headers, body, True)
                body += piece[:-2]
            return Answer(status, headers, body, False)
        if "content-length" in headers:
            body = self.exactly(int(headers["content-length"]))
            return Answer(status, headers, body if body is not None else self.rest, body is not None)
        while self.more():
            pass
        body, self.rest = self.rest, b""
        return Answer(status, headers, body, True)

    def ask(self, method, path, **more):
        self.send(request(method, path, **more))
        return self.answer(method)


def until(check, seconds=5, what="it"):
    """Waits for something that is to become true."""
    end = time.monotonic() + seconds * SLOW
    while not check():
        assert time.monotonic() < end, f"{what} did not come in {seconds} s"
        time.sleep(0.01)
