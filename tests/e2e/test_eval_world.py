#!/usr/bin/env python3
"""osso eval world, and answers that are drawn: where the lines are looked for, what the table says, seeds."""
import math
import os
import pathlib
import re

from evals import *

ASKED = [("facts", "low", {"answer": ["zzz"]}), ("facts", "low", {"none_of": ["zzz"]}), ("of my own", "low", {"none_of": ["zzz"]})]


def ask(question, effort="low", **rules):
    return json.dumps({"messages": [{"role": "user", "content": question}], "effort": effort, **rules}) + "\n"


def run(task, *args, **more):
    return osso("eval", task, "-t", 1, "-n", 24, "--no-history", *args, timeout=120, **more)


def test_a_world_beside_its_model():
    model = TEMP / "model"
    model.mkdir()
    for file in pathlib.Path(bundled()).iterdir():
        os.symlink(file, model / file.name)
    (model / "world.jsonl").unlink(missing_ok=True)
    refuses(run("world", "-m", model), 1, "world.jsonl", "no such file", "--data")
    (model / "world.jsonl").write_text("".join(ask("Hello", family=f, **rules) for f, _, rules in ASKED))
    table = run("world", "-m", model)
    assert table.code == 0, table
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in table.text.splitlines() if line.startswith("|")]
    facts = next(r for r in rows if r[:2] == ["facts", "right"])
    assert facts[2:8] == ["50.0", "9.5", "90.5", "2", "95.0", "45.0 short"], facts
    own = next(r for r in rows if r[0] == "of my own")
    assert own[2] == "100.0" and own[6:8] == ["-", ""] and own[9] == "100.0", own
    assert "No lines of: stories;" in table.text and "world_facts" not in table.text, table
    report = json.loads(run("world", "-m", model, "--json").text)
    assert [r["value"] for r in report["world"] if r["family"] == "facts"] == [0.5] and "stories" in report["world_without"]
    other = TEMP / "other.jsonl"
    other.write_text(ask("Hello", none_of=["zzz"]))
    assert json.loads(run("world", "-m", model, "--data", other, "--json").text)["results"]["world"]["n"] == 1


def test_goals_are_of_families_that_are_asked():
    asked = {line["family"] for line in lines(pathlib.Path(bundled(), "world.jsonl"))}
    goals = (ROOT / "src/eval/world_goals.def").read_text()
    named = re.findall(r'^GOAL\("([^"]+)"', goals, re.M) + [f for less in re.findall(r'^LESS\("[^"]+", "([^"]+)", "([^"]+)"', goals, re.M) for f in less]
    assert len(named) > 30 and all(any(a == f or a.startswith(f + ", ") for a in asked) for f in named), set(named) - asked


def test_answers_are_drawn_with_a_seed():
    data = TEMP / "asked.jsonl"
    data.write_text("".join(ask(q, none_of=["zzz"]) for q in ("Tell me a story.", "Tell me a story.", "Hello", "Who are you?")))

    def said(*args, **more):
        out = TEMP / "samples.jsonl"
        result = run("chat", "-m", bundled(), "--data", data, "--samples", out, "--json", *args, **more)
        assert result.code == 0, result
        return [s["text"] for s in lines(out)], json.loads(result.text)["config"]
    likeliest, config = said()
    assert likeliest[0] == likeliest[1] and "seed" not in config
    assert said(env={"OSSO_SEED": "5", "OSSO_TEMPERATURE": "1.5"})[0] == likeliest  # a habit of other verbs changes no score
    assert said("--seed", 1, "--temp", 0)[0] == likeliest
    one, config = said("--seed", 1, "--temp", 1.5)
    assert config["seed"] == 1 and config["temperature"] == 1.5, config
    assert one[0] != one[1], one  # each item has a seed of its own
    assert one == said("--seed", 1, "--temp", 1.5)[0] and one != said("--seed", 2, "--temp", 1.5)[0]
    shipped = json.loads(pathlib.Path(bundled(), "generation_config.json").read_text())
    assert said("--seed", 3)[1]["temperature"] == shipped["temperature"]
    first = data.read_text().splitlines(True)[0]  # and its words do not depend on who is asked beside it
    data.write_text(first)
    assert said("--seed", 1, "--temp", 1.5)[0] == one[:1]
    refuses(run("chat", "-m", bundled(), "--data", data, "--temp", 1), 2, "--temp", "--seed")


def test_bits_per_byte_of_conversations():
    """What the assistant writes counts, after all that stands before: by hand from the model's logits."""
    talk = {"messages": [{"role": "user", "content": "Hello there"}, {"role": "assistant", "content": "Hello! Who are you?"}]}
    data = TEMP / "talk.jsonl"
    data.write_text(json.dumps(talk) + "\n")

    def bits(*args, code=0):
        result = osso("eval", "bpb", "-m", bundled(), "-t", 1, "--exact", "--no-history", "--data", data, "--json", *args, timeout=60)
        assert result.code == code, result
        return json.loads(result.text)["results"]["bpb"] if code == 0 else result
    one = bits()
    prompt = osso("render", "--from", "chat", "-m", bundled(), "-", stdin=json.dumps({"messages": talk["messages"][:1]})).text.rstrip("\n")
    whole = prompt + "<|channel|>final<|message|>Hello! Who are you?<|return|>"
    ids = osso("tokenize", "-m", bundled(), "--special", "-p", whole).text.split()
    cut = len(osso("tokenize", "-m", bundled(), "--special", "-p", prompt).text.split())
    out = TEMP / "talk.npy"
    assert osso("logits", "-m", bundled(), "-t", 1, "--exact", "--ids", ",".join(ids), "-o", out).code == 0
    rows = log_probabilities(out)
    ll = sum(rows[i - 1][int(ids[i])] for i in range(cut, len(ids)))
    written = len("final") + len("Hello! Who are you?")  # bytes of text: special tokens have none
    assert one["tokens"] == len(ids) - cut and one["bytes"] == written and one["n"] == 1, (one, len(ids) - cut)
    assert abs(one["bits_per_byte,none"] + ll / math.log(2) / written) < 1e-4 and "word_perplexity,none" not in one, (one, ll)
    data.write_text((json.dumps(talk) + "\n") * 3)
    three = bits()
    assert three["n"] == 3 and three["bits_per_byte,none"] == one["bits_per_byte,none"] and bits("--limit", 2)["n"] == 2
    refuses(bits("-c", 24, code=1), 1, "conversation 1 has", "context of 24", "-c")
    data.write_text(json.dumps(talk) + "\n" + json.dumps(dict(talk, messages=[dict(talk["messages"][0], content="Hello. " * 90)] + talk["messages"][1:])) + "\n")
    refuses(bits("-c", 96, code=1), 1, "conversation 2 has", "context of 96", "-c")
    data.write_text((json.dumps(talk) + "\n") * 3)
    table = osso("eval", "bpb", "-m", bundled(), "-t", 1, "--exact", "--data", data, "--experts", "2,1", "--json", timeout=60)
    rows = json.loads(table.text)["experts"]
    assert rows[0]["bits_per_byte"] == one["bits_per_byte,none"] != rows[1]["bits_per_byte"], (rows, one)
    data.write_text('{"messages": [{"role": "user", "content": "Hello"}]}\n')
    refuses(bits(code=1), 1, "line 1", "nothing of it")


main(sys.modules[__name__])
