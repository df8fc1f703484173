#!/usr/bin/env python3
"""osso convert and osso quantize: every form into every other and back with equal bytes, what goes along, what is refused, and
that OUT is whole or absent."""
from checkpoints import *
from harness import *
import random
import re
import signal
import subprocess
import time


def place(name):
    path = TEMP / "converted" / name
    path.parent.mkdir(exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    return path


def convert(source, to, name, *more, verb="convert"):
    out = place(name)
    result = osso(verb, source, out, *(["--to", to] if to else []), *more, timeout=120)
    assert result.code == 0, result
    return out


def folder_tensors(path):
    tensors = {}
    for file in sorted(path.glob("*.safetensors")):
        tensors.update(read_safetensors(file.read_bytes()))
    return tensors


def same_folder(a, b):
    x, y = folder_tensors(a), folder_tensors(b)
    assert x.keys() == y.keys(), set(x) ^ set(y)
    for name in x:
        assert x[name] == y[name], name


def round_trip(start, forms, name):
    at = start
    for i, to in enumerate(forms):
        at = convert(at, to, f"{name}-{i}{'.gguf' if to == 'gguf' else ''}")
        yield at


def dense(m, dtype="BF16"):
    """Experts as plain numbers instead of MXFP4, transposed."""
    rng = random.Random(3)
    for name in [n for n in m.tensors if n.endswith("_blocks")]:
        experts, rows, groups, _ = m.tensors.pop(name)[1]
        m.tensors.pop(name.replace("_blocks", "_scales"))
        shape = [experts, groups * 32, rows]
        values = [rng.gauss(0, .1) for _ in range(experts * groups * 32 * rows)]
        data = bf16(*values) if dtype == "BF16" else struct.pack(f"<{len(values)}f", *values)
        m.tensors[name.replace("_blocks", "")] = (dtype, shape, data)
    m.config.pop("quantization_config", None)


def widen(m):
    for name, (dtype, shape, data) in list(m.tensors.items()):
        if dtype == "BF16":
            m.tensors[name] = ("F32", shape, b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2)))
    m.config["dtype"] = "float32"


def tie(m):
    m.tensors.pop("lm_head.weight")
    m.config["tie_word_embeddings"] = True


def sayable(change=lambda m: None):
    """A folder whose configuration OpenAI's own form can say."""
    m = Folder()
    m.config["max_position_embeddings"] = 4096 * 32
    change(m)
    return m


def test_all_forms_and_back_with_equal_bytes():
    start = sayable().put("sayable")
    row = logits(start)[1]
    for at in round_trip(start, ("gguf", "mlx", "original", "hf"), "round"):
        assert logits(at)[1] == row, at  # --exact: the same values in the same order
    same_folder(start, at)
    for name in ("tokenizer_config.json", "generation_config.json"):
        if (start / name).exists():
            assert json.loads((at / name).read_text()) == json.loads((start / name).read_text()), name
    assert json.loads((at / "config.json").read_text()) == json.loads((start / "config.json").read_text())
    words = "Hello, good friend"
    assert osso("tokenize", "-m", at, words).text == osso("tokenize", "-m", start, words).text


def test_the_bundled_model():
    tied = bundled_config()["tie_word_embeddings"]  # OpenAI's own form has no word for it
    if tied:
        refuses(osso("convert", BUNDLED, TEMP / "no", "--to", "original"), 1, "tie_word_embeddings", "hf")
    for at in round_trip(BUNDLED, ("gguf", "mlx", *([] if tied else ["original"]), "hf"), "bundled"):
        pass
    same_folder(BUNDLED, at)
    old, new = (json.loads((p / "config.json").read_text()) for p in (BUNDLED, at))
    assert old == new, {k: (old.get(k), new.get(k)) for k in {*old, *new} if old.get(k) != new.get(k)}
    assert (at / "generation_config.json").read_bytes() == (BUNDLED / "generation_config.json").read_bytes()
    text = "The little dog's 3 friends ran home.\n\nNaïve café"
    assert osso("tokenize", "-m", at, text).text == osso("tokenize", "-m", BUNDLED, text).text


def test_plain_experts_and_tied_embeddings():
    for i, change in enumerate((dense, lambda m: (dense(m, "F32"), widen(m)), tie, lambda m: (dense(m), tie(m)))):
        m = Folder()
        change(m)
        start = m.put(f"plain-{i}")
        row = logits(start)[1]
        for at in round_trip(start, ("gguf", "mlx", "hf"), f"plain-{i}"):
            assert logits(at)[1] == row, (i, at)
        same_folder(start, at)


