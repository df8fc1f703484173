#!/usr/bin/env python3
"""generate, logits, bench and synth, on the model that says what a table says."""
import array
import math
import re
import shutil
import struct

from harness import *


def gen(*args, **more):
    return osso("generate", "-m", tiny()[0], *args, **more)


def npy(path):
    """(shape, values) of a float32 .npy file."""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    size = data[8] + 256 * data[9]
    header = eval(data[10:10 + size].decode())  # a literal, as the format says
    assert header["descr"] == "<f4" and header["fortran_order"] is False and (10 + size) % 64 == 0
    values = array.array("f", data[10 + size:])
    assert len(values) == math.prod(header["shape"])
    return header["shape"], values


def test_text_comes_from_everywhere():
    assert gen("-p", "Hello", "--temp", "0").text == ", good friend.\n"
    assert gen("--temp", "0", stdin="Hello\n").text == ", good friend.\n"
    (TEMP / "prompt").write_text("Hello\n")
    assert gen("--temp", "0", "-f", TEMP / "prompt").text == ", good friend.\n"
    refuses(gen(stdin=""), 2, "empty")


def test_json():
    result = json.loads(gen("-p", "Hello", "--temp", "0", "--json", "--top-logprobs", "2").text)
    assert list(result) == ["prompt_ids", "tokens", "text", "stop_reason", "timings"]
    ids = tiny()[1]
    assert result["prompt_ids"] == [ids["Hello"]]
    assert [t["id"] for t in result["tokens"]] == [ids[w] for w in (",", " good", " friend", ".", "<|return|>")]
    assert result["text"] == ", good friend." and result["stop_reason"] == "stop"
    for token in result["tokens"]:
        assert list(token) == ["id", "text", "logprob", "top"] and len(token["top"]) == 2
        assert token["top"][0]["id"] == token["id"] and -1e-3 < token["logprob"] <= 0
        assert token["top"][0]["logprob"] >= token["top"][1]["logprob"]
    assert "".join(t["text"] for t in result["tokens"]) == ", good friend.<|return|>"


def test_tokens_that_are_run_ahead_change_nothing():
    text = "Tom has a red ball. Tom has a red ball. Tom has a red"
    ahead = 0
    for temp in ("0", "1"):
        run = lambda *more: json.loads(osso("generate", "-m", "models/osso-small", "-p", text, "-n", "80", "--temp", temp, "--seed", "3",
                                            "--ignore-eos", "--json", *more).text)
        without, with_ = run("--draft", "off"), run("--draft-max", "16")
        assert without["tokens"] == with_["tokens"] and without["timings"]["draft_n"] == 0
        assert with_["timings"]["draft_n_accepted"] <= with_["timings"]["draft_n"]
        ahead += with_["timings"]["draft_n"]
    assert ahead > 0  # the first guesses are made before any clock says what they cost
    refuses(gen("-p", "Hello", "--draft-max", "0"), 2, "--draft-max")


def test_a_model_that_guesses_changes_nothing():
    """The bundled model guesses for itself: greedy or sampled it never errs, by whatever name the option goes."""
    for temp, name in (("0", "--draft"), ("1", "-md")):
        run = lambda *more: json.loads(osso("generate", "-m", "models/osso-small", "-p", "Once upon a time there was a fox", "-n", "60",
                                            "--temp", temp, "--seed", "3", "--json", *more).text)
        without, with_ = run("--draft", "off"), run(name, "models/osso-small", "--draft-n", "4")
        t = with_["timings"]
        assert without["tokens"] == with_["tokens"] and "draft_model_n" not in without["timings"]
        assert t["draft_model_n"] > 0 and t["draft_model_n_computed"] > 0  # asked once before any clock says what it costs
        assert t["draft_model_n_accepted"] <= t["draft_model_n"] <= t["draft_n"]
        assert t["draft_model_n"] - t["draft_model_n_accepted"] <= 3  # none is wrong; the end may leave some


