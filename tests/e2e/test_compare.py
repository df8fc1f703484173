#!/usr/bin/env python3
"""bench/peers/compare against peers that print what llama-bench, ik_llama.cpp's llama-bench and llama-batched-bench print."""
import csv
import stat

from harness import *

FAKE = '''#!/usr/bin/env python3
import json, sys
a = sys.argv[1:]
with open(%(log)r, "a") as log: log.write(" ".join(a) + "\\n")
if "--help" in a:
    print(%(help)r)
    sys.exit()
get = lambda name, default: a[a.index(name) + 1] if name in a else default
if "--fail" in a:
    sys.exit("no such option")
print("warning: noise before the array")
n, p = int(get("-n", 0)), int(get("-p", 0))
if "-gp" in a:
    p, n = map(int, get("-gp", "").split(","))
r = int(get("-r", 1))
print(json.dumps([{"build_commit": "abc1234", "n_prompt": p, "n_gen": n, "n_depth": int(get("-d", 0)), "avg_ts": 2.0,
                   "samples_ts": [0.001] * (r - 1) + [2.0]}], indent=2))
'''
BATCHED = '''#!/usr/bin/env python3
import sys
get = lambda name: int(sys.argv[sys.argv.index(name) + 1])
print("\\nmain: n_kv_max = 2048")
print("|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |")
print("|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|")
print("|%6d | %6d | %4d |    160 |   12.864 |     9.95 |    4.790 |     4.00 |   17.654 |     9.06 |" % (get("-npp"), get("-ntg"), get("-npl")))
'''
_model = []


def program(name, text):
    path = TEMP / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def peer(name="llama-bench", help="  -d, --n-depth <n>"):
    log = TEMP / (name + ".log")
    return program(name, FAKE % {"log": str(log), "help": help}), log


def model():
    if not _model:
        config = json.loads(pathlib.Path(tiny()[0], "config.json").read_text())
        config.update(num_hidden_layers=2, layer_types=["sliding_attention", "full_attention"], vocab_size=201088)
        (TEMP / "compare.json").write_text(json.dumps(config))
        result = osso("synth", "--preset", TEMP / "compare.json", TEMP / "compare.gguf", timeout=120)
        if result.code and b"multiple" in result.err:
            raise Skip(result.complaint.strip())
        assert result.code == 0, result
        _model.append(str(TEMP / "compare.gguf"))
    return _model[0]


def compare(*args, env=None):
    command = [str(ROOT / "bench/peers/compare"), "--osso", OSSO, *map(str, args)]
    return Result(subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 timeout=120 * SLOW, env=environment(**(env or {}))))


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_rounds_rows_and_going_on():
    bench, log = peer()
    out = TEMP / "compare.csv"
    env = {"PEER_LLAMA_BENCH": bench, "PEER_LLAMA_BATCHED_BENCH": program("llama-batched-bench", BATCHED), "PEER_LLAMA_CLI": program("llama-cli", "#!/bin/sh\n")}
    run = lambda rounds: compare(model(), "--rounds", rounds, "--threads", 1, "--tests", "pp8,tg4*2,tg4@d16,tg4x3,tg4@d64+fill,start",
                                 "--out", out, "--osso-version", "x", env=env)
    result = run(1)
    assert result.code == 0, result
    first = rows(out)
    by = {}
    for row in first:
        by.setdefault(row["test"], []).append(row)
    assert {k: len(v) for k, v in by.items()} == {"pp8": 1, "tg4": 2, "tg4@d16": 1, "tg4x3": 1, "tg4@d64+fill": 1, "start": 1, "memory": 1}
    for row in first:
        assert row["osso"] == "x" and row["peer"] == "llama.cpp" and row["model"] == "compare.gguf" and row["first"] == "osso", row
        assert row["machine"] and row["threads"] == "1" and float(row["osso_value"]) > 0, row
        if row["unit"] == "tok/s":
            assert row["of"] in ("", "int8" if row["test"] == "pp8" else "read") and float(row["read_ceiling_gbps"]) > 0, row
    assert by["pp8"][0]["peer_value"] == "2.0000" and by["pp8"][0]["peer_commit"] == "abc1234"
    assert abs(float(by["pp8"][0]["ratio"]) - float(by["pp8"][0]["osso_value"]) / 2) < 1e-3
    assert by["tg4x3"][0]["peer_value"] == "4.0000" and 0 < float(by["tg4x3"][0]["experts_per_layer"])
    assert by["tg4@d64+fill"][0]["peer_value"] == "" and by["start"][0]["unit"] == "s" and by["memory"][0]["unit"] == "MB"
    calls = [line for line in log.read_text().splitlines() if "--help" not in line]
    assert len(calls) == 3 and "-r 2 " in calls[1] and calls[2].endswith("-p 0 -n 4 -d 16"), calls

    result = run(2)
    assert result.code == 0 and "round 1" not in result.complaint, result
    second = rows(out)
    assert second[:len(first)] == first and len(second) == 2 * len(first)
    assert all(r["first"] == ("osso" if "fill" in r["test"] else "peer") for r in second[len(first):]), "who begins changes"
    assert run(2).code == 0 and rows(out) == second
    assert str(out.read_bytes()).count("machine,") == 1
    for test in by:
        assert f"\n{test} " in result.text, result

    docs = TEMP / "docs"
    docs.mkdir()
    plot = lambda *args: subprocess.run([sys.executable, ROOT / "tools/measure/plot_performance.py", "--rows", TEMP, "--out", docs, *args]).returncode
    assert plot() == 0 and plot("--check") == 0
    page, picture = (docs / "performance.md").read_text(), (docs / "performance.svg").read_text()
    assert all(f"(`{test}`)" in page for test in by) and "generation, 3 sequences" in picture and "</svg>" in picture
    (docs / "performance.svg").write_text("older")
    assert plot("--check") == 1


def test_a_peer_without_depth():
    bench, log = peer("ik-bench", "  -gp <pp,tg>")
    result = compare(model(), "--rounds", 1, "--threads", 1, "--tests", "tg4@d16", "--peer-skip", 1, "--peer-args", "-fa 1", "--no-warm",
                     env={"PEER_LLAMA_BENCH": bench})
    assert result.code == 0 and "ik_llama.cpp" in result.text and " 2.00 " in result.text, result
    assert log.read_text().splitlines()[-1].endswith("-r 2 -o json -p 0 -n 0 -gp 16,4 -fa 1")
    result = compare(model(), "--tests", "pp4@d16", env={"PEER_LLAMA_BENCH": bench})
    assert result.code == 2 and "--n-depth" in result.complaint, result


def test_what_is_refused():
    bench, _ = peer()
    for args, env, code, word in ((["/no/such.gguf"], bench, 2, "/no/such.gguf"), ([], bench, 2, "MODEL.gguf"),
                                  ([model()], None, 2, "set PEER_LLAMA_BENCH"), ([model()], "/no/such", 2, "set PEER_LLAMA_BENCH"),
                                  ([model(), "--tests", "pp"], bench, 2, "'pp'"), ([model(), "--tests", "tg4x2"], bench, 2, "PEER_LLAMA_BATCHED_BENCH"),
                                  ([model(), "--rounds", "0"], bench, 2, "--rounds"), ([model(), "--rounds", "x"], bench, 2, "--rounds"),
                                  ([model(), "--tests", "tg4", "--no-warm", "--peer-args=--fail"], bench, 1, "no such option")):
        result = compare(*args, env={"PEER_LLAMA_BENCH": env})
        assert result.code == code and word in result.complaint and "Traceback" not in result.complaint, (args, result)


if __name__ == "__main__":
    main(sys.modules[__name__])