def test_a_tied_head_becomes_a_tensor_of_its_own():
    start = sayable(tie).put("tied")
    row = logits(start)[1]
    said = osso("convert", start, place("tied.gguf"), "--to", "gguf")
    tied = TEMP / "converted" / "tied.gguf"
    assert said.code == 0 and "--untie" in said.complaint and "output.weight" not in read_gguf(tied.read_bytes())[1]
    untied = convert(start, "gguf", "untied.gguf", "--untie")
    tensors = read_gguf(untied.read_bytes())[1]
    assert tensors["output.weight"] == tensors["token_embd.weight"] and logits(untied)[1] == row
    for at in round_trip(untied, ("mlx", "original", "hf"), "untied"):
        assert logits(at)[1] == row, at
    tensors, config = folder_tensors(at), json.loads((at / "config.json").read_text())
    assert tensors["lm_head.weight"] == tensors["model.embed_tokens.weight"]
    assert config == json.loads((start / "config.json").read_text()) | {"tie_word_embeddings": False}
    same_folder(convert(tied, "hf", "untied-hf", "--untie"), at)
    refuses(osso("quantize", start, place("no.gguf"), "--type", "head=q8_0"), 2, "head=q8_0", "whose head is its embedding")
    tensors = read_gguf(convert(start, None, "head.gguf", "--type", "head=q8_0", "--untie", verb="quantize").read_bytes())[1]
    assert tensors["output.weight"][1] == 8 and tensors["token_embd.weight"][1] == 30


def test_metadata_goes_along():
    m = File()
    m.keys, m.tensors = read_gguf(convert(base("hf")[0], "gguf", "plain.gguf").read_bytes())
    m.keys["somebody.else"] = (9, struct.pack("<IQ3h", 3, 3, -1, 2, 300))
    m.keys["another.key"] = (12, struct.pack("<d", 0.1))
    m.keys["tokenizer.chat_template"] = string("{{ messages }}")
    start = m.put("keys")
    folder = convert(start, "hf", "keys-hf")
    assert (folder / "chat_template.jinja").read_text() == "{{ messages }}"
    back = convert(folder, "gguf", "keys-back.gguf")
    keys, tensors = read_gguf(back.read_bytes())
    for key in ("somebody.else", "another.key", "tokenizer.chat_template", "general.name", "tokenizer.ggml.tokens",
                "tokenizer.ggml.merges", "gpt-oss.rope.freq_base"):
        assert keys[key] == m.keys[key], key
    again, _ = read_gguf(convert(start, "gguf", "keys-again.gguf").read_bytes())
    for key, value in m.keys.items():
        assert again[key] == value or key == "general.file_type", key
    m = sayable()
    m.config["somebodys_key"] = {"a": [1, 2.50]}
    m.files["generation_config.json"] = b'{"temperature": 0.7, "top_k": 5, "eos_token_id": [3, 4], "odd": 1}'
    m.files["special_tokens_map.json"] = b'{"x": 1}'
    start = m.put("strange")
    for at in round_trip(start, ("gguf", "mlx", "original", "hf"), "strange"):
        info = json.loads(osso("info", at, "--json").text)
        assert "0.7" in json.dumps(info), at
    assert json.loads((at / "config.json").read_text())["somebodys_key"] == {"a": [1, 2.5]}
    assert (at / "generation_config.json").read_bytes() == m.files["generation_config.json"]
    assert (at / "special_tokens_map.json").read_bytes() == m.files["special_tokens_map.json"]


def test_parts():
    start, row = base("hf")
    out = place("parts.gguf")
    assert osso("convert", start, out, "--to", "gguf", "--split-size", "60K").code == 0
    parts = sorted(out.parent.glob("parts-*-of-*.gguf"))
    assert len(parts) > 2 and not out.exists()
    assert logits(parts[1])[1] == row
    folder = convert(parts[0], "hf", "parts-hf", "--split-size", "60K")
    assert len(list(folder.glob("*.safetensors"))) > 2 and (folder / "model.safetensors.index.json").exists()
    same_folder(start, folder)
    for part in parts:
        part.unlink()


def test_what_a_form_cannot_hold():
    start, file = base("hf")[0], base("gguf")[0]
    out = place("never")
    refuses(osso("convert", file, out, "--to", "hf"), 1, "token_embd.weight", "Q8_0", "--expand")
    m = File()
    m.keys["gpt-oss.context_length"] = u32(4096 * 32)
    refuses(osso("convert", m.put("q8"), out, "--to", "original"), 1, "token_embd.weight", "Q8_0")
    expanded = convert(file, "hf", "expanded", "--expand", "f32")
    assert logits(expanded)[1] == base("gguf")[1]
    for key, value, forms in (("rms_norm_eps", 1e-6, ("original",)), ("swiglu_limit", 5.0, ("gguf",)), ("tie_word_embeddings", True, ("original",)),
                              ("layer_types", ["full_attention", "sliding_attention"], ("original",))):
        m = sayable()
        m.config[key] = value
        if key == "tie_word_embeddings":
            tie(m)
        path = m.put(f"cannot-{key}")
        for to in forms:
            refuses(osso("convert", path, out, "--to", to), 1, key)
    m = sayable(dense)
    refuses(osso("convert", m.put("no-blocks"), out, "--to", "original"), 1, "gate_up_proj", "MXFP4")
    refuses(osso("convert", start, out), 2, "--to")
    assert not out.exists() and not list(out.parent.glob("never*"))


