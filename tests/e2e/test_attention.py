#!/usr/bin/env python3
"""osso inspect attention names the heads that were planted, for seeds that draw their places, and none where the same values
stand elsewhere (./run planted: 20 seeds; OSSO_PLANTED_SEEDS says how many); what its table and JSON hold; what it refuses."""
import planted_heads
from harness import *

SEEDS = int(os.environ.get("OSSO_PLANTED_SEEDS", 2))
REPEAT = 50


def attention(model, *args, **more):
    return osso("inspect", "attention", "-m", model, *args, **more)


def heads(result):
    assert result.code == 0, result
    return json.loads(result.text)["heads"]


def named(found, kind):
    return [(h["layer"], h["head"]) for h in found if h["kind"] == kind]


def test_planted_heads():
    for seed in range(SEEDS):
        exact = ["--exact"] * (seed % 2)
        previous, induction = planted_heads.make(TEMP / "planted", seed)
        found = heads(attention(TEMP / "planted", "--repeat", REPEAT, "--seed", seed, "--json", *exact))
        assert named(found, "previous") == [previous] and named(found, "induction") == [induction], (seed, previous, induction, found)
        at = {(h["layer"], h["head"]): h for h in found}
        assert at[previous]["previous"] > 0.9 and at[induction]["induction"] > 0.9, (seed, at[previous], at[induction])
        planted_heads.make(TEMP / "control", seed, shuffled=True)
        found = heads(attention(TEMP / "control", "--repeat", REPEAT, "--seed", seed, "--json", *exact))
        assert not named(found, "previous") + named(found, "induction"), (seed, found)


def test_json_and_table():
    planted_heads.make(TEMP / "planted", 0)
    result = attention(TEMP / "planted", "The good friend greets The good friend", "--json", "--patterns", "--heads", "0,2")
    assert result.code == 0, result
    said = json.loads(result.text)
    assert set(said) == {"model", "version", "exact", "seed", "ids", "tokens", "repeat", "heads"} and said["repeat"] is None
    n = len(said["ids"])
    assert "".join(said["tokens"]) == "The good friend greets The good friend" and len(said["tokens"]) == n
    assert {h["head"] for h in said["heads"]} == {0, 2}
    for h in said["heads"]:
        assert [len(row) for row in h["pattern"]] == list(range(1, n + 1)) and all(sum(row) <= 1.00001 for row in h["pattern"])
        assert abs(h["previous"] - sum(row[-2] for row in h["pattern"][1:]) / (n - 1)) < 1e-5
    some = attention(TEMP / "planted", "The good", "--json")
    assert all(h["duplicate"] is None and h["inductions"] == 0 and "pattern" not in h for h in heads(some))
    drawn = json.loads(attention(TEMP / "planted", "--repeat", 20, "--json").text)
    assert drawn["repeat"] == 20 and drawn["ids"][:20] == drawn["ids"][20:] and len(set(drawn["ids"])) == 20 and drawn["seed"] == 0
    other = json.loads(attention(TEMP / "planted", "--repeat", 20, "--seed", 7, "--json").text)
    assert other["ids"] != drawn["ids"] and other["seed"] == 7
    table = attention(TEMP / "planted", "--ids", ",".join(map(str, drawn["ids"])), "--patterns", "--layers", "1", "--heads", "3").text.splitlines()
    assert table[0].split()[:3] == ["layer", "head", "previous"] and table[1].split()[1] == "3" and len(table) == 2 + 2 + 40, table


def test_refused():
    planted_heads.make(TEMP / "planted", 0)
    model = TEMP / "planted"
    refuses(attention(model, "The"), 2, "1 token")
    refuses(attention(model, ""), 2, "empty")
    refuses(attention(model, "The good", "--heads", "4"), 2, "heads 0 to 3")
    refuses(attention(model, "The good", "--layers", "9"), 2, "--layers")
    refuses(attention(model, "The good", "--repeat", 5), 2, "--repeat")
    refuses(attention(model, "--repeat", 5000), 2, "--repeat 5000", "ordinary tokens")
    refuses(attention(model, "--repeat", 5, "--seed", -1), 2, "--seed")
    refuses(attention(model, "--repeat", 100, "--patterns", "--max-bytes", 1000), 1, "1000 bytes")
    refuses(attention(model, "--repeat", 100, "-c", 150), (1, 2), "150")
    refuses(attention(model, "--ids", "1,2,99999"), 2, "99999")
    refuses(attention(model, stdin=b"The \xff good"), (1, 2), "UTF-8")


if __name__ == "__main__":
    main(sys.modules[__name__])
