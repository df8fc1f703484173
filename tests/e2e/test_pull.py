#!/usr/bin/env python3
"""osso pull against a hub on loopback that cuts, lies, refuses and expires: what is under a final name is right, always."""
import concurrent.futures
import hashlib
import random
import re
import shutil
import signal
import threading
import time

from fake_hub import *
from harness import *

MIB = 1 << 20
ENDS = int(os.environ.get("PULL_ENDS", "10"))  # ./run soak-pull has more
LARGEST = int(os.environ.get("PULL_LARGEST", str(3 * MIB)))
SEED = int(os.environ.get("PULL_SEED", "12"))
TOKEN = "hf_canaryCANARYcanary"
_missing = []


def need_downloads():
    if not _missing:
        _missing.append("downloads: libcurl" not in osso("--version").text)
    if _missing[0]:
        raise Skip("this osso was built without downloads")


def noise(n, seed=0):
    rng, most = random.Random(f"{n} {seed}"), 1 << 26  # 256 MiB at once are more bits than it takes
    return b"".join(rng.randbytes(min(most, n - at)) for at in range(0, n, most))


def place(name):
    path = TEMP / "pull" / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def env_of(hub, home, **more):
    return {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), **more}


def pull(hub, home, *args, env=None, **more):
    return osso("pull", *args, env=env_of(hub, home, **(env or {})), timeout=600, **more)  # longer than any machine is busy: a pull that hangs


def blob(home, file, name="a/m"):
    return home / f"hub/models--{name.replace('/', '--')}" / "blobs" / file.etag


def no_final(home):
    """Nothing under a final name."""
    names = [p for p in home.rglob("*") if p.is_file() and not p.is_symlink() and "blobs" in p.parts]
    return all(p.name.endswith((".osso-part", ".osso-state")) for p in names)


def test_a_repository():
    need_downloads()
    files = {"config.json": b"{}", "tokenizer.json": b"[]", "model.safetensors.index.json": b"{} ", "model-00001-of-00002.safetensors": noise(3 * MIB + 5),
             "model-00002-of-00002.safetensors": noise(MIB), "original/model.safetensors": noise(MIB, 1), "metal/model.bin": noise(MIB, 2),
             "README.md": b"words", "extra.gguf": b"x" * 100}
    home = place("repository")
    with FakeHub(token=TOKEN, whole_limit=1000, page=2) as hub:
        repo = hub.add("a/m", files, xet=True)
        result = pull(hub, home, "a/m", "--dry-run")
        assert result.code == 0 and "4.2 MB to fetch" in result.text and not (home / "hub").exists(), result
        assert hub.bodies() == 0
        result = pull(hub, home, "hf:a/m", env={"HF_TOKEN": TOKEN})
        folder = home / "hub/models--a--m/snapshots" / repo.commit
        assert result.code == 0 and result.text == f"{folder}\n", result
        assert sorted(p.name for p in folder.iterdir()) == sorted(f for f in files if "/" not in f and f not in ("README.md", "extra.gguf")), result
        for path in folder.iterdir():
            assert path.is_symlink() and not os.readlink(path).startswith("/") and path.read_bytes() == files[path.name]
            assert path.resolve().name == repo.files[path.name].etag
        assert (home / "hub/models--a--m/refs/main").read_text() == repo.commit and (home / "hub/CACHEDIR.TAG").exists()
        assert not list(home.rglob("*.osso-*"))
        assert all(r["range"] for r in hub.log if r["file"]) and hub.bodies() == 5 * MIB - MIB + 5 + 7, hub.bodies()
        assert any(r["token"] for r in hub.requests("hub")) and not any(r["token"] for r in hub.requests("storage"))
        assert TOKEN not in result.text + result.complaint
        sent = hub.bodies()
        result = pull(hub, home, "a/m", "--json", "--revision", repo.commit)
        assert json.loads(result.text)["there"] == json.loads(result.text)["bytes"] == 4 * MIB + 12 and hub.bodies() == sent, result
        result = pull(hub, home, "a/m", "--include", "R*", "--include", "metal/*", "--exclude", "*.md", "--local-dir", home / "plain")
        assert result.code == 0 and (home / "plain/metal/model.bin").read_bytes() == files["metal/model.bin"] and not (home / "plain/README.md").exists(), result
        (home / "plain/metal/model.bin").write_bytes(noise(MIB, 9))  # as long, but not that file; and nobody says where a cache would be
        result = pull(hub, home, "a/m", "--include", "metal/*", "--local-dir", home / "plain", env={"HOME": "", "HF_HOME": ""})
        assert result.code == 0 and (home / "plain/metal/model.bin").read_bytes() == files["metal/model.bin"], result


