#!/usr/bin/env python3
"""huggingface_hub and osso pull over one cache and one hub on loopback: what one has fetched is whole to the other, and is fetched once."""
import concurrent.futures
import shutil
import urllib.error
import urllib.request

from places import *
from fake_hub import *

MIB = 1 << 20
FILES = {"config.json": b"{}", "tokenizer.json": b"[]", "model.safetensors": bytes(range(256)) * 12288}


def place(name):
    path = TEMP / "hub" / name
    path.mkdir(parents=True)
    return path


def env_of(hub, home):
    return environment(HF_ENDPOINT=hub.url, HF_HOME=str(home), HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_XET="1")


def theirs(hub, home, code):
    """What their library prints; its settings are read once, so in a process of its own."""
    return subprocess.run([sys.executable, "-c", f"from huggingface_hub import *\nprint({code})"], env=env_of(hub, home), check=True, capture_output=True, text=True).stdout.strip()


def hf(hub, home, *args):
    done = subprocess.run([str(pathlib.Path(sys.executable).with_name("hf")), *args], env=env_of(hub, home), capture_output=True, text=True)
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout + done.stderr


def ours(hub, home, *args):
    done = subprocess.run([OSSO, "pull", *args], env=env_of(hub, home), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def blobs(home):
    return home / "hub/models--a--m/blobs"


def test_the_hub_serves_them():
    """The hub of these tests is one to huggingface_hub, with either storage's headers; whole large files are refused, as there."""
    for xet in (False, True):
        home = place(f"serves-{xet}")
        with FakeHub(page=2) as hub:
            repo = hub.add("a/m", FILES, xet=xet)
            folder = pathlib.Path(theirs(hub, home, "snapshot_download('a/m')"))
            assert folder.name == repo.commit and {p.name: p.read_bytes() for p in folder.iterdir()} == FILES
            hub.whole_limit = MIB
            address = f"{hub.url}/a/m/resolve/main/model.safetensors"
            try:
                urllib.request.urlopen(address)
                raise AssertionError("a whole large file is served")
            except urllib.error.HTTPError as e:
                assert e.code == 400, e
            with urllib.request.urlopen(urllib.request.Request(address, headers={"Range": "bytes=5-9"})) as part:
                assert part.status == 206 and part.read() == FILES["model.safetensors"][5:10]


def test_what_osso_has_pulled():
    home = place("ours")
    with FakeHub(whole_limit=MIB) as hub:
        hub.add("a/m", FILES, xet=True)
        folder = ours(hub, home, "a/m")
        begun = blobs(home) / f"{'1' * 64}.osso-part"
        begun.write_bytes(b"x")
        for _ in range(2):
            assert theirs(hub, home, "snapshot_download('a/m', local_files_only=True)") == folder
            hf(hub, home, "cache", "verify", "a/m")
            assert "a/m" in hf(hub, home, "cache", "ls")
            hf(hub, home, "cache", "prune", "--yes")
            assert begun.exists() and {p.name: p.read_bytes() for p in pathlib.Path(folder).iterdir()} == FILES
        sent = hub.bodies()
        assert theirs(hub, home, "snapshot_download('a/m')") == folder and hub.bodies() == sent
        file = pathlib.Path(folder, "model.safetensors")
        data = bytearray(file.read_bytes())
        data[7] ^= 1
        file.resolve().write_bytes(data)
        try:
            hf(hub, home, "cache", "verify", "a/m")
        except AssertionError:
            return
        raise RuntimeError("their check finds nothing")


def test_what_they_have_pulled():
    """In a repository's own folder, or as a link into the store of all repositories."""
    home = place("theirs")
    with FakeHub() as hub:
        repo = hub.add("a/m", FILES, xet=True)
        folder, sent = theirs(hub, home, "snapshot_download('a/m')"), hub.bodies()
        assert ours(hub, home, "a/m") == folder and hub.bodies() == sent
        file = repo.files["model.safetensors"]
        shared = home / "hub/blobs" / file.sha256[:2] / file.sha256
        shared.parent.mkdir(parents=True)
        (home / "hub/blobs/.huggingface-shared-blobs").touch()
        shutil.move(blobs(home) / file.etag, shared)
        (blobs(home) / file.etag).symlink_to(os.path.relpath(shared, blobs(home)))
        assert ours(hub, home, "a/m") == folder and hub.bodies() == sent and (blobs(home) / file.etag).is_symlink()
        assert theirs(hub, home, "snapshot_download('a/m', local_files_only=True)") == folder


def test_both_at_once():
    home = place("both")
    with FakeHub() as hub:
        repo = hub.add("a/m", FILES)
        hub.fault = lambda server, r: {"pace": 0.05} if server == "storage" else None
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            one, other = pool.submit(theirs, hub, home, "snapshot_download('a/m')"), pool.submit(ours, hub, home, "a/m")
            assert one.result() == other.result()
        assert hub.bodies() == sum(f.size for f in repo.files.values()), hub.bodies()
        assert len(list(blobs(home).iterdir())) == len(FILES)


if __name__ == "__main__":
    main(sys.modules[__name__])
