#!/usr/bin/env python3
"""Clients that leave, flood, and listen for what is not theirs, against the whole server. OSSO_SOAK_SCALE multiplies the numbers
(./run soak: 32)."""
import threading

from test_serve_api import Osso, final, scripted
from served import *

SCALE = int(os.environ.get("OSSO_SOAK_SCALE", 1))
JSON = [("Content-Type", "application/json")]
MiB = 1 << 20


def ask_chat(text, **more):
    return request("POST", "/v1/chat/completions", headers=JSON,
                   body=json.dumps(dict(messages=[dict(role="user", content=text)], **more)).encode())


def cancelled(s):
    return [s.metric(f'osso:requests_cancelled_total{{phase="{p}"}}') for p in ("queued", "prefill", "decode")]


NUMBERS = iter(range(1 << 30))  # of questions: none has a prefix in common with another


def wave(s, number, text, ready, **more):
    """So many clients ask, and leave together once `ready` (a list of them, as they are)."""
    clients = [s.connect(60) for _ in range(number)]
    for c in clients:
        c.send(ask_chat(f"{next(NUMBERS)}: {text}", **more))
    ready(clients)
    for c in clients:
        c.s.close()


def everybody_is_read(number):
    def ready(s):
        return lambda _: until(lambda: s.metric("osso:num_requests_running") >= number, 20, "all at work")
    return ready


