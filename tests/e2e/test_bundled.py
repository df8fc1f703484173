#!/usr/bin/env python3
"""The model that ships with osso, found without being named."""
from harness import *


def test_a_newcomer_gets_an_answer():
    bundled()
    # With a seed: one draw in some hundred ends a small model's turn at once, and a test does not draw.
    result = osso("chat", "--seed", "7", stdin="Tell me a story about a fox.\n", timeout=120)
    assert result.code == 0 and result.err == b"", result
    assert len(result.text.split()) >= 10 and result.text.endswith("\n") and "<|" not in result.text, result


def test_it_is_found_through_a_link():
    bundled()
    link = TEMP / "osso"
    link.symlink_to(OSSO)
    done = subprocess.run([str(link), "info", "--json"], stdout=subprocess.PIPE, timeout=30 * SLOW, env=environment())
    assert done.returncode == 0 and json.loads(done.stdout)["path"].endswith("osso-small")


def test_its_files():
    path = bundled()
    size = sum(f.stat().st_size for f in pathlib.Path(path).rglob("*"))
    assert size < 15_000_000
    info = json.loads(osso("info", path, "--json").text)
    assert "MXFP4" in info["bytes"]["by_type"] and info["architecture"]["context"] >= 2048


def test_seeds_repeat():
    bundled()
    run = lambda *more: osso("chat", "-p", "Who are you?", "-s", "11", *more, timeout=120).out
    assert run() == run("-t", "1") == run("-t", "3")


if __name__ == "__main__":
    main(sys.modules[__name__])
