#!/usr/bin/env python3
"""osso beside another engine's llama-bench, in turns, on the same file: behind bench/peers/compare.

Every figure is the engine's own timing; only the start test is timed here, from exec to exit. Each round runs every test
once with each engine, and who begins changes from round to round. One CSV row per sample; a row that is in --out already
is not measured again, so that a run that was broken off goes on where it stopped."""
import argparse
import csv
import datetime
import json
import os
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH_DEPTH = 16  # tokens that every sequence of a batch has before
COLUMNS = ("date,machine,osso,isa,peer,peer_commit,model,model_bytes,threads,test,round,sample,first,unit,osso_value,peer_value,"
           "ratio,of,osso_percent,peer_percent,read_ceiling_gbps,int8_ceiling_tops,resident_gbps,bytes_per_token,"
           "operations_per_token,experts_per_layer").split(",")
KEY = ("machine", "osso", "isa", "peer", "model", "model_bytes", "threads")  # what must agree for rows to belong together
DEFAULT_TESTS = "pp512,pp2048,tg32,tg16@d4096,tg32x8,tg16@d32768+fill,start"


class Usage(Exception):
    pass


class Broken(Exception):
    pass


class Test:
    """pp512, tg32, pp512@d1024, tg16@d4096, tg32x8, start; +fill: osso alone, its depth made up; *3: three samples a round."""
    FORM = re.compile(r"(?:(?P<kind>pp|tg)(?P<n>[1-9]\d*)(?:x(?P<parallel>[1-9]\d*))?(?:@d(?P<depth>[1-9]\d*))?(?P<fill>\+fill)?|start)"
                      r"(?:\*(?P<samples>[1-9]\d*))?")

    def __init__(self, text):
        m = self.FORM.fullmatch(text)
        if not m or (m["kind"] == "pp" and m["parallel"]) or (m["fill"] and not m["depth"]) or (m["parallel"] and m["depth"] and not m["fill"]):
            raise Usage(f"test '{text}' is not of the form pp512, tg32, tg16@d4096, tg32x8 or start, with +fill after a depth "
                        "that osso alone shall make up and *3 for three samples a round")
        self.name = text.split("*")[0]
        self.kind = m["kind"] or "start"
        self.n = int(m["n"] or 0)
        self.parallel = int(m["parallel"] or 1)
        self.depth = int(m["depth"] or 0)
        if self.parallel > 1 and not self.depth:
            self.depth = BATCH_DEPTH
        self.fill = bool(m["fill"])
        self.samples = int(m["samples"] or 1)


def run(command, what):
    """Standard output of a program that must succeed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    if done.returncode != 0:
        raise Broken(f"{what} ended with {done.returncode}: {' '.join(map(shlex.quote, command))}\n{done.stderr[-1500:]}")
    return done.stdout + ("\n" + done.stderr if what == "llama-batched-bench" else "")


def json_rows(text, what):
    """llama-bench's array, with whatever else stands around it."""
    m = re.search(r"^\[\s*$.*^\]\s*$|^\[.*\]\s*$", text, re.S | re.M)
    try:
        rows = json.loads(m[0])
    except (TypeError, ValueError):
        raise Broken(f"{what} printed no JSON: {text[-500:]!r}")
    return rows


def executable(path, sentence):
    if not path:
        raise Usage(sentence)
    found = path if os.sep in path else next((str(p) for d in os.get_exec_path() if (p := pathlib.Path(d, path)).exists()), path)
    if not (os.path.isfile(found) and os.access(found, os.X_OK)):
        raise Usage(f"'{path}' is not a program that can be run; {sentence}")
    return found


class Osso:
    def __init__(self, args):
        self.path, self.args = args.osso, args
        if not os.access(self.path, os.X_OK):
            raise Usage("osso is not built: run make first, or say --osso PATH")
        probe = self.bench(["-p", "1", "-n", "0", "-r", "1"], model=None)[0]
        self.machine, self.isa = probe["cpu_info"], probe["isa"]
        self.version = args.osso_version or probe["build_commit"]

    def bench(self, options, model):
        command = [self.path, "bench", *options, "-o", "json", *(["-m", model] if model else [])]
        return json_rows(run(command, "osso bench"), "osso bench")

    def measure(self, test):
        options = ["-t", str(self.args.threads), "-r", str(test.samples), "-d", str(test.depth)]
        options += ["-p", str(test.n), "-n", "0"] if test.kind == "pp" else ["-p", "0", "-n", str(test.n)]
        options += ["--parallel", str(test.parallel)] if test.parallel > 1 else []
        options += ["--fill"] if test.fill else []
        rows = self.bench(options, self.args.model)
        if len(rows) != 1:
            raise Broken(f"osso bench measured {len(rows)} things for {test.name}")
        return rows[0]["samples_ts"], rows[0]


