#!/usr/bin/env python3
"""Models that other programs have fetched: found by what people call them, never run by that name alone."""
import hashlib
import shutil
import struct

import ollama_forms
from harness import *

STORE = TEMP / "stores"


def gguf():
    """A sound GGUF file, small."""
    path = TEMP / "sound.gguf"
    if not path.exists():
        shape = json.loads((BUNDLED / "config.json").read_text())
        shape.update(num_hidden_layers=1, layer_types=["full_attention"], hidden_size=64, intermediate_size=32, num_local_experts=2,
                     num_experts_per_tok=1, num_attention_heads=2, num_key_value_heads=1, head_dim=32, vocab_size=64)
        for key in ("eos_token_id", "pad_token_id", "bos_token_id"):
            shape.pop(key, None)
        (TEMP / "shape.json").write_text(json.dumps(shape))
        made = osso("synth", path, "--preset", TEMP / "shape.json")
        assert made.code == 0, made
    return path


def other_gguf():
    """A file of another architecture."""
    text = lambda s: struct.pack("<Q", len(s)) + s
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")


def home(name):
    path = STORE / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def put(path, what=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    if what is None:
        shutil.copy(gguf(), path)
    else:
        path.write_bytes(what)
    return path


def hub(root, owner, name, file=None, what=None):
    """A repository in a hub's cache; a file is a link to a blob, as there."""
    folder = root / f"models--{owner}--{name}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs/main").write_text("0f1e2d")
    snapshot = folder / "snapshots/0f1e2d"
    if file is None:
        snapshot.parent.mkdir()
        snapshot.symlink_to(tiny()[0])
        return snapshot
    for one in [file] if isinstance(file, str) else file:
        (snapshot / one).parent.mkdir(parents=True, exist_ok=True)
        blob = put(folder / "blobs" / hashlib.sha256(one.encode()).hexdigest(), what)
        (snapshot / one).symlink_to(blob)
    return snapshot / (file if isinstance(file, str) else file[0])


def ollama(root, model, tag, what=None, owner="library", host="registry.ollama.ai", manifest=None, digest=None):
    hex = hashlib.sha256(f"{owner}{model}{tag}".encode()).hexdigest()
    blob = put(root / f"blobs/sha256-{hex}", what)
    layers = [{"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:" + "0" * 64, "size": 1},
              {"mediaType": "application/vnd.ollama.image.model", "digest": digest or f"sha256:{hex}", "size": 1}]
    text = manifest or json.dumps({"schemaVersion": 2, "config": {}, "layers": layers}).encode()
    put(root / "manifests" / host / owner / model / tag, text)
    return blob


def found(names, path, env, place):
    """Each of these names is that model, as its path is; nothing else is run."""
    by_path = osso("info", path, "--json")
    assert by_path.code == 0, by_path
    for name in names:
        result = osso("info", name, "--json", env=env)
        assert result.code == 0 and result.text == by_path.text, (name, result)


def lost(names, env):
    for name in names:
        result = osso("info", name, env=env)
        refuses(result, 1, name)
        assert "cannot be opened" not in result.complaint, result


def test_hub():
    there = home("hub")
    folder = hub(there / ".cache/huggingface/hub", "openai", "gpt-oss-20b")
    names = ("openai/gpt-oss-20b", "OpenAI/GPT-OSS-20b", "https://huggingface.co/openai/gpt-oss-20b", "hf.co/openai/gpt-oss-20b",
             "gpt-oss-20b", "gpt-oss:20b")
    found(names, folder, {"HOME": str(there)}, "the hub's cache")
    lost(("openai/gpt-oss-120b", "gpt-oss-2", "gpt-oss", "gpt-oss:20", "gpt-oss-20b:q4"), {"HOME": str(there)})
    refuses(osso("info", "other/gpt-oss-20b", env={"HOME": str(there)}), 1, "a model of that name lies in")
    for variable, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub"), ("XDG_CACHE_HOME", "huggingface/hub")):
        root = home("elsewhere")
        one = hub(root / below, "some", "one--more", "one.gguf")
        found(("some/one--more", "one--more", "one.gguf"), one, {variable: str(root)}, "the hub's cache")


def test_a_revision_without_a_name():
    """Asked for by its number a snapshot has no refs/main: it is found where it is the only one."""
    there = home("revision")
    folder = hub(there, "some", "tiny")
    (folder.parent.parent / "refs/main").unlink()
    found(("some/tiny",), folder, {"HF_HUB_CACHE": str(there)}, "the hub's cache")
    assert osso("info", folder.parent.parent).code == 0
    (folder.parent / "def456").mkdir()
    lost(("some/tiny",), {"HF_HUB_CACHE": str(there)})


