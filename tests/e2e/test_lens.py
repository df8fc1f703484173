#!/usr/bin/env python3
"""osso inspect lens and residual: what their JSON holds agrees with what the model says and adds up; tables; what is refused;
tokens that would write to a terminal; Ctrl-C."""
import signal
import time

from harness import *

TEXT = "Once upon a time there was a"
HEAD = ["model", "version", "exact", "seed", "ids", "tokens"]


def inspect(what, *args, **more):
    return osso("inspect", what, "-m", bundled(), *args, **more)


def read(result):
    assert result.code == 0 and result.complaint == "", result
    said = json.loads(result.text)
    assert list(said)[:6] == HEAD and len(said["ids"]) == len(said["tokens"]), said.keys()
    return said


def dims():
    return json.loads(osso("info", bundled(), "--json").text)["architecture"]


def test_lens_says_what_the_model_says():
    layers, said = dims()["layers"], read(inspect("lens", TEXT, "--json", "--top", 3))
    n = len(said["ids"])
    assert said["component"] == "resid_post" and [a["position"] for a in said["answers"]] == list(range(n))
    assert [(r["position"], r["layer"]) for r in said["records"]] == [(p, l) for p in range(n) for l in range(layers)]
    for r in said["records"]:
        assert len(r["top"]) == 3 and r["head"] is None and r["expert"] is None and r["kl"] >= 0
        answer = said["answers"][r["position"]]
        if r["layer"] == layers - 1:
            assert r["kl"] == 0 and r["rank"] == 1 and r["top"][0]["id"] == answer["id"], r
        if r["rank"] <= 3:
            assert r["top"][r["rank"] - 1]["id"] == answer["id"] and abs(r["top"][r["rank"] - 1]["probability"] - r["probability"]) < 1e-6
    first = json.loads(osso("generate", "-m", bundled(), "-p", TEXT, "-n", 1, "--temp", 0, "--json").text)["tokens"][0]
    assert said["answers"][-1]["id"] == first["id"] and said["answers"][-1]["text"] == first["text"]


def test_parts_of_the_lens():
    a = dims()
    heads = read(inspect("lens", TEXT, "--json", "--component", "head", "--heads", "1,3", "--layers", "2-3", "--positions", "-1,0"))
    last = len(heads["ids"]) - 1
    assert [(r["position"], r["layer"], r["head"]) for r in heads["records"]] == [(p, l, h) for p in (0, last) for l in (2, 3) for h in (1, 3)]
    experts = read(inspect("lens", "--json", "--component", "expert", "--positions", "-1", "-p", TEXT, "--exact"))
    assert experts["exact"] and len(experts["records"]) == a["layers"] * a["experts_per_token"]
    assert all(r["head"] is None and 0 <= r["expert"] < a["experts"] for r in experts["records"])
    drawn = read(inspect("lens", "--repeat", 4, "--seed", 3, "--json", "--layers", "1"))
    assert drawn["seed"] == 3 and drawn["ids"][:4] == drawn["ids"][4:] and len(drawn["records"]) == 8
    chat = read(inspect("lens", TEXT, "--chat", "--json", "--layers", "1", "--positions", "-1"))
    assert chat["tokens"][0] == "<|start|>"
    table = inspect("lens", TEXT, "--positions", "2", "--layers", "1-2").text.splitlines()
    assert len(table) == 4 and table[0].startswith(f'position 2 "{heads["tokens"][2]}": in the end ') and table[2].split()[:2] == ["layer", "1"], table


