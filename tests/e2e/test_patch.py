#!/usr/bin/env python3
"""osso inspect patch finds what was planted: models in which one answer goes through one head, places drawn at random."""
import random

import planted
from harness import *

HEADS = planted.HEADS
SEEDS = int(os.environ.get("OSSO_PLANTED_SEEDS", 3))  # ./run planted: 20
CLEAN, CORRUPTED = "The good greets me me", "The friend greets me me"
RECORD = {"layer", "head", "position", "share", "difference", "kl"}


def patch(model, *args, clean=CLEAN, corrupted=CORRUPTED, answer="Hello", wrong="The", component="z"):
    return osso("inspect", "patch", "-m", model, "--clean", clean, "--corrupted", corrupted, "--answer", answer, "--wrong", wrong,
                *(["--component", component] if component else []), *args)


def records(result):
    assert result.code == 0, result
    return json.loads(result.text)["records"]


def test_the_planted_head_is_found():
    rng = random.Random(17)
    for seed in range(20):
        layers = rng.randint(1, 4)
        layer, head = rng.randrange(layers), rng.randrange(HEADS)
        middle = " greets" * rng.randint(0, 5)
        texts = {"clean": "The good" + middle + " me me", "corrupted": "The friend" + middle + " me me"}
        found = records(patch(planted.head(TEMP / "planted", layers, layer, head), "--json", **texts))
        last = max(r["position"] for r in found)
        assert len(found) == layers * HEADS * (last + 1) and all(set(r) == RECORD for r in found)
        for r in found:
            here = (r["layer"], r["head"], r["position"]) == (layer, head, last)
            assert r["share"] >= 0.99 if here else abs(r["share"]) < 0.01, (seed, layers, layer, head, last, r)


def test_components_and_parts():
    model = planted.head(TEMP / "planted", 3, 1, 2)
    for component, heads in (("resid_pre", [None]), ("mlp_out", [None]), ("q", range(4)), ("k", range(2)), ("v", range(2))):
        found = records(patch(model, "--json", component=component))
        assert [r["head"] for r in found] == [h for _ in range(3) for h in heads for _ in range(5)], component
    best = {(r["layer"], r["head"], r["position"]): r["share"] for r in records(patch(model, "--json", component="v"))}
    assert best[1, 1, 1] >= 0.99 and sum(abs(share) for share in best.values()) < 1.01  # the value where the word stands
    some = records(patch(model, "--json", "--layers", "1-2", "--positions", "-1,1"))
    assert {(r["layer"], r["position"]) for r in some} == {(1, 1), (1, 4), (2, 1), (2, 4)}
    assert records(patch(model, "--json", "--exact"))
    shown = patch(model)
    assert shown.code == 0 and "layer 1, head 2, position 4 \" me\"" in shown.text.splitlines()[2], shown
    assert shown.text.splitlines()[2].startswith("   100.0 %  KL   0.000000"), shown
    assert "48 runs of 120 tokens" in shown.complaint, shown


def test_what_is_taken_away():
    """The edge that the answer goes through, knocked out either way, loses it; so does its head without z, and no other."""
    rng = random.Random(18)
    for seed in range(SEEDS):
        layers = rng.randint(1, 4)
        layer, head = rng.randrange(layers), rng.randrange(HEADS)
        model = planted.head(TEMP / "planted", layers, layer, head)
        for how in (["--knock-out", "1:-1"], ["--knock-out", "1:-1", "--knock-out-by", "weights"]):
            result = json.loads(patch(model, "--json", *how, component=None).text)
            assert (result["from"], result["to"], result["mode"]) == ([1], [4], "knock-out") and len(result["records"]) == layers * HEADS
            for r in result["records"]:
                here = (r["layer"], r["head"]) == (layer, head)
                assert abs(r["share"] - 0.5) < 0.01 if here else -0.2 < r["share"] < 0.01, (how, r)  # corrupted says the opposite
                assert r["kl"] > 0.2 if here else r["kl"] < 0.1, (how, r)
        for how in (["--ablate", "zero"], ["--ablate", "zero", "--at-once"], ["--ablate", "resample"]):
            found = records(patch(model, "--json", *how))
            best = max(found, key=lambda r: r["share"])
            assert (best["layer"], best["head"]) == (layer, head) and best["position"] == (None if "--at-once" in how else 4), (how, best)
            assert best["share"] > (0.99 if "resample" in how else 0.49), (how, best)
            assert all(abs(r["share"]) < 0.3 for r in found if r is not best), how  # the other one's part of the norm
    alone = json.loads(osso("inspect", "patch", "-m", model, "--clean", CLEAN, "--component", "z", "--ablate", "zero", "--json").text)
    assert alone["clean"] is None and alone["answer"] is None and all(r["share"] is None for r in alone["records"])
    best = max(alone["records"], key=lambda r: r["kl"])
    assert (best["layer"], best["head"], best["position"]) == (layer, head, 4)


def test_values_that_are_no_numbers():
    """They are put in all the same, and counted; the map goes on."""
    model = planted.head(TEMP / "planted", 2, 0, 1, huge=" greets")
    (TEMP / "huge.jsonl").write_text('"The greets"\n"me me"\n')
    args = ("inspect", "patch", "-m", model, "--clean", "The good me me", "--component", "resid_post", "--ablate", "noise", "--data", TEMP / "huge.jsonl")
    result = osso(*args, "--noise", 1000, "--json")
    assert result.code == 0, result
    found = json.loads(result.text)
    assert 0 < found["not_finite"] == sum(r["kl"] is None for r in found["records"]) <= found["runs"], found
    table = osso(*args, "--noise", 1000)
    assert table.code == 0 and f"{found['not_finite']} of {found['runs']} runs ended in logits that are not finite" in table.text, table
    assert json.loads(osso(*args, "--noise", 1e-30, "--json").text)["not_finite"] == 0


