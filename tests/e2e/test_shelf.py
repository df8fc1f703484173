#!/usr/bin/env python3
"""osso list, show, verify and rm over folders as the programs leave them: six places, both layouts of a hub's cache, three
generations of Ollama's store."""
import fcntl
import hashlib
import resource
import shutil

import test_pull as pulls
import test_stores as stores
from harness import *

DIGITS = "0123456789abcdef"


def tree(path):
    """Every file and link below, with what it holds."""
    return {str(p.relative_to(path)): os.readlink(p) if p.is_symlink() else p.read_bytes() for p in path.rglob("*") if p.is_symlink() or p.is_file()}


def blob_of(data):
    return hashlib.sha256(data).hexdigest()


def cached(root, name, files, commit, refs=("main",), shared=None):
    """A revision in a hub's cache, blobs by their hashes; shared: the newer layout, in which a blob is a link into a store of all."""
    repo = root / f"models--{name.replace('/', '--')}"
    for path, data in files.items():
        blob = repo / "blobs" / blob_of(data)
        blob.parent.mkdir(parents=True, exist_ok=True)
        if shared:
            real = root / "blobs" / blob.name[:2] / (blob.name[::-1])
            real.parent.mkdir(parents=True, exist_ok=True)
            (root / "blobs/.huggingface-shared-blobs").touch()
            real.write_bytes(data)
            real.with_suffix(".refs").write_text(str(repo))
            if not blob.is_symlink():
                blob.symlink_to(os.path.relpath(real, blob.parent))
        else:
            blob.write_bytes(data)
        pointer = repo / "snapshots" / commit / path
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    for ref in refs:
        (repo / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (repo / "refs" / ref).write_text(commit)
    return repo


def model():
    """A sound GGUF file's bytes."""
    return stores.gguf().read_bytes()


def small(change=b""):
    """The files of a sound folder; change: bytes behind the readme, so that revisions differ."""
    return {p.name: p.read_bytes() for p in BUNDLED.iterdir() if p.is_file()} | {"README.md": b"words" + change}


def ollama(root, name, tag, data, form=0):
    """form 0: digests sha256:..., 1: as files with sha256-..., 2: a host and an owner of their own."""
    digest, config = blob_of(data), b'{"a":1}'
    for what in (data, config):
        stores.put(root / "blobs" / f"sha256-{blob_of(what)}", what)
    sign = "-" if form == 1 else ":"
    layers = [{"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256{sign}{digest}", "size": len(data)}]
    text = {"schemaVersion": 2, "config": {"digest": f"sha256{sign}{blob_of(config)}"}, "layers": layers}
    where = root / "manifests" / ("hf.co/org" if form == 2 else "registry.ollama.ai/library") / name / tag
    stores.put(where, json.dumps(text).encode())
    return root / "blobs" / f"sha256-{digest}"


def listed(env, *args):
    result = osso("list", "--json", *args, env=env)
    assert result.code == 0 and not result.complaint, result
    return json.loads(result.text)


def six_places():
    there = stores.home("six")
    data = model()
    root = there / ".cache/huggingface/hub"
    cached(root, "a/plain", small(), "c1")
    cached(root, "a/shared", {"one.gguf": data, "two.gguf": data + b"\0" * 64}, "c2", shared=True)
    stores.put(there / ".lmstudio/models/pub/repo-GGUF/x.gguf", data)
    stores.put(there / ".cache/lm-studio/models/old/repo-GGUF/y.gguf", data)
    for form in range(3):
        ollama(there / ".ollama/models", f"m{form}", "20b", data + bytes([form]) * 32, form)
    stores.put(there / ".cache/llama.cpp/org_repo_z.gguf", data)
    stores.put(there / "own/mine/w.gguf", data)
    stores.put(there / "more/v.gguf", data)
    return there, {"HOME": str(there), "OSSO_MODELS": f"{there}/own:{there}/more"}


def test_list():
    there, env = six_places()
    got = listed(env)
    names = {m["name"]: m for m in got["models"]}
    flat = [str(there / p) for p in (".cache/llama.cpp/org_repo_z.gguf", "own/mine/w.gguf", "more/v.gguf")]
    assert set(names) == {"a/plain", "a/shared:one.gguf", "a/shared:two.gguf", "lms:pub/repo-GGUF:x.gguf", "lms:old/repo-GGUF:y.gguf", "ollama:m0:20b",
                          "ollama:m1:20b", "ollama:org/m2:20b", *flat}, sorted(names)
    assert all(m["state"] == "whole" for m in names.values()), got
    told, plain = json.loads(osso("info", BUNDLED, "--json").text), names["a/plain"]
    assert plain["form"] == "hf" and plain["types"].split()[0] == "MXFP4" and set(plain["types"].split()) == set(told["bytes"]["by_type"]), (plain, told)
    assert plain["parameters"] == told["parameters"]["total"], (plain, told)
    assert names["ollama:m0:20b"]["form"] == "gguf" and "MXFP4" in names["ollama:m0:20b"]["types"].split(), names["ollama:m0:20b"]
    config = len(b'{"a":1}')
    assert got["bytes"] == sum(m["bytes"] for m in got["models"]) - 2 * config, got["bytes"]  # three manifests share it
    for name in names:  # each name is what -m and show take
        by_name, by_path = (osso("show", word, "--json", env=env) for word in (name, names[name]["path"]))
        assert by_name.code == 0 and by_name.text == by_path.text, (name, by_name, by_path)
    said = osso("ls", env=env)
    assert said.code == 0 and all(name in said.text for name in names) and "ollama's store" in said.text, said
    none = osso("list", env={"HOME": str(stores.home("none"))})
    assert none.code == 0 and none.text == "" and "osso pull" in none.complaint, none


def test_what_is_not_whole():
    there = stores.home("odd")
    env = {"HF_HUB_CACHE": str(there)}
    cached(there, "a/other", {"x.gguf": stores.other_gguf()}, "c1")
    broken = small()
    broken.pop("model.safetensors")
    repo = cached(there, "a/torn", broken, "c1")
    begun = cached(there, "a/begun", {}, "c1", refs=())
    (begun / "blobs").mkdir(parents=True)
    with open(begun / "blobs" / ("0" * 64 + ".osso-part"), "wb") as f:
        f.write(b"x" * 65536)
        f.truncate(1 << 20)
    odd = "odd\x1b]0;x\x07"
    cached(there, f"a/{odd}", {"x.gguf": b"GGUF"}, "c1")
    got = listed(env)
    states = {m["name"]: m["state"] for m in got["models"]}
    assert states == {"a/torn": "damaged", "a/begun": "begun", f"a/{odd}:x.gguf": "damaged"} and got["others"] == 1, got
    assert next(m for m in got["models"] if m["name"] == "a/begun")["begun"] == {"there": 65536, "bytes": 1 << 20}, got
    assert {m["name"] for m in listed(env, "--all")["models"]} == {*states, "a/other:x.gguf"}
    said = osso("list", env=env)
    assert "1 that osso does not run" in said.text and "65.5 kB of 1.0 MB" in said.text, said
    (repo / "blobs" / blob_of(broken["tokenizer.json"])).unlink()
    result = osso("verify", "a/torn", env=env)
    assert result.code == 1 and "missing   " in result.text and "tokenizer.json" in result.text, result


def test_many():
    """200 models cost less than a second of the CPU once their headers are in memory."""
    there = stores.home("many")
    for i in range(200):
        stores.put(there / f".lmstudio/models/pub/repo{i}/x.gguf")
    env = {"HOME": str(there)}
    assert len(listed(env)["models"]) == 200
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    listed(env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 1 * SLOW, spent


def test_verify():
    there, env = six_places()
    files = {f"part{i}.gguf": model() + bytes([i]) * 32 for i in range(10)}
    repo = cached(there / ".cache/huggingface/hub", "a/ten", files, "c1")
    good = osso("verify", "a/ten", "a/shared", "ollama:m0:20b", "ollama:m1:20b", "ollama:org/m2:20b", env=env)
    assert good.code == 0 and good.text.count("good  ") == 10 + 2 + 2 * 3 and "damaged" not in good.text, good
    blob = repo / "blobs" / blob_of(files["part7.gguf"])
    data = bytearray(files["part7.gguf"])
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    bad = osso("verify", "a/ten", env=env)
    lines = [line for line in bad.text.splitlines() if not line.startswith("good")]
    assert bad.code == 1 and len(lines) == 1 and "part7.gguf" in lines[0] and blob.name in lines[0] and "1 wrong" in bad.complaint, bad
    as_json = osso("verify", "a/ten", "--json", env=env)
    got = json.loads(as_json.text)
    assert as_json.code == 1 and (got["good"], got["wrong"], got["unknown"]) == (9, 1, 0), got
    layer = ollama(there / ".ollama/models", "m0", "20b", model() + bytes(32))
    layer.write_bytes(b"GGUF")
    assert osso("verify", "ollama:m0:20b", env=env).code == 1
    nothing = osso("verify", "lms:pub/repo-GGUF", env=env)
    assert nothing.code == 0 and "unknown" in nothing.text and "--deep" in nothing.complaint, nothing
    refuses(osso("verify", "a/none", env=env), 1, "a/none")
    for verb in ("verify", "rm", "show"):  # the nearest name; an empty one is nobody's
        for name, near in (("a/plainn", "a/plain"), ("hf:a/shard", "a/shared"), ("m7:20b", "ollama:m0:20b"), ("shard", "a/shared"), ("lms:pub/repp-GGUF:x.gguf", "lms:pub/repo-GGUF:x.gguf")):
            refuses(osso(verb, name, env=env), 1, f"did you mean {near}?")
        refuses(osso(verb, "", env=env), 1)


def test_verify_online():
    """The hub's own hashes: of a cache by its commit, of LM Studio's folder by the main branch."""
    pulls.need_downloads()
    there = stores.home("online")
    root = there / ".cache/huggingface/hub"
    files = small() | {"model.bin": model()}
    with pulls.FakeHub() as hub:
        repo = hub.add("a/m", files)
        hub.add("pub/repo-GGUF", {"x.gguf": model(), "deep/y.gguf": model() + b"y", "other.gguf": b"o" * 100})
        env = {"HOME": str(there), "HF_ENDPOINT": hub.url}
        cached(root, "a/m", files, repo.commit)  # every blob is called by its SHA-256: the store knows no more
        for name, data in (("x.gguf", model()), ("deep/y.gguf", model() + b"y"), ("own.gguf", model() + b"own")):
            stores.put(there / ".lmstudio/models/pub/repo-GGUF" / name, data)
        asked = len(hub.log)
        assert osso("verify", "a/m", env=env).code == 0 and len(hub.log) == asked
        good = osso("verify", "--online", "a/m", env=env)
        assert good.code == 0 and good.text.count("good  ") == len(files) and len(hub.log) > asked and hub.bodies() == 0, good
        lms = json.loads(osso("verify", "--online", "lms:pub/repo-GGUF", "--json", env=env).text)
        assert {pathlib.Path(f["path"]).name: f["result"] for f in lms["files"]} == {"x.gguf": "good", "y.gguf": "good", "own.gguf": "unknown"}, lms
        cached(root, "a/m", files | {"README.md": b"other words"}, "c2")  # a file whose store is content, and which the hub does not have
        link = root / "models--a--m/snapshots" / repo.commit / "README.md"
        link.unlink()
        link.symlink_to(f"../../blobs/{blob_of(b'other words')}")
        (root / "models--a--m/refs/main").write_text(repo.commit)
        assert osso("verify", "a/m", env=env).code == 0
        bad = osso("verify", "--online", "a/m", env=env)
        lines = [line for line in bad.text.splitlines() if not line.startswith("good")]
        assert bad.code == 1 and len(lines) == 1 and "README.md" in lines[0] and repo.files["README.md"].etag in lines[0], bad
        (there / ".lmstudio/models/pub/repo-GGUF/x.gguf").write_bytes(model()[:-1] + b"!")
        assert osso("verify", "lms:pub/repo-GGUF", env=env).code == 0
        assert osso("verify", "--online", "lms:pub/repo-GGUF", env=env).code == 1
        ollama(there / ".ollama/models", "m", "latest", model())
        refuses(osso("verify", "--online", "ollama:m", env=env), 1, "--online", "which repository")
        refuses(osso("verify", "--online", "--offline", "a/m", env=env), 2, "--offline")
        refuses(osso("verify", "--online", "a/m", env={**env, "HF_HUB_OFFLINE": "1"}), 1, "offline")
        stores.put(there / ".lmstudio/models/pub/none/x.gguf", model())
        refuses(osso("verify", "--online", "lms:pub/none", env=env), 1, "there is no pub/none")


def test_verify_deep():
    there = stores.home("deep")
    folder = there / "m"
    shutil.copytree(BUNDLED, folder)
    assert osso("verify", "--deep", folder).code == 0
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    head = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
    base = 8 + int.from_bytes(data[:8], "little")
    for name, bytes_ in (("model.layers.2.mlp.router.weight", b"\xc0\x7f"), ("model.layers.3.input_layernorm.weight", b"\x80\x7f"), ("model.norm.weight", b"\x00\x50")):
        size = {"BF16": 2, "F32": 4}[head[name]["dtype"]]  # whose upper half is BF16
        end = base + head[name]["data_offsets"][0] + 4 * size
        data[end - size:end] = bytes(size - 2) + bytes_
    scales = next(n for n in head if n.endswith("layers.4.mlp.experts.gate_up_proj_scales"))
    data[base + head[scales]["data_offsets"][0] + 3] = 200  # 2^73
    path.write_bytes(data)
    bad = osso("verify", "--deep", folder)
    lines = [line for line in bad.text.splitlines() if line.startswith("damaged")]
    assert bad.code == 1 and any("layers.2.router has 1 NaN" in line for line in lines) and any("layers.3.attn_norm has 0 NaN, 1 infinite" in line for line in lines), bad
    assert any("final_norm has 0 NaN, 0 infinite values and 1 beyond" in line for line in lines) and any("layers.4." in line for line in lines) and len(lines) in (4, 5), bad


def test_rm_frees_what_no_other_revision_uses():
    there = stores.home("rm")
    env = {"HF_HUB_CACHE": str(there)}
    old, new = small(b"old"), small(b"new")
    repo = cached(there, "a/m", old, "c1", refs=("v1",))
    cached(there, "a/m", new, "c2", refs=("main", "pr/1"))
    (repo / ".no_exist/c2").mkdir(parents=True)
    (repo / ".no_exist/c2/x.json").touch()
    before = tree(there)
    refuses(osso("rm", "a/m", env=env), 1, "--yes")
    would = osso("rm", "a/m", "--dry-run", env=env)
    only_new = len(new["README.md"])
    assert would.code == 0 and would.text.startswith(f"would free {only_new} bytes") and tree(there) == before, would
    refuses(osso("rm", "a/m", "--yes", "--revision", "../x", env=env), 1, "--revision")
    gone = osso("rm", "a/m", "--yes", env=env)
    assert gone.code == 0 and gone.text.startswith(f"freed {only_new} bytes"), gone
    assert not (repo / "snapshots/c2").exists() and not (repo / "refs/main").exists() and not (repo / "refs/pr").exists() and not (repo / ".no_exist").exists()
    assert (repo / "refs/v1").read_text() == "c1" and osso("info", repo / "snapshots/c1").code == 0
    assert {p.name for p in (repo / "blobs").iterdir()} == {blob_of(d) for d in old.values()}
    (repo / "blobs" / ("1" * 64 + ".osso-part")).write_bytes(b"x")
    (repo / "blobs" / ("2" * 64)).write_bytes(b"of no revision")
    rest = sum(map(len, {blob_of(d): d for d in old.values()}.values())) + 1 + 14
    would = osso("rm", "a/m", "--dry-run", "--revision", "v1", env=env)
    assert would.code == 0 and would.text.startswith(f"would free {rest} bytes"), (would, rest)
    gone = osso("rm", "a/m", "--yes", "--revision", "v1", env=env)
    assert gone.code == 0 and gone.text.startswith(f"freed {rest} bytes") and not repo.exists(), gone


def test_rm_one_file_and_while_somebody_fetches():
    there = stores.home("rm-file")
    env = {"HF_HUB_CACHE": str(there)}
    data = model()
    files = {"x-Q8_0-00001-of-00002.gguf": data, "x-Q8_0-00002-of-00002.gguf": data + b"2", "x-F16.gguf": data + b"3"}
    repo = cached(there, "a/m", files, "c1")
    blob = blob_of(data + b"2")
    lock = there / ".locks/models--a--m" / f"{blob}.lock"
    lock.parent.mkdir(parents=True)
    with open(lock, "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        refuses(osso("rm", "a/m:x-Q8_0-00001-of-00002.gguf", "--yes", env=env), 1, "somebody is fetching")
    gone = osso("rm", "a/m:x-Q8_0-00001-of-00002.gguf", "--yes", env=env)
    assert gone.code == 0 and [p.name for p in (repo / "snapshots/c1").iterdir()] == ["x-F16.gguf"], gone
    assert [p.name for p in (repo / "blobs").iterdir()] == [blob_of(data + b"3")] and (repo / "refs/main").exists()
    cached(there, "a/m", {"y.gguf": data}, "c2", refs=())
    assert osso("rm", "a/m", "--all", "--yes", env=env).code == 0 and not repo.exists()
    (repo / "blobs").mkdir(parents=True)  # a first pull, which nothing else is there beside
    begun = repo / "blobs" / (blob + ".osso-part")
    begun.write_bytes(b"x")
    with open(lock, "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        refuses(osso("rm", "a/m", "--yes", env=env), 1, "somebody is fetching")
        assert begun.exists()
    assert osso("rm", "a/m", "--yes", env=env).code == 0 and not repo.exists()


def test_rm_leaves_others_alone():
    there, env = six_places()
    before = tree(there)
    for name, words in (("ollama:m0:20b", "ollama rm m0:20b"), ("lms:pub/repo-GGUF", "My Models"), (there / ".cache/llama.cpp/org_repo_z.gguf", "llama.cpp"), (there / "more/v.gguf", "in no hub's cache")):
        refuses(osso("rm", name, "--yes", env=env), 1, words)
    assert tree(there) == before
    gone = osso("rm", "a/shared", "--yes", env=env)
    root = there / ".cache/huggingface/hub"
    assert gone.code == 0 and gone.text.startswith("freed 0 bytes") and "hf cache prune" in gone.complaint and not (root / "models--a--shared").exists(), gone
    after = tree(there)
    assert {p: d for p, d in before.items() if "models--a--shared" not in p} == {p: d for p, d in after.items() if ".lock" not in p}, sorted(set(before) ^ set(after))


if __name__ == "__main__":
    main(sys.modules[__name__])
