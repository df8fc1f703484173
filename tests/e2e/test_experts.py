#!/usr/bin/env python3
"""osso inspect experts counts what the capture of the same text shows, and --effect finds the expert that alone writes
a token. OSSO_PLANTED_SEEDS says how many models (2; ./run planted: 20)."""
import collections
import struct

import planted
from harness import *

TEXT = "The friend greets me, good friend. Hello, good 3 \n"
SEEDS = int(os.environ.get("OSSO_PLANTED_SEEDS", "2"))


def experts(model, *args, text=TEXT):
    return osso("inspect", "experts", "-m", model, "-p", text, *args, timeout=60)


def table(result):
    assert result.code == 0, result
    return json.loads(result.text)


def captured(path, name):
    blob = pathlib.Path(path).read_bytes()
    n = struct.unpack("<Q", blob[:8])[0]
    about = json.loads(blob[8:8 + n])[name]
    first, end = (8 + n + at for at in about["data_offsets"])
    kind = {"F32": "f", "I32": "i"}[about["dtype"]]
    values = struct.unpack(f"<{(end - first) // 4}{kind}", blob[first:end])
    width = about["shape"][1]
    return [list(values[i:i + width]) for i in range(0, len(values), width)]


def test_the_planted_expert_is_found():
    for seed in range(SEEDS):
        model, layer, which = planted.expert(TEMP / "planted", seed)
        found = table(experts(model, "--effect", "--json", *(["--exact"] if seed % 2 else [])))["effects"]
        assert (found[0]["layer"], found[0]["expert"]) == (layer, which), (seed, layer, which, found[:3])
        assert all(found[0]["kl"] > 2 * e["kl"] for e in found[1:]), (seed, found[:3])
        assert all(a["kl"] >= b["kl"] for a, b in zip(found, found[1:]))


def test_logits_that_are_no_numbers():
    """Without an expert they may be: that is counted, and the others are looked at all the same."""
    for seed in range(SEEDS):
        model, layer, which = planted.keeper(TEMP / "planted", seed)
        found = table(experts(model, "--effect", "--json"))
        lost = found["effects"][-1]
        assert (lost["layer"], lost["expert"], lost["kl"], lost["most"]) == (layer, which, None, None), (seed, found["effects"])
        assert found["tokens"][lost["row"]] == " good" not in found["tokens"][:lost["row"]], (lost, found["tokens"])
        assert found["not_finite"] == 1 < found["runs"] and all(e["kl"] is not None for e in found["effects"][:-1]), found["effects"]
        shown = experts(model, "--effect")
        assert shown.code == 0 and f"1 of {found['runs']} runs had logits that are not finite" in shown.text, shown
        assert f"no finite logits  layer {layer}, expert {which}; from position {lost['row']} \" good\"" in shown.text, shown
        wide = table(experts(model, "--effect", "--json", "--exact"))  # K and V in f32 hold it
        assert wide["not_finite"] == 0 and all(e["kl"] is not None for e in wide["effects"])


def test_counts_are_those_of_the_run():
    out = TEMP / "run.safetensors"
    text = "Once upon a time there was a little dog. He had 3 friends!"
    data = table(experts(bundled(), "--json", "--layers", "1-2", text=text))
    assert osso("inspect", "capture", "-m", bundled(), "-p", text, "-o", out, "blocks.1-2.mlp.hook_expert_indices",
                "blocks.1-2.mlp.hook_router_scores").code == 0
    assert [l["layer"] for l in data["layers"]] == [1, 2] and data["lengths"] == [len(data["ids"])] == [len(data["tokens"])]
    kinds = [r["class"] for r in data["rows"]]
    assert {"word", "part", "number", "punctuation"} <= set(kinds) and data["classes"] == {
        **{k: 0 for k in data["classes"]}, **collections.Counter(kinds)}
    for l in data["layers"]:
        chosen = captured(out, f"blocks.{l['layer']}.mlp.hook_expert_indices")
        weights = captured(out, f"blocks.{l['layer']}.mlp.hook_router_scores")
        assert l["experts"] == chosen
        assert all(abs(a - b) < 1e-8 for x, y in zip(l["weights"], weights) for a, b in zip(x, y))
        assert l["load"] == [sum(e in row for row in chosen) for e in range(data["n_experts"])]
        for e in range(data["n_experts"]):
            weight = sum(w for ids, ws in zip(chosen, weights) for i, w in zip(ids, ws) if i == e)
            assert abs(l["weight"][e] - weight) < 1e-5
        pairs = collections.Counter(tuple(sorted(row)) for row in chosen)
        assert {(a, b): n for a, b, n in l["together"]} == pairs
        for kind, n in l["by_class"].items():
            assert n == [sum(e in row for row, k in zip(chosen, kinds) if k == kind) for e in range(data["n_experts"])]


def test_many_texts_and_parts():
    lines = TEMP / "texts.jsonl"
    lines.write_text('"Once upon a time"\n{"text": "The dog was sad."}\n{"ids": [5, 6, 7, 8]}\n')
    all_of_it = table(osso("inspect", "experts", "-m", bundled(), "--data", lines, "--json", "--effect", "--layers", "2"))
    assert all_of_it["lengths"][2] == 4 and len(all_of_it["rows"]) == sum(all_of_it["lengths"])
    assert {r["text"] for r in all_of_it["rows"]} == {0, 1, 2}
    some = table(osso("inspect", "experts", "-m", bundled(), "--data", lines, "--json", "--effect", "--layers", "2", "--experts", "1,3",
                      "--positions", "-1"))
    assert len(some["rows"]) == 3 and {e["expert"] for e in some["effects"]} <= {1, 3}
    shown = osso("inspect", "experts", "-m", bundled(), "--data", lines, "--effect", "--by-token")
    assert shown.code == 0 and "switched off" in shown.text and '" upon"' in shown.text and "runs of" in shown.complaint, shown


def test_refused():
    model = bundled()
    refuses(experts(model, text=""), 2, "empty")
    refuses(experts(model, "--layers", "99"), 2, "--layers", "layers 0 to")
    refuses(experts(model, "--positions", "99"), 2, "position 99", "text 1 has")
    refuses(experts(model, "--effect", "--max-bytes", "100"), 1, "100 bytes", "fewer positions")
    refuses(experts(model, "--effect", "--experts", "8"), 2, "experts 0 to 7")
    refuses(experts(model, "--experts", "1"), 2, "--effect")
    refuses(experts(model, "--seed", "-1"), 2, "--seed -1")
    refuses(experts(model, "-c", "4"), (1, 2), "context of 4")
    refuses(osso("inspect", "experts", "-m", model, "--ids", "1,2,999999999"), 2, "999999999")


if __name__ == "__main__":
    main(sys.modules[__name__])
