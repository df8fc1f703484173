#!/usr/bin/env python3
"""osso convert beside copying the same bytes, and what memory it takes.

    tools/measure/convert_speed.py [--binary osso] [--folder FOLDER] [--preset 20b] [--layers 8] [--rounds 5] [--out ROWS.csv]

A random model (`osso synth --format hf`) is converted to GGUF and back. Before each run its source is dropped from the page cache; what
is written is flushed to the disk before the clock stops (convert does so itself, `dd conv=fsync` copies). Copy and conversion take
turns, in both orders; the ratio is copy / conversion, seconds for each byte of the source, of each round, and the median of them
counts (--rounds 0: no copies, one conversion each way, for its memory). Beside it: seconds of CPU time, and the largest RssAnon and VmHWM that /proc showed while the conversion ran. The folder needs
room for four times the model; all of it is taken away at the end. 20b with 8 layers: 22 GB; --preset 120b --layers 1: 18 GB."""
import argparse
import csv
import datetime
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

COLUMNS = ["date", "preset", "layers", "to", "source_bytes", "threads", "of_copying", "cpu_s_per_gb", "rss_anon_mb", "vm_hwm_mb"]


def files_of(path):
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def forget(path):
    """Out of the page cache: clean pages go when they are not wanted."""
    for file in files_of(path):
        handle = os.open(file, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def memory(pid):
    """(RssAnon, VmHWM) in kB, of a process that may have ended."""
    try:
        lines = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
        return tuple(int(lines[name].split()[0]) for name in ("RssAnon", "VmHWM"))
    except (OSError, KeyError, ValueError):
        return 0, 0


def run(command):
    """(seconds, seconds of CPU time, largest RssAnon, VmHWM)"""
    before, start, most = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), (0, 0)
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    os.set_blocking(child.stderr.fileno(), False)
    said = b""
    while child.poll() is None:
        said += child.stderr.read() or b""
        most = tuple(map(max, most, memory(child.pid)))
        time.sleep(.005)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        sys.exit(f"convert_speed: {' '.join(map(str, command))}\n{(said + (child.stderr.read() or b'')).decode()[-2000:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, *most


def copy(source, out):
    """Seconds that copying takes, and of CPU time."""
    forget(source)
    if source.is_dir():
        out.mkdir()
    took = [run(["dd", f"if={file}", f"of={out / file.name if source.is_dir() else out}", "bs=8M", "conv=fsync"])[:2] for file in files_of(source)]
    remove(out)
    return sum(t for t, _ in took), sum(c for _, c in took)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/osso")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--preset", default="20b")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="convert-speed-", dir=args.folder) as name:
        place = pathlib.Path(name)
        run([args.binary, "synth", "--format", "hf", "--preset", args.preset, "--layers", args.layers, place / "hf"])
        first = run([args.binary, "convert", place / "hf", place / "model.gguf", "--to", "gguf", "-t", args.threads])
        for source, to in ((place / "hf", "gguf"), (place / "model.gguf", "hf")):
            size, out = sum(p.stat().st_size for p in files_of(source)), place / ("out.gguf" if to == "gguf" else "out")
            ratios, most, cpu = [], (0, 0), []
            for n in range(args.rounds or 1):
                pair = {"copy": (0, 0)}
                for which in (("copy", "convert"), ("convert", "copy"))[n % 2] if args.rounds else ("convert",):
                    if which == "copy":
                        pair[which] = copy(source, place / "copied")
                        continue
                    if not args.rounds and to == "gguf":
                        *pair[which], anonymous, high = first
                        most = (anonymous, high)
                        continue
                    forget(source)
                    *pair[which], anonymous, high = run([args.binary, "convert", source, out, "--to", to, "-t", args.threads])
                    most = tuple(map(max, most, (anonymous, high)))
                    remove(out)
                ratios.append(pair["copy"][0] / pair["convert"][0])
                cpu.append(pair["convert"][1])
                print(f"  round {n}: copy {pair['copy'][0]:.2f} s ({pair['copy'][1]:.2f} of CPU time), convert {pair['convert'][0]:.2f} s "
                      f"({pair['convert'][1]:.2f})", file=sys.stderr, flush=True)
            row = [datetime.date.today(), args.preset, args.layers, to, size, args.threads, f"{statistics.median(ratios):.3f}",
                   f"{statistics.median(cpu) / size * 1e9:.3f}", most[0] // 1000, most[1] // 1000]
            if args.out:
                with open(args.out, "a", newline="") as f:
                    if f.tell() == 0:
                        csv.writer(f).writerow(COLUMNS)
                    csv.writer(f).writerow(row)
            print(f"to {to}: {size / 1e9:.2f} GB, " + (f"{100 * statistics.median(ratios):.0f} % of copying's speed, " if args.rounds else "") + f"{row[7]} s of CPU time for each GB, "
                  f"RssAnon {row[8]} MB, VmHWM {row[9]} MB", flush=True)


if __name__ == "__main__":
    main()