def test_hub_of_gguf_files():
    there = home("hub-gguf")
    root = there / "hub"
    env = {"HF_HOME": str(there)}
    one = hub(root, "ggml-org", "gpt-oss-20b-GGUF", "gpt-oss-20b-mxfp4.gguf")
    found(("ggml-org/gpt-oss-20b-GGUF", "gpt-oss-20b-gguf", "gpt-oss:20b", "gpt-oss-20b-mxfp4.gguf", "gpt-oss-20b-mxfp4"), one, env, "the hub's cache")
    two = hub(root, "unsloth", "mine-GGUF", ["deep/mine-Q8_0.gguf", "mine-F16.gguf", "mmproj-mine.gguf"])
    found(("hf.co/unsloth/mine-GGUF:Q8_0", "unsloth/mine:q8_0"), two, env, "the hub's cache")
    found(("unsloth/mine-GGUF:F16",), two.parent.parent / "mine-F16.gguf", env, "the hub's cache")
    lost(("unsloth/mine-GGUF:Q4_K_M",), env)
    hub(root, "a", "parts", ["x-00002-of-00002.gguf", "x-00003-of-00003.gguf"])
    lost(("a/parts", "parts"), env)


def test_ollama():
    there = home("ollama")
    env = {"HOME": str(there)}
    root = there / ".ollama/models"
    big, own = ollama(root, "gpt-oss", "20b"), ollama(root, "story", "latest", owner="me")
    hosted = ollama(root, "gpt-oss-safe-GGUF", "Q8_0", owner="org", host="hf.co")
    found(("gpt-oss:20b", "library/gpt-oss:20b", "registry.ollama.ai/library/gpt-oss:20b", "gpt-oss-20b", "GPT-OSS:20B"), big, env, "ollama's store")
    found(("me/story", "story", "story:latest", "https://ollama.com/me/story"), own, env, "ollama's store")
    found(("hf.co/org/gpt-oss-safe-GGUF:Q8_0",), hosted, env, "ollama's store")
    found(("ollama:gpt-oss:20b",), big, env, "ollama's store")
    refuses(osso("info", "lms:gpt-oss:20b", env=env), 1, "not in LM Studio's folder")
    lost(("gpt-oss", "gpt-oss:latest", "gpt-oss:120b", "gpt-oss:20", "story:20b"), env)
    moved = home("moved")
    found(("gpt-oss:7b",), ollama(moved, "gpt-oss", "7b"), {"OLLAMA_MODELS": str(moved)}, "ollama's store")


def test_lm_studio_and_llama_cpp():
    there = home("others")
    env = {"HOME": str(there)}
    lm = put(there / ".lmstudio/models/lmstudio-community/gpt-oss-20b-GGUF/gpt-oss-20b-MXFP4.gguf")
    found(("lmstudio-community/gpt-oss-20b-GGUF", "gpt-oss-20b", "gpt-oss:20b"), lm, env, "LM Studio's folder")
    found(("lms:lmstudio-community/gpt-oss-20b-GGUF",), lm, env, "LM Studio's folder")
    refuses(osso("info", "ollama:gpt-oss-20b", env=env), 1, "not in ollama's store")
    found(("a-b",), put(there / ".cache/lm-studio/models/x/a-b/q.gguf"), env, "LM Studio's folder")
    flat = put(there / ".cache/llama.cpp/own_er_my_model-GGUF_my_model-q8_0.gguf")
    found(("my_model-q8_0.gguf", "my_model-q8_0"), flat, env, "llama.cpp's cache")
    plain = put(there / ".cache/llama.cpp/ggml-org_tiny-GGUF_tiny.gguf")
    found(("ggml-org/tiny-GGUF", "ggml-org/tiny", "tiny"), plain, env, "llama.cpp's cache")
    root = home("llama")
    found(("org/new",), hub(root, "org", "new", "n.gguf"), {"LLAMA_CACHE": str(root)}, "llama.cpp's cache")


def test_chat_talks():
    """ollama:NAME of three generations and lms:PUBLISHER/REPO answer as the model that they were made of; nothing is copied or changed."""
    there = home("talks")
    made = TEMP / "talks.gguf"
    assert osso("convert", BUNDLED, made, "--to", "gguf").code == 0
    data = made.read_bytes()
    root = there / ".ollama/models"
    for which in "abc":
        ollama(root, f"small-{which}", "latest", ollama_forms.generation(data, which))
    put(there / ".lmstudio/models/pub/small-GGUF/small.gguf", data)
    words = ("chat", "--temp", "0", "-n", "60", "--reasoning-effort", "low", "--date", "none", "--no-history", "-p", "Tell me a story about a cat.")
    expected = osso(*words, "-m", BUNDLED)
    assert expected.code == 0 and len(expected.text) > 20, expected
    before = {p: p.stat().st_mtime_ns for p in there.rglob("*")}
    for name in ("ollama:small-a", "ollama:small-b:latest", "ollama:small-c", "lms:pub/small-GGUF", "lms:pub/small-GGUF:small.gguf"):
        result = osso(*words, "-m", name, env={"HOME": str(there)})
        assert result.code == 0 and result.text == expected.text, (name, result, expected)
    assert {p: p.stat().st_mtime_ns for p in there.rglob("*")} == before