def test_where_out_may_be():
    start = base("hf")[0]
    out = convert(start, "hf", "there")
    refuses(osso("convert", start, out, "--to", "hf"), 2, "--force")
    (out / "mine.txt").write_text("mine")
    refuses(osso("convert", start, out, "--to", "hf", "--force"), 2, "mine.txt")
    (out / "mine.txt").unlink()
    (out / "model.safetensors").write_bytes(b"spoilt")
    assert osso("convert", start, out, "--to", "hf", "--force").code == 0
    same_folder(start, out)
    refuses(osso("convert", start, start, "--to", "hf", "--force"), 2, "is the model that is read")
    refuses(osso("convert", start, start / "x.gguf", "--to", "gguf"), 2, "lies inside")
    refuses(osso("convert", start, out.parent / "no" / "such", "--to", "hf"), 1, "not there")
    refuses(osso("convert", start, out, "--to", "gguf", "--force"), 2, "folder")
    refuses(osso("convert", start, "", "--to", "gguf"), 2, "no name of a file")
    refuses(osso("convert", start, f"{out.parent}/new/", "--to", "gguf"), 2, "no name of a file")
    (out.parent / "mine").mkdir()
    (out.parent / "mine" / "letters.json").write_text("{}")
    refuses(osso("convert", start, out.parent / "mine", "--to", "hf", "--force"), 2, "letters.json and no config.json")
    assert (out.parent / "mine" / "letters.json").exists()
    plan = osso("convert", start, out, "--to", "gguf", "--dry-run", "--force")
    dry = osso("convert", start, place("dry.gguf"), "--to", "gguf", "--dry-run", "--json")
    report = json.loads(dry.text)
    assert plan.code == 2 and dry.code == 0 and not (out.parent / "dry.gguf").exists()
    made = convert(start, "gguf", "dry.gguf")
    assert {t["name"] for t in report["tensors"]} == set(read_gguf(made.read_bytes())[1]) and report["bytes"] == sum(
        len(t[2]) for t in read_gguf(made.read_bytes())[1].values())
    assert not [p for p in out.parent.iterdir() if ".tmp." in p.name]


def killed_runs(name, kills, rng, *command):
    """Kills runs that write OUT (the last of the command's words; with --force over the one that is there) until so many ended by it."""
    out, killed, over = place(name), 0, "--force" in command
    begin = time.monotonic()
    assert osso(*command, out).code == 0
    whole = time.monotonic() - begin
    for _ in range(10 * kills):
        if not over:
            place(name)
        run = subprocess.Popen([OSSO, *map(str, command), str(out)], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, whole))
        run.send_signal(signal.SIGKILL)
        ended = run.wait()
        assert ended in (0, -signal.SIGKILL), ended
        if out.exists():  # the one that was there, or the run was done: a whole one
            assert osso("info", out).code == 0
        killed += ended != 0 and (over or not out.exists())
        if killed == kills:
            break
    assert killed == kills
    if not over:
        place(name)
    assert osso(*command, out).code == 0 and osso("info", out).code == 0
    assert [p.name for p in out.parent.glob(f"*{name}*")] == [out.name]