def test_names():
    need_downloads()
    home = place("names")
    with FakeHub() as hub:
        hub.add("ggml-org/gpt-oss-20b-GGUF", {"gpt-oss-20b-mxfp4.gguf": noise(MIB), "README.md": b"x"})
        hub.add("openai/gpt-oss-20b", {"config.json": b"{}", "model.safetensors": noise(MIB, 1), "original/config.json": b"{}", "original/model.safetensors": noise(MIB, 2)})
        several = {"m-Q4_K_M.gguf": noise(70000, 3), "m-Q8_0.gguf": noise(80000, 4), "big/m-F16-00001-of-00002.gguf": noise(70000, 5), "big/m-F16-00002-of-00002.gguf": noise(70000, 6),
                   "mmproj-m.gguf": noise(70000, 7)}
        hub.add("a/m", several)
        for name, end in (("gpt-oss-20b", "gpt-oss-20b-mxfp4.gguf"), ("gpt-oss:20b", "gpt-oss-20b-mxfp4.gguf"), ("a/m:q8_0", "m-Q8_0.gguf"), ("a/m:m-Q4_K_M.gguf", "m-Q4_K_M.gguf"),
                          ("hf.co/a/m:F16", "big/m-F16-00001-of-00002.gguf"), (f"{hub.url}/a/m/resolve/main/m-Q8_0.gguf", "m-Q8_0.gguf")):
            result = pull(hub, home, name)
            assert result.code == 0 and result.text.endswith(end + "\n") and pathlib.Path(result.text.strip()).exists(), (name, result)
        assert (home / "hub/models--a--m/refs/main").exists() and len(list((home / "hub/models--a--m/blobs").iterdir())) == 4
        result = pull(hub, home, "gpt-oss-20b", "--form", "original")
        assert result.code == 0 and result.text.endswith("/original\n") and len(list(pathlib.Path(result.text.strip()).iterdir())) == 2, result
        result = pull(hub, home, "a/m")
        assert result.code == 2 and "several models" in result.complaint and "big/m-F16-00002-of-00002.gguf" in result.complaint and "mmproj" not in result.complaint, result
        assert re.search(r" Q4_K_M +m-Q4", result.complaint) and re.search(r" F16 +big/m-F16-00002", result.complaint), result
        for name, code, words in (("gptoss", 2, "gpt-oss-safeguard-20b"), ("a/b/c", 2, "user/name"), ("../x/y", 2, "user/name"), ("a/m:Q5", 1, "no GGUF file with Q5"), ("gpt-oss-20b --form mlx", 2, "no --form mlx"),
                                  ("ftp://x/y", 2, "no https address"), ("a/none", 1, "there is no a/none"), ("a/m --revision nope", 1, "--revision"), ("a/m --revision ../x", 2, "no revision"), ("a/m --offline", 1, "offline"),
                                  ("a--b/c", 2, "user/name")):
            refuses(pull(hub, home, *name.split()), code, words)
        wrong = pull(hub, home, "a/m:Q5").complaint  # what may be said instead: each model once
        assert "there are: " in wrong and all(w in wrong for w in ("m-Q4_K_M.gguf", "m-Q8_0.gguf", "00001-of-00002")) and "mmproj" not in wrong and "00002-of" not in wrong, wrong
        hub.add("a/none", {"README.md": b"x"})
        refuses(pull(hub, home, "a/none:Q5"), 1, "there are: none")
        hub.add("a/hundred", {f"m{i}-Q4_0.gguf": b"%d" % i for i in range(100)})
        wrong = pull(hub, home, "a/hundred:Q5").complaint
        assert "m0-Q4_0.gguf" in wrong and wrong.endswith(", ...\n") and len(wrong) < 600, wrong


