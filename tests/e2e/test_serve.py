#!/usr/bin/env python3
"""The HTTP room, its front door: what a head may say, who may ask, by which name, with which key; the verb itself."""
import threading

from served import *


def raw(server, data):
    """What comes back on a connection of its own until it closes or answers."""
    with server.connect() as c:
        c.send(data)
        try:
            answer = c.answer()
        except AssertionError:
            return None
        if answer.headers.get("connection") == "close":
            c.closed()
        return answer


GOOD = "GET /health HTTP/1.1\r\nHost: localhost\r\n"
POST = "POST /echo HTTP/1.1\r\nHost: localhost\r\n"

# What the HTTP library lets through and what every proxy on the way reads in its own way.
TRAPS = {
    "two different lengths": POST + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": POST + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + "Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": POST + "Content-Length: +2\r\n\r\n{}",
    "a negative length": POST + "Content-Length: -2\r\n\r\n{}",
    "a length of 2^64": POST + "Content-Length: 18446744073709551616\r\n\r\n{}",
    "a length with a blank": POST + "Content-Length: 1 2\r\n\r\n{}",
    "an empty length": POST + "Content-Length:\r\n\r\n",
    "length and chunks": POST + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks and length": POST + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "an unknown coding": POST + "Transfer-Encoding: gzip\r\n\r\n{}",
    "a coding before chunked": POST + "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunked twice": POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "identity": POST + "Transfer-Encoding: identity\r\n\r\n{}",
    "chunked in 1.0": "POST /echo HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a coding hidden by a blank": POST + "Transfer-Encoding : chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a coding hidden by a tab": POST + "Transfer-Encoding\t: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a coding hidden by VT": POST + "Transfer-Encoding: \x0bchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "no host": "GET /health HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "no host in 1.0": "GET /health HTTP/1.0\r\n\r\n",
    "an empty host": "GET /health HTTP/1.1\r\nHost:\r\n\r\n",
    "two hosts": GOOD + "Host: localhost\r\n\r\n",
    "a second host elsewhere": GOOD + "Accept: */*\r\nHost: example.org\r\n\r\n",
    "a blank before the colon": GOOD + "Accept : */*\r\n\r\n",
    "a folded line": GOOD + "X-A: b\r\n c: d\r\n\r\n",
    "a folded line with a tab": GOOD + "X-A: b\r\n\tc\r\nX-B: d\r\n\r\n",
    "a folded first line": "GET /health HTTP/1.1\r\n X: y\r\nHost: localhost\r\n\r\n",
    "a folded empty value": GOOD + "X-A:\r\n b\r\n\r\n",
    "NUL in a value": GOOD + "X-A: b\0c\r\n\r\n",
    "NUL at the end of a value": GOOD + "X-A: b\0\r\nX-B: c\r\n\r\n",
    "NUL in a name": GOOD + "X\0A: b\r\n\r\n",
    "NUL in the path": "GET /hea\0lth HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "NUL behind the path": "GET /health\0x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CR in a value": GOOD + "X-A: b\rc\r\n\r\n",
    "CR that hides a header": GOOD + "X-A:\rTransfer-Encoding: chunked\r\n\r\n",
    "LF at the end of a line": "GET /health HTTP/1.1\r\nHost: localhost\nX-A: b\r\n\r\n",
    "LF at the end of the last line": GOOD + "X-A: b\n\r\n",
    "LF behind the request line": "GET /health HTTP/1.1\nHost: localhost\r\n\r\n",
    "LF everywhere": "GET /health HTTP/1.1\nHost: localhost\n\n",
    "no name": GOOD + ": b\r\n\r\n",
    "no colon": GOOD + "X-A\r\n\r\n",
    "a name with a bracket": GOOD + "X(A): b\r\n\r\n",
    "a name in UTF-8": GOOD + "X-\xc3\xa9: b\r\n\r\n",
    "DEL in a value": GOOD + "X-A: \x7f\r\n\r\n",
    "ESC in a value": GOOD + "X-A: \x1b[31m\r\n\r\n",
    "two keys": GOOD + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
    "two origins": GOOD + "Origin: http://localhost\r\nOrigin: http://localhost\r\n\r\n",
    "another expectation": POST + "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}",
    "an encoded body": POST + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "120 headers": GOOD + "".join(f"X-{i}: {i}\r\n" for i in range(120)) + "\r\n",
    "a header of 64 KiB": GOOD + "X-A: " + "a" * 65536 + "\r\n\r\n",
    "a path of 64 KiB": "GET /" + "a" * 65536 + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a blank in the path": "GET /health x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP/2": "GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n",
    "HTTP/0.9": "GET /health\r\n\r\n",
    "no words": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "a" * 200 + "\r\n\r\n",
    "a host with a path": "GET /health HTTP/1.1\r\nHost: localhost/x\r\n\r\n",
    "a host with a user": "GET /health HTTP/1.1\r\nHost: a@localhost\r\n\r\n",
    "a host with a port of 99999": "GET /health HTTP/1.1\r\nHost: localhost:99999\r\n\r\n",
    "a host with a port of letters": "GET /health HTTP/1.1\r\nHost: localhost:http\r\n\r\n",
    "half an address": "GET /health HTTP/1.1\r\nHost: [::1\r\n\r\n",
}