def test_a_killed_run_leaves_nothing():
    tokens, _ = tiny()
    shapes = TEMP / "large.json"
    shapes.write_text(json.dumps(dict(json.loads((base("hf")[0] / "config.json").read_text()), hidden_size=512, intermediate_size=512, num_local_experts=16)))
    source = TEMP / "large"
    assert osso("synth", source, "--format", "hf", "--preset", shapes, "--tokenizer", tokens).code == 0
    kills, rng = int(os.environ.get("OSSO_KILLS", 7)), random.Random(1)
    ways = [("convert", "--to", "hf"), ("convert", "--to", "gguf"), ("convert", "--to", "mlx"), ("quantize", "--to", "gguf", "--type", "attention=Q4_0"),
            ("convert", "--to", "hf", "--force"), ("convert", "--to", "gguf", "--force"), ("quantize", "--to", "mlx", "--type", "mxfp4-q8", "--force")]
    for i, (verb, *options) in enumerate(ways):
        killed_runs(f"killed-{i}", kills * (i + 1) // len(ways) - kills * i // len(ways), rng, verb, *options, source)
    print(f"{kills} runs killed")


def test_a_full_disk_and_a_cut_source():
    start = base("hf")[0]
    out = place("full.gguf")
    limited = subprocess.run(["bash", "-c", f"ulimit -f 40; trap '' XFSZ; '{OSSO}' convert '{start}' '{out}' --to gguf"], capture_output=True, env=environment())
    assert limited.returncode == 1 and b"cannot write" in limited.stderr, limited
    assert not list(out.parent.glob("full*"))


# ---- quantize --------------------------------------------------------------------------------------------------


def test_types_and_their_report():
    m = Folder()
    dense(m)
    start = m.put("dense")
    out = convert(start, None, "small.gguf", "--json", verb="quantize")
    _, tensors = read_gguf(out.read_bytes())
    assert {tensors[n][1] for n in tensors if "_exps.weight" in n} == {39}
    assert tensors["token_embd.weight"][1] == 8 and tensors["blk.0.ffn_gate_inp.weight"][1] == 0
    report = json.loads(osso("quantize", start, place("report"), "--json", "-t", "3").text)
    costs = [t for t in report["tensors"] if "relative_mse" in t]
    assert costs and all(0 < t["relative_mse"] < .02 and t["largest_error"] > 0 for t in costs), costs
    assert "_blocks" in costs[0]["name"] and report["bytes"] < report["bytes_before"]
    assert json.loads((TEMP / "converted/report/config.json").read_text())["quantization_config"]["quant_method"] == "mxfp4"
    for kind in ("F16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "Q8_0", "BF16", "F32"):
        path = convert(start, None, "one.gguf", "--type", kind, verb="quantize")
        other = convert(start, None, "five.gguf", "--type", kind, "-t", "5", verb="quantize")
        assert path.read_bytes() == other.read_bytes(), kind  # but for its name, which is not the file's
        assert logits(path)[1], kind
    for kind in ("affine4", "affine5-g32", "affine6", "affine8"):
        path = convert(start, None, "affine", "--type", kind, verb="quantize")
        assert logits(path)[1] and "quantization" in json.loads((path / "config.json").read_text()), kind


def test_a_value_that_is_no_number():
    m = Folder()
    name = "model.layers.0.self_attn.o_proj.weight"
    kind, shape, data = ones(*m.tensors[name][1])
    m.tensors[name] = (kind, shape, data[:200] + bf16(float("nan")) + data[202:])
    report = json.loads(osso("quantize", m.put("nan"), place("nan.gguf"), "--type", "*.attn_output.weight=mxfp4", "--json").text)
    fate = next(t for t in report["tensors"] if t["name"] == "blk.0.attn_output.weight")  # 31 ones go with it, all others stay
    assert not fate["moved"] and fate["largest_error"] is None and (fate["worst"]["row"], fate["worst"]["block"]) == (0, 3), fate


def test_already_mxfp4():
    start, row = base("hf")
    out = convert(start, "hf", "again", "--type", "mxfp4", verb="quantize")
    same_folder(start, out)
    refuses(osso("quantize", start, place("no.gguf"), "--type", "q8_0"), 2, "MXFP4 already", "--requantize")
    wide = convert(start, None, "wide", "--type", "experts=bf16", "--requantize", verb="quantize")
    assert logits(wide)[1] == row  # exact: MXFP4's values are BF16's too
    back = convert(wide, None, "back", "--search", verb="quantize")
    assert logits(back)[1] == row


def test_rules():
    start = base("hf")[0]
    out = place("rules.gguf")
    refuses(osso("quantize", start, out, "--type", "Q4_K_M"), 2, "Q5_0", "MXFP4")
    refuses(osso("quantize", start, out, "--type", "UD-Q2_K_XL"), 2, "makes Q2_K", "Q4_0")
    refuses(osso("quantize", start, out, "--type", "q9"), 2, "no type is named", "Q8_0")
    refuses(osso("quantize", start, out, "--type", "attention=affine4"), 2, "gguf has no type AFFINE4", "--to")
    refuses(osso("quantize", start, out, "--type", "attention=q6_k"), 2, "256", "Q8_0", "--fallback")
    refuses(osso("quantize", start, out, "--type", "blk.9.*=q8_0"), 2, "matches no matrix")
    refuses(osso("quantize", start, out, "--type", "*norm*=q8_0"), 2, "matches no matrix", "kept")
    made = osso("quantize", start, out, "--type", "attention=q6_k", "--fallback", "--type", "*.attn_k.weight=keep", "--type", "head=f16")
    assert made.code == 0 and "Q8_0 instead" in made.complaint, made
    _, tensors = read_gguf(out.read_bytes())
    assert [tensors[n][1] for n in ("blk.0.attn_q.weight", "output.weight")] == [8, 1]


if __name__ == "__main__":
    main(sys.modules[__name__])