def test_an_address_of_the_hub():
    """HF_ENDPOINT as people write it, and a proxy that is not there: the sentence names what the person has set."""
    need_downloads()
    home = place("endpoint")
    with FakeHub() as hub:
        hub.add("a/m", {"m.gguf": noise(70000)})
        for url in (hub.url + "/", hub.url + "//", hub.url.replace("http:", "HTTP:")):
            result = pull(hub, home, "a/m", env={"HF_ENDPOINT": url})
            assert result.code == 0, (url, result)
        for url in (hub.url + "?x=1", hub.url + "#x", "huggingface.co", "ftp://x", "https://me:secret@x"):
            refuses(pull(hub, home, "a/m", env={"HF_ENDPOINT": url}), 2, "HF_ENDPOINT is no https address")
        for name in ("http_proxy", "ALL_PROXY"):
            away = {name: "http://127.0.0.1:1", "no_proxy": "", "NO_PROXY": ""}
            refuses(pull(hub, home, "a/m", "--net-timeout", "1", env=away), 1, "port 1", f"a proxy is set: {name}")
            assert pull(hub, home, "a/m", env={**away, "no_proxy": "127.0.0.1,localhost"}).code == 0


def test_several_names():
    """One after the other, when all of them are found."""
    need_downloads()
    home = place("several")
    with FakeHub() as hub:
        for name in "ab":
            hub.add(f"{name}/m", {"m.gguf": noise(70000, name)})
        refuses(pull(hub, home, "a/m", "b/m", "a/none"), 1, "there is no a/none")
        refuses(pull(hub, home, "a/m", "b/m", "--local-dir", home / "plain"), 2, "one at a time")
        assert hub.bodies() == 0 and not (home / "hub").exists()
        result = pull(hub, home, "a/m", "b/m")
        assert result.code == 0 and [pathlib.Path(path).read_bytes() for path in result.text.split()] == [noise(70000, name) for name in "ab"], result
        result = pull(hub, home, "a/m", "b/m", "--json", "--dry-run")
        assert [json.loads(line)["repository"] for line in result.text.splitlines()] == ["a/m", "b/m"], result


def test_a_name_at_m():
    """What is on the disk is found without the hub; what is not is fetched when somebody says yes."""
    need_downloads()
    home, folder = place("at-m"), pathlib.Path(bundled())
    with FakeHub() as hub:
        hub.add("a/small", {p.name: p for p in folder.iterdir() if p.is_file()})
        env = env_of(hub, home)
        refuses(osso("info", "-m", "a/small", env=env), 1, "not on this disk", "osso pull a/small")
        refuses(osso("info", "-m", "a/small", "--yes", "--offline", env=env), 1, "not on this disk")
        assert not hub.log
        result = osso("info", "-m", "a/small", "--yes", env=env)
        assert result.code == 0 and result.text.split("\n")[3:] == osso("info", folder).text.split("\n")[3:], result
        asked = len(hub.log)
        assert osso("generate", "-m", "a/small", "Once", "-n", "1", env=env).code == 0 and len(hub.log) == asked


def test_who_may():
    need_downloads()
    home = place("who")
    with FakeHub(token=TOKEN) as hub:
        hub.add("a/gated", {"m.gguf": noise(70000)}, gated=True)
        refuses(pull(hub, home, "a/gated"), 1, "is gated", "accept its terms")
        refuses(pull(hub, home, "a/gated", env={"HF_TOKEN": "hf_wrongWRONG"}), 1, "refuses the token")
        (home / "token").write_text(TOKEN + "\n")
        result = pull(hub, home, "a/gated")
        assert result.code == 0, result
        wrong = pull(hub, home, "a/none", env={"HF_TOKEN": "bad token\nX: y"})
        refuses(wrong, 2, "no token")
        assert not any(r["token"] for r in hub.requests("storage"))