def test_traps_are_refused_and_end_the_connection():
    with Server() as s:
        for name, text in TRAPS.items():
            smuggled = "GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n"
            with s.connect() as c:
                c.send((text + smuggled).encode("latin-1"))
                try:
                    c.closed()
                except TimeoutError:
                    raise AssertionError(f"{name}: the connection stays open: {c.rest!r}") from None
                if c.rest:
                    status, headers = c.head()
                    # The library itself says 505 to a version that it has never heard of.
                    assert 400 <= status < 500 and status != 404 or (name, status) == ("HTTP/2", 505), (name, status)
                    assert b"HTTP/1.1 200" not in c.rest and b"0  " not in c.rest, (name, c.rest)
        assert s.health() == b'{"status":"ok"}'


def test_what_must_pass_passes():
    with Server() as s:
        for text in (GOOD + "X-A: b c\td\xe9\r\n\r\n", GOOD + "X-A:b\r\nX-B:\r\nX-C: \t c\r\n\r\n", GOOD + "x!#$%&'*+-.^_`|~9: b\r\n\r\n",
                     GOOD.replace("localhost", "LOCALHOST:8080") + "\r\n", GOOD.replace("localhost", "127.0.0.1") + "\r\n",
                     GOOD.replace("localhost", "127.255.0.3:1") + "\r\n", GOOD.replace("localhost", "[::1]:65535") + "\r\n",
                     GOOD + "Cookie: a=b; c=d; e\r\n\r\n", GOOD + "Connection: keep-alive\r\n\r\n", GOOD + "X-A: " + "a" * 3000 + "\r\n\r\n",
                     "GET /health?a=b&c=%00&d HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     "GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n", GOOD + "".join(f"X-{i}: {i}\r\n" for i in range(60)) + "\r\n"):
            answer = raw(s, text.encode("latin-1"))
            assert answer and answer.status == 200, (text[:200], answer)
        for body, head in (("2\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), ("2;a=b\r\n{}\r\n0\r\nX-T: t\r\n\r\n", "Transfer-Encoding: Chunked"),
                           ("{}", "Content-Length: 2")):
            answer = raw(s, (POST + head + "\r\n\r\n" + body).encode())
            assert answer.status == 200 and answer.body == b"{}", (head, answer)


def test_a_head_in_pieces():
    """The checks look at where the library keeps a head: it must not matter how it came."""
    text = (GOOD + "Accept: */*\r\nUser-Agent: a b c\r\nAuthorization: Bearer x\r\n\r\n").encode()
    with Server() as s, s.connect() as c:
        for step in (1, 2, 3, 7, 50):
            for at in range(0, len(text), step):
                c.send(text[at:at + step])
                if step < 4:
                    time.sleep(0.0005)
            answer = c.answer()
            assert answer.status == 200 and answer.body == b'{"status":"ok"}', (step, answer)
        c.send(text * 5)
        for _ in range(5):
            assert c.answer().status == 200


def test_a_path_is_what_it_says():
    with Server() as s:
        for path in ("/health%00x", "/health%00", "/%68ealth", "/health/", "//health", "/./health", "/health;x", "/HEALTH", "/nothing", "/%",
                     "/things//parts", "/things/a/b/parts", "/things/parts", "http://localhost/health", "*"):
            answer = s.ask("GET", path)
            assert answer.status == 404 and answer.error()["code"] == "not_found", (path, answer)
        assert s.ask("GET", "/things/a%20b/parts?q=1").body == b"0  a%20b"


def test_methods_and_heads():
    with Server() as s:
        with s.connect() as c:
            for method, path, allow in (("POST", "/health", "GET, HEAD"), ("GET", "/echo", "POST"), ("PUT", "/things/x/parts", "GET, HEAD, DELETE"),
                                        ("BREW", "/", "GET, HEAD"), ("OPTIONS", "/echo", "POST"), ("get", "/health", "GET, HEAD")):
                answer = c.ask(method, path)
                assert answer.status == 405 and answer.headers["allow"] == allow and answer.error()["code"] == "method_not_allowed", answer
            whole, head = c.ask("GET", "/health"), c.ask("HEAD", "/health")
            assert head.status == 200 and head.headers["content-length"] == whole.headers["content-length"] and head.body == b""
            assert c.ask("DELETE", "/things/x/parts").status == 200


def test_every_answer_has_a_name():
    with Server() as s, s.connect() as c:
        seen = set()
        for path in ("/health", "/nothing", "/echo", "/who"):
            name = c.ask("GET", path).headers["x-request-id"]
            assert re.fullmatch(r"req_[0-9a-f]{24}", name), name
            seen.add(name)
        assert len(seen) == 4
        for mine in ("a", "trace-1_2.3:4", "x" * 128):
            assert c.ask("GET", "/who", headers=[("X-Request-Id", mine)]).headers["x-request-id"] == mine
        for odd in ("", "a b", "x" * 129, "a\"b", "a<b", "\xe9"):
            c.send(b"GET /who HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: " + odd.encode("latin-1") + b"\r\n\r\n")
            assert c.answer().headers["x-request-id"].startswith("req_"), odd


def test_bodies():
    with Server("max_body=10000", "max_bodies=25000") as s, s.connect() as c:
        for n in (0, 1, 9999, 10000):
            answer = c.ask("POST", "/echo", body=b"x" * n)
            assert answer.status == 200 and answer.body == b"x" * n, (n, answer)
            until(lambda: s.metric("osso:http_body_bytes") == 0, what="the end of the body")  # it may end after its answer
        for n in (10001, 30000, 40000):
            answer = c.ask("POST", "/echo", body=b"x" * n)
            assert answer.status == 413 and answer.error()["code"] == "request_too_large", (n, answer)
        chunked = [("Transfer-Encoding", "chunked")]
        body = b"800\r\n" + b"y" * 2048 + b"\r\n"
        assert len(s.ask("POST", "/echo", body=body * 4 + b"0\r\n\r\n", headers=chunked, length=False).body) == 8192
        answer = s.ask("POST", "/echo", body=body * 5 + b"0\r\n\r\n", headers=chunked, length=False)
        assert answer.status == 413 and answer.error(), answer
        c.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n")
        assert c.head()[0] == 100
        c.send(b"z" * 5000)
        assert c.answer().body == b"z" * 5000
        c.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 50000\r\n\r\n")
        assert c.answer().status == 413 and c.closed() < 2
        until(lambda: s.metric("osso:http_body_bytes") == 0, what="the end of the bodies")  # theirs may end after the answer
    with Server("max_body=10000", "max_bodies=20000") as s:  # room for two and a half of those on their way
        slow = [s.connect() for _ in range(3)]
        for c in slow:
            c.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n" + b"x" * 8500)
        until(lambda: s.metric("osso:http_body_bytes") >= 16000, what="the bodies")
        answer = s.ask("POST", "/echo", body=b"x" * 9000)
        assert answer.status == 503 and answer.headers["retry-after"] == "1" and answer.error()["code"] == "overloaded", answer
        for c in slow:
            c.send(b"x" * 500)
        statuses = sorted(c.answer().status for c in slow)
        assert statuses == [200, 200, 503], statuses
        assert s.ask("POST", "/echo", body=b"x" * 9000).status == 200
        until(lambda: s.metric("osso:http_body_bytes") == 0, what="the end of the bodies")


def test_nothing_follows_a_body_in_chunks():
    """The library takes ends of lines there that others do not: what one side reads as a body is no request for the other."""
    with Server() as s:
        for chunks in (b"2\r\n{}\r\n0\r\n\r\n", b"2\n{}\n0\n\n", b"2;\n{}\r\n0\r\n\r\n", b"0\r\nX: y\r\n\r\n"):
            with s.connect() as c:
                c.send(POST.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + request("GET", "/who"))
                answer = c.answer()
                assert answer.headers["connection"] == "close" and answer.status in (200, 400), (chunks, answer)
                c.closed()
                assert c.rest == b"", (chunks, c.rest)


def test_bodies_that_do_not_end():
    with Server("max_body=1000", "max_bodies=4000") as s, s.connect() as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(10000):
                c.send(b"200\r\n" + b"x" * 512 + b"\r\n")
        except OSError:
            pass
        else:
            raise AssertionError("it takes megabytes where a kilobyte is the limit")
        assert s.metric("osso:http_body_bytes") == 0


# ---- who may ask ----------------------------------------------------------------------------------------------

def test_hosts():
    fine = ["localhost", "LocalHost:1", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:8080", "box.example", "BOX.EXAMPLE:9"]
    foreign = ["example.org", "localhost.example.org", "127.0.0.1.example.org", "128.0.0.1", "10.0.0.1", "0.0.0.0", "127.0.1", "127.1", "2130706433",
               "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "127.0.0.256", "localhost.", "[::]", "[::ffff:127.0.0.1]", "box.example.org",
               "xbox.example", "example", "-", "localhostx"]
    with Server("allow_host=box.example") as s:
        for host in fine:
            assert s.ask("GET", "/who", host=host).status == 200, host
        for host in foreign:
            answer = s.ask("GET", "/health", host=host)
            assert answer.status == 403 and answer.error()["code"] == "host_not_allowed", (host, answer)
        for host in ("localhost:", "localhost:0", "local host", "local_host:8x", "[localhost]", "a,b", "::1", "\xfcber"):
            c = s.connect()
            c.send(b"GET /health HTTP/1.1\r\nHost: " + host.encode("latin-1") + b"\r\n\r\n")
            assert c.answer().status in (400, 403), host


def test_origins():
    page = "https://page.example"
    json_type = [("Content-Type", "application/json")]
    with Server(f"origin={page}", "origin=http://other.example:3000") as s:
        own = f"http://localhost:{s.port}"
        for origin in ("https://evil.example", "null", "", "https://page.example.evil", "http://page.example", "https://page.example:443", "https://PAGE.example",
                       "http://localhost", "https://page.example/", f"https://localhost:{s.port}"):
            for method, path in (("GET", "/health"), ("POST", "/echo"), ("OPTIONS", "/echo")):
                answer = s.ask(method, path, host=f"localhost:{s.port}", body=b"{}" if method == "POST" else b"",
                               headers=[("Origin", origin), ("Access-Control-Request-Method", "POST")] + json_type)
                assert answer.status == 403 and "access-control-allow-origin" not in answer.headers, (origin, answer)
        for origin in (page, "http://other.example:3000", own):
            answer = s.ask("POST", "/echo", host=f"localhost:{s.port}", body=b"{}", headers=[("Origin", origin)] + json_type)
            assert answer.status == 200 and answer.headers.get("access-control-allow-origin") == (None if origin == own else origin), answer
            assert answer.headers["vary"] == "Origin"
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", None):
                answer = s.ask("POST", "/echo", host=f"localhost:{s.port}", body=b"{}",
                               headers=[("Origin", origin)] + ([("Content-Type", kind)] if kind else []))
                assert answer.status == 415 and answer.error(), (origin, kind, answer)
        answer = s.ask("POST", "/echo", body=b"{}", headers=[("Origin", page), ("Content-Type", "Application/JSON ; charset=utf-8")])
        assert answer.status == 200, answer
        answer = s.ask("OPTIONS", "/echo", headers=[("Origin", page), ("Access-Control-Request-Method", "POST"),
                                                    ("Access-Control-Request-Headers", "authorization, x-stainless-os")])
        assert answer.status == 204 and answer.headers["access-control-allow-origin"] == page, answer
        assert "POST" in answer.headers["access-control-allow-methods"] and "x-stainless-os" in answer.headers["access-control-allow-headers"]
        answer = s.ask("GET", "/nothing", headers=[("Origin", page)])
        assert answer.status == 404 and answer.headers["access-control-allow-origin"] == page, "a page may read its errors"
    with Server() as s:
        answer = s.ask("OPTIONS", "/echo", headers=[("Origin", page), ("Access-Control-Request-Method", "POST")])
        assert answer.status == 403 and not any(name.startswith("access-control") for name in answer.headers), answer
        assert s.ask("POST", "/echo", body=b"{}").status == 200, "no page, no Origin: curl -d says another type"


def keys_file(text):
    path = TEMP / f"keys-{time.monotonic_ns()}"
    path.write_text(text)
    return path


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


def test_keys():
    path = keys_file("# who may\nalice sk-alice rpm=1000\n\nbob sk-bob concurrent=2\nsk-bare\n")
    with Server(f"key_file={path}") as s:
        for headers, name in ((bearer("sk-alice"), "alice"), (bearer("sk-bob"), "bob"), (bearer("sk-bare"), "key-5"), ([("x-api-key", "sk-bob")], "bob"),
                              ([("Authorization", "bearer  sk-bob")], "bob"), ([("Authorization", "Basic eDp5"), ("X-API-Key", "sk-alice")], "alice")):
            answer = s.ask("GET", "/who", headers=headers)
            assert answer.status == 200 and answer.body.split()[1] == name.encode(), (headers, answer)
        for headers in ([], bearer(""), bearer("sk-alic"), bearer("sk-alice "), bearer("sk-alicex"), bearer("alice"), bearer("#"), bearer("who"), bearer("SK-ALICE"),
                        [("Authorization", "sk-alice")], [("Authorization", "Basic sk-alice")], [("x-api-key", "")], bearer("x" * 3000),
                        [("Authorization", "Bearer\tsk-alice")]):
            with s.connect() as c:
                for method, route in (("GET", "/who"), ("POST", "/echo"), ("GET", "/metrics"), ("GET", "/nothing"), ("PUT", "/who"), ("OPTIONS", "/who")):
                    answer = c.ask(method, route, headers=headers)
                    if "sk-alice " in str(headers) and answer.status == 200:
                        break  # blanks at the end of a line are no part of it
                    assert answer.status == 401 and answer.error()["code"] == "invalid_api_key", (headers, route, answer)
                    assert "alice" not in answer.error()["message"]
                assert c.ask("GET", "/health", headers=headers).status == 200 and c.ask("GET", "/").status == 200
        log = s.complaint()
        assert "sk-" not in log and "key=alice" in log and "key=-" in log, log[-500:]


def test_every_route_needs_a_key_but_two():
    """The table itself, row by row."""
    rows = re.findall(r'^ROUTE\((\w+), "([^"]*)", (\w+), (\w+), \w+, "\w*", "\w*"\)$', (ROOT / "src/serve/routes.def").read_text(), re.M)
    assert len(rows) >= 4 and len({row[:2] for row in rows}) == len(rows), rows
    path = keys_file("sk-1\n")
    with Server(command=[OSSO, "serve", "--port", "0", "--api-key-file", str(path)]) as s:
        s.ready()
        for method, route, key, kind in rows:
            public = (method, route) in (("GET", "/"), ("GET", "/health"))
            assert (key == "PUBLIC") == public, (method, route)
            answer = s.ask(method, route.replace("{id}", "x"))
            assert (answer.status != 401) == public, (route, answer)
            if method == "GET" and kind == "IO" and "{id}" not in route:
                assert s.ask(method, route, headers=bearer("sk-1")).status == 200, route
                assert s.ask("HEAD", route, headers=bearer("sk-1")).status == 200, route
            other = s.ask("PATCH", route.replace("{id}", "x"), headers=bearer("sk-1"))
            assert other.status == 405 and method in other.headers["allow"], (route, other)


def test_limits_of_a_key():
    path = keys_file("slow sk-slow rpm=3\nnarrow sk-narrow concurrent=2\nfree sk-free\n")
    with Server(f"key_file={path}") as s:
        statuses = [s.ask("GET", "/who", headers=bearer("sk-slow")).status for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429], statuses
        answer = s.ask("GET", "/who", headers=bearer("sk-slow"))
        assert 1 <= int(answer.headers["retry-after"]) <= 20 and answer.error()["code"] == "rate_limit_exceeded", answer
        waiting = [s.connect() for _ in range(2)]
        for c in waiting:
            c.send(request("GET", "/wait?ms=60000", headers=bearer("sk-narrow")))
        until(lambda: s.counts()["waiting"] == 2, what="two that wait")
        answer = s.ask("GET", "/who", headers=bearer("sk-narrow"))
        assert answer.status == 429 and answer.error()["code"] == "concurrency_limit_exceeded" and answer.headers["retry-after"], answer
        assert s.ask("GET", "/who", headers=bearer("sk-free")).status == 200
        waiting[0].s.close()
        until(lambda: s.ask("GET", "/who", headers=bearer("sk-narrow")).status == 200, what="room for one more")


def test_hangup_reads_keys_again():
    path = keys_file("alice sk-old concurrent=1\nbob sk-bob\n")
    with Server(f"key_file={path}") as s:
        who = s.ask("GET", "/who", headers=bearer("sk-old")).body
        path.write_text("bob sk-bob\ncarol sk-carol\nalice sk-new\n")
        s.signal(signal.SIGHUP)
        until(lambda: s.ask("GET", "/who", headers=bearer("sk-new")).status == 200, what="the new key")
        assert s.ask("GET", "/who", headers=bearer("sk-old")).status == 401
        assert s.ask("GET", "/who", headers=bearer("sk-new")).body == who, "a key under the same name is the same client"
        carol = s.ask("GET", "/who", headers=bearer("sk-carol")).body
        assert carol.split()[1] == b"carol" and carol.split()[0] not in (who.split()[0], s.ask("GET", "/who", headers=bearer("sk-bob")).body.split()[0])
        for broken in ("", "alice sk-1 rpm=0\n", "a b c d\n", "x \xe9\n", "a k\na l\n", "a k\nb k\n", "# nothing\n"):
            path.write_text(broken)
            before = s.complaint().count("stay as they were")
            s.signal(signal.SIGHUP)
            until(lambda: s.complaint().count("stay as they were") > before, what="a word about a broken file")
            assert s.ask("GET", "/who", headers=bearer("sk-new")).status == 200, broken
        path.unlink()
        s.signal(signal.SIGHUP)
        until(lambda: "No such file" in s.complaint(), what="a word about a file that is gone")
        assert s.ask("GET", "/who", headers=bearer("sk-carol")).status == 200
        assert "sk-" not in s.complaint()


# ---- where it listens -----------------------------------------------------------------------------------------

def serve(*args, **more):
    built()
    return osso("serve", *args, **more)


def test_the_verb():
    built()
    with Server(command=[OSSO, "serve", "--port", "0"]) as s:
        assert s.host == "127.0.0.1" and s.port != 8080
        assert s.ready() and s.ask("GET", "/v1/health").body == b'{"status":"ok"}'
        assert s.ask("GET", "/").headers["content-type"].startswith("text/plain")
        refuses(serve("--port", str(s.port)), 1, f"127.0.0.1:{s.port}", "--port")
        s.signal(signal.SIGTERM)
        assert s.ends() == 0 and s.process.stdout.read() == b""
        port = s.port
    with Server(command=[OSSO, "serve", "--port", str(port)]) as s:  # at once: nothing of the old one is in the way
        assert s.port == port
        s.signal(signal.SIGINT)
        assert s.ends() == 0


def test_it_is_not_open_to_others_unasked():
    for host in ("0.0.0.0", "::"):
        result = serve("--port", "0", "--host", host)
        if "Address family" not in result.complaint:
            refuses(result, 2, "--api-key-file", "--insecure")
    refuses(serve("--port", "0", "--host", "no.such.host.invalid"), 2, "no.such.host.invalid")
    path = keys_file("sk-1\n")
    for more in (["--insecure"], ["--api-key-file", str(path)]):
        with Server(command=[OSSO, "serve", "--port", "0", "--host", "0.0.0.0", *more]) as s:
            s.host = "127.0.0.1"
            assert s.ready()
            assert s.ask("GET", "/health", host="0.0.0.0").status == 403
    with Server(command=[OSSO, "serve", "--port", "0", "--host", "localhost"]) as s:
        assert s.ready()


def test_wrong_options_are_refused():
    broken = keys_file("alice\talice-key\nbob bob key\n")
    for args, code, words in ((["--api-key-file", str(TEMP / "none")], 1, ["none"]), (["--api-key-file", str(broken)], 1, ["line 2"]),
                              (["--port", "65536"], 2, ["--port"]), (["--max-body", "8X"], 2, ["--max-body", "8X"]), (["--max-body", "1"], 2, ["--max-body"]),
                              (["--cors-origin", "page.example"], 2, ["page.example"]), (["--cors-origin", "*"], 2, ["*"]),
                              (["--cors-origin", "https://page.example/"], 2, ["page.example/"]), (["--allow-host", "a:80"], 2, ["a:80"]),
                              (["--log-format", "xml"], 2, ["text|jsonl"]), (["--drain", "-1"], 2, ["--drain"])):
        refuses(serve("--port", "0", *args), code, *words)
    assert "alice-key" not in serve("--port", "0", "--api-key-file", str(broken)).complaint
    for size in ("", "M", "-1", "1.5", "8 G", "9e9", "1KK", "99999999999999999999", "16777216T", "1iB"):
        refuses(serve("--port", "0", "--kv-memory", size), 2, "--kv-memory", f"'{size}'")
    refuses(serve("-np", "0"), 2, "-np")
    with Server(command=[OSSO, "serve", "--port=0", "-np", "4", "--kv-memory", "512MiB", "--max-body", "1g", "-a", "me"]) as s:
        assert s.health()
    with Server(command=[OSSO, "serve"], env={"OSSO_PORT": "0", "OSSO_MAX_BODY": "2k"}) as s:
        assert s.ask("POST", "/health", body=b"x" * 3000).status in (405, 413)


def test_systemd_sockets_and_readiness():
    listener = socket.create_server(("127.0.0.1", 0))
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(TEMP / "notify"))
    notify.settimeout(10 * SLOW)

    def start(fd, extra=""):
        script = f'exec 3<&{fd}; export LISTEN_PID=$$ LISTEN_FDS=1 {extra}; exec "$0" serve --port 1'
        return Server(command=["/bin/sh", "-c", script, OSSO], pass_fds=[fd], env={"NOTIFY_SOCKET": str(TEMP / "notify")})
    built()
    with start(listener.fileno()) as s:
        assert s.port == listener.getsockname()[1]
        assert notify.recv(100) == b"READY=1"
        assert s.ready()
        s.signal(signal.SIGTERM)
        assert notify.recv(100) == b"STOPPING=1"
        assert s.ends() == 0
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        start(other.fileno())
    except AssertionError as why:
        assert "LISTEN_FDS" in str(why), why
    else:
        raise AssertionError("a socket that does not listen is taken")
    with Server(command=[OSSO, "serve", "--port", "0"], env={"LISTEN_PID": "1", "LISTEN_FDS": "1"}) as s:
        assert s.health(), "sockets for another process are none of ours"


def test_loading():
    with Server("loading=1") as s:
        assert s.ask("GET", "/health").status == 503 and s.health() == b'{"status":"loading"}'
        answer = s.ask("POST", "/echo", body=b"{}")
        assert answer.status == 503 and answer.error()["code"] == "loading" and answer.headers["retry-after"] == "1"
        s.ask("GET", "/loaded")
        assert s.health() == b'{"status":"ok"}' and s.ask("POST", "/echo", body=b"{}").status == 200


def test_the_log():
    for form in ("text", "jsonl"):
        with Server(*(["jsonl=1"] if form == "jsonl" else [])) as s:
            s.ask("POST", "/echo?q=secret-query", body=b'"secret-body"', headers=[("X-Request-Id", "mine-1"), ("Authorization", "Bearer secret-key")])
            s.ask("GET", "/\x1b[31m\"'\\")
            s.ask("G" * 40, "/who")
            s.signal(signal.SIGTERM)
            assert s.ends() == 0
            log = s.complaint()
            assert "secret" not in log and "\x1b" not in log, log
            lines = [line for line in log.splitlines() if "/echo" in line]
            assert len(lines) == 1, log
            if form == "jsonl":
                rows = [json.loads(line) for line in log.splitlines()]
                row = json.loads(lines[0])
                assert (row["method"], row["path"], row["status"], row["received"], row["sent"], row["request_id"], row["whole"]) == \
                       ("POST", "/echo", 200, 13, 13, "mine-1", True), row
                assert [r["status"] for r in rows if "status" in r] == [200, 404, 405], rows
            else:
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 127\.0\.0\.1:\d+ POST /echo 200 13 13 \d+\.\d{3}s key=- id=mine-1", lines[0]), lines


if __name__ == "__main__":
    main(sys.modules[__name__])
