#!/usr/bin/env python3
"""osso serve beside another server of OpenAI's completions (llama-server), in turns, on the same file and the same cores.

    tools/measure/serve_peers.py MODEL.gguf [--peer PATH/llama-server] [--rounds 3] [--tests together,one,mixed,beside] [--out FILE.csv]

Each round starts each server anew, warms it up, and runs bench/serve (make bench-serve) with the same arguments; who begins changes from
round to round. One CSV row a server, round and test; the medians and their ratio are printed. Without --peer osso alone is measured."""
import argparse
import csv
import datetime
import json
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
OSSO = ROOT / "build/release/osso"
CLIENT = ROOT / "build/release/bench/serve"
COLUMNS = ["date", "machine", "osso", "server", "model", "test", "round", "new_tokens_per_s", "prompt_tokens_per_s", "first_p50_ms", "first_p95_ms",
           "first_p99_ms", "gap_p50_ms", "gap_p95_ms", "gap_p99_ms", "beside_s", "command"]
# What each test runs, and which kind of request its times are of.
TESTS = {
    "together": ["streams=64", "prompt=100", "new=128"],
    "one": ["streams=16", "prompt=100", "new=128", "one=1"],
    "mixed": ["streams=32", "prompt=100", "new=64", "long=8", "long_prompt=4000", "seconds=60"],
    "idle": ["streams=40", "prompt=100", "new=16", "one=1"],
    "arrivals": ["prompt=100", "new=16", "gap=500", "seconds=30"],
    "arrivals_beside": ["prompt=100", "new=16", "gap=500", "seconds=30", "beside=32000"],
    "streams": ["streams=32", "prompt=100", "new=256"],
    "streams_beside": ["streams=32", "prompt=100", "new=256", "beside=32000"],
    "alone_32k": ["streams=0", "seconds=0.1", "beside=32000"],
}


def cpu():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    part = {k: re.search(rf"^{k}\s*: (.*)$", text, re.M) for k in ("model name", "cpu family", "model")}
    return f"{part['model name'][1]} (family {part['cpu family'][1]}, model {part['model'][1]})"


class Server:
    def __init__(self, command, ready):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.port = ready(self.process)
        for _ in range(1200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as a:
                    if a.status == 200:
                        return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit("the server does not answer: " + " ".join(map(str, command)))

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def osso(args, slots, context):
    command = [OSSO, "serve", "-m", args.model, "--port", "0", "-np", slots, "-c", context, *args.osso_args.split()]
    return Server([str(c) for c in command], lambda p: int(re.search(rb":(\d+)\n", p.stdout.readline())[1]))


def peer(args, slots, context):
    total = slots * 2048 if context <= 2048 else args.peer_context
    command = [args.peer, "-m", args.model, "--port", "18081", "-np", slots, "-c", total, "-t", "2", "--no-warmup", *args.peer_args.split()]
    return Server([str(c) for c in command], lambda p: 18081)


def run(server, test):
    subprocess.run([CLIENT, str(server.port), "streams=4", "prompt=50", "new=8"], check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run([CLIENT, str(server.port), *TESTS[test]], stdout=subprocess.PIPE)
    if done.returncode:
        print(f"{test}: some requests failed", file=sys.stderr)
    return json.loads(done.stdout)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--peer")
    p.add_argument("--peer-args", default="")
    p.add_argument("--peer-context", type=int, default=131072)
    p.add_argument("--osso-args", default="")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--slots", type=int, default=64)
    p.add_argument("--tests", default="together,one,mixed")
    p.add_argument("--out")
    args = p.parse_args()
    rows = []
    said = subprocess.run([OSSO, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    version = re.search(r"^commit: (\S+)", said, re.M)[1]
    for r in range(args.rounds):
        servers = [("osso", osso)] + ([("peer", peer)] if args.peer else [])
        for test in args.tests.split(","):
            context = 65536 if "beside" in test or "32k" in test else 8192 if test == "mixed" else 2048
            for name, start in servers if r % 2 == 0 else servers[::-1]:
                server = start(args, args.slots, context)
                try:
                    a = run(server, test)
                finally:
                    server.close()
                times = a.get("chat", {"first_ms": {}, "gap_ms": {}})
                row = dict(date=datetime.date.today().isoformat(), machine=cpu(), osso=version, server=name,
                           model=pathlib.Path(args.model).name, test=test, round=r, new_tokens_per_s=a["new_tokens_per_s"],
                           prompt_tokens_per_s=a["prompt_tokens_per_s"], beside_s=a.get("beside_seconds", ""),
                           command=" ".join(["bench/serve", "PORT", *TESTS[test]]))
                for kind in ("first", "gap"):
                    row.update({f"{kind}_{q}_ms": v for q, v in times[f"{kind}_ms"].items()})
                rows.append(row)
                print({k: row.get(k) for k in ("server", "test", "round", "new_tokens_per_s", "prompt_tokens_per_s", "first_p50_ms", "first_p95_ms",
                                               "first_p99_ms", "gap_p95_ms", "beside_s")}, flush=True)
                if args.out:
                    new = not pathlib.Path(args.out).exists()
                    with open(args.out, "a", newline="") as f:
                        w = csv.DictWriter(f, COLUMNS)
                        if new:
                            w.writeheader()
                        w.writerow(row)
    for test in args.tests.split(","):
        mine, theirs = ([x["new_tokens_per_s"] for x in rows if x["test"] == test and x["server"] == s] for s in ("osso", "peer"))
        line = f"{test}: osso {statistics.median(mine):.1f} tok/s"
        if theirs:
            line += f", peer {statistics.median(theirs):.1f}: {statistics.median(a / b for a, b in zip(mine, theirs)):.2f}x"
        print(line)


if __name__ == "__main__":
    main()