def test_beams():
    """Best first, by the sum of log-probabilities / length ^ A; one beam is the greedy text."""
    assert gen("-p", "Hello", "--beams", "1").text == gen("-p", "Hello", "--temp", "0").text == ", good friend.\n"
    for penalty in ("0", "1", "2"):
        found = json.loads(gen("-p", "Hello", "--beams", "4", "--n-best", "3", "--length-penalty", penalty, "-n", "8", "--json").text)["beams"]
        assert len(found) == 3 and [b["score"] for b in found] == sorted((b["score"] for b in found), reverse=True)
        assert len({tuple(b["ids"]) for b in found}) == 3
        for b in found:
            assert math.isclose(b["score"], b["logprob"] / len(b["ids"]) ** float(penalty), rel_tol=1e-6)
    lines = gen("-p", "Hello", "--beams", "3", "--n-best", "2", "-n", "8").text.splitlines()
    assert re.match(r"\[1: -0\.\d{4}\] , good friend\.$", lines[0]) and lines[1].startswith("[2: -"), lines
    assert gen("-p", "Hello", "--beams", "2", "--stop", "od fr").text == ", go\n"
    refuses(gen("-p", "Hello", "--beams", "2", "--temp", "0.5"), 2, "temp has no effect beside --beams")
    first = json.loads(gen("-p", "Hello", "--beams", "2", "-n", "4", "--json").text)["beams"][0]["ids"][0]
    for beam in json.loads(gen("-p", "Hello", "--beams", "4", "--n-best", "4", "-n", "4", "--logit-bias", f"{first}-inf", "--json").text)["beams"]:
        assert first not in beam["ids"], beam
    likely = json.loads(gen("-p", "Hello", "--beams", "2", "-n", "4", "--logit-bias", f"{first}+2", "--json").text)["beams"][0]
    assert likely["score"] > likely["logprob"] / len(likely["ids"])  # the bias counts
    refuses(gen("-p", "Hello", "--beams", "2", "--logit-bias", f"{first}+inf"), 2, "finite")
    refuses(gen("-p", "Hello", "--n-best", "2"), 2, "--n-best has no effect without --beams")
    refuses(gen("-p", "Hello", "--beams", "2", "--n-best", "3"), 2, "the best 3 of 2 beams")


def test_a_model_that_cannot_guess_is_refused():
    small = ("generate", "-m", "models/osso-small", "-p", "Hello", "-n", "2")
    refuses(osso(*small, "--draft", tiny()[0]), 2, "the same vocabulary", str(tiny()[0]))
    refuses(osso(*small, "--draft", "nowhere"), 1, "nowhere")
    other = TEMP / "other-words"  # as many ids, of which one is another word
    shutil.copytree(tiny()[0], other)
    text = (other / "tokenizer.json").read_text()
    assert '"<|return|>"' in text
    (other / "tokenizer.json").write_text(text.replace('"<|return|>"', '"<|turn|>"'))
    refuses(gen("-p", "Hello", "--draft", other), 2, "'<|turn|>' there and '<|return|>' in")
    (TEMP / "script.jsonl").write_text('{"say": "Hi."}\n')
    refuses(osso("generate", "--script", TEMP / "script.jsonl", "-p", "Hello", "--draft", "models/osso-small"), 2, "a script has no vocabulary")


def test_stop_reasons():
    reason = lambda *args: json.loads(gen("--temp", "0", "--json", *args).text)["stop_reason"]
    assert reason("-p", "Hello", "-n", "2") == "length"
    assert reason("-p", "Loop", "-c", "32") == "context"
    assert reason("-p", "Hello", "--stop", "friend") == "stop_string"


def test_stop_texts():
    assert gen("-p", "Hello", "--temp", "0", "--stop", "od fr").text == ", go\n"
    assert gen("-p", "Hello", "--temp", "0", "--stop", "xyz", "--stop", "end.").text == ", good fri\n"
    assert gen("-p", "Hello", "--temp", "0", "--stop", "end.x").text == ", good friend.\n"


