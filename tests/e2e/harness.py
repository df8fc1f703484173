"""What every script here uses: runs build/<variant>/osso, collects functions named test_*, reports in cmocka's words."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

ROOT = pathlib.Path(os.environ.get("OSSO_ROOT") or pathlib.Path(__file__).resolve().parents[2])
OSSO = os.environ.get("OSSO_BIN") or str(ROOT / "build/release/osso")
SLOW = 1 if os.environ.get("OSSO_VARIANT", "release") == "release" else 10  # sanitizers
BUNDLED = ROOT / "models/osso-small"
TEMP = pathlib.Path(tempfile.mkdtemp(prefix="osso-e2e-"))


class Skip(Exception):
    pass


def environment(**extra):
    """Nothing of the caller's but what programs need; a home of its own."""
    keep = {k: v for k, v in os.environ.items() if k == "PATH" or k.endswith("SAN_OPTIONS")}
    keep.update({"HOME": str(TEMP / "home"), **{k: v for k, v in extra.items() if v is not None}})
    return keep


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.text, self.complaint = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    def __repr__(self):
        return f"exit {self.code}\n  stdout: {self.text[-400:]!r}\n  stderr: {self.complaint[-400:]!r}"


def osso(*args, stdin=b"", timeout=30, env=None, **more):
    if isinstance(stdin, str):
        stdin = stdin.encode()
    return Result(subprocess.run([OSSO, *map(str, args)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 timeout=timeout * SLOW, env=environment(**(env or {})), **more))


def refuses(result, code, *words):
    """One clear line on standard error with these words in it, this exit code, nothing on standard output."""
    lines = result.complaint.strip().splitlines()
    assert result.code in (code if isinstance(code, tuple) else (code,)), f"expected exit {code}: {result}"
    assert len(lines) == 1 and lines[0].startswith("osso: "), f"not one line: {result}"
    assert result.out == b"", f"standard output is not empty: {result}"
    for word in words:
        assert word in lines[0], f"{word!r} is missing: {result}"


_tiny = {}


def tiny():
    """(path, ids) of the model of tiny_chat.py."""
    if not _tiny:
        import tiny_chat
        _tiny["path"] = str(TEMP / "tiny")
        _tiny["ids"] = tiny_chat.make(_tiny["path"])
    return _tiny["path"], _tiny["ids"]


def bundled():
    if not (BUNDLED / "config.json").exists():
        raise Skip("models/osso-small is not there yet")
    return str(BUNDLED)


def bundled_config():
    """Its config.json: what depends on the model's shape is read from there."""
    return json.loads(pathlib.Path(bundled(), "config.json").read_text())


def outcome(test):
    """What came of it, and the words about that."""
    try:
        test()
        return "passed", ""
    except Skip as why:
        return "skipped", f"skip {test.__name__}: {why}\n"
    except Exception:
        return "failed", f"FAILED {test.__name__}\n{traceback.format_exc(limit=4)}"


def main(module, at_once=1):
    """at_once: so many tests beside each other, where they mostly wait and share nothing."""
    only = sys.argv[1:]
    tests = [test for name, test in vars(module).items() if name.startswith("test_") and callable(test) and (not only or name in only)]
    counts = {"passed": 0, "skipped": 0, "failed": 0}
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for what, words in (pool.map if at_once > 1 else map)(outcome, tests):
            counts[what] += 1
            print(words, end="", flush=True)
    passed, skipped, failed = counts.values()
    subprocess.run(["rm", "-rf", str(TEMP)])
    print(f"[  PASSED  ] {passed} test(s).")
    if skipped:
        print(f"[  SKIPPED ] {skipped} test(s).")
    if failed:
        print(f"[  FAILED  ] {failed} test(s).")
    sys.exit(1 if failed else 0)
