#!/usr/bin/env python3
"""The HTTP room and its clients: those that are slow, that leave, that are many; and how it ends."""
import errno
import resource
import threading

from served import *

SOAKS = int(os.environ.get("OSSO_SOAK_SCALE", 1)) > 1  # the numbers of ./run soak


# ---- deadlines ------------------------------------------------------------------------------------------------

def drip(client, data, seconds, pace=0.05):
    """Sends a byte at a time until the server closes; how long that took."""
    start = time.monotonic()
    client.s.settimeout(pace)
    for i in range(int(seconds * SLOW / pace)):
        try:
            client.send(data[i % len(data):i % len(data) + 1])
            if client.s.recv(1000) == b"":
                return time.monotonic() - start
        except TimeoutError:
            pass
        except OSError:
            return time.monotonic() - start
    raise AssertionError(f"still open after {seconds} s")


def test_a_head_has_a_time_in_all():
    """A byte now and then is no reason to wait longer: neither on a new connection nor on one that was idle."""
    with Server("head=400", "idle=60000") as s:
        with s.connect() as silent:
            assert 0.2 < silent.closed() < 3 * SLOW
        with s.connect() as slow:
            assert drip(slow, b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 200, 5) < 3 * SLOW
        with s.connect() as used:
            assert used.ask("GET", "/health").status == 200
            time.sleep(0.6)
            assert used.ask("GET", "/health").status == 200, "silence between requests has another time"
            assert drip(used, b"GET /" + b"a" * 1000, 5) < 3 * SLOW, "a first line"
        assert s.metric('osso:http_connections_closed_total{reason="head"}') == 3