class Peer:
    def __init__(self, args):
        self.args = args
        self.path = executable(args.peer, "set PEER_LLAMA_BENCH to the llama-bench to compare with (or give --peer)")
        help_text = subprocess.run([self.path, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, errors="replace").stdout
        self.depth_option = "--n-depth" in help_text
        self.after_option = not self.depth_option and "-gp" in help_text  # an older form: generate after a prompt
        self.name = args.peer_name or ("ik_llama.cpp" if self.after_option else "llama.cpp")
        self.commit = ""

    def check(self, test):
        """Can it do this? Asked before anything is measured."""
        if test.fill or test.kind == "start":
            return
        if test.parallel > 1:
            executable(self.args.batched, f"set PEER_LLAMA_BATCHED_BENCH (or give --batched) for {test.name}, or leave that test out")
        elif test.depth and not self.depth_option and (test.kind == "pp" or not self.after_option):
            raise Usage(f"this llama-bench has no --n-depth and so cannot do {test.name}")

    def measure(self, test):
        return self.batched(test) if test.parallel > 1 else self.single(test)

    def single(self, test):
        skip = self.args.peer_skip
        command = [self.path, "-m", self.args.model, "-t", str(self.args.threads), "-r", str(test.samples + skip), "-o", "json"]
        after = test.depth and not self.depth_option
        command += ["-p", str(test.n if test.kind == "pp" else 0), "-n", str(test.n if test.kind == "tg" and not after else 0)]
        if after:
            command += ["-gp", f"{test.depth},{test.n}"]
        elif test.depth:
            command += ["-d", str(test.depth)]
        rows = json_rows(run(command + shlex.split(self.args.peer_args), "llama-bench"), "llama-bench")
        want = (test.depth if after else 0, test.n) if test.kind == "tg" else (test.n, 0)
        rows = [r for r in rows if (r["n_prompt"], r["n_gen"]) == want]
        if len(rows) != 1 or len(rows[0]["samples_ts"]) != test.samples + skip:
            raise Broken(f"llama-bench's answer to {test.name} is not one row with {test.samples + skip} samples")
        self.commit = rows[0].get("build_commit", "")
        return rows[0]["samples_ts"][skip:]

    def batched(self, test):
        per_sequence = (test.depth + test.n + 255) // 256 * 256
        command = [self.args.batched, "-m", self.args.model, "-c", str(test.parallel * per_sequence), "-b", "2048", "-ub", "512",
                   "-npp", str(test.depth), "-ntg", str(test.n), "-npl", str(test.parallel), "-t", str(self.args.threads),
                   "-tb", str(self.args.threads)]
        samples = []
        for _ in range(test.samples):
            text = run(command + shlex.split(self.args.batched_args), "llama-batched-bench")
            for cells in (line.strip("| \r").split("|") for line in text.splitlines() if line.startswith("|")):
                numbers = [c.strip() for c in cells]
                if numbers[:3] == [str(test.depth), str(test.n), str(test.parallel)]:
                    samples.append(float(numbers[7]))
        if len(samples) != test.samples:
            raise Broken(f"llama-batched-bench printed {len(samples)} rows for {test.name}")
        return samples


def once(command):
    """Seconds from exec to exit, and the largest resident size in MB, of a program that must succeed."""
    with tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            err.seek(0)
            raise Broken(f"{' '.join(map(shlex.quote, command))} ended with {child.returncode}:\n{err.read()[-1500:].decode(errors='replace')}")
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def warm(path):
    """The whole file through the page cache, before every run of either engine: neither pays for the disk. It is dropped
    first: what the kernel cached while an engine filled the memory lies in small pages, which are slower to read."""
    buffer = bytearray(8 << 20)
    with open(path, "rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while file.readinto(buffer):
            pass


class Session:
    def __init__(self, args):
        self.args = args
        self.osso = Osso(args)
        self.peer = Peer(args)
        for test in args.tests:
            self.peer.check(test)
        self.same = dict(machine=self.osso.machine, osso=self.osso.version, isa=self.osso.isa, peer=self.peer.name,
                         model=pathlib.Path(args.model).name, model_bytes=str(os.path.getsize(args.model)), threads=str(args.threads))
        self.rows = []
        if args.out and os.path.exists(args.out):
            with open(args.out, newline="") as file:
                self.rows = [r for r in csv.DictReader(file) if all(r.get(k) == v for k, v in self.same.items())]

    def done(self, test, number):
        return any(r["test"] == test.name and r["round"] == str(number) for r in self.rows)

    def add(self, test_name, number, first, unit, pairs, facts):
        """One row per pair of samples (the peer's may be None)."""
        prefill, ceilings = test_name.startswith("pp"), unit == "tok/s"
        for i, (ours, theirs) in enumerate(pairs, 1):
            row = dict.fromkeys(COLUMNS, "")
            row.update(self.same, date=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                       peer_commit=self.peer.commit, test=test_name, round=str(number), sample=str(i), first=first, unit=unit,
                       osso_value=f"{ours:.4f}", peer_value="" if theirs is None else f"{theirs:.4f}")
            if theirs:
                row["ratio"] = f"{ours / theirs if unit == 'tok/s' else theirs / ours:.4f}"
            if ceilings:
                need = facts["operations_per_token" if prefill else "bytes_per_token"] / (1e12 if prefill else 1e9)
                ceiling = facts["int8_ceiling_tops" if prefill else "read_ceiling_gbps"]
                for field in ("read_ceiling_gbps", "int8_ceiling_tops", "resident_gbps", "bytes_per_token", "operations_per_token", "experts_per_layer"):
                    row[field] = f"{facts[field]:.6g}" if field.endswith(("gbps", "tops", "layer")) else str(round(facts[field]))
                if ceiling:
                    row.update(of="int8" if prefill else "read", osso_percent=f"{100 * ours * need / ceiling:.2f}",
                               peer_percent="" if theirs is None else f"{100 * theirs * need / ceiling:.2f}")
            self.rows.append(row)
            self.write(row)

    def write(self, row):
        if not self.args.out:
            return
        new = not os.path.exists(self.args.out) or os.path.getsize(self.args.out) == 0
        with open(self.args.out, "a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(row)

    def engine(self, who, test):
        if not self.args.no_warm:
            warm(self.args.model)
        return self.osso.measure(test) if who == "osso" else self.peer.measure(test)

    def start(self, number, order):
        seen = {}
        for who in order:
            command = [self.osso.path, "generate"] if who == "osso" else [self.args.cli, *shlex.split(self.args.cli_args)]
            if command[0]:
                if not self.args.no_warm:
                    warm(self.args.model)
                seen[who] = once(command + ["-m", self.args.model, "-p", "Hello", "-n", "1", "--temp", "0", "-c", "4096", "-t", str(self.args.threads)])
        (s, mb), (ps, pmb) = seen["osso"], seen.get("peer", (None, None))
        self.add("start", number, order[0], "s", [(s, ps)], None)
        self.add("memory", number, order[0], "MB", [(mb, pmb)], None)
        return f"{s:.2f} s, {mb:.0f} MB" + (f"; {self.peer.name} {ps:.2f} s, {pmb:.0f} MB" if ps else "")

    def measure(self, test, number):
        order = ("osso", "peer") if number % 2 else ("peer", "osso")
        if test.kind == "start":
            return self.start(number, order)
        alone = test.fill
        seen = {who: self.engine(who, test) for who in order if who == "osso" or not alone}
        ours, facts = seen["osso"]
        theirs = seen.get("peer", [None] * len(ours))
        self.add(test.name, number, "osso" if alone else order[0], "tok/s", list(zip(ours, theirs)), facts)
        text = f"osso {statistics.mean(ours):.2f}"
        return text if alone else text + f", {self.peer.name} {statistics.mean(theirs):.2f} tok/s: {statistics.mean(ours) / statistics.mean(theirs):.2f}"

    def go(self):
        began = time.time()
        for number in range(1, self.args.rounds + 1):
            for test in self.args.tests:
                if self.done(test, number):
                    continue
                print(f"round {number} of {self.args.rounds}, {test.name}: ", end="", file=sys.stderr, flush=True)
                print(f"{self.measure(test, number)} ({time.time() - began:.0f} s)", file=sys.stderr, flush=True)


def median(rows, field):
    values = [float(r[field]) for r in rows if r[field]]
    return statistics.median(values) if values else None


def summary(rows, same):
    """The table at the end, over every row that belongs together."""
    def cell(value, form="{:.2f}"):
        return "" if value is None else form.format(value)
    lines = [("test", "n", "osso", same["peer"], "ratio", "spread", "of ceiling", "peer's", "ceiling")]
    for name in dict.fromkeys(r["test"] for r in rows):
        of = [r for r in rows if r["test"] == name]
        ours, theirs, unit = median(of, "osso_value"), median(of, "peer_value"), of[0]["unit"]
        ratio = (ours / theirs if unit == "tok/s" else theirs / ours) if theirs else None
        ratios = [float(r["ratio"]) for r in of if r["ratio"]]
        ceiling = {"read": "{:.1f} GB/s", "int8": "{:.2f} TOP/s"}.get(of[0]["of"], "")
        value = median(of, {"read": "read_ceiling_gbps", "int8": "int8_ceiling_tops"}.get(of[0]["of"], "ratio"))
        lines.append((name, str(len(of)), f"{ours:.2f} {unit}", cell(theirs), cell(ratio),
                      f"{min(ratios):.2f}..{max(ratios):.2f}" if ratios else "", cell(median(of, "osso_percent"), "{:.0f} %"),
                      cell(median(of, "peer_percent"), "{:.0f} %"), ceiling.format(value) if ceiling else ""))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    head = f"{same['machine']}, {same['threads']} threads, {same['model']}; osso {same['osso']} ({same['isa']}); medians"
    return "\n".join([head] + ["  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))).rstrip()
                               for line in lines])


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Usage(message + "; see bench/peers/compare --help")


def arguments(argv):
    env = os.environ.get
    p = Parser(prog="bench/peers/compare", description="osso beside another engine's llama-bench, in turns, on the same GGUF file.")
    p.add_argument("model", metavar="MODEL.gguf")
    p.add_argument("--rounds", type=int, default=5, help="how often each test is run with each engine (5)")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    p.add_argument("--tests", default=DEFAULT_TESTS, help=f"({DEFAULT_TESTS}) +fill: osso alone, at a made-up depth; *3: three samples a round")
    p.add_argument("--peer", default=env("PEER_LLAMA_BENCH"), help="its llama-bench (PEER_LLAMA_BENCH)")
    p.add_argument("--batched", default=env("PEER_LLAMA_BATCHED_BENCH"), help="its llama-batched-bench, for tests such as tg32x8 (PEER_LLAMA_BATCHED_BENCH)")
    p.add_argument("--cli", default=env("PEER_LLAMA_CLI"), help="its llama-cli or llama-completion, for the start test (PEER_LLAMA_CLI)")
    p.add_argument("--peer-name", help="what the rows call it (llama.cpp, or ik_llama.cpp)")
    p.add_argument("--peer-args", default="", help="more options for its llama-bench: --peer-args='-rtr 1'")
    p.add_argument("--batched-args", default="", help="the same for its llama-batched-bench")
    p.add_argument("--cli-args", default="", help="more options for its llama-cli: --cli-args=-no-cnv")
    p.add_argument("--peer-skip", type=int, default=0, help="samples of it that are left out at the beginning of each run, as a longer warm-up (0)")
    p.add_argument("--osso", default=str(ROOT / "build/release/osso"))
    p.add_argument("--osso-version", help="what the rows call osso (its version and commit, as osso bench says)")
    p.add_argument("--no-warm", action="store_true", help="do not drop the file from the page cache and read it again before each run")
    p.add_argument("--out", metavar="FILE.csv", help="rows are appended; those that are there are not measured again")
    args = p.parse_args(argv)
    args.tests = [Test(text) for text in args.tests.split(",")]
    if not os.path.isfile(args.model):
        raise Usage(f"'{args.model}' is not a file; name a GGUF file that both engines read")
    for name in ("rounds", "threads"):
        if getattr(args, name) < 1:
            raise Usage(f"--{name} must be at least 1")
    if args.peer_skip < 0:
        raise Usage("--peer-skip must be at least 0")
    if args.cli:
        args.cli = executable(args.cli, "set PEER_LLAMA_CLI to a llama-cli, or leave it unset")
    return args


def main():
    try:
        session = Session(arguments(sys.argv[1:]))
        session.go()
    except Usage as e:
        print(f"compare: {e}", file=sys.stderr)
        return 2
    except Broken as e:
        print(f"\ncompare: {e}", file=sys.stderr)
        return 1
    print(summary(session.rows, session.same))
    return 0


if __name__ == "__main__":
    sys.exit(main())
