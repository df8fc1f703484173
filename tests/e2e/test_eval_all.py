#!/usr/bin/env python3
"""./run eval-all: a whole run that is killed ends, when it is started again, as one that is not; and its scores on the page."""
import os
import signal
import time

from evals import *

SCRIPT = ROOT / "tools/measure/eval_all.py"
BLOCK = "before\n<!-- scores: tools/measure/eval_all.py --page -->\nold\n<!-- end of scores -->\nafter\n"


def start(out, *more, **how):
    command = list(map(str, [sys.executable, SCRIPT, DATA, "-m", bundled(), "-t", 1, "--out", out, *more]))
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(environment(), OSSO_BIN=str(OSSO)), **how)


def finish(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out.decode(), err.decode()


def scores(out):
    report = json.loads((out / "report.json").read_text())
    return {key: report[key] for key in ("results", "model", "config")}


def test_a_run_that_is_killed_ends_as_one_that_is_not():
    whole, parts, docs = TEMP / "whole", TEMP / "parts", TEMP / "page.md"
    docs.write_text(BLOCK)
    code, out, err = finish(start(whole, "--page", "--docs", docs))
    assert code == 0, (out, err)
    page = docs.read_text()
    results = scores(whole)["results"]
    assert page.startswith("before\n<!-- ") and page.endswith("<!-- end of scores -->\nafter\n") and "old" not in page, page
    for task, row in results.items():
        assert (f"| {task} |" in page) == (row["alias"] == task), (task, page)
    assert f"| hellaswag | `acc_norm,none` | {results['hellaswag']['acc_norm,none']:.4f} | {1.96 * results['hellaswag']['acc_norm_stderr,none']:.4f} | {results['hellaswag']['n']} |" in page, page
    assert finish(start(whole, "--page", whole / "report.json", "--docs", docs))[0] == 0 and docs.read_text() == page  # alone, and again
    killed = 0
    for least in (4, 20):  # results that are on the disk
        process, partial = start(parts), parts / "samples.jsonl.partial"
        while process.poll() is None and (not partial.exists() or partial.read_bytes().count(b"\n") <= least):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)  # the script alone: what it has started ends with it
        process.wait()
        killed += process.returncode == -signal.SIGKILL and not (parts / "samples.jsonl").exists()
    kept = partial.read_bytes().count(b"\n")
    assert killed == 2 and 20 < kept, (killed, kept)
    time.sleep(0.2)
    assert partial.read_bytes().count(b"\n") == kept or sys.platform != "linux", "the evaluation goes on without its script"
    code, out, err = finish(start(parts))
    assert code == 0 and scores(parts) == scores(whole), (out, err)
    assert (parts / "samples.jsonl").read_bytes() == (whole / "samples.jsonl").read_bytes() and not partial.exists()


def test_what_the_page_does_not_take():
    docs, report = TEMP / "other.md", TEMP / "report.json"
    docs.write_text("no block\n")
    scored = {"alias": "copa", "acc,none": 0.5, "acc_stderr,none": 0.1, "n": 3}
    whole = {"results": {"copa": scored}, "config": {"limit": 0, "exact": True, "kv_type": "f32", "max_length": 64}, "date": "2030-01-02T", "machine": "m",
             "model": {"hash": "h", "parameters": 1e6, "active_parameters": 1e6, "formats": ["F32"]}, "seconds": 60, "peak_bytes": 1e6}

    def written(**changed):
        report.write_text(json.dumps(dict(whole, **changed)))
        return finish(start(TEMP, "--page", report, "--docs", docs))
    assert "no block" in written()[2]
    docs.write_text(BLOCK)
    assert "first 5 items" in written(config=dict(whole["config"], limit=5))[2]
    assert "copa has failed" in written(results={"copa": {"alias": "copa", "error": "logits are no numbers"}})[2]
    assert docs.read_text() == BLOCK
    assert written()[0] == 0 and "| copa | `acc,none` | 0.5000 | 0.1960 | 3 |" in docs.read_text()
    code, _, err = finish(start(TEMP, "--page", "--limit", 2))
    assert code == 1 and "--limit" in err


main(sys.modules[__name__])
