#!/usr/bin/env python3
"""How long /health of osso serve takes while a prompt of 32,000 tokens is read on all cores, and while eight bodies of 8 MiB come.

    tools/measure/serve_health.py MODEL.gguf [--tokens 32000] [--seconds 60] [-t 2] [--osso-args "..."]

Two clients ask every 5 ms, one on a connection that stays, one on a new one each time; 99 % shall have their answer within 10 ms. Each of the two
runs ends with what it watches or after so many seconds."""
import argparse
import concurrent.futures
import http.client
import json
import random
import threading
import time

import serve_peers


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(p * len(values)))] * 1e3


def ask(port, stays, times, over):
    """Asks until it is over; `stays`: on one connection."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while not over.is_set():
        start = time.monotonic()
        if not stays:
            c.close()
        c.request("GET", "/health")
        answer = c.getresponse()
        answer.read()
        times.append(time.monotonic() - start)
        if answer.status != 200:
            raise SystemExit(f"/health: {answer.status}")
        time.sleep(0.005)


def post(port, path, body):
    """The answer's status, or None when it was cut."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    try:
        c.request("POST", path, body, {"Content-Type": "application/json"})
        return c.getresponse().status
    except OSError:
        return None


def watch(port, what, posts, seconds):
    """Asks while these posts are in work."""
    over, found, statuses = threading.Event(), {True: [], False: []}, []
    busy = [threading.Thread(target=lambda b=body, p=path: statuses.append(post(port, p, b)), daemon=True) for path, body in posts]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(found)) as pool:
        askers = [pool.submit(ask, port, stays, found[stays], over) for stays in found]
        for t in busy:
            t.start()
        for t in busy:
            t.join(max(0, start + seconds - time.monotonic()))
        if not busy:
            time.sleep(seconds)
        took, cut = time.monotonic() - start, sum(t.is_alive() for t in busy)
        over.set()
    for a in askers:
        a.result()  # raises what went wrong there
    for stays, times in found.items():
        print(f"{what}, {'one connection' if stays else 'new connections'}: {len(times)} answers in {took:.0f} s, p50 {percentile(times, 0.5):.2f} ms, "
              f"p99 {percentile(times, 0.99):.2f} ms, most {max(times) * 1e3:.2f} ms")
    print(f"{what}: answers {[s for s in statuses if s]}" + (f", {cut} not at their end" if cut else ""), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--tokens", type=int, default=32000)
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--vocab", type=int, default=200000, help="prompts are random ids below")
    p.add_argument("-t", "--threads", type=int, default=2)
    p.add_argument("--osso-args", default="")
    args = p.parse_args()
    server = serve_peers.osso(args, serve_peers.Test("", 8, args.tokens + 256, "osso"))
    draw = random.Random(1)
    prompt = json.dumps(dict(prompt=[draw.randrange(args.vocab) for _ in range(args.tokens)], max_tokens=1)).encode()
    n = (8 << 20) - 100
    bodies = [b'{"messages":[{"role":"user","content":"' + (b"word ", b"a", b"<|end|>", b"\\u0041")[i % 4] * (n // (5, 1, 7, 6)[i % 4]) + b'"}]}'
              for i in range(8)]
    try:
        watch(server.port, "nothing else", [], 5)
        watch(server.port, f"a prompt of {args.tokens} tokens", [("/v1/completions", prompt)], args.seconds)
    finally:
        server.close()
    server = serve_peers.osso(args, serve_peers.Test("", 8, args.tokens + 256, "osso"))  # the prompt may go on there
    try:
        watch(server.port, "eight bodies of 8 MiB", [("/v1/chat/completions", b) for b in bodies], args.seconds)
    finally:
        server.close()


if __name__ == "__main__":
    main()
