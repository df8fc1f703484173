#!/usr/bin/env python3
"""osso eval history: what every run leaves in its file, and that two at once lose nothing."""
import sqlite3

from evals import *

SQLITE = "history of evaluations: SQLite" in osso("--version").text


def run(*args, **more):
    return osso("eval", *args, "-t", 1, "-c", 192, "--data", DATA, "-m", bundled(), timeout=120, **more)


def history(*args, **more):
    result = osso("eval", "history", *args, "--json", **more)
    assert result.code == 0, result
    return json.loads(result.text)["history"]


def needs_it():
    if not SQLITE:
        raise Skip("built without SQLite")


def test_a_build_without_it_says_so():
    if SQLITE:
        raise Skip("built with SQLite")
    refuses(osso("eval", "history"), 1, "libsqlite3-dev")
    refuses(run("copa", "--history", TEMP / "h"), 1, "libsqlite3-dev")
    assert run("copa").code == 0


def test_every_run_adds_its_scores():
    needs_it()
    refuses(osso("eval", "history"), 1, "no history yet")
    report = json.loads(run("arc_easy,mmlu", "--limit", 2, "--exact", "--json").text)
    assert run("copa", "--no-history").code == 0
    assert run("copa", env={"OSSO_NO_HISTORY": "1"}).code == 0
    assert run("wikitext").code == 0
    file = TEMP / "home/.local/state/osso/evals.sqlite"
    assert file.exists()
    rows = history()
    assert {r["task"] for r in rows} == {"arc_easy", "mmlu", "wikitext"}, rows  # no subjects, and no run without history
    assert [r["run"] for r in rows] == sorted(r["run"] for r in rows) and {r["run"] for r in rows} == {1, 2}
    first = rows[0]
    assert first["model"] == "osso-small" == report["model"]["name"] and first["hash"] == report["model"]["hash"], first
    assert first["date"] == report["date"] and first["settings"] == report["config"] and first["settings"]["limit"] == 2, first
    for r in rows:
        if r["run"] == 1:
            scores = report["results"][r["task"]]
            stem, filter = r["metric"].split(",")
            assert (r["value"], r["stderr"], r["n"]) == (scores[r["metric"]], scores[f"{stem}_stderr,{filter}"], scores["n"]), r
    assert len([r for r in rows if r["run"] == 1]) == 3  # acc, acc_norm; acc
    assert [r for r in rows if r["task"] == "wikitext" and r["metric"] == "bits_per_byte,none" and r["stderr"] is None]
    subject = next(t for t in report["results"] if t.startswith("mmlu_"))
    part = history(subject)
    assert [r["task"] for r in part] == [subject] and part[0]["n"] == report["results"][subject]["n"], part
    table = osso("eval", "history", "wikitext")
    assert table.text.count("wikitext") == 4 and "max_length 192" in table.text and "arc_easy" not in table.text, table
    refuses(osso("eval", "history", "gsm8k"), 1, "no run of gsm8k")
    assert osso("eval", "history", env={"OSSO_NO_HISTORY": "1"}).code == 0  # a habit of runs


def test_two_at_once_lose_nothing():
    needs_it()
    file = TEMP / "many.sqlite"
    command = list(map(str, [OSSO, "eval", "copa", "-t", 1, "-c", 128, "--data", DATA, "-m", bundled(), "--history", file]))
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()) for _ in range(6)]
    for p in processes:
        assert (p.communicate(timeout=120)[1], p.returncode) == (b"", 0)
    rows = history("copa", "--history", file)
    assert len(rows) == 6 and {r["run"] for r in rows} == set(range(1, 7)), rows
    # Somebody else writes for a while: a run waits, and is not lost.
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
    other.execute("UPDATE score SET task = 'x\x1b[2J' WHERE run = 1")
    try:
        waiting.wait(0.3)
    except subprocess.TimeoutExpired:
        pass
    other.execute("COMMIT")
    assert waiting.communicate(timeout=120)[1] == b"" and waiting.returncode == 0
    assert len(history("copa", "--history", file)) == 6
    table = osso("eval", "history", "--history", file)
    assert table.text.count("copa") == 6 and "\x1b" not in table.text, table  # what a file says is shown, not obeyed


def test_files_that_are_no_history():
    needs_it()
    wrong = TEMP / "wrong.sqlite"
    wrong.write_text("no database at all, " * 60)
    refuses(run("copa", "--history", wrong), 1, "wrong.sqlite", "--history")
    refuses(osso("eval", "history", "--history", wrong), 1, "wrong.sqlite")
    assert wrong.read_text().startswith("no database")
    wrong.unlink()
    other = sqlite3.connect(wrong)
    other.execute("CREATE TABLE mine(a)")
    other.commit()
    refuses(run("copa", "--history", wrong), 1, "no history of osso's")
    assert [r[0] for r in other.execute("SELECT name FROM sqlite_master")] == ["mine"]
    assert run("copa", "--history", TEMP / "new.sqlite").code == 0
    sqlite3.connect(TEMP / "new.sqlite").execute("PRAGMA user_version=2").connection.close()
    refuses(osso("eval", "history", "--history", TEMP / "new.sqlite"), 1, "form 2")
    refuses(run("copa", "--history", TEMP / "no/such/folder"), 1, "no/such/folder")
    # Nobody asked for the history in this one: the scores count, and it is said.
    blocked = run("copa", env={"XDG_STATE_HOME": "/proc/none"})
    assert blocked.code == 0 and "in no history" in blocked.complaint and "copa" in blocked.text, blocked
    refuses(osso("eval", "history", "--data", DATA), 2, "--data")
    refuses(osso("eval", "history", "--no-history"), 2, "--no-history")
    refuses(osso("eval", "history", "copa", "mmlu"), 2, "'mmlu'")
    refuses(osso("eval", "compare", "a", "b", "--history", wrong), 2, "--history")


main(sys.modules[__name__])
