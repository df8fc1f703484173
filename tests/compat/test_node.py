#!/usr/bin/env python3
"""The Node clients: each script of tests/compat/node against the bundled and the scripted model."""
import shutil

from places import *


def run(name):
    bundled()
    shutil.copytree(HERE / "node", COMPAT / "node", dirs_exist_ok=True)  # Node looks for packages beside a script
    with Osso() as model, rules("-c", "16384") as script, busy() as limited:
        done = subprocess.run(["node", "--no-warnings", str(COMPAT / "node" / name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280,
                              env=environment(OSSO_BUNDLED=url(model), OSSO_SCRIPTED=url(script), OSSO_BUSY=url(limited)))
        text = done.stdout.decode("utf-8", "replace")
        print("".join(line + "\n" for line in text.splitlines() if not line.startswith("[  ")), end="")
        assert done.returncode == 0 and "[  PASSED  ]" in text, f"{name}: exit {done.returncode}"
        script.rests()


def test_openai():
    run("openai.mjs")


def test_vercel_ai():
    run("ai.mjs")


def test_langchain():
    run("langchain.mjs")


def test_agents():
    run("agents.mjs")


if __name__ == "__main__":
    main(sys.modules[__name__])