def test_bias_and_ignore_eos():
    ids = tiny()[1]
    assert gen("-p", "Hello", "--temp", "0", "-n", "1", "--logit-bias", f"{ids['!']}+30").text == "!\n"
    assert not gen("-p", "Hello", "--temp", "0", "-n", "1", "--logit-bias", f"{ids[',']}-inf").text.startswith(",")
    assert json.loads(gen("-p", "Hello", "-n", "8", "--ignore-eos", "--json", "-s", "1").text)["stop_reason"] == "length"
    refuses(gen("-p", "Hello", "--logit-bias", "999999+1"), 2, "999999+1")
    refuses(gen("-p", "Hello", "--logit-bias", "three"), 2, "'three'")


def test_seeds():
    ids = tiny()[1]
    run = lambda seed: gen("-p", "Hello", "--temp", "9", "-n", "20", "-s", seed, "--json", "--ignore-eos").text
    pick = lambda text: [t["id"] for t in json.loads(text)["tokens"]]
    assert pick(run("7")) == pick(run("7")) != pick(run("8"))
    assert pick(run("18446744073709551615")) and pick(run("-1"))


def test_chat_form():
    ids = tiny()[1]
    final = ["--temp", "0", "--logit-bias", f"{ids['final']}+5"]
    assert gen("--chat", "-p", "hi", *final).text == "Hello, good friend.\n"
    assert gen("--chat", "-p", "hi", *final, "--stop", "d fr").text == "Hello, goo\n"
    result = json.loads(gen("--chat", "-p", "hi", *final, "--json", "--stop", "d fr", "--date", "none").text)
    assert result["text"] == "Hello, goo" and result["stop_reason"] == "stop_string", result
    raw = gen("--chat", "-p", "hi", *final, "--special").text
    assert raw.startswith("<|channel|>final<|message|>Hello"), raw


def test_special_tokens_in_prompts():
    ids = tiny()[1]
    count = lambda *args: json.loads(gen("-p", "<|start|>", "-n", "1", "--json", *args).text)["prompt_ids"]
    assert count("--special") == [ids["<|start|>"]] and len(count()) == 9


def test_control_characters_go_into_files_unchanged():
    assert gen("-p", "Evil", "--temp", "0").out == b"\x1b[2J\n"


def test_threads_and_kv_types_agree():
    first = gen("-p", "Hello", "--temp", "1", "-s", "3", "-n", "30", "-t", "1").out
    for more in (["-t", "2"], ["--kv-type", "bf16"], ["--kv-type", "f32"], ["--kv-type", "q8_0"], ["--exact"], ["--isa", "scalar"],
                 ["--experts-per-token", "2"]):
        assert gen("-p", "Hello", "--temp", "1", "-s", "3", "-n", "30", *more).out == first, more
    refuses(gen("-p", "Hello", "--isa", "sse9"), (1, 2), "sse9")


def test_logits():
    path, ids = tiny()
    out = TEMP / "logits.npy"
    result = osso("logits", "-m", path, "--ids", f"{ids['Hello']},{ids[',']}", "-o", out)
    assert result.code == 0 and result.out == b"" and result.err == b"", result
    shape, values = npy(out)
    assert shape[0] == 2
    row = values[:shape[1]]
    assert max(range(shape[1]), key=row.__getitem__) == ids[","] and abs(row[ids[","]] - 20) < 0.2
    (TEMP / "list").write_text(f"{ids['Hello']},{ids[',']}\n")
    osso("logits", "-m", path, "--ids", TEMP / "list", "-o", TEMP / "again.npy")
    assert (TEMP / "again.npy").read_bytes() == out.read_bytes()


def test_logits_of_a_golden_model():
    golden = ROOT / "tests/golden/model/bf16-export"
    if not golden.exists():
        raise Skip("there is no golden model")
    out = TEMP / "golden.npy"
    assert osso("logits", "-m", golden, "--ids", golden / "ids.txt", "--exact", "-o", out).code == 0
    (shape, ours), (expected, theirs) = npy(out), npy(golden / "logits.npy")
    assert shape == expected
    bound = 1e-4 * max(1, max(map(abs, theirs)))
    assert max(abs(a - b) for a, b in zip(ours, theirs)) <= bound


