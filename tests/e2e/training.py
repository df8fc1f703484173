"""What tests of osso train share: arrays of ids, runs, logs."""
import random
import re
import signal
import time

from harness import *


def npy(path, rows, kind="<i4"):
    """Writes rows of whole numbers as NumPy does."""
    shape = (len(rows), len(rows[0]))
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    head += " " * (117 - len(head)) + "\n"
    import array
    values = array.array({"<i4": "i", "|u1": "B", "<i8": "q"}[kind], [v for row in rows for v in row])
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + values.tobytes())
    return path


def header(path):
    """What a safetensors file says it holds."""
    data = path.read_bytes()
    return json.loads(data[8:8 + int.from_bytes(data[:8], "little")])


def rows(n, width, seed, vocab=50):
    """Text that can be learned: each id is the one before plus a small number."""
    draw = random.Random(seed)
    made = []
    for _ in range(n):
        row = [draw.randrange(vocab)]
        while len(row) < width:
            row.append((row[-1] + draw.choice((1, 1, 1, 3))) % vocab)
        made.append(row)
    return made


DATA = npy(TEMP / "ids.npy", rows(40, 25, 1))
VAL = npy(TEMP / "val.npy", rows(6, 25, 2))
BASE = {"preset": "nano", "data-ids": DATA, "steps": 12, "batch-size": 3, "grad-accum": 2, "lr": "3e-3", "schedule": "linear", "warmup-steps": 3}


def flags(settings):
    return [f"--{key}={value}" for key, value in settings.items() if value is not None]


def train(*more, env=None, threads=2, timeout=60, **settings):
    over = {key.replace("_", "-"): value for key, value in settings.items()}
    return osso("train", *flags({**BASE, **over}), "-t", threads, *more, timeout=timeout, env=env)


def log(out):
    """The lines of a log without `seconds`, which alone may differ."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("seconds", None)
    return lines


def start(out, env=None, threads=2, **settings):
    over = {key.replace("_", "-"): value for key, value in settings.items()}
    return subprocess.Popen([OSSO, "train", *flags({**BASE, **over, "out": out}), "-t", str(threads), "--resume"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(**(env or {})))


def survive(out, kills, draw, longest, **settings):
    """Begins a run, kills it `kills` times, resumes it each time, lets it end; what `latest` names always opens."""
    done = 0
    while True:
        process = start(out, **settings)
        if done == kills:
            _, complaint = process.communicate(timeout=600)
            assert process.returncode == 0, complaint.decode()
            return
        try:
            process.wait(timeout=draw.uniform(0.01, longest))
        except subprocess.TimeoutExpired:
            process.kill()
        _, complaint = process.communicate()
        if process.returncode == 0:
            assert done > 0, "the run ended before it could be killed once"
            return
        assert process.returncode == -signal.SIGKILL, complaint.decode()
        done += 1
        if (out / "latest").exists():
            seen = osso("info", "-m", out / "latest")
            assert seen.code == 0, seen
