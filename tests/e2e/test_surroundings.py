#!/usr/bin/env python3
"""Little memory, links, and what is there already: what surrounds the program."""
import re
import shutil
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


def test_force_leaves_nothing_of_the_model_before():
    """A folder that held another one must not be read as a mixture, whatever that one's files are called."""
    config, vocab = shapes("forced"), json.loads(pathlib.Path(tiny()[0], "config.json").read_text())["vocab_size"]
    worded = shapes("worded", vocab_size=vocab)
    whole = TEMP / "forced-whole"
    assert osso("synth", "--preset", config, "--format", "hf", whole).code == 0
    stale = {"shards": {"model.safetensors.index.json": b'{"weight_map": {"a": "model-00001-of-00002.safetensors"}}',
                        "model-00001-of-00002.safetensors": b"x", "model-00002-of-00002.safetensors": b"x"},
             "an index of nothing": {"model.safetensors.index.json": b"{"},
             "one file": {"model.safetensors": b"x", "config.json": b"{}"},
             "words": {"tokenizer.json": b"{}", "tokenizer_config.json": b"{}", "chat_template.jinja": b"x", "generation_config.json": b"{"}}
    for name, files in stale.items():
        for more, want in (((), whole), (("--tokenizer", tiny()[0]), None)):
            folder = TEMP / f"forced {name} {len(more)}"
            folder.mkdir()
            for file, data in {**files, "mine.txt": b"mine"}.items():
                (folder / file).write_bytes(data)
            result = osso("synth", "--preset", worded if more else config, "--format", "hf", "--force", *more, folder)
            assert result.code == 0 and (folder / "mine.txt").read_bytes() == b"mine", result
            info = osso("info", folder)
            assert info.code == 0 and not info.complaint, info
            ours = {p.name for p in (want or whole).iterdir()} | ({"tokenizer.json"} if more else set())
            assert {p.name for p in folder.iterdir()} == ours | {"mine.txt"}, (name, sorted(folder.iterdir()))
            ran = osso("logits", "-m", folder, "--ids", "1,2", "-o", TEMP / "forced.npy")
            assert ran.code == 0 and not ran.complaint, ran
    again = osso("synth", "--preset", worded, "--format", "hf", "--force", "--tokenizer", folder, folder)  # its own words
    assert again.code == 0 and osso("tokenize", "-m", folder, "Hello").text == osso("tokenize", "-m", tiny()[0], "Hello").text, again


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
    """generate, or another command line, where /proc/meminfo says so (kB)."""
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
    command = more or ("generate", "-m", tiny()[0], "-p", "Hello", "-n", "2", "--temp", "0", *args)
    return osso(*command, env={"LD_PRELOAD": str(library)})


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


def test_weights_that_are_made_in_memory():
    """bench --preset has no file to read them from: swap is a warning, beyond it only --force-memory helps."""
    config = shapes("made", hidden_size=512, intermediate_size=512, num_local_experts=8)
    bench = ("bench", "--preset", config, "-p", "4", "-n", "1", "-r", "1", "-t", "1")
    plain = memory(8000000, *bench)
    assert plain.code == 0 and not warnings(plain), plain
    refused = memory(1000, *bench)
    refuses(refused, 1, "MiB in memory", "0 MiB are free", "osso synth", "--force-memory")
    for swap, more, words in ((8000000, (), "swap"), (0, ("--force-memory",), "may end osso")):
        result = memory(1000, *bench, *more, swap=swap)
        assert result.code == 0 and words in warnings(result)[0] and "MiB" in warnings(result)[0], result


# ---- file systems that do not map -------------------------------------------------------------------------------


def unmapped(which, *command):
    """What osso does where mmap of a file fails: "shared", "all" of more than a page, or "large" ones only."""
    if os.environ.get("OSSO_VARIANT", "release") != "release":
        raise Skip("a sanitizer's runtime wants to be the first library")
    source, library = TEMP / "unmapped.c", TEMP / "unmapped.so"
    if not library.exists():
        source.write_text("""#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
    void *(*real)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
    const char *which = getenv("UNMAPPED");
    if (fd >= 0 && !(prot & PROT_EXEC) && n > (*which == 'l' ? 100000 : 4096) && (*which != 's' || flags & MAP_SHARED)) {
        errno = *which == 'l' ? EACCES : ENODEV;
        return MAP_FAILED;
    }
    return real(at, n, prot, flags, fd, off);
}
ssize_t pread(int fd, void *to, size_t n, off_t off)
{
    ssize_t (*real)(int, void *, size_t, off_t) = dlsym(RTLD_NEXT, "pread");
    if (*getenv("UNMAPPED") == 's') { /* mapped privately, never copied */
        errno = EIO;
        return -1;
    }
    return real(fd, to, n, off);
}
ssize_t pread64(int fd, void *to, size_t n, off_t off)
{
    return pread(fd, to, n, off);
}
""")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return osso(*command, env={"LD_PRELOAD": str(library), "UNMAPPED": which})