def test_many_logits_in_steps():
    path, ids = tiny()
    n = 3000
    (TEMP / "many").write_text(",".join(str(ids["Loop"]) for _ in range(n)))
    assert osso("logits", "-m", path, "--ids", TEMP / "many", "-o", TEMP / "many.npy").code == 0
    shape, values = npy(TEMP / "many.npy")
    assert shape[0] == n and values[:shape[1]] == values[-shape[1]:]


def test_bench():
    path, _ = tiny()
    bench = lambda *args: osso("bench", "-m", path, "-t", "1", "-r", "2", *args, timeout=120)
    table = bench("-p", "16,32", "-n", "4", "-d", "0,8").text
    for test in ("pp16", "pp32", "tg4", "pp16 @ d8", "tg4 @ d8"):
        assert f"| {test} |" in table, table
    rows = json.loads(bench("-p", "16", "-n", "4", "-o", "json").text)
    assert [(r["n_prompt"], r["n_gen"], r["n_depth"]) for r in rows] == [(16, 0, 0), (0, 4, 0)]
    for row in rows:
        for field in ("model_filename", "model_type", "model_size", "model_n_params", "n_threads", "avg_ns", "stddev_ns", "avg_ts",
                      "stddev_ts", "cpu_info", "read_ceiling_gbps", "int8_ceiling_tops", "test_time"):
            assert field in row, field
        assert len(row["samples_ns"]) == len(row["samples_ts"]) == 2 and row["avg_ts"] > 0
    lines = bench("-p", "0", "-n", "4", "--parallel", "3", "-o", "csv").text.splitlines()
    assert len(lines) == 2 and '"3"' in lines[1]
    one, many = (json.loads(bench("-p", "0", "-n", "4", "--parallel", n, "-d", "200", "-o", "json", "--fill").text)[0] for n in ("1", "3"))
    assert one["depth_made_up"] is True and one["resident_gbps"] > 0, one
    picks = json.loads(pathlib.Path(path, "config.json").read_text())["num_experts_per_tok"]
    assert one["experts_per_layer"] == picks <= many["experts_per_layer"] <= 3 * picks, many
    assert one["bytes_per_token"] > many["bytes_per_token"] > one["bytes_per_token"] / 3, "what is shared is read once"
    refuses(bench("-p", "many"), 2, "-p", "'many'")


