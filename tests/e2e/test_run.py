#!/usr/bin/env python3
"""./run's set-up: a line a step, how much will come, and the package manager's own words only when it fails."""
import os
import shutil
import subprocess

from harness import *

CHATTER = "Selecting previously unselected package g++"


def machine(apt, missing=("c++", "g++"), root=True):
    """A folder for PATH: this machine without these programs, with a package manager of ours."""
    for needed in ("c++", "make", "pkg-config", "git", "cc"):
        if not shutil.which(needed):
            raise Skip(f"{needed} is not here: more than one thing is missing")
    for asked in ([sys.executable, "-c", "import pyte"], ["pkg-config", "--exists", "cmocka"], ["pkg-config", "--exists", "libedit"]):
        if subprocess.run(asked, stderr=subprocess.DEVNULL).returncode:
            raise Skip(f"{asked[-1]} is not here: more than one thing is missing")
    place = pathlib.Path(tempfile.mkdtemp(dir=TEMP))
    for folder in ("/usr/local/bin", "/usr/bin", "/bin"):
        for program in pathlib.Path(folder).iterdir():
            if program.name not in (*missing, "apt-get", "sudo", "id") and not (place / program.name).exists():
                (place / program.name).symlink_to(program)
    for name, text in (("apt-get", apt), ("id", f"echo {0 if root else 1000}")):
        if text is not None:
            (place / name).write_text(f"#!/bin/sh\n{text}\n")
            (place / name).chmod(0o755)
    return place


def setup(place):
    """./run test with no test of that name: what stands before it is the set-up."""
    env = {**environment(), "PATH": str(place), "LANG": "C"}
    done = subprocess.run([str(ROOT / "run"), "test", "no-test-has-this-name"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60 * SLOW, env=env, cwd=TEMP)
    return done, [line for line in done.stderr.splitlines() if line.startswith("run: ")]


def apt(update="echo Hit:1 mirror", size="", install=f"echo '{CHATTER}'"):
    return f"""echo "$@" >>"$0.log"
case " $* " in
*" update "*) {update or ":"} ;;
*" --assume-no "*) {size or ":"}; exit 1 ;;
*) {install} ;;
esac"""


def size(packages, fetch, disk):
    return (f"echo 'The following NEW packages'; echo '0 upgraded, {packages} newly installed, 0 to remove and 1 not upgraded.'; "
            f"echo 'Need to get {fetch} of archives.'; echo 'After this operation, {disk} of additional disk space will be used.'")


def test_a_line_a_step():
    for given, want in (((5, "12.3 MB", "45.6 MB"), "(5 packages, 12.3 MB to fetch, 45.6 MB on the disk)"),
                        ((49, "61.2 MB/70.0 MB", "1,024 kB"), "(49 packages, 61.2 MB to fetch, 1,024 kB on the disk)"),
                        ((1, "0 B", "980 B"), "(1 package, 0 B to fetch, 980 B on the disk)")):
        place = machine(apt(size=size(*given)))
        done, lines = setup(place)
        assert lines[0].startswith("run: ") and "update" in lines[0], done.stderr
        assert lines[1] == f"run: installing g++ {want}" and len(lines) == 2, lines
        assert CHATTER not in done.stderr and "Hit:1" not in done.stderr, done.stderr
        calls = (place / "apt-get.log").read_text().splitlines()
        assert len(calls) == 3 and calls[2].endswith("--assume-yes g++"), calls
    done, lines = setup(machine(apt()))  # one that does not say how much
    assert lines[1] == "run: installing g++", lines


def test_failure_shows_all():
    done, lines = setup(machine(apt(install=f"echo '{CHATTER}'; echo 'E: no space' >&2; exit 100")))
    assert done.returncode == 1 and CHATTER in done.stderr and "E: no space" in done.stderr, done.stderr
    assert lines[-1].startswith("run: this failed (exit status 100): ") and lines[-1].endswith("g++"), lines
    done, lines = setup(machine(apt(update="echo 'E: no network' >&2; exit 7")))
    assert done.returncode == 1 and "E: no network" in done.stderr and "installing" not in done.stderr, done.stderr
    done, lines = setup(machine(apt(), root=False))  # neither root nor sudo
    assert done.returncode == 1 and "neither root nor sudo" in lines[0] and "g++" in lines[0], lines
    done, lines = setup(machine(None))
    assert done.returncode == 1 and "please install" in lines[0], lines


def test_nothing_missing_nothing_said():
    place = machine(apt(), missing=())
    done, lines = setup(place)
    assert "apt" not in done.stderr and not (place / "apt-get.log").exists(), done.stderr


if __name__ == "__main__":
    main(sys.modules[__name__])