def test_a_body_has_a_time_in_all():
    with Server("body=400", "head=60000") as s:
        with s.connect() as c:
            c.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
            assert drip(c, b"x", 5) < 3 * SLOW
        with s.connect() as c:
            c.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            assert drip(c, b"1\r\nx\r\n", 5) < 3 * SLOW
        with s.connect() as c:  # refused already: its body is not waited for any longer
            c.send(b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
            assert drip(c, b"x", 5) < 3 * SLOW
        assert s.metric('osso:http_connections_closed_total{reason="body"}') == 3
        assert s.metric("osso:http_requests_running") == 0 and s.metric("osso:http_body_bytes") == 0


def test_a_chunk_whose_first_line_does_not_end():
    """The library can take no more of it, and would try for ever."""
    with Server() as s:
        others = [s.connect() for _ in range(2)]
        others[0].send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nx")
        others[1].send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx")
        for line in (b"5;" + b"a" * 100000, b"5" + b" " * 100000, b"0" * 100000):
            with s.connect() as c:
                c.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
                time.sleep(0.05)
                try:
                    c.send(line)
                except OSError:
                    continue
                assert c.closed() < 5 * SLOW, line[:10]
        assert s.metric('osso:http_connections_closed_total{reason="body"}') >= 1
        spent = lambda: sum(int(t) for t in pathlib.Path(f"/proc/{s.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])
        start = spent()
        time.sleep(1)
        assert spent() - start <= 10, "ticks of a server with nothing to do"
        assert s.metric("osso:http_connections_open") == 3, "those that only wait are left alone"
        for c in others:
            c.s.close()


def test_idle_connections_end():
    with Server("idle=300") as s, s.connect() as c:
        assert c.ask("GET", "/health").status == 200
        assert 0.15 < c.closed() < 3 * SLOW
        assert s.metric('osso:http_connections_closed_total{reason="idle"}') == 1


def test_a_client_that_reads_nothing():
    with Server("write=500") as s:
        with s.connect() as c:
            c.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.send(request("GET", "/stream?n=1000000&ms=0&size=1000"))
            until(lambda: s.counts()["gone"] == 1, 20, "the end of a stream that nobody reads")
        assert s.metric('osso:http_connections_closed_total{reason="write"}') == 1
        assert s.metric("osso:http_requests_running") == 0


def test_a_client_that_reads_slowly_is_no_dead_one():
    """Four deadlines long it takes a little at a time. The deadline is longer than TCP waits before it asks a full window again."""
    with Server("write=1500") as s, s.connect() as c:
        c.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)  # of a smaller one TCP asks only now and then whether it has room
        c.send(request("GET", "/stream?n=6000&ms=0&size=1000"))
        start = time.monotonic()
        while time.monotonic() - start < 6:
            time.sleep(0.05)
            assert c.s.recv(3000), "cut"
        assert s.counts()["gone"] == 0 and s.metric("osso:http_requests_running") == 1, "all of it fits into the sockets"
        answer = b"x" * 10
        while b"data: 5999 " not in answer:
            more = c.s.recv(65536)
            assert more, "cut"
            answer = answer[-2000:] + more


def test_silence_is_filled():
    with Server("silence=200") as s, s.connect() as c:
        c.send(request("GET", "/stream?n=2&ms=700"))
        body = c.answer().body.decode()
        assert body.count(": waiting\n\n") >= 2 and re.sub(": waiting\n\n", "", body).count("data: ") == 2, body
        assert all(re.fullmatch(r"(: waiting|data: \d \d+)?", line) for line in body.splitlines()), body


# ---- clients that leave ---------------------------------------------------------------------------------------

def leave(client, how):
    if how == "reset":
        client.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if how == "half":
        client.s.shutdown(socket.SHUT_WR)
    else:
        client.s.close()


def test_clients_that_leave_are_noticed():
    """In every phase, however they go: whoever answers them is told within moments, and nothing of them stays."""
    with Server("workers=1") as s:
        for n, how in enumerate(("close", "reset", "half")):
            held = []
            for _ in range(20):
                for path in ("/wait?ms=600000", "/stream?n=100000&ms=5"):
                    c = s.connect()
                    c.send(request("GET", path))
                    held.append(c)
            until(lambda: s.counts()["waiting"] == 40, 10, "40 at work")
            start = time.monotonic()
            for c in held:
                leave(c, how)
            until(lambda: s.counts()["waiting"] == 0, 5, how)
            assert time.monotonic() - start < 1 * SLOW
            assert s.counts()["gone"] == 40 * (n + 1)
            for c in held:
                c.s.close()
        until(lambda: s.metric("osso:http_requests_running") == 0 and s.metric("osso:http_connections_open") <= 2, what="the end of them")
        with s.connect() as c:  # what needs no thought is answered all the same
            c.send(request("GET", "/health"))
            c.s.shutdown(socket.SHUT_WR)
            assert c.answer().status == 200 and c.closed() < 2 * SLOW
        # before the answer: within a head, within a body, in the queue before a worker
        for data in (b"GET /wa", request("GET", "/wait")[:-2], request("POST", "/echo", body=b"x" * 1000)[:-1]):
            for how in ("close", "reset", "half"):
                c = s.connect()
                c.send(data)
                leave(c, how)
                held.append(c)
        until(lambda: s.metric("osso:http_requests_running") == 0 and s.metric("osso:http_connections_open") <= 2, what="the end of them")
        block = s.connect()
        block.send(request("GET", "/block?ms=1500"))
        queued = [s.connect() for _ in range(10)]
        for c in queued:
            c.send(request("GET", "/wait?ms=600000"))
        until(lambda: s.metric("osso:http_requests_running") == 11, what="a queue")
        for c in queued:
            c.s.close()
        assert block.answer().body == b"done"
        block.s.close()
        until(lambda: s.metric("osso:http_requests_running") == 0 and s.metric("osso:http_connections_open") <= 2, what="the end of them")
        assert s.counts()["waiting"] == 0
        assert "thread" not in s.complaint()


def test_a_connection_serves_on():
    """Streams, errors and waits one after the other on one connection; pipelined requests are answered in order."""
    with Server() as s, s.connect() as c:
        for _ in range(20):
            assert c.ask("GET", "/stream?n=3").body.count(b"data: ") == 3
            assert c.ask("GET", "/forget").status == 500
            assert c.ask("POST", "/nothing", body=b"x" * 100).status == 404
            assert c.ask("GET", "/wait?ms=1").body == b"waited"
        c.send(b"".join(request("POST", "/echo", body=b"%d" % i) for i in range(50)))
        assert [c.answer().body for _ in range(50)] == [b"%d" % i for i in range(50)]
        cut = c.ask("GET", "/cut")
        assert cut.body == b"data: 1\n\n" and not cut.whole, "a stream that is cut must look so"


def test_streams_do_not_mix():
    with Server() as s:
        clients = [s.connect(30) for _ in range(64)]
        for i, c in enumerate(clients):
            c.send(request("GET", f"/stream?n=100&ms=1&size={10 + i}"))
        for i, c in enumerate(clients):
            body = c.answer().body.decode()
            assert body == "".join(f"data: {k} {k:0{10 + i}d}\n\n" for k in range(100)), i
        assert c.answer if all(c.ask("GET", "/health").status == 200 for c in clients) else None


def test_too_much_at_once():
    with Server("running=5", "workers=1", "queue=2") as s:
        held = [s.connect() for _ in range(5)]
        for n, c in enumerate(held):
            c.send(request("GET", "/wait?ms=600000"))
            until(lambda: s.counts()["waiting"] == n + 1, what="one more at work")
        answer = s.ask("GET", "/who")
        assert answer.status == 503 and answer.error()["code"] == "overloaded" and answer.headers["retry-after"], answer
        assert s.health() == b'{"status":"ok"}'
        for c in held:
            c.s.close()
        until(lambda: s.ask("GET", "/who").status == 200, what="room")
        block = [s.connect() for _ in range(5)]
        for c in block:
            c.send(request("GET", "/block?ms=300"))
            time.sleep(0.02)  # the first is at work before the second comes
        assert sorted(c.answer().status for c in block) == [200, 200, 200, 503, 503], "one at work, two wait"


# ---- many -----------------------------------------------------------------------------------------------------

def test_there_is_always_room_for_health():
    """More unfinished heads than there are descriptors, each fed a byte now and then; idle connections go first."""
    limit, crowd = (256, 800) if SLOW > 1 or os.environ.get("OSSO_TEST_QUICK") else (1024, 5000) if SOAKS else (512, 2000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < crowd + 100:
        raise Skip(f"{crowd} descriptors are not to be had here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, crowd + 100), hard))
    few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with Server(preexec_fn=few) as s:
        room = int(s.metric("osso:http_connections_limit"))
        assert limit / 8 < room < limit, room
        streaming = s.connect(60)
        streaming.send(request("GET", "/stream?n=100000&ms=20"))
        streaming.head()
        stop, sockets = threading.Event(), []

        def feed():
            at = 0
            while not stop.is_set():
                if len(sockets) < crowd:
                    one = socket.socket()
                    one.setblocking(False)
                    one.connect_ex((s.host, s.port))
                    sockets.append(one)
                else:
                    time.sleep(0.001)
                i = at % len(sockets)
                at += 1
                try:
                    sockets[i].send(b"G")
                except BlockingIOError:
                    pass
                except OSError as why:
                    if why.errno in (errno.EPIPE, errno.ECONNRESET):  # thrown out: it comes again
                        sockets[i].close()
                        sockets[i] = socket.socket()
                        sockets[i].setblocking(False)
                        sockets[i].connect_ex((s.host, s.port))
        thread = threading.Thread(target=feed)
        thread.start()
        try:
            until(lambda: len(sockets) >= crowd, 30, "the crowd")
            times = []
            for _ in range(50):
                start = time.monotonic()
                assert s.health() == b'{"status":"ok"}'
                times.append(time.monotonic() - start)
                time.sleep(0.01)
            print(f"/health beside {crowd} slow heads at {limit} descriptors: p99 {1e3 * sorted(times)[-2]:.1f} ms")
            assert sorted(times)[-2] < 0.1 * SLOW, sorted(times)[-5:]
            assert s.metric('osso:http_connections_closed_total{reason="room"}') > 0
            assert s.metric("osso:http_connections_open") <= room + 64
            assert b"data: " in streaming.more(), "a stream goes on"
        finally:
            stop.set()
            thread.join()
            for one in sockets:
                one.close()
        with s.connect() as c:
            assert c.ask("GET", "/who").status == 200


def test_idle_connections_are_cheap():
    n = 200 if SLOW > 1 else 10000 if SOAKS else 2000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < n + 200:
        raise Skip(f"{n} descriptors are not to be had here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n + 200), hard))
    with Server() as s:
        def resident():
            return int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{s.process.pid}/status").read_text(), re.M)[1])
        before = resident()
        clients = [s.connect() for _ in range(n)]
        for c in clients:
            assert c.ask("GET", "/health").status == 200
        more = resident() - before
        print(f"{n} idle connections: {more / 1024:.1f} MiB more")
        assert SLOW > 1 or more < n * 12, f"{more / n:.1f} KiB a connection"  # 120 MiB for 10,000
        spent = lambda: sum(int(t) for t in pathlib.Path(f"/proc/{s.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])
        start = spent()
        time.sleep(1)
        assert spent() - start <= 2, "ticks that idle connections cost in a second"
        for c in clients:
            c.s.close()
        until(lambda: s.metric("osso:http_connections_open") <= 2, 20, "the end of them")


# ---- the end --------------------------------------------------------------------------------------------------

def test_drain():
    with Server("drain=60000") as s:
        idle, stream = s.connect(), s.connect()
        assert idle.ask("GET", "/health").status == 200
        stream.send(request("GET", "/stream?n=100&ms=10"))
        stream.head()
        wait = s.connect()
        wait.send(request("GET", "/wait?ms=800"))
        until(lambda: s.counts()["waiting"] == 2, what="two at work")
        s.signal(signal.SIGTERM)
        start = time.monotonic()
        until(lambda: s.health() == b'{"status":"draining"}', 0.1, "the word")
        answer = s.ask("GET", "/health")
        assert answer.status == 503 and answer.headers["connection"] == "close" and time.monotonic() - start < 0.2 * SLOW
        for c in (idle, s.connect()):
            answer = c.ask("POST", "/echo", body=b"{}")
            assert answer.status == 503 and answer.error()["code"] == "draining" and answer.headers["retry-after"] == "1", answer
        assert wait.answer().body == b"waited"
        while b"0\r\n\r\n" not in stream.rest[-10:]:
            assert stream.more(), stream.rest[-100:]
        assert b"data: 99 " in stream.rest
        assert s.ends() == 0
        assert time.monotonic() - start < 5 * SLOW, "no longer than what was going on"


def test_drain_ends():
    """When the time is over, streams end with a word, not silently; what does not end even then is cut."""
    with Server("drain=200") as s:
        streams = [s.connect() for _ in range(64 // SLOW + 1)]
        for c in streams:
            c.send(request("GET", "/stream?n=100000&ms=10"))
            c.head()
        s.signal(signal.SIGTERM)
        assert s.ends() == 0
        for c in streams:
            while c.more():
                pass
            assert c.rest.endswith(b'data: {"error":1}\n\n\r\n0\r\n\r\n'), c.rest[-100:]
    with Server("drain=-1") as s:
        c = s.connect()
        c.send(request("GET", "/wait?ms=600000"))
        until(lambda: s.counts()["waiting"] == 1, what="one at work")
        s.signal(signal.SIGINT)
        assert s.ends() == 0 and c.answer().status == 503


def test_a_second_signal_ends_it_at_once():
    for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)):
        with Server("drain=600000") as s:
            c = s.connect()
            c.send(request("GET", "/wait?ms=600000"))
            until(lambda: s.counts()["waiting"] == 1, what="one at work")
            s.signal(first)
            until(lambda: s.health() == b'{"status":"draining"}', what="the word")
            start = time.monotonic()
            s.signal(second)
            assert s.ends() == 1 and time.monotonic() - start < 1 * SLOW


def test_a_log_that_nobody_reads_holds_nobody_up():
    built()
    read, write = os.pipe()
    process = subprocess.Popen([built(), "port=0"], stdout=subprocess.PIPE, stderr=write, env=environment())
    os.close(write)
    s = Server.__new__(Server)
    s.process, s.host = process, "127.0.0.1"
    s.port = int(process.stdout.readline().decode().rsplit(":", 1)[1])
    try:
        with s.connect() as c:
            for _ in range(1500):
                assert c.ask("GET", "/health").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10 * SLOW) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        os.close(read)


if __name__ == "__main__":
    main(sys.modules[__name__])
