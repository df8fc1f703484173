#!/usr/bin/env python3
"""osso embed and osso similarity: transformers' values, three forms of file, many texts and each alone, what is refused."""
import struct

from harness import *

GOLDEN = ROOT / "tests/golden/embed/bundled.json"


def lines(result):
    assert result.code == 0 and result.complaint == "", result
    return [json.loads(line) for line in result.text.splitlines()]


def test_transformers_values():
    cases = json.loads(GOLDEN.read_text())
    for layer, pool in sorted({(c["layer"], c["pool"]) for c in cases}):
        mine = [c for c in cases if (c["layer"], c["pool"]) == (layer, pool)]
        (TEMP / "texts.jsonl").write_text("".join(json.dumps({"text": c["text"]}) + "\n" for c in mine))
        got = lines(osso("embed", "-m", bundled(), "--data", TEMP / "texts.jsonl", "--layer", layer, "--pool", pool, "--exact"))
        assert [line["index"] for line in got] == list(range(len(mine)))
        for line, case in zip(got, mine):
            far = max(abs(a - b) for a, b in zip(line["embedding"], case["vector"], strict=True))
            assert far <= 1e-4, (layer, pool, case["text"][:30], far)


def test_many_are_each_alone():
    texts = ["Once upon a time there was a fox.", "Once upon a time", "The sea.", "x " * 300]
    (TEMP / "many.jsonl").write_text("\n\n".join(json.dumps(t) for t in texts))
    many = lines(osso("embed", "-m", bundled(), "--data", TEMP / "many.jsonl"))
    for text, line in zip(texts, many, strict=True):
        (TEMP / "one.txt").write_text(text + "\n")
        for alone in (osso("embed", "-m", bundled(), text), osso("embed", "-m", bundled(), "-f", TEMP / "one.txt", "-t", 3),
                      osso("embed", "-m", bundled(), stdin=text)):
            assert lines(alone)[0]["embedding"] == line["embedding"], text
    return many


def test_three_forms_of_file():
    many = test_many_are_each_alone()
    want = [struct.pack(f"<{len(v['embedding'])}f", *v["embedding"]) for v in many]
    for end in ("jsonl", "npy", "safetensors"):
        assert osso("embed", "-m", bundled(), "--data", TEMP / "many.jsonl", "-o", TEMP / f"v.{end}").code == 0
    assert [json.loads(line) for line in (TEMP / "v.jsonl").read_text().splitlines()] == many
    npy, width = (TEMP / "v.npy").read_bytes(), bundled_config()["hidden_size"]
    assert npy[:6] == b"\x93NUMPY" and f"({len(many)}, {width})".encode() in npy[:128] and npy[128:] == b"".join(want)
    file = (TEMP / "v.safetensors").read_bytes()
    size = struct.unpack("<Q", file[:8])[0]
    header = json.loads(file[8:8 + size])
    assert header["embeddings"] == {"dtype": "F32", "shape": [len(many), width], "data_offsets": [0, len(b"".join(want))]}
    assert header["__metadata__"]["pool"] == "mean" and header["__metadata__"]["layer"] == "last"
    assert file[8 + size:] == b"".join(want)


def test_similarity():
    def number(*args):
        result = osso("similarity", "-m", bundled(), *args)
        assert result.code == 0 and result.complaint == "", result
        return float(result.text)
    near = number("The fox ate the red berries.", "A fox eats red berries.")
    far = number("The fox ate the red berries.", "12 + 7 = 19")
    assert 1 > near > far, (near, far)
    assert number("a fox", "a fox") == 1 and number("a fox", "a fox", "--metric", "euclidean") == 1
    assert abs(number("a fox", "the sea", "--no-normalize") - number("a fox", "the sea")) < 2e-6
    a, b = (lines(osso("embed", "-m", bundled(), t))[0]["embedding"] for t in ("a fox", "the sea"))
    distance = sum((x - y) ** 2 for x, y in zip(a, b)) ** .5
    assert abs(number("a fox", "the sea", "--metric", "euclidean") - 1 / (1 + distance)) < 2e-6
    said = json.loads(osso("similarity", "-m", bundled(), "a fox", "the sea", "--json").text)
    assert abs(said["similarity"] - number("a fox", "the sea")) < 1e-6 and said["metric"] == "cosine"


def test_reasoning():
    """Another vector, the same each time, and the system message is not in it: only how much is thought changes it."""
    text = "What is 3 + 4?"
    plain = lines(osso("embed", "-m", bundled(), text))[0]
    low = [lines(osso("embed", "-m", bundled(), text, "--with-reasoning", "low", "-n", n))[0] for n in (40, 40, 1)]
    assert low[0] == low[1] and low[0]["embedding"] != low[2]["embedding"] != plain["embedding"]
    refuses(osso("embed", "-m", bundled(), text, "-n", 5), 2, "--with-reasoning")


def test_refused():
    def embed(*args, **more):
        return osso("embed", "-m", bundled(), *args, **more)
    refuses(embed(""), 2, "empty", "give some text")
    refuses(embed(stdin="\n"), 2, "standard input", "empty")
    refuses(embed("one two three four", "-c", 3), 2, "context holds 3")
    refuses(embed("one", "--layer", 6), 2, "layers 0 to 5")
    refuses(embed("one", "--layer", "first"), 2, "first", "last")
    refuses(embed("one", "-o", TEMP / "v.txt"), 2, ".safetensors")
    refuses(embed(stdin=b"ab\xff"), 1, "not UTF-8", "byte 3")
    (TEMP / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    refuses(embed("-f", TEMP / "image.png"), 2, "is an image", "caption")
    refuses(embed("one", "--data", TEMP / "image.png"), 2, "both")
    for line, code, words in (('{"text": ""}', 2, "empty"), ('{"content": [{"type": "image_url", "image_url": {}}]}', 2, "image"),
                              ('{"txt": "a"}', 1, '"text"'), ("{", 1, "line 2"), ('"' + "a b " * 70000 + '"', 2, "context holds")):
        (TEMP / "bad.jsonl").write_text('"good"\n' + line + "\n")
        refuses(embed("--data", TEMP / "bad.jsonl", "-o", TEMP / "bad.npy"), code, "line 2", words)
        assert not (TEMP / "bad.npy").exists() and not list(TEMP.glob("*bad.npy*"))
    (TEMP / "none.jsonl").write_text("\n\n")
    refuses(embed("--data", TEMP / "none.jsonl"), 2, "no text")


if __name__ == "__main__":
    main(sys.modules[__name__])
