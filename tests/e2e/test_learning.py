#!/usr/bin/env python3
"""tokenizer train, data show: tests/token and tests/train look at what they compute."""
from harness import *

STORY = "Once upon a time there was a little cat. The cat had 12 toys and 345 friends.\n" * 40


def train(out, *args):
    return osso("tokenizer", "train", "-o", TEMP / out, *args)


def text(name, content):
    (TEMP / name).write_text(content)
    return TEMP / name


def test_a_tokenizer():
    story = text("story.txt", STORY)
    done = train("tok", "--vocab-size", 320, story)
    assert done.code == 0 and done.out == b"" and "320 tokens from" in done.complaint, done
    file = json.loads((TEMP / "tok/tokenizer.json").read_text())
    vocab, added = file["model"]["vocab"], {a["content"]: a["id"] for a in file["added_tokens"]}
    assert len(vocab) == 299 and added["<|startoftext|>"] == 299 and added["<|endofprompt|>"] == 319 and len(added) == 21
    ids = osso("tokenize", "-m", TEMP / "tok", "-p", STORY[:77]).text
    assert osso("detokenize", "-m", TEMP / "tok", stdin=ids).text == STORY[:77]
    assert len(ids.split()) < 40
    for threads in "2", "3":
        train("again", "--vocab-size", 320, "-t", threads, story)
        assert (TEMP / "again/tokenizer.json").read_bytes() == (TEMP / "tok/tokenizer.json").read_bytes()
    train("gpt2", "--vocab-size", 300, "--split", "gpt2", story)
    assert [a["content"] for a in json.loads((TEMP / "gpt2/tokenizer.json").read_text())["added_tokens"]] == ["<|endoftext|>"]


def test_merges_are_every_split():
    train("splits", "--vocab-size", 900, ROOT / "docs/training.md")
    model = json.loads((TEMP / "splits/tokenizer.json").read_text())["model"]
    vocab = model["vocab"]
    splits = sorted((i, vocab[w[:k]], vocab[w[k:]]) for w, i in vocab.items() for k in range(1, len(w)) if w[:k] in vocab and w[k:] in vocab)
    assert [(vocab[a + b], vocab[a], vocab[b]) for a, b in model["merges"]] == splits
    assert len(splits) > len(vocab) - 256 + 100, len(splits)  # many have several


def test_numbers_stay_apart():
    for split in "o200k", "gpt2":
        train("digits", "--vocab-size", 310, "--split", split, "--digits", "1", text("story.txt", STORY))
        vocab = json.loads((TEMP / "digits/tokenizer.json").read_text())["model"]["vocab"]
        assert not [w for w in vocab if len(w) > 1 and any(c in "0123456789" for c in w)], split


def test_strings_of_json_lines():
    lines = text("chat.jsonl", json.dumps({"messages": [{"role": "user", "content": "zqzqzq\n" * 20}]}) + "\n")
    assert train("json", "--vocab-size", 279, lines).code == 0
    assert "zq" in json.loads((TEMP / "json/tokenizer.json").read_text())["model"]["vocab"]


def test_bad_tokenizers():
    story = text("story.txt", "abc abc")
    refuses(osso("tokenizer", "train", story), 2, "-o DIR")
    refuses(train("few", "--vocab-size", 4096, story), 2, "a vocabulary of 280 at most", "not 4096")
    refuses(train("few", "--vocab-size", 270, story), 2, "from 277")
    refuses(train("few", text("empty", "")), 1, "empty is empty")
    refuses(train("few", text("bad.jsonl", "{\"a\":\"b\"}\n{\"a\":")), 1, "bad.jsonl line 2")
    (TEMP / "model").mkdir()
    (TEMP / "model/config.json").write_text("{}")
    refuses(train("model", "--vocab-size", 279, story), 2, "a model's folder")
    assert sorted(p.name for p in (TEMP / "model").iterdir()) == ["config.json"]


def test_documents():
    chat = text("one.jsonl", json.dumps({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello world"}]}) + "\n")
    val = text("val.txt", "hello\n\nworld")
    shown = osso("data", "show", "--data", chat, "--val-data", val)
    assert shown.code == 0 and "1 documents" in shown.complaint, shown
    d = json.loads(shown.text)
    tail = osso("tokenize", "--special", "-p", "<|channel|>final<|message|>hello world<|return|>").text.split()
    assert d["ids"][-len(tail):] == [int(i) for i in tail] and d["mask"] == [0] * (len(d["ids"]) - len(tail)) + [1] * len(tail)
    shown = osso("data", "show", "--data", chat, "--val-data", f"{val}:blank", "--validation", "-n", 2)
    assert [json.loads(line) for line in shown.text.splitlines()] == [{"ids": [199998, 24912, 199999], "mask": [0, 1, 1]},
                                                                      {"ids": [199998, 24169, 199999], "mask": [0, 1, 1]}]
    refuses(osso("data", "show"), 2, "--data")
    refuses(osso("data", "show", "--data", val, "--seed", "-1"), 2, "--seed")
    refuses(osso("data", "show", "--data", TEMP / "none.txt"), 1, "none.txt")
    refuses(osso("data", "show", "--data", f"{chat}:line"), 2, "split 'line' is for texts")


if __name__ == "__main__":
    main(sys.modules[__name__])
