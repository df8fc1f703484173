#!/usr/bin/env python3
"""bench/gpu, which is to run in the few minutes that somebody lends a card: from end to end, with tiny shapes, on whatever device is here."""
import csv

from harness import *

SHAPES = dict(model_type="gpt_oss", num_hidden_layers=2, hidden_size=64, intermediate_size=64, vocab_size=300,
              num_attention_heads=4, num_key_value_heads=2, head_dim=16, num_local_experts=4, num_experts_per_tok=2)


def bench_gpu(*args):
    out = TEMP / "out"
    done = subprocess.run([sys.executable, ROOT / "bench/gpu", "--built", "--tiny", "--out", out, *map(str, args)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=500, env=environment(XDG_CACHE_HOME=str(TEMP / "cache")))
    return done.returncode, done.stdout, out


def test_from_end_to_end():
    probe = osso("generate", "-p", "x", "-n", "1", "--device", "gpu", timeout=300)
    if probe.code:
        raise Skip(probe.complaint.strip())
    config = TEMP / "tiny.json"
    config.write_text(json.dumps(SHAPES))
    code, said, out = bench_gpu("--parts", "features,text,20b,120b,offload", "--preset", config, "--large", config)
    assert code == 0 and "none failed" in said and "equal: " in said and "from the host and back" in said, said
    with open(out / "bench.csv", newline="") as f:
        rows = [row for row in csv.DictReader(f) if row["build_commit"] != "build_commit"]
    assert [(int(row["n_prompt"]), int(row["n_gen"]), int(row["n_depth"]), int(row["n_parallel"])) for row in rows[:5]] == \
        [(4, 0, 0, 1), (6, 0, 0, 1), (0, 2, 0, 1), (0, 2, 130, 1), (0, 2, 0, 2)], rows
    assert all(float(row["avg_ts"]) > 0 and row["backends"] == "Vulkan" for row in rows), rows
    with open(out / "times-20b-x2.csv", newline="") as f:
        assert {"attend", "norm", "router"} <= {row["kernel"] for row in csv.DictReader(f)}
    assert all(line in said for line in ("== 20b", "== 120b", "tg2 @ 130", "tg2 x2")), said


def test_what_fails_is_said():
    """A part that fails stops no other, and the run does not look like one that passed."""
    code, said, _ = bench_gpu("--parts", "text,offload", "--device", "gpu:none such")
    assert code == 1 and "== offload" in said and "2 failed" in said and "none such" in said, said
    code, said, _ = bench_gpu("--parts", "everything")
    assert code == 2 and "everything" in said and "features" in said, said


if __name__ == "__main__":
    main(sys.modules[__name__])