def test_random_ends():
    """Killed, interrupted, cut, refused, expired: again and again until it is there; at no moment another file under its name."""
    need_downloads()
    rng, ends, cases = random.Random(SEED), 0, 0
    sizes = [1, 70000, MIB, MIB + 1, 2 * MIB - 1, LARGEST]
    while ends < ENDS:
        home, size, cases = place("ends"), sizes[cases % len(sizes)] if cases < len(sizes) else rng.randrange(1, LARGEST), cases + 1
        jobs = rng.choice([1, 2, 4])
        pace = min(0.004, 4 / (size / 65536 + 1))  # seconds a piece: a large file takes seconds too
        with FakeHub(exact=True, expires=rng.choice([None, 0.2])) as hub:
            file = hub.add("a/m", {"m.gguf": noise(size, cases)}).files["m.gguf"]
            final, state = blob(home, file), {"left": rng.randrange(3 if ENDS <= 10 else 9)}

            def fault(server, request):
                if request["path"].startswith("/api/"):
                    return None
                chance = rng.random()
                if state["left"] <= 0 or chance < 0.5:
                    return {"pace": pace}
                state["left"] -= 1
                state["ends"] = state.get("ends", 0) + 1
                return rng.choice([{"cut": rng.randrange(0, MIB), "pace": 0.002}, {"drop": True}, (503, {}, b"later"), (429, {"Retry-After": "0"}, b"slower"),
                                   {"raw": [b"HTTP/1.1 206 Par"]}, {"cut": 0}])

            hub.fault = fault
            wrong, over = [], threading.Event()

            def watch():
                while not over.is_set():
                    if final.exists() and hashlib.sha256(final.read_bytes()).hexdigest() != file.sha256:
                        wrong.append("a final name holds something else")
                    time.sleep(0.01)

            watcher = threading.Thread(target=watch) if file.large else threading.Thread(target=lambda: None)
            watcher.start()
            for turn in range(60):
                # 30: a busy machine's pauses must not be ends that nobody counts
                p = subprocess.Popen([OSSO, "pull", "a/m", "--jobs", str(jobs), "--net-timeout", "30"], env=environment(**env_of(hub, home)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                stop = rng.choice([signal.SIGKILL, signal.SIGINT, None]) if turn < 3 else None
                if stop:
                    time.sleep(rng.random() * 0.4)
                    p.send_signal(stop)
                out, err = p.communicate(timeout=1800)  # a pull that hangs: no machine is held up for so long
                if p.returncode == 0:
                    break
                state["ends"] = state.get("ends", 0) + 1
                assert stop or b"kept" in err or b"cannot ask" in err or b"answers 503" in err, (p.returncode, err)
            over.set()
            watcher.join()
            assert not wrong and final.read_bytes() == file.data, (SEED, size, jobs, wrong, p.returncode, err)
            # A piece that was not whole, and what was read behind it while that was written down.
            bound = size + state.get("ends", 0) * (jobs * MIB + PUT)
            assert hub.bodies() <= bound, (SEED, size, jobs, hub.bodies(), bound)
            ends += state.get("ends", 0) + 1
            if ENDS > 10:
                print(f"{ends} ends, {cases} files", file=sys.stderr, flush=True)


def test_bytes_that_rot_and_state_that_is_torn():
    need_downloads()
    home, size = place("rot"), 6 * MIB + 77
    with FakeHub() as hub:
        file = hub.add("a/m", {"m.gguf": noise(size)}).files["m.gguf"]
        hub.fault = lambda server, r: None if server == "hub" else {"cut": 2 * MIB} if r["range"] and int(r["range"][6:].split("-")[0]) < 4 * MIB else (500, {}, b"")
        refuses_kept = pull(hub, home, "a/m", "--jobs", "1", "--net-timeout", "0.2")
        assert refuses_kept.code == 1 and "kept" in refuses_kept.complaint, refuses_kept
        part, state = (blob(home, file).with_name(file.etag + e) for e in (".osso-part", ".osso-state"))
        assert part.stat().st_size == size and no_final(home)
        rest = (state.stat().st_size - 184) // 12
        assert rest >= 4, rest
        data = bytearray(part.read_bytes())
        for at in (5, MIB + 9, MIB + 10):  # two pieces
            data[at] ^= 0x40
        part.write_bytes(data)
        with open(state, "ab") as f:
            f.write(b"torn")
        hub.fault, sent = None, hub.bodies()
        result = pull(hub, home, "a/m")
        assert result.code == 0 and "2 pieces of 1 MiB" in result.complaint and blob(home, file).read_bytes() == file.data, result
        assert hub.bodies() - sent == size - (rest - 2) * MIB, (hub.bodies() - sent, rest)
        for junk in (b"", b"x", b"OSSOPRT1" + bytes(400), noise(5000)):
            blob(home, file).unlink()
            part.write_bytes(noise(size, 9))
            state.write_bytes(junk)
            assert pull(hub, home, "a/m").code == 0 and blob(home, file).read_bytes() == file.data, junk


def test_a_wrong_piece():
    need_downloads()
    with FakeHub() as hub:
        file = hub.add("a/m", {"m.gguf": noise(3 * MIB)}).files["m.gguf"]
        once, home = [True], place("once")
        hub.fault = lambda server, r: {"flip": MIB + 5} if server == "storage" and int(r["range"][6:].split("-")[0]) <= MIB + 5 and once and once.pop() else None
        result = pull(hub, home, "a/m", "--jobs", "1")
        assert result.code == 0 and "1 piece of 1 MiB came wrong" in result.complaint and blob(home, file).read_bytes() == file.data, result
        home = place("always")
        hub.fault = lambda server, r: {"flip": MIB + 5} if server == "storage" else None
        result = pull(hub, home, "a/m")
        assert result.code == 1 and file.sha256 in result.complaint and "came twice and is wrong" in result.complaint and no_final(home), result
        hub.fault = None
        assert pull(hub, home, "a/m").code == 0 and blob(home, file).read_bytes() == file.data


LIES = {  # what the server does: words of the sentence
    "length": ({"head": {"Content-Length": "9"}}, "Content-Length"), "longer": ({"head": {"Content-Length": str(5 * MIB)}}, "Content-Length"),
    "range": ({"head": {"Content-Range": "bytes 5-9/100"}}, "instead of"), "no-range": ({"head": {"Content-Range": None}}, "Content-Range"),
    "odd-range": ({"head": {"Content-Range": "bytes x"}}, "Content-Range"), "total": ({"head": {"Content-Range": "bytes 0-99999/7"}}, "bytes"),
    "short": ({"data": b"x" * 10}, "cannot fetch"), "compressed": ({"head": {"Content-Encoding": "gzip"}}, "compressed"), "slow": ({"slow": 0.2}, "next to nothing"),
    "endless-head": ({"raw": [b"HTTP/1.1 206 OK\r\n"] + [b"X-A: " + b"b" * 5000 + b"\r\n"] * 200}, "headers do not end"), "drip-head": ({"raw": [b"HTTP/1.1 206 OK\r\n"] + [b"X: y\r\n"] * 60, "pause": 0.2}, "cannot fetch"),
    "circle": ((302, {"Location": "/blob/x"}, b""), "circle"), "nowhere": ((302, {"Location": "file:///etc/passwd"}, b""), "no http address"), "empty-place": ((302, {}, b""), "no http address"),
    "no-http": ({"raw": [b"SSH-2.0-x\r\n"]}, "cannot fetch"), "forbidden": ((403, {}, b""), "answers 403"), "gone": ((404, {}, b""), "answers 404"), "broken": ((500, {}, b"x" * 100000), "answers 500"), "416": ((416, {}, b""), "answers 416"),
}


class Awake:
    """Seconds in which this process had its turn: what another takes of the machine, or a stop of everything, does not count."""

    def __init__(self):
        self.seconds, self.over = 0.0, threading.Event()
        self.thread = threading.Thread(target=self.count, daemon=True)

    def count(self):
        last = time.monotonic()
        while not self.over.wait(0.05):
            now = time.monotonic()
            self.seconds += min(now - last, 0.1)
            last = now

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def test_liars():
    need_downloads()
    with FakeHub(token=TOKEN) as hub:
        for name in LIES:
            hub.add(f"a/{name}", {"m.gguf": noise(100000, name)})
        by_hash = {r.files["m.gguf"].sha256: n.split("/")[1] for n, r in hub.repos.items()}
        hub.fault = lambda server, r: LIES[by_hash.get(r["path"].rsplit("/", 1)[-1], "circle")][0] if server == "storage" else None

        def one(name):
            home, start = place(f"liar-{name}"), awake.seconds
            patience = "0.5" if name in ("slow", "drip-head") else "3"  # the others answer; a busy machine may take its time
            result = pull(hub, home, f"a/{name}", "--net-timeout", patience, env={"HF_TOKEN": TOKEN})
            refuses(result, 1, LIES[name][1])
            assert TOKEN not in result.complaint and "secret" not in result.complaint, result
            assert no_final(home) and awake.seconds - start < 30 * SLOW, name

        with Awake() as awake, concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(one, LIES))
        assert not any(r["token"] for r in hub.requests("storage"))


def test_a_server_that_asks_for_a_pause():
    """Retry-After: said at once; gone along with when it is short, an end with what to do when it is long, before and amid the bytes."""
    need_downloads()
    with FakeHub() as hub:
        file = hub.add("a/m", {"m.gguf": noise(3 * MIB)}).files["m.gguf"]

        def pause(seconds, where, times):
            left = [times]

            def fault(server, r):
                if server != where or (where == "storage" and times > 0 and r["range"].startswith("bytes=0-")) or left[0] == 0:
                    return None
                left[0] -= 1
                return 429, {"Retry-After": str(seconds)}, b"slower"

            hub.fault = fault

        for where in ("hub", "storage"):
            pause(2, where, 2 if where == "storage" else 1)  # all connections at once: one line
            home, start = place(f"pause-{where}"), time.monotonic()
            result = pull(hub, home, "a/m", "--jobs", "3", "--net-timeout", "3")
            assert result.code == 0 and result.complaint.count("answers 429 and asks to wait 2 s") == 1 and time.monotonic() - start > 2, (where, result)
            assert blob(home, file).read_bytes() == file.data
            for seconds, words in ((86400, "24 h"), (31, "31 s"), (3601, "61 min"), (10 ** 17, "h (Retry-After)")):
                pause(seconds, where, -1)
                home, asked = place(f"day-{where}-{seconds}"), len(hub.requests(where))
                result = pull(hub, home, "a/m", "--jobs", "1", "--net-timeout", "3")
                refuses(result, 1, words)
                assert "wants to be left alone for" in result.complaint and "ask again then" in result.complaint and no_final(home), (where, result)
                assert len(hub.requests(where)) - asked <= (1 if where == "hub" else 2), (where, seconds)


def test_a_changed_file_and_a_server_without_ranges():
    need_downloads()
    with FakeHub() as hub:
        hub.add("a/m", {"m.gguf": noise(100000)})
        hub.fault = lambda server, r: {"etag": "0" * 64} if "/resolve/" in r["path"] else None
        refuses(pull(hub, place("changed"), "a/m"), 1, "has changed")
        hub.add("a/e", {"m.gguf": noise(100000, 2)})

        def empty(server, r):  # a beginning, then parts without a byte, for ever
            at = int(r["range"][6:].split("-")[0]) if server == "storage" else 0
            return {"head": {"Content-Range": f"bytes {at}-{at - 1}/100000", "Content-Length": "0"}, "data": b""} if at else {"cut": 10} if server == "storage" else None

        hub.fault = empty
        refuses(pull(hub, place("empty"), "a/e", "--net-timeout", "0.2"), 1, "Content-Range")
        assert len(hub.requests("storage")) < 20, len(hub.requests("storage"))
        big = hub.add("a/b", {"m.gguf": noise(3 * MIB + 3, 1)}).files["m.gguf"]
        cuts = [MIB + 100, 2 * MIB + 7]
        hub.fault = lambda server, r: {"no_ranges": True, **({"cut": cuts.pop(0)} if cuts else {})} if server == "storage" else None
        home = place("whole")
        result = pull(hub, home, "a/b", "--net-timeout", "1")
        assert result.code == 0 and "knows no ranges" in result.complaint and blob(home, big, "a/b").read_bytes() == big.data, result
        hub.fault, home = None, place("address")
        with FakeHub() as other:  # a server that is no hub: no hash, and a tag that changes
            file = File(noise(2 * MIB))
            other.blobs[file.sha256] = file
            where, tag = other.sign(file), ["one"]
            other.fault = lambda server, r: {"etag": tag[0]}
            result = pull(hub, home, where, "--local-dir", home)
            assert result.code == 0 and (home / file.sha256).read_bytes() == file.data, result
            (home / file.sha256).unlink()
            other.fault = lambda server, r: {"etag": tag[0], "cut": MIB + 5} if r["range"] != "bytes=0-0" and r["range"].startswith("bytes=0-") else {"etag": tag[0]} if r["range"] == "bytes=0-0" else (500, {}, b"")
            assert pull(hub, home, where, "--local-dir", home, "--jobs", "1", "--net-timeout", "0.2").code == 1
            tag[0], other.fault = "two", lambda server, r: {"etag": "two"}
            result = pull(hub, home, where, "--local-dir", home)
            assert result.code == 0 and "starts anew" in result.complaint and (home / file.sha256).read_bytes() == file.data, result
            for day, anew in (("Mon", False), ("Tue", True)):  # a plain server's only tag; and another signature of the same file
                head = {"ETag": None, "Last-Modified": "Mon"}
                other.fault = lambda server, r: {"head": head, "cut": MIB + 5} if r["range"] == f"bytes=0-{2 * MIB - 1}" else {"head": head} if r["range"] == "bytes=0-0" else (500, {}, b"")
                (home / file.sha256).unlink()
                assert pull(hub, home, other.sign(file), "--local-dir", home, "--jobs", "1", "--net-timeout", "0.2").code == 1
                head["Last-Modified"], other.fault = day, lambda server, r: {"head": head}
                result = pull(hub, home, other.sign(file), "--local-dir", home)
                assert result.code == 0 and ("starts anew" in result.complaint) == anew and (home / file.sha256).read_bytes() == file.data, result


def test_hostile_lists():
    need_downloads()
    entry = lambda path, **more: {"type": "file", "path": path, "size": 3, "oid": git_oid(b"abc"), **more}
    lists = {"up": ([entry("../x.gguf")], "no place"), "inner": ([entry("a/../../x.gguf")], "no place"), "absolute": ([entry("/x.gguf")], "no place"), "empty": ([entry("")], "no place"), "back": ([entry("a\\b.gguf")], "no place"),
             "escape": ([entry("\x1b[2J.gguf")], "no place"), "c1": ([entry("\x9b2J.gguf")], "no place"), "twice": ([entry("x.gguf"), entry("x.gguf")], "cannot both"), "folder": ([entry("x.gguf"), entry("x.gguf/y.gguf"), entry("x-y.gguf")], "cannot both"),
             "oid": ([entry("x.gguf", oid="../../y")], "hash"), "size": ([entry("x.gguf", size=-1)], "size"), "huge": ([entry("x.gguf", size=1 << 62)], "size"), "none": ([], "no model"), "word": (["x"], "no place"),
             "many": ([entry(f"{i}.json") for i in range(100000)], "no model")}
    with FakeHub(page=20000) as hub:
        hub.add("a/m", {"x.gguf": b"abc"})
        home = place("lists")
        for name, (entries, words) in lists.items():
            hub.tree_override = entries
            refuses(pull(hub, home, "a/m"), 1, words)
        assert no_final(home)
        hub.tree_override = None
        hub.fault = lambda server, r: (200, {"Link": f'<{hub.storage}/x>; rel="next"'}, b"[]") if "/tree/" in r["path"] else None
        refuses(pull(hub, home, "a/m"), 1, "another server")
        hub.fault = lambda server, r: (200, {}, b"[" * 100000) if "/tree/" in r["path"] else None
        refuses(pull(hub, home, "a/m"), 1, "list of files")
        for status, words in ((200, "a page instead of a list"), (204, "answers 204")):
            for path in ("/revision/", "/tree/"):
                hub.fault = lambda server, r: (status, {}, b" <html>log in" * (status == 200)) if path in r["path"] else None
                refuses(pull(hub, home, "a/m", "--net-timeout", "0.2"), 1, words)
        hub.fault = lambda server, r: (200, {}, b'{"sha":"../../.."}') if "/revision/" in r["path"] else None
        refuses(pull(hub, home, "a/m"), 1, "no commit")


def test_two_at_once():
    need_downloads()
    home = place("two")
    with FakeHub() as hub:
        file = hub.add("a/m", {"m.gguf": noise(2 * MIB)}).files["m.gguf"]
        hub.fault = lambda server, r: {"pace": 0.01} if server == "storage" else None
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            results = list(pool.map(lambda _: pull(hub, home, "a/m"), range(3)))
        assert all(r.code == 0 for r in results) and hub.bodies() == file.size, (results, hub.bodies())
        assert blob(home, file).read_bytes() == file.data


def test_a_cache_of_somebody_else():
    """What is there is found where nothing may be written; what is closed is said. ~ is the home folder, as for the hub's own tools."""
    need_downloads()
    home = place("theirs")
    them = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    for path in (TEMP, TEMP / "pull"):  # that somebody else comes as far as that
        path.chmod(path.stat().st_mode | 0o11)
    if them and not all(p.stat().st_mode & 1 for path in (pathlib.Path(OSSO).resolve(), home) for p in path.parents):
        raise Skip("root's own folder: nobody else comes to this program")
    with FakeHub() as hub:
        hub.add("a/m", {"m.gguf": noise(70000)})
        there = pull(hub, "~/x", "a/m", env={"HOME": str(home)})
        assert there.code == 0 and there.text.startswith(f"{home}/x/hub/models--a--m/snapshots/"), there
        for path in (home, *home.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o555)
        again = pull(hub, home / "x", "a/m", **them)
        assert (again.code, again.text) == (0, there.text), again
        hub.add("a/other", {"m.gguf": noise(70000, 1)})
        refuses(pull(hub, home / "x", "a/other", **them), 1, "Permission denied")
        (home / "x/hub").chmod(0)
        said = osso("list", env=env_of(hub, home / "x"), **them)
        assert said.code == 0 and f"{home}/x/hub cannot be looked into: Permission denied" in said.complaint, said
        for path in (home, *home.glob("**/")):
            path.chmod(0o755)


def test_the_disk():
    need_downloads()
    home = place("disk")
    with FakeHub() as hub:
        hub.add("a/m", {"m.gguf": noise(3 * MIB)})
        hub.tree_override = [{"type": "file", "path": "m.gguf", "size": 1 << 43, "oid": "0" * 40, "lfs": {"oid": "0" * 64, "size": 1 << 43}}]
        refuses(pull(hub, home, "a/m"), 1, "make room")
        hub.tree_override = None
        (home / "hub").write_text("a file")
        refuses(pull(hub, home, "a/m"), 1, "cannot make the folder")
        (home / "hub").unlink()
        if os.path.isdir("/proc/self"):  # has no bytes at all, which is not the reason
            refuses(pull(hub, home, "a/m", env={"OSSO_CACHE": "/proc/nowhere"}), 1, "cannot make the folder")
        script = f'mount -t tmpfs -o size=4m none "{home}" && head -c 3000000 /dev/zero >"{home}/full" && "{OSSO}" pull a/m; echo $?; rm "{home}/full"; "{OSSO}" pull a/m'
        probe = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", str(home)], capture_output=True)
        if probe.returncode != 0:
            return
        hub.fault = lambda server, r: {"pace": 0.02}
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script], env=environment(**env_of(hub, home)), capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith("1\n") and re.search(r"needs 3\.1 MB more, but only 1\.\d MB are free", done.stderr), (done.stdout, done.stderr)


if __name__ == "__main__":
    main(sys.modules[__name__], at_once=4)
