#!/usr/bin/env python3
"""osso serve beside osso bench and another server of OpenAI's completions (llama-server), in turns, on the same file and the same cores.

    tools/measure/serve_peers.py MODEL.gguf [--points streams,mixed,beside,large] [--peer PATH/llama-server] [--rounds 3] [--out FILE.csv]
    tools/measure/serve_peers.py LARGE.gguf --points large ...      a model of its own: that of 20 billion parameters
    tools/measure/serve_peers.py MODEL.gguf --tests together,idle   single tests; --tiny: each part once, in seconds, for trying it

A point is what one statement about the server needs; each run of it is a server or a bench of its own (a minute or two), and who begins changes
from round to round. bench/serve (make bench-serve) is the client. One CSV row a side, round and test; the ratios, medians over the rounds, come last
with what they should be. Without --peer osso alone is measured."""
import argparse
import csv
import datetime
import json
import pathlib
import re
import signal
import statistics
import subprocess
import time
import urllib.request
from typing import NamedTuple

from compare_builds import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
OSSO = ROOT / "build/release/osso"
CLIENT = ROOT / "build/release/bench/serve"
COLUMNS = ["date", "machine", "osso", "server", "model", "test", "round", "new_tokens_per_s", "prompt_tokens_per_s", "first_p50_ms", "first_p95_ms",
           "first_p99_ms", "gap_p50_ms", "gap_p95_ms", "gap_p99_ms", "beside_s", "command"]
SHOWN = ["server", "test", "round", "new_tokens_per_s", "prompt_tokens_per_s", "first_p50_ms", "first_p95_ms", "first_p99_ms", "gap_p95_ms", "beside_s"]


class Test(NamedTuple):
    load: str          # what bench/serve is told
    slots: int
    context: int       # tokens of one request; all slots together have slots times as many
    sides: str         # who is measured
    tiny: str = ""     # what --tiny changes of it


ALL = "osso bench peer"
TESTS = {
    "together": Test("streams=64 prompt=100 new=128", 64, 2048, ALL, "streams=8 prompt=20 new=8"),
    "one": Test("streams=16 prompt=100 new=128 one=1", 64, 2048, "osso", "streams=2 prompt=20 new=8"),
    "mixed": Test("streams=32 prompt=100 new=64 long=8 long_prompt=4000 seconds=60 grace=30", 40, 5120, "osso peer",
                  "streams=2 prompt=20 new=8 long=1 long_prompt=100 seconds=3 grace=2"),
    "idle": Test("streams=40 prompt=100 new=16 one=1", 40, 40960, "osso", "streams=3 prompt=20 new=4"),
    "arrivals_beside": Test("prompt=100 new=16 gap=500 seconds=30 beside=32000", 40, 40960, "osso", "prompt=20 new=4 seconds=2 beside=300"),
    "streams32": Test("streams=32 prompt=100 new=256", 40, 40960, "osso", "streams=4 prompt=20 new=8"),
    "streams32_beside": Test("streams=32 prompt=100 new=256 beside=32000", 40, 40960, "osso", "streams=4 prompt=20 new=8 beside=300"),
    "alone_32k": Test("streams=0 seconds=0.1 beside=32000", 40, 40960, "osso", "beside=300"),
    "eight": Test("streams=8 prompt=16 new=48", 8, 2048, ALL, "streams=2 prompt=4 new=4"),
}
POINTS = {
    "streams": ["together", "one"],
    "mixed": ["mixed"],
    "beside": ["idle", "alone_32k", "arrivals_beside", "streams32", "streams32_beside"],
    "large": ["eight"],
}
# (what, one test's column of a side, by another's, the relation, what it should be)
RATIOS = [
    ("64 streams by bench --parallel 64 --sample", ("together", "osso", "new"), ("together", "bench", "new"), ">=", 0.8),
    ("64 streams once all read their prompts, by bench", ("together", "osso", "steady"), ("together", "bench", "new"), "", None),
    ("64 streams by one after another", ("together", "osso", "new"), ("one", "osso", "new"), ">=", 4),
    ("64 streams by the peer's", ("together", "osso", "new"), ("together", "peer", "new"), ">=", 3),
    ("long prompts and chats: tokens by the peer's", ("mixed", "osso", "all"), ("mixed", "peer", "all"), ">=", 3),
    ("long prompts and chats: p99 to the first token by the peer's", ("mixed", "osso", "first_p99"), ("mixed", "peer", "first_p99"), "<=", 1 / 3),
    ("beside a long prompt: p95 to the first token by the idle server's p50", ("arrivals_beside", "osso", "first_p95"), ("idle", "osso", "first_p50"), "<=", 3),
    ("beside a long prompt: p95 of the gaps of 32 streams by those without it", ("streams32_beside", "osso", "gap_p95"), ("streams32", "osso", "gap_p95"), "<=", 2),
    ("the long prompt beside chats by alone", ("arrivals_beside", "osso", "beside"), ("alone_32k", "osso", "beside"), "<=", 2.5),
    ("the long prompt beside 32 streams by alone", ("streams32_beside", "osso", "beside"), ("alone_32k", "osso", "beside"), "<=", 2.5),
    ("8 streams by bench --parallel 8 --sample", ("eight", "osso", "new"), ("eight", "bench", "new"), ">=", 0.95),
    ("8 streams once all read their prompts, by bench", ("eight", "osso", "steady"), ("eight", "bench", "new"), "", None),
    ("8 streams by the peer's", ("eight", "osso", "new"), ("eight", "peer", "new"), "", None),
]


