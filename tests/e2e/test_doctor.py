#!/usr/bin/env python3
"""osso doctor: what it says in JSON, what limits change in it, and that what is broken is called so."""
import math
import re
import resource
import shutil
import struct

from harness import *

GIB = 1 << 30
NUMBER, TEXT, TRUTH, NONE = (int, float), (str,), (bool,), (type(None),)
# Every key of the object, and what it may hold.
SCHEMA = {
    "cpu": {"name": TEXT, "isa": TEXT, "best_isa": TEXT, "better_isa": TEXT + NONE, "better_needs": TEXT + NONE, "threads": NUMBER, "online": NUMBER, "allowed": NUMBER,
            "quota": NUMBER + NONE},
    "measured": {"read_gbps": NUMBER + NONE, "int8_tops": NUMBER + NONE, "kernel_gbps": NUMBER + NONE, "prompt_tops": NUMBER + NONE, "token_gbps": NUMBER + NONE,
                 "head_gbps": NUMBER + NONE},
    "memory": {"total": NUMBER + NONE, "free": NUMBER + NONE, "reachable": NUMBER + NONE, "swap": NUMBER + NONE, "control_group": NUMBER + NONE, "address_space": NUMBER + NONE,
               "huge_pages": TEXT + NONE},
    "gpus": [{"number": NUMBER, "name": TEXT, "driver": TEXT, "lacks": TEXT + NONE, "memory": NUMBER, "on_cpu": TRUTH}],
    "cache": {"path": TEXT + NONE, "file_system": TEXT + NONE, "free": NUMBER + NONE, "there": TRUTH, "writable": TRUTH, "maps": TRUTH + NONE, "remote": TRUTH, "in_memory": TRUTH},
    "parts": [{"part": TEXT, "library": TEXT, "missing": TEXT + NONE, "packages": TEXT}],
    "models": [{"name": TEXT, "path": TEXT, "state": TEXT, "bytes": NUMBER}],
    "forecasts": [{"name": TEXT, "preset": TRUTH, "error": TEXT + NONE, "weights": NUMBER + NONE, "activations": NUMBER + NONE, "in_memory": NUMBER + NONE, "disk_gbps": NUMBER + NONE, "limit": TEXT + NONE,
                   "contexts": [{"tokens": NUMBER, "kv": NUMBER, "fit": TEXT}],
                   "prefill_tokens_per_second": NUMBER + NONE, "prefill_reason": TEXT + NONE, "decode_tokens_per_second": NUMBER + NONE, "decode_reason": TEXT + NONE}],
    "findings": [{"broken": TRUTH, "text": TEXT, "remedy": TEXT}],
    "works": TRUTH,
}
_home = TEMP / "doctor"


def check(value, schema, where="doctor"):
    if isinstance(schema, dict):
        assert list(value) == list(schema), (where, list(value))
        for key, inner in schema.items():
            check(value[key], inner, f"{where}.{key}")
    elif isinstance(schema, list):
        assert isinstance(value, list), where
        for item in value:
            check(item, schema[0], f"{where}[]")
    else:
        assert isinstance(value, schema) and (TRUTH == schema or not isinstance(value, bool) or bool in schema), (where, value)


def doctor(*args, env=None, code=0, limit=None, cpus=None):
    _home.mkdir(exist_ok=True)

    def before():
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        if cpus:
            os.sched_setaffinity(0, cpus)

    result = osso("doctor", "--json", *args, env={"HOME": str(_home), **(env or {})}, preexec_fn=before, timeout=600)
    assert result.code == code and not result.complaint, result
    got = json.loads(result.text)
    check(got, SCHEMA)
    assert got["works"] == (code == 0) == (not any(f["broken"] for f in got["findings"])), got["findings"]
    return got


def fits(got, name="gpt-oss-20b"):
    return [c["fit"] for c in next(f for f in got["forecasts"] if f["name"] == name)["contexts"]]


