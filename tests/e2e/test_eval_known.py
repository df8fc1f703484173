#!/usr/bin/env python3
"""osso eval where the right numbers are known: a model to whom all tokens are alike, and a smaller form of one beside its logits."""
import math
import shutil
import struct

from evals import *


def count(text):
    return len(osso("tokenize", "-m", bundled(), stdin=text).text.split())


def uniform():
    """The bundled model with an output matrix of zeros, and the size of its vocabulary. Where the head is the embedding, it
    gets a tensor of its own."""
    folder = TEMP / "uniform"
    shutil.copytree(bundled(), folder)
    raw = bytearray((folder / "model.safetensors").read_bytes())
    size = struct.unpack_from("<Q", raw)[0]
    header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
    head = dict(header.get("lm_head.weight") or header["model.embed_tokens.weight"])
    begin, end = head["data_offsets"]
    if "lm_head.weight" not in header:
        begin, end = len(data), len(data) + end - begin
    data[begin:end] = bytes(end - begin)
    header["lm_head.weight"] = dict(head, data_offsets=[begin, end])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text(json.dumps(dict(bundled_config(), tie_word_embeddings=False)))
    return folder, head["shape"][0]


def test_a_uniform_model():
    """Every token costs the logarithm of the vocabulary, whatever the number formats: nothing else may be in a score."""
    model, vocab = uniform()
    samples, each = TEMP / "samples.jsonl", math.log(vocab)

    def report(tasks, *more, data=DATA):
        result = osso("eval", tasks, "-m", model, "--data", data, "-t", 1, "-c", 192, "-n", 4, "--samples", samples, "--no-history", "--json", *more, timeout=120)
        assert result.code == 0, result
        return json.loads(result.text)["results"]
    exactly = lambda ll, tokens: abs(ll + tokens * each) <= 1e-12 * tokens * each
    for more in ((), ("--exact",)):
        results = report("all", *more)
        seen = set()
        for s in (s for s in lines(samples) if "ll" in s):
            seen.add(s["task"])
            tokens = [round(-ll / each) for ll in s["ll"]]
            assert all(n > 0 and exactly(ll, n) for n, ll in zip(tokens, s["ll"])), s
            assert s["task"] != "wikitext" or sum(tokens) == s["tokens"], s
            assert "pred" not in s or s["pred"] == tokens.index(min(tokens)), s  # the shortest; of equal ones the first
            assert s["task"] not in ("mmlu", "commonsense_qa") or tokens == [1] * len(tokens), s  # letters
        assert len(seen) == 13, seen
        assert abs(results["wikitext"]["token_perplexity,none"] - vocab) < 1e-8 * vocab, results["wikitext"]
    own = TEMP / "own.jsonl"
    asked = [("Once upon a time", " there was a little girl"), ("", "One"), ("The answer:", "\n\n42")]
    own.write_text("".join(json.dumps({"context": a, "continuation": b}) + "\n" for a, b in asked))
    report("continuation", data=own)
    for (context, continuation), s in zip(asked, lines(samples)):
        assert exactly(s["ll"][0], count(context + continuation) - count(context)), s
    text = TEMP / "text.txt"
    text.write_bytes((ROOT / "LICENSE").read_bytes()[:1500])
    for task, *more in (("bpb",), ("ppl", "--window", 64, "--stride", 20), ("ppl", "--window", 64, "--rule", "llama")):
        result = report(task, *more, data=text)[task]
        assert abs(result["token_perplexity,none"] - vocab) < 1e-8 * vocab, result
        assert "llama" in more or result["tokens"] == count(text.read_bytes()) and abs(
            result["bits_per_byte,none"] - result["tokens"] * math.log2(vocab) / 1500) < 1e-9, result


def test_a_model_beside_its_smaller_form():
    small, text = TEMP / "q8.gguf", TEMP / "short.txt"
    made = osso("quantize", bundled(), small, "--type", "q8_0", "--requantize", timeout=120)
    assert made.code == 0, made
    text.write_bytes((ROOT / "LICENSE").read_bytes()[:400])
    two = ("eval", "compare", bundled(), small, "--data", text, "-c", 2048, "-t", 1, "--json")
    result = osso(*two, "--exact", timeout=120)
    assert result.code == 0, result
    mine = json.loads(result.text)
    ids = [mine["prefix_id"]] + list(map(int, osso("tokenize", "-m", bundled(), stdin=text.read_bytes()).text.split()))
    assert mine["tokens"] == len(ids) - 1 < 2048, mine
    both = []
    for name, model in (("a", bundled()), ("b", small)):
        out = TEMP / f"{name}.npy"
        done = osso("logits", "-m", model, "-t", 1, "--exact", "--ids", ",".join(map(str, ids[:-1])), "-o", out, timeout=60)
        assert done.code == 0, done
        both.append(log_probabilities(out))
        bits = -sum(row[i] for row, i in zip(both[-1], ids[1:])) / math.log(2) / mine["bytes"]
        assert abs(bits - mine[name]["bits_per_byte"]) < 1e-6, (name, bits, mine)
    gaps = sorted(sum(math.exp(x) * (x - y) for x, y in zip(a, b)) for a, b in zip(*both))
    agree = sum(a.index(max(a)) == b.index(max(b)) for a, b in zip(*both)) / len(gaps)
    assert 0 < mine["kl"]["mean"] < 0.1 and abs(mine["top1_agreement"] - agree) < 1e-12, mine
    for name, value in (("mean", sum(gaps) / len(gaps)), ("max", gaps[-1]), ("median", (gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2)):
        assert abs(mine["kl"][name] - value) < 1e-6 + 1e-4 * value, (name, value, mine)
    assert osso(*two, "--max-kld", 2 * mine["kl"]["mean"] + 1e-3, timeout=120).code == 0
    over = osso(*two, "--exact", "--max-kld", mine["kl"]["mean"] / 2, timeout=120)
    assert over.code == 1 and "--max-kld" in over.complaint, over


main(sys.modules[__name__])