class Server:
    def __init__(self, command, ready):
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.port = ready(self.process)
        for _ in range(6000):
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as a:
                    if a.status == 200:
                        return
            except OSError:
                pass
            time.sleep(0.1)
        self.close()
        raise SystemExit("the server does not answer: " + " ".join(map(str, command)))

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def osso(args, test):
    return Server([OSSO, "serve", "-m", args.model, "--port", "0", "-np", test.slots, "-c", test.context, "-t", args.threads,
                   *args.osso_args.split()], lambda p: int(re.search(rb":(\d+)\n", p.stdout.readline())[1]))


def peer(args, test):
    """The same context for each slot."""
    return Server([args.peer, "-m", args.model, "--port", args.peer_port, "-np", test.slots, "-c", test.slots * test.context, "-t", args.threads,
                   "--no-warmup", *args.peer_args.split()], lambda p: args.peer_port)


def served(start, args, test, load):
    server = start(args, test)
    try:
        call = [CLIENT, str(server.port), f"vocab={args.vocab}"]
        subprocess.run([*call, "streams=2", "prompt=20", "new=4"], check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run([*call, *load], stdout=subprocess.PIPE)
    finally:
        server.close()
    if done.returncode:
        raise SystemExit("some requests failed: no row for that")
    return json.loads(done.stdout), ["bench/serve", "PORT", *load]


def bench(args, test, load):
    """The same number of sequences with nobody beside them: what writing alone takes."""
    had = dict(x.split("=") for x in load)
    call = ["bench", "--parallel", had["streams"], "--sample", "-c", str(test.context), "-p", "0", "-n", had["new"], "-r", "1", "-t", str(args.threads)]
    done = subprocess.run([OSSO, *call, "-m", args.model, "-o", "json"], stdout=subprocess.PIPE, check=True)
    return dict(new_tokens_per_s=json.loads(done.stdout)[0]["avg_ts"], prompt_tokens_per_s=0), ["osso", *call]


def measure(args, side, name):
    test = TESTS[name]
    load = dict(x.split("=") for x in test.load.split())
    if args.tiny:
        load.update(x.split("=") for x in test.tiny.split())
    load = [f"{k}={v}" for k, v in load.items()]
    if side == "bench":
        return bench(args, test, load)
    return served(osso if side == "osso" else peer, args, test, load)


def figures(a):
    """What RATIOS speaks of."""
    chat = a.get("chat", {})
    found = dict(new=a["new_tokens_per_s"], all=a["new_tokens_per_s"] + a["prompt_tokens_per_s"], steady=a.get("steady_tokens_per_s"),
                 beside=a.get("beside_seconds"))
    found.update({f"{kind}_{q}": v for kind in ("first", "gap") for q, v in chat.get(f"{kind}_ms", {}).items()})
    return found


def ratios(found, rounds):
    """found: {(test, side, round): figures}"""
    for what, (t, s, f), (by_t, by_s, by_f), relation, wanted in RATIOS:
        pairs = [(found.get((t, s, r), {}).get(f), found.get((by_t, by_s, r), {}).get(by_f)) for r in range(rounds)]
        values = [a / b for a, b in pairs if a is not None and b]
        if values:
            value = statistics.median(values)
            told = "" if wanted is None else f"; wanted {relation} {wanted:.2f}: {'yes' if (value >= wanted if relation == '>=' else value <= wanted) else 'NO'}"
            print(f"{what}: {value:.2f} ({', '.join(f'{v:.2f}' for v in values)}){told}")


def add_row(path, row):
    new = not pathlib.Path(path).exists()
    with open(path, "a", newline="") as f:
        w = csv.DictWriter(f, COLUMNS)
        if new:
            w.writeheader()
        w.writerow(row)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--points", default="streams,mixed,beside")
    p.add_argument("--tests", help="these instead of the tests of --points")
    p.add_argument("--sides", default=ALL.replace(" ", ","), help="of osso,bench,peer")
    p.add_argument("--peer")
    p.add_argument("--peer-args", default="")
    p.add_argument("--peer-port", type=int, default=18081)
    p.add_argument("--osso-args", default="")
    p.add_argument("-t", "--threads", type=int, default=2)
    p.add_argument("--vocab", type=int, default=200000, help="prompts are random ids below")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--tiny", action="store_true")
    p.add_argument("--out")
    args = p.parse_args()
    names = args.tests.split(",") if args.tests else [name for point in args.points.split(",") for name in POINTS[point]]
    version = re.search(r"^commit: (\S+)", subprocess.run([OSSO, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout, re.M)[1]
    found = {}
    for r in range(args.rounds):
        for name in names:
            sides = [s for s in TESTS[name].sides.split() if s in args.sides.split(",") and (s != "peer" or args.peer)]
            for side in sides if r % 2 == 0 else sides[::-1]:
                start = time.monotonic()
                a, command = measure(args, side, name)
                found[name, side, r] = figures(a)
                row = dict(date=datetime.date.today().isoformat(), machine=machine(), osso=version, server=side, model=pathlib.Path(args.model).name,
                           test=name, round=r, new_tokens_per_s=round(a["new_tokens_per_s"], 1), prompt_tokens_per_s=a["prompt_tokens_per_s"],
                           beside_s=a.get("beside_seconds", ""), command=" ".join(command))
                row.update({f"{k}_ms": v for k, v in found[name, side, r].items() if k.startswith(("first_", "gap_"))})
                print({k: row[k] for k in SHOWN if k in row}, f"{time.monotonic() - start:.0f} s", flush=True)
                if args.out:
                    add_row(args.out, row)
    ratios(found, args.rounds)


if __name__ == "__main__":
    main()