def test_bench_sample():
    """Sequences that draw their own tokens, from the first step on that gave logits to all of them."""
    path, _ = tiny()
    bench = lambda *args: osso("bench", "-m", path, "-r", "2", "-n", "20", *args, timeout=120)
    for args in ([], ["--parallel", "3"], ["--parallel", "3", "-d", "40"], ["--parallel", "2", "-d", "200", "--fill"], ["-t", "3", "-np", "5"]):
        rows = json.loads(bench("-p", "8", "-o", "json", "--sample", *args).text)
        assert [(row["sampled"], row["n_gen"]) for row in rows] == [(False, 0), (True, 20)], rows
        assert not json.loads(bench("-p", "0", "-o", "json", *args).text)[0]["sampled"]
    assert "| tg20 x3 sampled |" in bench("-p", "0", "--sample", "--parallel", "3").text
    refuses(osso("bench", "-m", path, "-n", "0", "--sample"), 2, "--sample", "-n 0")
    broken = TEMP / "not_finite"  # logits that only who draws from them looks at
    shutil.copytree(path, broken)
    data = bytearray((broken / "model.safetensors").read_bytes())
    size, = struct.unpack_from("<Q", data)
    first, last = json.loads(data[8:8 + size])["model.norm.weight"]["data_offsets"]
    data[8 + size + first:8 + size + last] = b"\xc0\x7f" * ((last - first) // 2)
    (broken / "model.safetensors").write_bytes(data)
    for parallel in ("1", "3"):
        args = ("bench", "-m", broken, "-p", "0", "-n", "4", "-r", "1", "--parallel", parallel)
        assert osso(*args).code == 0
        refuses(osso(*args, "--sample"), 1, "not finite")


def test_bench_drafts():
    """A text with its answer, along which the model is led, and one without: the same choices with guesses and without."""
    path, _ = tiny()
    given, own = TEMP / 'given "text".txt', TEMP / "own.txt"
    given.write_text("Hello, good friend. Hello, good friend.\n=====\n" + "Hello, good friend. " * 8)
    own.write_text("Hello")
    bench = lambda *args: osso("bench", "-m", path, "-r", "2", *args, timeout=120)
    texts = ("--draft-text", given, "--draft-text", own)
    rows = json.loads(bench("--draft", "lookup", *texts, "-o", "json").text)
    assert [(r["text"], r["answer"], r["same"]) for r in rows] == [(str(given), "given", True), (str(own), "model's", True)]
    assert rows[0]["n_gen"] > 30 and rows[1]["n_gen"] == 128
    for r in rows:
        assert r["plain_ts"] > 0 and r["draft_ts"] > 0 and r["ratio"] > 0 and r["draft_n"] >= r["draft_n_accepted"], r
        assert math.isclose(r["tokens_per_step"], (r["n_gen"] - 1) / (r["n_gen"] - 1 - r["draft_n_accepted"]), rel_tol=1e-3), r
    lines = bench("--draft", path, *texts, "-n", "12", "-o", "csv").text.splitlines()  # the model itself guesses
    assert len(lines) == 3 and lines[1].startswith('"' + str(given).replace('"', '""') + '",given,') and ",12,2," in lines[1], lines
    assert "tokens a step" in bench("--draft", "lookup", "--draft-text", own, "-n", "4").text
    refuses(bench("--draft", "lookup"), 2, "--draft-text", "bench/drafts")
    refuses(bench("--draft", "off", *texts), 2, "--draft off")
    refuses(bench("--draft", "lookup", *texts, "-n", "4,5"), 2, "-n")
    refuses(bench("--draft-text", own), 2, "--draft-text has no effect without --draft")
    refuses(bench("--draft", "lookup", *texts, "-p", "5"), 2, "has no effect beside --draft")
    refuses(bench("--draft", "lookup", "--draft-text", TEMP / "nowhere"), 1, "nowhere")
    (TEMP / "short").write_text("Hello\n=====\n")
    refuses(bench("--draft", "lookup", "--draft-text", TEMP / "short"), 2, "an answer of two tokens")


def test_synth():
    config = TEMP / "shapes.json"
    shapes = json.loads(pathlib.Path(tiny()[0], "config.json").read_text())
    shapes["num_hidden_layers"] = 2
    shapes["layer_types"] = ["sliding_attention", "full_attention"]
    shapes["vocab_size"] = 201088
    config.write_text(json.dumps(shapes))
    for form, out in (("gguf", TEMP / "synth.gguf"), ("hf", TEMP / "synth-hf")):
        result = osso("synth", "--preset", config, "--format", form, "--seed", "5", out, timeout=120)
        if result.code and b"multiple" in result.err:
            raise Skip(result.complaint.strip())
        assert result.code == 0, result
        info = json.loads(osso("info", out, "--json").text)
        assert info["architecture"]["layers"] == 2, info
        result = osso("generate", "-m", out, "-p", "Hello", "-n", "3", "-s", "1", timeout=60)
        assert result.code == 0, result


def test_info():
    path, _ = tiny()
    info = json.loads(osso("info", path, "--json", "--tensors", "-c", "1024").text)
    assert info["memory"]["context"] == 1024 and any(t["name"] == "lm_head.weight" for t in info["tensors"])
    text = osso("info", path, "--tensors").text
    assert "lm_head.weight" in text and re.search(r"^  KV heads +1$", text, re.M), text
    assert osso("info", env={"OSSO_MODEL": path}).code == 0
    preset = osso("info", "--preset", "20b").text
    assert "20.91 B" in preset and "3.61 B" in preset, preset
    assert osso("info", "--preset", "120b").code == 0


if __name__ == "__main__":
    main(sys.modules[__name__])