def test_other_lengths():
    """With more words in one text the places that are found are the same ones, counted in the corrupted text."""
    model = planted.head(TEMP / "planted", 3, 1, 2)
    longer = "The greets me good greets me me"
    refuses(patch(model, clean=longer), 2, "7 tokens", "5", "--align")
    found = records(patch(model, "--align", "--json", clean=longer))
    assert all(set(r) == RECORD | {"source"} for r in found)
    assert {r["position"]: r["source"] for r in found} == {0: 0, 1: 3, 2: 4, 3: 5, 4: 6}
    best = max(found, key=lambda r: r["share"])
    assert (best["layer"], best["head"], best["position"], best["source"]) == (1, 2, 4, 6) and best["share"] >= 0.99
    whole = records(patch(model, "--align", "--json", clean=longer, component="resid_post"))
    assert [r["share"] for r in whole if r["layer"] == 2 and r["position"] == 4] == [1]
    assert all(r["kl"] < 1e-6 for r in whole if r["layer"] == 2 and r["position"] == 4)
    found = records(patch(model, "--align", "--json", clean=longer, component="pattern"))
    assert all(abs(r["share"]) < 0.01 for r in found)  # where it looks is the same word's place; what stands there is not


def test_parts_of_experts():
    """One expert alone writes the answer: its part is what patching and ablation find."""
    for seed in range(2):
        model, layer, which = planted.expert(TEMP / "planted", seed)
        args = dict(clean="The good", corrupted="The greets", component="expert")
        found = records(patch(model, "--json", **args))
        assert all(set(r) == RECORD | {"expert"} and r["head"] is None for r in found)
        best = max(found, key=lambda r: r["share"])
        assert (best["layer"], best["expert"], best["position"]) == (layer, which, 1) and best["share"] > 0.8, best
        some = records(patch(model, "--json", "--experts", which, "--layers", layer, **args))
        assert some and all(r["expert"] == which and r in found for r in some)
        found = records(patch(model, "--json", "--ablate", "zero", **args))
        best = max(found, key=lambda r: r["share"])
        assert (best["layer"], best["expert"], best["position"]) == (layer, which, 1) and best["share"] > 0.8, best


def test_chance_is_seeded():
    data = TEMP / "data.jsonl"
    data.write_text('"Once upon a time there was a dog."\n"He was sad and cried."\n')
    args = ["inspect", "patch", "-m", bundled(), "--clean", "Lily was happy. She", "--component", "attn_out", "--data", data, "--json"]
    for how in ("noise", "resample", "mean"):
        runs = [records(osso(*args, "--ablate", how, *more)) for more in ([], [], ["--seed", "7"], ["-t", "1"])]
        assert runs[0] == runs[1] == runs[3] and (runs[0] == runs[2]) == (how == "mean"), how
        assert all(0 < r["kl"] < 20 for r in runs[0] if r["layer"] == 0), how
    loud, quiet = (max(r["kl"] for r in records(osso(*args, "--ablate", "noise", "--noise", x))) for x in (2, 0.01))
    assert quiet < 0.01 < loud


def test_refused():
    model = planted.head(TEMP / "planted", 2, 0, 1)
    refuses(patch(model, corrupted="The friend"), 2, "5 tokens", "2")
    refuses(patch(model, corrupted=CLEAN), 2, "the same 5 tokens")
    refuses(patch(model, answer="Hello good"), 2, "--answer", "2 tokens")
    refuses(patch(model, answer=""), 2, "--answer", "empty")
    refuses(patch(model, component="mlp"), 2, "resid_pre")
    refuses(patch(model, "--layers", "2"), 2, "layers 0 to 1")
    refuses(patch(model, "--positions", "9"), 2, "positions 0 to 4")
    refuses(patch(model, "--positions", "-6"), 2, "position -6", "positions 0 to 4")
    refuses(osso("inspect", "patch", "-m", model, "--clean", "a"), 2, "--corrupted")
    refuses(patch(model, "--ablate", "zero", "--knock-out", "1:2"), 2, "exclude")
    refuses(patch(model, "--knock-out", "1:2"), 2, "pattern, not z")
    refuses(patch(model, "--knock-out", "12", component="pattern"), 2, "FROM:TO")
    refuses(patch(model, "--knock-out", "9:1", component="pattern"), 2, "positions 0 to 4")
    refuses(patch(model, "--knock-out", "3:1", component="pattern"), 2, "position 3 comes after 1")
    refuses(patch(model, "--knock-out", "1:-9", component="pattern"), 2, "positions 0 to 4")
    refuses(patch(model, "--ablate", "mean", component="pattern"), 2, "zero")
    refuses(patch(model, "--heads", "4"), 2, "heads 0 to 3")
    refuses(patch(model, "--heads", "1", component="attn_out"), 2, "changed whole")
    refuses(patch(model, "--experts", "7", component="expert"), 2, "experts 0 to 1")
    refuses(patch(model, "--experts", "1"), 2, "--component expert")
    refuses(patch(model, "--max-bytes", "100"), 1, "100 bytes", "fewer layers")
    refuses(patch(model, "--noise", "2"), 2, "--ablate")
    refuses(patch(model, "--ablate", "noise", "--seed", "-1"), 2, "--seed -1")


if __name__ == "__main__":
    main(sys.modules[__name__])
