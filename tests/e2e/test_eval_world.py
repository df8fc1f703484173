#!/usr/bin/env python3
"""osso eval world, and answers that are drawn: where the lines are looked for, what the table says, seeds."""
import os
import pathlib

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


def test_answers_are_drawn_with_a_seed():
    data = TEMP / "asked.jsonl"
    data.write_text("".join(ask(q, none_of=["zzz"]) for q in ("Tell me a story.", "Tell me a story.", "Hello", "Who are you?")))

    def said(*args):
        out = TEMP / "samples.jsonl"
        result = run("chat", "-m", bundled(), "--data", data, "--samples", out, "--json", *args)
        assert result.code == 0, result
        return [s["text"] for s in lines(out)], json.loads(result.text)["config"]
    likeliest, config = said()
    assert likeliest[0] == likeliest[1] and "seed" not in config
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


main(sys.modules[__name__])
