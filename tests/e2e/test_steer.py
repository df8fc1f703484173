#!/usr/bin/env python3
"""osso inspect steer and --steer: a vector from two files of sentences, in chat and generate."""
import struct

from harness import *

GLAD = "Lily was very happy. She smiled and laughed.\n\nThe dog was happy and jumped for joy.\nThey all laughed and had fun.\n"
SAD = ["Lily was very sad. She cried and cried.", "The dog was sad and lay down alone.", "They all cried and were scared."]


def made(name, *args, code=0):
    (TEMP / "glad.txt").write_text(GLAD)
    (TEMP / "sad.jsonl").write_text("\n".join(json.dumps({"text": s}) for s in SAD))
    result = osso("inspect", "steer", "-m", bundled(), TEMP / "glad.txt", TEMP / "sad.jsonl", "-o", TEMP / name, *args)
    assert result.code == code, result
    return result


def said(*args):
    result = osso("generate", "-m", bundled(), "-p", "The dog was very", "-n", 12, "--temp", 0, *args)
    assert result.code == 0, result
    return result.text


def test_files_and_strengths():
    report = json.loads(made("v.safetensors", "--json").text)
    assert report["first"] == report["second"] == 3 and sorted(report["norms"]) == list("12345"), report
    made("v.gguf")
    file = (TEMP / "v.safetensors").read_bytes()
    header = json.loads(file[8:8 + struct.unpack("<Q", file[:8])[0]])
    width = bundled_config()["hidden_size"]
    assert header["direction.1"] == {"dtype": "F32", "shape": [width], "data_offsets": [0, 4 * width]}, header
    gguf = (TEMP / "v.gguf").read_bytes()
    assert gguf[:4] == b"GGUF" and b"controlvector" in gguf and b"direction.5" in gguf and b"direction.0" not in gguf
    plain = said()
    assert said("--steer", TEMP / "v.gguf:0") == plain
    for strength in ("8", "-8", "8:3", "-8:2-4"):
        mine = said("--steer", f"{TEMP / 'v.gguf'}:{strength}")
        assert mine == said("--steer", f"{TEMP / 'v.safetensors'}:{strength}") and mine != plain, (strength, mine)
    assert said("--steer", TEMP / "v.gguf:8", "--steer", TEMP / "v.gguf:-8") == plain
    assert said("--steer", TEMP / "v.gguf") == said("--steer", TEMP / "v.gguf:1:0-5")
    chats = [osso("chat", "-m", bundled(), "-p", "Tell me of a dog.", "-n", 60, "--temp", 0, "--date", "none", *more)
             for more in ((), ("--steer", TEMP / "v.gguf:0"), ("--steer", TEMP / "v.gguf:12"))]
    assert chats[0].out == chats[1].out != chats[2].out, chats


def test_ways():
    vectors = set()
    for args in ((), ("--method", "pca"), ("--position", "mean"), ("--position", "-2"), ("--position", 1), ("--layers", "2-3")):
        made("way.safetensors", *args)
        vectors.add((TEMP / "way.safetensors").read_bytes())
    assert len(vectors) == 6
    made("way.safetensors", "--position", -1)
    assert (TEMP / "way.safetensors").read_bytes() in vectors  # the last token's, as without it
    for name, text in (("crlf.txt", GLAD.replace("\n", "\r\n")), ("blank.txt", GLAD + "  ")):  # no token of a text
        (TEMP / name).write_bytes(text.encode())
        assert osso("inspect", "steer", "-m", bundled(), TEMP / name, TEMP / "sad.jsonl", "-o", TEMP / "way2.safetensors").code == 0
        assert (TEMP / "way2.safetensors").read_bytes() == (TEMP / "way.safetensors").read_bytes(), name
    made("zero.safetensors", "--layers", "0-1")
    refuses(made("zero.gguf", "--layers", "0-1", code=1), 1, "layer 0")


def test_refused():
    made("v.gguf")
    tiny_path, _ = tiny()
    refuses(osso("generate", "-m", tiny_path, "-p", "a", "--steer", TEMP / "v.gguf"), 2, f"{bundled_config()['hidden_size']} values", "another model")
    for spec, words in (("none.gguf", "no such file"), (f"{TEMP / 'v.gguf'}:much", "'much' is no strength"),
                        (f"{TEMP / 'v.gguf'}:1:9", "layers 0 to 5"), (f"{TEMP / 'v.gguf'}:1:x", "4-7,9")):
        refuses(osso("generate", "-m", bundled(), "-p", "a", "--steer", spec), 2, words)
    refuses(osso("generate", "-m", bundled(), "-p", "a", "--steer", TEMP / "glad.txt"), 1, "glad.txt")
    refuses(made("v.gguf", "--position", 100, code=2), 2, "text 1", "tokens")
    refuses(made("v.gguf", "--layers", 6, code=2), 2, "layers 0 to 5")
    (TEMP / "two.txt").write_text("one\ntwo\n")
    refuses(osso("inspect", "steer", "-m", bundled(), TEMP / "glad.txt", TEMP / "two.txt", "-o", TEMP / "p.gguf", "--method", "pca"),
            2, "3 of the first", "2 of the second")
    (TEMP / "empty.txt").write_text("\n")
    refuses(osso("inspect", "steer", "-m", bundled(), TEMP / "glad.txt", TEMP / "empty.txt", "-o", TEMP / "p.gguf"), 2, "no text")


if __name__ == "__main__":
    main(sys.modules[__name__])