def test_what_it_says():
    """The whole object, the sums behind it, and the same for people."""
    got = doctor()
    small, big = got["forecasts"]
    assert (small["name"], big["name"]) == ("gpt-oss-20b", "gpt-oss-120b") and small["preset"] and not got["models"], got
    info = {p: json.loads(osso("info", "--preset", p, "-c", "32768", "--json").text) for p in ("20b", "120b")}
    for f, p in ((small, "20b"), (big, "120b")):
        assert f["weights"] == info[p]["bytes"]["gguf"]["total"] and [c["tokens"] for c in f["contexts"]] == [4096, 32768, 131072], f
        assert f["contexts"][1]["kv"] == info[p]["memory"]["kv"] and f["contexts"][0]["kv"] < f["contexts"][1]["kv"] < f["contexts"][2]["kv"], f
    memory = got["memory"]
    for f in (small, big):  # by the numbers that it says itself
        for c in f["contexts"]:
            least, most = f["weights"] + c["kv"], f["weights"] + c["kv"] + f["activations"]
            if most < memory["free"] * 0.9:
                assert c["fit"] == "fits", (c, memory)
            if least > memory["free"] * 1.1:
                assert c["fit"] == ("does not fit" if c["kv"] > memory["reachable"] else "fits with paging"), (c, memory)
    # what a reason says is what the speed is
    rates = got["measured"]
    for f in (small, big):
        for what in ("prefill", "decode"):
            speed, words = f[f"{what}_tokens_per_second"], f[f"{what}_reason"].split()
            need, rate, share = float(words[0]), float(words[5]), float(words[words.index("%") - 1])
            whole = rate * (1000 if what == "prefill" else 1) / need
            assert abs(speed - whole * share / 100) < 0.01 * speed + 0.006 * whole, (speed, words)  # the share is whole percents
        a, b = rates["read_gbps"], rates["kernel_gbps"]
        both = 1 / (1 / a ** 2 + 1 / b ** 2) ** 0.5
        words = f["decode_reason"].split()
        assert abs(float(words[5]) - min(a, b)) < 0.06 and (rates["token_gbps"] or f["decode_tokens_per_second"] <= both / float(words[0]) * 1.01 + 0.1), (rates, f)
    assert small["decode_reason"].startswith("2.5") and small["prefill_reason"].startswith("6.0"), small  # docs/performance.md
    assert got["cache"] == {**got["cache"], "path": f"{_home}/.cache/huggingface/hub", "there": False, "writable": True, "maps": True}, got["cache"]
    built = osso("--version").text
    for part in got["parts"]:
        assert (f"{part['part']}: {part['library']}\n" in built) == (part["missing"] is None), (part, built)
    if got["cpu"]["better_isa"]:
        assert got["cpu"]["better_needs"], got["cpu"]


