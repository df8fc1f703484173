#!/usr/bin/env python3
"""Little memory, links, and what is there already: what surrounds the program."""
import re
import signal
import time

from harness import *
from test_repl import Terminal
from test_chat import final

SHAPES = dict(model_type="gpt_oss", num_hidden_layers=2, hidden_size=64, intermediate_size=64, vocab_size=300,
              num_attention_heads=4, num_key_value_heads=2, head_dim=16, num_local_experts=4, num_experts_per_tok=2)


def shapes(name, **more):
    path = TEMP / f"{name}.json"
    path.write_text(json.dumps(SHAPES | more))
    return path


def test_synth_writes_over_nothing():
    config = shapes("small")
    out, folder = TEMP / "there.gguf", TEMP / "there"
    for form, path, precious in (("gguf", out, out), ("hf", folder, folder / "mine")):
        folder.mkdir(exist_ok=True)
        precious.write_text("precious")
        (TEMP / "link").unlink(missing_ok=True)
        (TEMP / "link").symlink_to(path)
        for name in (path, TEMP / "link"):
            refuses(osso("synth", "--preset", config, "--format", form, name), 2, str(name), "--force")
        assert precious.read_text() == "precious"
        result = osso("synth", "--preset", config, "--format", form, "--force", path)
        assert result.code == 0 and osso("info", path).code == 0, result
        assert form == "gguf" or precious.read_text() == "precious"


def test_synth_says_how_far_it_is():
    result = osso("synth", "--preset", shapes("small"), TEMP / "lines.gguf")
    lines = result.complaint.splitlines()
    assert result.code == 0 and result.out == b"" and "\r" not in result.complaint, result
    percents = [int(re.fullmatch(r"osso: writing .*lines.gguf: (\d+) % of .*", line)[1]) for line in lines]
    assert 2 <= len(lines) <= 10 and percents == sorted(set(percents)) and percents[-1] == 100, lines


def test_a_killed_synth_is_taken_over():
    config = shapes("large", hidden_size=1024, intermediate_size=1024, num_hidden_layers=12, num_local_experts=16)
    for form in ("hf", "gguf"):
        out = TEMP / f"killed-{form}"
        command = ["synth", "--preset", config, "--format", form, out]
        child = subprocess.Popen([OSSO, *map(str, command)], stderr=subprocess.DEVNULL, env=environment())
        end = time.monotonic() + 20 * SLOW
        while not list(TEMP.glob(f"killed-{form}*/*.tmp.0") if form == "hf" else TEMP.glob(f"killed-{form}.tmp.0")):
            assert time.monotonic() < end and child.poll() is None, "no temporary file was seen"
            time.sleep(0.005)
        if form == "hf":  # while it lives the folder is its own
            os.kill(child.pid, signal.SIGSTOP)
            refuses(osso(*command), 2, "another run")
        child.kill()
        child.wait()
        result = osso(*command, timeout=120)
        assert result.code == 0 and osso("info", out).code == 0, result
        names = [p.name for p in TEMP.glob(f"killed-{form}*")] + [p.name for p in TEMP.glob(f"killed-{form}/*")]
        assert not [n for n in names if ".tmp" in n or "unfinished" in n], names
        assert osso(*command).code == 2  # a whole one


def memory(available, *more, swap=0, args=()):
    """generate, where /proc/meminfo says so (kB)."""
    if os.environ.get("OSSO_VARIANT", "release") != "release":
        raise Skip("a sanitizer's runtime wants to be the first library")
    source, library, fake = TEMP / "fake.c", TEMP / "fake.so", TEMP / "meminfo"
    if not library.exists():
        source.write_text("""#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
FILE *fopen(const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");
    return real(strcmp(path, "/proc/meminfo") ? path : FAKE, mode);
}
""")
        subprocess.run(["cc", "-shared", "-fPIC", f'-DFAKE="{fake}"', "-o", library, source, "-ldl"], check=True)
    fake.write_text(f"MemTotal: 9000000 kB\nMemAvailable: {available} kB\nSwapTotal: {swap} kB\nSwapFree: {swap} kB\n")
    return osso("generate", "-m", tiny()[0], "-p", "Hello", "-n", "2", "--temp", "0", *args, env={"LD_PRELOAD": str(library)})


def warnings(result):
    return [line for line in result.complaint.splitlines() if "warning" in line]


def test_little_memory():
    size = json.loads(osso("info", tiny()[0], "--json", "-c", "4096").text)["memory"]
    weights = size["weights"] // 1024
    assert not warnings(memory(8000000))
    refuses_last = memory(weights + 1)
    assert refuses_last.code == 1 and "--force-memory" in refuses_last.complaint and not warnings(refuses_last), refuses_last
    for available, swap, args in ((weights + 1, 8000000, ()), (weights + 1, 0, ("--force-memory",)), (1, 8000000, ()),
                                  (weights + 1, 8000000, ("-c", "2048"))):
        result = memory(available, swap=swap, args=args)
        assert result.code == 0 and result.text == ", good\n" and len(warnings(result)) == 1, result


def test_weights_larger_than_memory_are_one_warning():
    for available in (1, 5, 20):
        result = memory(available, swap=8000000)
        told = warnings(result)
        assert result.code == 0 and len(told) == 1 and "weights" in told[0], result
        assert len(re.findall(r"[\d.]+ [kMG]?B\b", told[0])) == 2, told


def talk(state, *lines):
    t = Terminal(*final(), XDG_STATE_HOME=str(state))
    for line in lines:
        t.prompt()
        t.send(line + "\r")
    assert t.leave() == 0


def test_history_through_links():
    for name, there in (("whole", True), ("dangling", False), ("beside", False)):
        state = TEMP / f"links-{name}"
        (state / "osso").mkdir(parents=True)
        target, link = state / "kept", state / "osso/history"
        if there:
            target.write_text("before\n")
        link.symlink_to("../kept" if name == "beside" else target)
        talk(state, "remember this")
        assert link.is_symlink() and target.read_text() == "before\n" * there + "remember this\n", name


def test_history_that_is_no_file():
    state = TEMP / "links-fifo"
    (state / "osso").mkdir(parents=True)
    os.mkfifo(state / "osso/history")
    talk(state, "nobody reads this")


def test_save_through_a_link():
    for there in (True, False):
        target, link = TEMP / f"conv-{there}.json", TEMP / f"conv-{there}.link"
        if there:
            target.write_text("old")
        link.symlink_to(target)
        talk(TEMP / "links-save", "hi", f"/save {link}")
        assert link.is_symlink() and json.loads(target.read_text())["messages"], there


if __name__ == "__main__":
    main(sys.modules[__name__])
