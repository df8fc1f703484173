#!/usr/bin/env python3
"""How fast osso pull is from loopback, beside curl with as many ranges at once and beside SHA-256 alone.

usage: pull_speed.py [--bytes 4G] [--rounds 3] [--jobs 4] [--folder DIR] [--osso build/release/osso]

A server on loopback sends one file of random bytes by sendfile. Each round does in turns: curl in JOBS processes, each a range
into a file of its own, and the time until those are on the disk too (curl does not wait for it); OpenSSL's SHA-256 of the file
(sha256sum's where there is none); curl and the hash at once, which is what the machine can do of both; osso pull, whose bytes are
on the disk and hashed when it ends. What one has written is taken away and the disk has nothing to do when the next begins.
A virtual machine takes several times as long for pages that its host has taken back, and hosts take back large free blocks. So
before all a file in memory of twice that size is written, and but for one page in 2 MiB emptied: no free block is large until the
end (Linux; needs that much free memory once). In a folder of tmpfs (/dev/shm) no disk is measured.
Printed: MB/s by the wall clock, MB a second of CPU, and osso's largest RssAnon. The last lines say what is asked of it: at least
80 % of the slower of curl and the hash, and less than 64 MB. On a machine that others use, look at the CPU's."""
import argparse
import ctypes
import os
import pathlib
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import fake_hub  # noqa: E402

SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
slow_body = fake_hub.Handler.body


def fast_body(self, file, headers):
    """A range of a file on the disk, without passing through Python; anything else as ever."""
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
    if not asked or not file.path or self.command != "GET":
        return slow_body(self, file, headers)
    first, last = int(asked[1]), min(int(asked[2] or file.size - 1), file.size - 1)
    self.entry["file"] = True
    self.send_response(206)
    for name, value in {**headers, "Content-Range": f"bytes {first}-{last}/{file.size}", "Content-Length": str(last - first + 1)}.items():
        self.send_header(name, value)
    self.end_headers()
    self.wfile.flush()
    with open(file.path, "rb") as f:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while first <= last:
            sent = os.sendfile(self.connection.fileno(), f.fileno(), first, min(1 << 20, last + 1 - first))
            if sent == 0:
                break
            first += sent


def cpu_of_children():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def timed(start):
    """(seconds, CPU seconds) of what start() begins: a list of processes, each of which must end well."""
    before, cpu = time.monotonic(), cpu_of_children()
    for process in start():
        if process.wait() != 0:
            sys.exit(f"{process.args[0]} failed")
    return time.monotonic() - before, cpu_of_children() - cpu


def watch_memory(process, most):
    while process.poll() is None:
        try:
            for line in open(f"/proc/{process.pid}/status"):
                if line.startswith("RssAnon:"):
                    most.append(int(line.split()[1]) * 1024)
        except OSError:
            pass
        time.sleep(0.02)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bytes", default="4G")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--osso", default=str(ROOT / "build/release/osso"))
    args = parser.parse_args()
    size = int(float(args.bytes.rstrip("KMG")) * SIZES.get(args.bytes[-1], 1))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="osso-pull-", dir=args.folder))
    fake_hub.Handler.body = fast_body
    try:
        measure(args, size, folder)
    finally:
        shutil.rmtree(folder)


def hold_pages(size, block):
    """A file that keeps memory in small pieces with the machine, as long as it is open; None: there is no room for it."""
    step, page = 2 << 20, os.sysconf("SC_PAGE_SIZE")
    empty = ctypes.CDLL(None, use_errno=True).fallocate
    empty.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
    there = os.statvfs("/dev/shm")
    free = int(re.search(r"MemAvailable: +(\d+)", open("/proc/meminfo").read())[1]) << 10
    if size + (1 << 30) > min(free, there.f_bavail * there.f_frsize):
        print(f"no room to hold {size / 1e9:.1f} GB of pages: the host's doings are measured as well")
        return None
    file = tempfile.TemporaryFile(dir="/dev/shm")
    for at in range(0, size, len(block)):
        file.write(block)
    file.flush()
    for at in range(0, size, step):
        if empty(file.fileno(), 3, at + page, step - page) != 0:  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
            return None
    return file


def measure(args, size, folder):
    source, home, block = folder / "source.gguf", folder / "home", os.urandom(1 << 26)
    with open(source, "wb") as f:
        for at in range(0, size, len(block)):
            f.write(block[:size - at])
    pages = hold_pages(2 * size, block)
    rates, most = {}, []
    hasher = ["openssl", "dgst", "-sha256"] if shutil.which("openssl") else ["sha256sum"]

    def note(name, took):
        rates.setdefault(name, []).append((size / took[0] / 1e6, size / max(took[1], 1e-9) / 1e6))

    with fake_hub.FakeHub() as hub:
        file = hub.add("a/m", {"m.gguf": source}).files["m.gguf"]
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "HF_ENDPOINT": hub.url, "HF_HOME": str(home)}

        def curl():
            share = -(-size // args.jobs)
            return [subprocess.Popen(["curl", "-sSf", "-r", f"{i * share}-{min(size, (i + 1) * share) - 1}", "-o", str(folder / f"part{i}"), hub.sign(file)])
                    for i in range(args.jobs)]

        def pull():
            p = subprocess.Popen([args.osso, "pull", "a/m", "--jobs", str(args.jobs)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            threading.Thread(target=watch_memory, args=(p, most), daemon=True).start()
            threading.Thread(target=p.stderr.read, daemon=True).start()
            return [p]

        def on_the_disk():
            return [subprocess.Popen(["sync", *(str(folder / f"part{i}") for i in range(args.jobs))])]

        def remove():
            for i in range(args.jobs):
                (folder / f"part{i}").unlink()

        def hash_alone():
            return [subprocess.Popen([*hasher, str(source)], stdout=subprocess.DEVNULL)]

        for _ in range(args.rounds):
            os.sync()
            took = timed(curl)
            note("curl", took)
            note("and a disk", tuple(a + b for a, b in zip(took, timed(on_the_disk))))
            remove()
            note("SHA-256", timed(hash_alone))
            os.sync()
            note("both", timed(lambda: curl() + hash_alone()))
            remove()
            os.sync()
            note("osso pull", timed(pull))
            shutil.rmtree(home)
    if pages:
        pages.close()
    print(f"{size / 1e9:.1f} GB, {args.jobs} connections, medians of {args.rounds}")
    middle = {name: tuple(statistics.median(r[k] for r in all_) for k in range(2)) for name, all_ in rates.items()}
    for name, (wall, cpu) in middle.items():
        print(f"{name:10} {wall:7.0f} MB/s   {cpu:7.0f} MB a CPU second")
    ours, hashes = middle["osso pull"][0], middle["SHA-256"][0]

    def share(name, of):
        return f"{100 * ours / of:.0f} % of {name}"

    print(f"osso pull reaches {share('the slower of curl and SHA-256', min(middle['curl'][0], hashes))} (80 are asked), "
          f"{share('it when the bytes of curl have to be on the disk as well', min(middle['and a disk'][0], hashes))}, "
          f"{share('both at once', middle['both'][0])}")
    print(f"RssAnon at most {max(most, default=0) / 1e6:.1f} MB (64 are allowed)")


if __name__ == "__main__":
    main()