def test_limits():
    """A memory limit below the model turns "fits" round; one core and another instruction set are what is measured then."""
    if SLOW > 1:
        raise Skip("sanitizers need more addresses than any limit leaves")
    got = doctor(limit=4 * GIB, cpus={min(os.sched_getaffinity(0))}, env={"OSSO_ISA": "scalar"})
    assert fits(got) == fits(got, "gpt-oss-120b") == ["does not fit"] * 3 and "ulimit -v" in got["forecasts"][0]["limit"], got["forecasts"]
    assert got["memory"]["address_space"] < 4 * GIB and any("ulimit -v unlimited" in f["remedy"] for f in got["findings"]), got
    assert got["cpu"]["threads"] == got["cpu"]["allowed"] == 1 and got["cpu"]["isa"] == "scalar", got["cpu"]
    assert got["measured"]["int8_tops"] is None and got["measured"]["kernel_gbps"] and "one row in the cache" in got["forecasts"][0]["prefill_reason"], got
    if got["cpu"]["best_isa"] != "scalar":
        assert any("OSSO_ISA" in f["remedy"] for f in got["findings"]), got["findings"]
    if got["cpu"]["online"] > 1:
        assert any("taskset" in f["remedy"] for f in got["findings"]), got["findings"]
    big = TEMP / "big.gguf"  # mostly a hole
    assert osso("convert", BUNDLED, big, "--to", "gguf").code == 0
    os.truncate(big, 6 * GIB)
    got = doctor(big, limit=4 * GIB, code=1)
    assert "ulimit -v" in got["forecasts"][0]["error"] and "ulimit -v" in next(f for f in got["findings"] if f["broken"])["remedy"], got
    none = doctor(limit=GIB // 4)  # nothing can be measured, and it says so
    assert none["measured"] == dict.fromkeys(SCHEMA["measured"]) and none["forecasts"][0]["decode_tokens_per_second"] is None, none
    assert any("could not be measured" in f["text"] for f in none["findings"]), none["findings"]


def test_other_programs():
    """Speeds that were measured beside others are called so: nobody takes a tenth of them for the machine's own."""
    if not pathlib.Path("/proc/stat").exists():
        raise Skip("nobody says what the cores do")
    cpu = min(os.sched_getaffinity(0))
    beside = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    try:
        got = doctor(cpus={cpu})
    finally:
        beside.kill()
        beside.wait()
    said = [f for f in got["findings"] if "other programs took" in f["text"]]
    assert len(said) == 1 and not said[0]["broken"] and 20 <= int(re.search(r"took (\d+) %", said[0]["text"])[1]) <= 100, got["findings"]


def test_a_model():
    """NAME: one that is there, one that a limit keeps out, one that is broken, one that is nowhere."""
    models = TEMP / "doctor-models"
    shutil.copytree(BUNDLED, models / "good")
    shutil.copytree(BUNDLED, models / "torn")
    (models / "torn/model.safetensors").write_bytes(b"x" * 100)
    env = {"OSSO_MODELS": str(models)}
    got = doctor(models / "good", env=env, code=1)  # another model on the disk is damaged
    own = got["forecasts"][0]
    assert not own["preset"] and own["contexts"] == [{"tokens": 2048, "kv": own["contexts"][0]["kv"], "fit": "fits"}], own
    assert own["decode_tokens_per_second"] is None and "osso bench" in own["decode_reason"], own
    broken = [f for f in got["findings"] if f["broken"]]
    assert len(broken) == 1 and "torn" in broken[0]["text"] and "osso verify" in broken[0]["remedy"], broken
    assert {m["state"] for m in got["models"]} == {"whole", "damaged"}, got["models"]
    for i in range(70):  # however many there are, none hides what is broken
        begun = TEMP / f"no-home/.cache/huggingface/hub/models--a--m{i}/blobs/{'1' * 64}.osso-part"
        begun.parent.mkdir(parents=True)
        begun.touch()
    said = osso("doctor", "a/none", env={"HOME": str(TEMP / "no-home"), "OSSO_MODELS": str(models / "nothing")}, timeout=600)
    assert said.code == 1 and "a/none" in said.text and "broken: " in said.text and "osso pull a/none" in said.text and said.text.count("has not come whole yet") == 70, said
    assert "gpt-oss-20b: weights of 12.1 GB" in said.text and "gpt-oss-120b" in said.text and "tokens/s = " in said.text, said


def sparse_model(folder):
    """A layer of gpt-oss-20b's width, of holes: hardly a page of its 4 GB is in memory."""
    hidden, heads, kv, dim, experts, vocab = 2880, 64, 8, 64, 32, 201088
    shapes = {"model.embed_tokens.weight": [vocab, hidden], "lm_head.weight": [vocab, hidden], "model.norm.weight": [hidden]}
    layer = {"input_layernorm.weight": [hidden], "post_attention_layernorm.weight": [hidden], "self_attn.sinks": [heads],
             "self_attn.o_proj.weight": [hidden, heads * dim], "self_attn.o_proj.bias": [hidden], "mlp.router.weight": [experts, hidden], "mlp.router.bias": [experts],
             "mlp.experts.gate_up_proj": [experts, hidden, 2 * hidden], "mlp.experts.gate_up_proj_bias": [experts, 2 * hidden],
             "mlp.experts.down_proj": [experts, hidden, hidden], "mlp.experts.down_proj_bias": [experts, hidden]}
    for name, n in (("q", heads), ("k", kv), ("v", kv)):
        layer.update({f"self_attn.{name}_proj.weight": [n * dim, hidden], f"self_attn.{name}_proj.bias": [n * dim]})
    shapes.update({f"model.layers.0.{name}": shape for name, shape in layer.items()})
    header, at = {}, 0
    for name, shape in shapes.items():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + 2 * math.prod(shape)]}
        at = header[name]["data_offsets"][1]
    folder.mkdir(parents=True)
    text = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + at)
    config = json.loads((BUNDLED / "config.json").read_text())
    config.update(hidden_size=hidden, intermediate_size=hidden, head_dim=dim, num_attention_heads=heads, num_key_value_heads=kv, num_hidden_layers=1, num_local_experts=experts,
                  num_experts_per_tok=4, experts_per_token=4, vocab_size=vocab, layer_types=["full_attention"], tie_word_embeddings=False, max_position_embeddings=4096)
    for key in ("quantization_config", "eos_token_id", "pad_token_id"):
        config.pop(key)
    (folder / "config.json").write_text(json.dumps(config))
    return at


def test_a_file_that_is_not_in_memory():
    """Its first 256 MiB are fetched and read, the rest is not; what that takes for granted is said."""
    if SLOW > 1:
        raise Skip("sanitizers make measuring slow")
    folder = TEMP / "doctor-cold"
    size = sparse_model(folder)
    own = doctor(folder)["forecasts"][0]
    assert own["weights"] == size and own["in_memory"] < size / 10 and own["disk_gbps"] and own["decode_tokens_per_second"], own
    measured = "this file's pages" in own["decode_reason"].split(" x ")[0]  # the disk of a busy machine may not have kept up
    assert own["decode_reason"].endswith(", once they are in memory" if measured else ", if this file's pages, which are not there, lie as well"), own
    said = osso("doctor", folder, env={"HOME": str(_home)}, timeout=600)
    assert said.code == 0 and " of them are not in memory now" in said.text, said
    some = shutil.copytree(BUNDLED, TEMP / "doctor-warm")  # just written
    own = doctor(some)["forecasts"][0]
    assert own["in_memory"] == (some / "model.safetensors").stat().st_size and own["disk_gbps"] is None, own


if __name__ == "__main__":
    main(sys.modules[__name__])