def test_files_that_cannot_be_mapped():
    path, _ = tiny()
    gguf, sharded = TEMP / "unmapped.gguf", TEMP / "unmapped"
    assert osso("synth", "--preset", shapes("small"), gguf).code == 0
    if not sharded.exists():
        shutil.copytree(path, sharded)
        data = (sharded / "model.safetensors").read_bytes()
        (sharded / "model.safetensors").rename(sharded / "weights.safetensors")
        names = [n for n in json.loads(data[8:8 + int.from_bytes(data[:8], "little")]) if n != "__metadata__"]
        (sharded / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {n: "weights.safetensors" for n in names}}))
    for which in ("shared", "all", "large"):
        for model in (path, sharded):
            result = unmapped(which, "generate", "-m", model, "-p", "Hello", "-n", "2", "--temp", "0")
            assert (result.code, result.text, result.complaint) == (0, ", good\n", ""), (which, result)
        for command in (("logits", "-m", gguf, "--ids", "1,2", "-o", TEMP / "unmapped.npy"), ("info", gguf), ("tokenize", "-m", path, "Hello")):
            result = unmapped(which, *command)
            assert result.code == 0 and not result.complaint, (which, result)


# ---- links ------------------------------------------------------------------------------------------------------


def test_output_through_links():
    """What a link points to is written, the link stays: near, far, behind another link, and where nothing is yet."""
    far = TEMP / "far away"
    far.mkdir()
    plain = TEMP / "plain.npy"
    command = lambda out: osso("logits", "-m", tiny()[0], "--ids", "1,2", "-o", out)
    assert command(plain).code == 0
    want = plain.read_bytes()
    for name, target, there in (("near", "target.npy", True), ("far", far / "x.npy", True), ("dangling", far / "new.npy", False),
                                ("up", "../" + TEMP.name + "/up.npy", True)):
        link = TEMP / f"{name}.link"
        link.symlink_to(target)
        real = TEMP / target
        if there:
            real.write_bytes(b"old")
            real.chmod(0o640)
        result = command(link)
        assert result.code == 0 and link.is_symlink() and real.read_bytes() == want, (name, result)
        assert not there or real.stat().st_mode & 0o777 == 0o640, name
        assert not list(TEMP.glob("*.tmp.*")) and not list(far.glob("*.tmp.*")), name
    (TEMP / "second.link").symlink_to(TEMP / "near.link")
    (TEMP / "target.npy").write_bytes(b"old")
    assert command(TEMP / "second.link").code == 0 and (TEMP / "target.npy").read_bytes() == want
    (TEMP / "loop").symlink_to(TEMP / "loop")
    refuses(command(TEMP / "loop"), 1, "loop", "links")
    assert (TEMP / "loop").is_symlink()
    (TEMP / "nowhere").symlink_to(TEMP / "no folder" / "x.npy")
    refuses(command(TEMP / "nowhere"), 1, "no")
    (TEMP / "folder.link").symlink_to(far)  # a folder on the way
    assert command(TEMP / "folder.link/y.npy").code == 0 and (far / "y.npy").read_bytes() == want
    out = TEMP / "synth.link"  # and a checkpoint
    out.symlink_to(far / "model.gguf")
    assert osso("synth", "--preset", shapes("small"), out).code == 0 and out.is_symlink() and osso("info", far / "model.gguf").code == 0
    refuses(osso("synth", "--preset", shapes("small"), out), 2, "--force")


def test_models_through_links():
    """The hub's cache is links to blobs whose names say nothing."""
    path = pathlib.Path(tiny()[0])
    blobs, snapshot = TEMP / "links/blobs", TEMP / "links/snapshots/abc"
    for folder in (blobs, snapshot):
        folder.mkdir(parents=True)
    for i, file in enumerate(sorted(path.iterdir())):
        shutil.copy(file, blobs / str(i))
        (snapshot / file.name).symlink_to(f"../../blobs/{i}")
    ask = lambda model: osso("generate", "-m", model, "-p", "Hello", "-n", "2", "--temp", "0")
    assert ask(snapshot).text == ", good\n"
    whole = (snapshot / "model.safetensors").resolve()
    whole.rename(blobs / "q1w2.incomplete")  # as the hub's own program leaves it
    refuses(ask(snapshot), 1, "has not ended", "q1w2.incomplete")


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
