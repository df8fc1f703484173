"""The servers that the clients of tests/compat talk to, made with what tests/e2e has for it."""
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("OSSO_ROOT", str(HERE.parents[1]))
sys.path.insert(0, str(HERE.parent / "e2e"))
sys.dont_write_bytecode = True

from test_serve_api import *  # noqa: E402 (Osso, scripted, thought, final, call)

for name in [n for n in globals() if n.startswith("test_")]:
    del globals()[name]  # those are of another folder

COMPAT = ROOT / "build/compat"


def rules(*options):
    return Osso("--script", HERE / "rules.jsonl", *options)


def url(server):
    return f"http://127.0.0.1:{server.port}"


def busy():
    """As rules(); the key "one" may have one request at a time."""
    keys = TEMP / "busy-keys"
    keys.write_text("one one concurrent=1\nother other\n")
    return rules("--api-key-file", keys)