def test_the_stream_adds_up():
    a = dims()
    said = read(inspect("residual", TEXT, "--json", "--exact", "--positions", "0,3,-1"))
    per = 1 + a["layers"] * (a["heads"] + 1 + a["experts_per_token"])
    assert len(said["terms"]) == 3 * per and len(said["streams"]) == 3 * a["layers"] and said["exact"]
    for s in said["streams"]:
        assert s["error"] <= 1e-5 * max(1, s["largest"]), s
    for i, t in enumerate(said["targets"]):
        terms = said["terms"][i * per:(i + 1) * per]
        assert {term["position"] for term in terms} == {t["position"]} and terms[0]["kind"] == "embedding" and terms[0]["layer"] is None
        assert abs(sum(term["attribution"] for term in terms) - t["difference"]) <= 1e-4, t
        assert abs(t["answer"]["logit"] - t["wrong"]["logit"] - t["difference"]) < 1e-6 and t["difference"] >= 0
        assert [x["kind"] for x in terms[1:1 + a["heads"] + 1 + a["experts_per_token"]]] == ["head"] * a["heads"] + ["bias"] + ["expert"] * a["experts_per_token"]
        for layer in range(a["layers"]):
            assert abs(sum(x["weight"] for x in terms if x["kind"] == "expert" and x["layer"] == layer) - 1) < 1e-5
    last, (wrong, answer) = len(said["ids"]) - 1, said["tokens"][-2:]
    asked = read(inspect("residual", TEXT, "--json", "--answer", answer, "--wrong", wrong))["targets"]
    assert [(t["answer"]["text"], t["wrong"]["text"], t["position"]) for t in asked] == [(answer, wrong, last)]
    table = inspect("residual", TEXT, "--answer", answer, "--top", 4).text.splitlines()
    assert table[0].startswith(f'position {last} "{said["tokens"][-1]}": logit of "{answer}"') and len(table) == 2 + 4 + 1 + 1 + a["layers"], table


def test_refused():
    a = dims()
    n = len(osso("tokenize", "-m", bundled(), "-p", TEXT).text.split())
    refuses(inspect("lens", ""), 2, "empty")
    refuses(inspect("lens", TEXT, "--component", "resid"), 2, "is no component")
    refuses(inspect("lens", TEXT, "--positions", n), 2, f"position {n}", f"positions 0 to {n - 1}")
    refuses(inspect("lens", TEXT, "--layers", a["layers"]), 2, f"layers 0 to {a['layers'] - 1}")
    refuses(inspect("lens", TEXT, "--component", "head", "--heads", a["heads"]), 2, f"heads 0 to {a['heads'] - 1}")
    refuses(inspect("lens", TEXT, "--max-bytes", "1000"), 1, "1000 bytes", "fewer positions")
    refuses(inspect("lens", TEXT, "--ids", "1"), 2, "--ids")
    refuses(inspect("lens", "x " * 2 * a["context"]), (1, 2), str(a["context"]))
    refuses(inspect("lens", stdin=b"a \xff"), (1, 2), "UTF-8")
    refuses(inspect("residual", TEXT, "--answer", " a", "--wrong", " a"), 2, "the same token")
    refuses(inspect("residual", TEXT, "--answer", "Once upon"), 2, "--answer", "tokens")
    refuses(inspect("residual", TEXT, "--wrong", ""), 2, "--wrong", "empty")
    refuses(inspect("residual", TEXT, "--positions", -n - 1), 2, f"position {-n - 1}")
    refuses(inspect("residual", TEXT, "--answer", a["vocab"]), (1, 2), str(a["vocab"]))


def test_hostile_tokens():
    model, _ = tiny()
    for what in ("lens", "residual"):
        result = osso("inspect", what, "-m", model, "-p", "Evil\x1b[2J\n\r\ttext", *(["--top", "300"] if what == "lens" else []))
        assert result.code == 0 and b"\x1b" not in result.out and b"\r" not in result.out and b"\t" not in result.out, result
        assert '"\\n"' in osso("inspect", what, "-m", model, "-p", "a\n").text
        said = osso("inspect", what, "-m", model, "-p", "Evil\x1b[2J\xff", "--json")
        assert "\x1b" not in said.text and "\x1b" in json.loads(said.text)["tokens"], said


def test_interrupted():
    many = min(900, dims()["context"] // 2 - 8)
    run = subprocess.Popen([OSSO, "inspect", "lens", "-m", bundled(), "--repeat", str(many), "--component", "head"], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, env=environment())
    caught = lambda: int(next(line for line in pathlib.Path(f"/proc/{run.pid}/status").read_text().splitlines() if line.startswith("SigCgt")).split()[1], 16)
    while run.poll() is None and not caught() >> (signal.SIGINT - 1) & 1:
        time.sleep(0.01)
    time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    out, complaint = run.communicate(timeout=60 * SLOW)
    assert run.returncode == 130 and out == b"", (run.returncode, complaint)


if __name__ == "__main__":
    main(sys.modules[__name__])