def test_clients_leave_in_every_phase():
    """Queued, reading, streaming, waiting for a whole answer: each time nobody holds anything within a second."""
    slots, want = 16, 80 * SCALE
    speech = final("word " * 2000)
    slow = [dict(match="read", text=speech, prefill_ms=0.5, delay_ms=20), dict(text=speech, delay_ms=20)]
    with scripted(*slow, options=["-np", slots, "-c", "4096", "--max-queue", "400"]) as s:
        running = everybody_is_read(slots)(s)
        for _ in range(want // slots):
            wave(s, slots, "read " * 1000, running, stream=True)
            s.rests()
            wave(s, slots, "stream", lambda clients: [c.head() for c in clients], stream=True)
            s.rests()
            wave(s, slots, "whole", running)
            s.rests()
        n_read, n_spoken = cancelled(s)[1:]
        assert min(n_read, n_spoken) >= 0.9 * want and n_read + n_spoken >= 2.8 * (want // slots * slots), (n_read, n_spoken, want)
        holders = [s.connect(60) for _ in range(slots)]
        for c in holders:
            c.send(ask_chat("hold", stream=True))
        running(holders)
        for _ in range(want // 80):
            wave(s, 80, "queued", lambda _: until(lambda: s.metric("osso:num_requests_waiting") >= 80, 20, "a queue"))
            until(lambda: s.metric("osso:num_requests_waiting") == 0, 1, "an empty queue")
        for c in holders:
            c.s.close()
        s.rests()
        assert cancelled(s)[0] >= want, cancelled(s)
        print("left while queued, reading, speaking:", cancelled(s))


def memory(s, name):
    return int(re.search(rf"^{name}:\s+(\d+)", pathlib.Path(f"/proc/{s.process.pid}/status").read_text(), re.M)[1]) * 1024


def large_bodies():
    """Nearly 8 MiB each, and each of another kind of large. A sanitizer's server takes minutes to split one of those: there they
    are just large enough to be split one at a time."""
    n = 8 * MiB - 400 if SLOW == 1 else 5 * MiB // 4
    yield b'{"messages":[{"role":"user","content":"' + b"word " * (n // 5) + b'"}]}'
    yield b'{"messages":[{"role":"user","content":"' + b"a" * n + b'"}]}'
    yield b'{"messages":[{"role":"user","content":"' + "字".encode() * (n // 3) + b'"}]}'
    yield b'{"messages":[' + b"1," * (n // 2) + b"1]}"
    yield b'{"messages":[' + b"[]," * (n // 3) + b"1]}"
    yield b"{" + b",".join(b'"k%d":1' % i for i in range(n // 14)) + b"}"
    yield b'{"prompt":[' + b"7," * (n // 2) + b"7]}"
    yield b'{"x":"' + b"\\u0041" * (n // 6) + b'"}'
    yield b"[" * n
    yield b'{"messages":[{"role":"user","content":"' + b"<|end|>" * (n // 7) + b'"}],"tools":[' + b"{}," * 400 + b"{}]}"


def test_a_flood():
    """Large bodies of all kinds and long prompts from many at once: memory has a bound, /health is answered all the while."""
    kv, threads = 64 * MiB, 12 if SCALE == 1 else 36
    rounds = 1 if SLOW > 1 else 1 + SCALE // 5
    with scripted(dict(text=final("Hi."), prefill_ms=0), options=["-c", "65536", "--kv-memory", kv]) as s:
        bodies, statuses, times, problems = list(large_bodies()), {}, [], []
        bodies += bodies[1:2] * 2  # the worst: a single word

        def flood(which):
            for i in range(rounds):
                for k in range(len(bodies)):
                    body = bodies[(which + k) % len(bodies)]
                    path = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/tokenize")[(which + k + i) % 4]
                    try:
                        with s.connect(900) as c:
                            status = c.ask("POST", path, body=body, headers=JSON).status
                    except (BrokenPipeError, ConnectionResetError):
                        status = 413
                    except Exception as e:
                        problems.append(f"{path} {body[:40]!r}: {e!r}")
                        return
                    statuses[status] = statuses.get(status, 0) + 1
        workers = [threading.Thread(target=flood, args=(i,)) for i in range(threads)]
        [w.start() for w in workers]
        while any(w.is_alive() for w in workers):
            start = time.monotonic()
            assert s.health() == b'{"status":"ok"}'
            times.append(time.monotonic() - start)
            time.sleep(0.005)
        [w.join() for w in workers]
        peak = memory(s, "VmHWM")
        times.sort()
        print(f"flood: {statuses}, at most {peak / MiB:.0f} MiB, /health p50 {1e3 * times[len(times) // 2]:.1f} ms, "
              f"p99 {1e3 * times[int(len(times) * 0.99)]:.1f} ms of {len(times)}")
        assert not problems and set(statuses) <= {200, 400, 413, 503}, (statuses, problems[:5])
        assert SLOW > 1 or peak < kv + 512 * MiB, peak / MiB
        s.rests()


def test_canaries():
    """Many keys at once, each with a word of its own in every question and answer: nobody hears another's."""
    number = 12
    keys = TEMP / "keys-of-canaries"
    keys.write_text("".join(f"k{i} sk-{i}\n" for i in range(number)))
    rules = [dict(match=f"secret of {i}.", text=f"<|channel|>analysis<|message|>I am canary-{i}-a.<|end|><|start|>assistant" + final(f"canary-{i}-b " * 8))
             for i in range(number)]
    with scripted(*rules, options=["-np", "6", "-c", "4096", "--api-key-file", keys]) as s:
        problems, mine = [], {}

        def talk(i):
            try:
                earlier = None
                for turn in range(6 * min(SCALE, 5)):
                    key = f"sk-{i}"
                    body = dict(input=f"The secret of {i}. Turn {turn % 6}.", previous_response_id=earlier)
                    a = s.good("/v1/responses", dict(body, stream=True), key=key, raw=True).decode()
                    done = json.loads(a.strip().split("data: ")[-1])["response"]
                    if turn == 0:  # the words before its own are everybody's, and nobody else's work is told
                        assert done["usage"]["input_tokens_details"]["cached_tokens"] == 0, done["usage"]
                    earlier = done["id"] if turn % 6 != 5 else None
                    mine.setdefault(i, []).append(done["id"])
                    chat = s.good("/v1/chat/completions", dict(messages=[dict(role="user", content=f"The secret of {i}.")]), key=key)
                    heard = set(re.findall(r"canary-(\d+)-", a + json.dumps(chat)))
                    assert heard == {str(i)}, (i, heard)
            except Exception as e:
                problems.append(repr(e))
        talkers = [threading.Thread(target=talk, args=(i,)) for i in range(number)]
        [t.start() for t in talkers]
        [t.join() for t in talkers]
        assert not problems, problems[:3]
        for i in range(number):
            for other in (mine[(i + 1) % number][0], mine[(i + 5) % number][-1]):
                for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/input_items")):
                    assert s.send(f"/v1/responses/{other}{path}", method=method, key=f"sk-{i}")[0] == 404
        for path in ("/metrics", "/slots", "/props", "/v1/models"):
            assert "canary" not in s.good(path, key="sk-0", raw=True).decode()
        assert "canary" not in s.complaint() and "secret" not in s.complaint(), "the log tells what was said"


def streams(s, number):
    found = [s.connect(60) for _ in range(number)]
    for i, c in enumerate(found):
        path, body = (("/v1/chat/completions", dict(messages=[dict(role="user", content="x")])), ("/v1/responses", dict(input="x")),
                      ("/v1/completions", dict(prompt="x", max_tokens=4000)))[i % 3]
        c.send(request("POST", path, headers=JSON, body=json.dumps(dict(body, stream=True)).encode()))
    for c in found:
        c.head()
    return found


def rest_of(c):
    while c.more():
        pass
    return c.rest


def test_the_end_of_64_streams():
    """They go on to their own end while there is time; then each ends with its dialect's error. Exit 0 in both cases."""
    number = 64 if SLOW == 1 else 8
    for words, drain in ((40, "60"), (100000, "1")):
        with scripted(dict(text=final("word " * words), delay_ms=5), options=["-np", number, "-c", "8192", "--drain", drain]) as s:
            found = streams(s, number)
            s.signal(signal.SIGTERM)
            until(lambda: s.health() == b'{"status":"draining"}', 1, "the word")
            for i, c in enumerate(found):
                text = rest_of(c)
                if words == 40:
                    assert (b"response.completed" if i % 3 == 1 else b"data: [DONE]") in text, text[-300:]
                else:
                    assert (b"response.failed" if i % 3 == 1 else b'data: {"error":{') in text and b"[DONE]" not in text, text[-300:]
                assert text.endswith(b"0\r\n\r\n"), text[-100:]
            assert s.ends(20) == 0
            with Osso("--port", s.port) as again:
                assert again.port == s.port


if __name__ == "__main__":
    main(sys.modules[__name__])