def test_a_path_that_a_shell_takes():
    there = home("it's a home")
    put(there / ".lmstudio/models/a/b/c.gguf")
    result = osso("info", "a/b", env={"HOME": str(there)})
    assert result.code == 0, result
    result = osso("info", "z/b", env={"HOME": str(there)})
    refuses(result, 1, "lies in")
    words = subprocess.run(["sh", "-c", "printf %s " + result.complaint.split(": -m ")[1].strip()], stdout=subprocess.PIPE)
    assert words.stdout.decode() == str(there / ".lmstudio/models/a/b/c.gguf"), result


def test_what_cannot_be_opened_is_no_advice():
    there = home("other")
    env = {"HOME": str(there)}
    blob = ollama(there / ".ollama/models", "gpt-oss", "20b", other_gguf())
    result = osso("run", "gpt-oss:20b", env=env)
    refuses(result, 1, "ollama's store", "cannot be opened", 'architecture is "llama"', "osso pull gpt-oss-20b")
    assert f"-m {blob}" not in result.complaint, result
    sound = hub(there / ".cache/huggingface/hub", "openai", "gpt-oss-20b")
    found(("gpt-oss:20b", "openai/gpt-oss-20b"), sound, env, "the hub's cache")
    ollama(there / ".ollama/models", "gone", "latest").unlink()
    refuses(osso("run", "gone:latest", env=env), 1, "ollama's store", "cannot be opened", "No such file")


def test_how_to_get_it():
    env = {"HOME": str(home("empty"))}
    for name, words in (("gpt-oss:20b", "osso pull gpt-oss-20b"), ("gpt-oss:120b", "osso pull gpt-oss-120b"), ("openai/gpt-oss-120b", "osso pull gpt-oss-120b"), ("gpt-oss", "osso pull gpt-oss-20b"),
                        ("gpt-oss-safeguard:20b", "osso pull gpt-oss-safeguard-20b"), ("a/b", "osso pull a/b"), ("a/b-GGUF:Q4", "osso pull a/b-GGUF:Q4"),
                        ("https://huggingface.co/a/b/resolve/main/f.gguf?download=true", "osso pull 'https://huggingface.co/a/b/resolve/main/f.gguf?download=true'")):
        refuses(osso("run", name, env=env), 1, f"{name} is no path here", words)
    refuses(osso("run", "hello", env=env), 1, "cannot open hello")


def test_a_hostile_store_costs_a_sentence():
    there = home("hostile")
    root = there / ".ollama/models"
    env = {"HOME": str(there)}
    outside = put(there / "secret/config.json", b"{}")
    bad = {"dots": "sha256:../../../../secret/config.json", "short": "sha256:abc", "sha1": "sha1:" + "0" * 64, "long": "sha256:" + "0" * 65,
           "nul": "sha256:\0" + "0" * 64}
    for tag, digest in bad.items():
        ollama(root, "bad", tag, digest=digest)
    texts = {"empty": b" ", "huge": b'{"layers":[' + b" " * (2 << 20) + b"]}", "deep": b"[" * 100000, "list": b"[]", "text": b'{"layers":"x"}',
             "numbers": b'{"layers":[1,null,{"mediaType":1,"digest":2}]}', "latin": b'{"layers":["\xff"]}'}
    for tag, text in texts.items():
        ollama(root, "bad", tag, manifest=text)
    os.mkfifo(root / "manifests/registry.ollama.ai/library/bad/fifo")
    (root / "manifests/registry.ollama.ai/library/bad/folder").mkdir()
    (root / "manifests/registry.ollama.ai/library/bad/loop").symlink_to("loop")
    (root / "manifests/registry.ollama.ai/up").symlink_to(root / "manifests")
    (root / "manifests/up").symlink_to(there)
    lost([f"bad:{tag}" for tag in [*bad, *texts, "fifo", "folder", "loop"]], env)
    for name, revision in (("up", "../../.."), ("none", ""), ("long", "x" * 5000), ("dot", "..")):
        folder = there / f".cache/huggingface/hub/models--org--{name}"
        (folder / "refs").mkdir(parents=True)
        (folder / "snapshots").mkdir()
        (folder / "refs/main").write_text(revision)
    put(there / ".cache/huggingface/up.gguf")  # where ../../.. leads
    (there / ".cache/huggingface/hub/models--org--pipe/refs").mkdir(parents=True)
    os.mkfifo(there / ".cache/huggingface/hub/models--org--pipe/refs/main")
    lost([f"org/{name}" for name in ("up", "none", "long", "dot", "pipe")], env)
    os.mkfifo(put(there / ".lmstudio/models/a/b/.keep", b"").parent / "b.gguf")
    refuses(osso("info", "a/b", env=env), 1, "LM Studio's folder", "FIFO", "cannot be opened")
    odd = "odd\x1b]0;x\x07name"
    put(there / f".lmstudio/models/{odd}/c-d/x\x1b[2J.gguf", b"GGUF")
    result = osso("info", "c-d", env=env)
    refuses(result, 1, "cannot be opened")
    assert "\x1b" not in result.complaint and "\x07" not in result.complaint, result
    many = there / ".lmstudio/models/many"
    many.mkdir()
    for i in range(21000):
        (many / str(i)).touch()
    refuses(osso("info", "z/z", env=env), 1, "z/z")
    assert outside.exists()


if __name__ == "__main__":
    main(sys.modules[__name__])
