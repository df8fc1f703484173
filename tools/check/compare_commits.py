#!/usr/bin/env python3
"""compare_commits.py OLD [NEW] [--emulate] [--quick]: do two commits compute the same bits?

Builds both (git worktrees under build/compare; NEW "." is this folder as it stands, and the default HEAD), then runs every
committed model of OLD's tree, in each form it has, through both programs: `osso logits` in fast and in exact mode on every
ISA of the machine, and greedy texts. Files are compared byte for byte. Prints a table and ends with "N equal, N different";
exit 1 when something differs.

  --emulate  AVX-512's kernels too, compiled for AVX2 with this tree's tests/emulate, whatever the commits have themselves
  --quick    the bundled model and one form of each other one
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build/compare"
PROMPTS = ("Hello.", "Once upon a time there was a fox who", "What is the capital of France?", "def main():\n    ")
EMULATED = "avx512vnni"
FLAGS = ("-std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude -Isrc -Og -ffp-contract=off -fno-math-errno -fPIC -pthread "
         "-fvisibility=hidden -mavx2 -mfma -mf16c -Wno-psabi").split()


def run(*command, cwd=ROOT):
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command[:6]))}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def built(commit):
    """The folder of a commit, with build/release/osso in it."""
    if commit == ".":
        tree = ROOT
    else:
        sha = run("git", "rev-parse", "--short", commit + "^{commit}").strip()
        tree = WORK / sha
        if not (tree / "Makefile").exists():
            run("git", "worktree", "prune")
            run("git", "worktree", "add", "--detach", tree, sha)
    print(f"building {commit} in {tree}", file=sys.stderr)
    run("make", f"-j{os.cpu_count()}", "all", cwd=tree)
    return tree


def emulated(tree):
    """A program of that tree whose AVX-512 kernels are compiled for AVX2 and which holds every CPU for one that has them."""
    to = tree / "build/emulated"
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    objects = []
    sources = sorted((tree / "src").rglob(f"*__{EMULATED}.c"))
    for source in sources + sorted((tree / "src").rglob("cpu.c")):
        flags, at = [], source
        if source.name == "cpu.c":
            at = to / "cpu.c"
            at.write_text(re.sub(r"return has\(0xe6,[^;]*;", "return has_avx2();", source.read_text()))
        elif source.name.startswith("ceiling"):
            at = ROOT / "tests/emulate" / source.name
        else:
            flags = ["-isystem", ROOT / "tests/emulate"]
        objects.append(to / (source.stem + ".o"))
        run("cc", *FLAGS, *flags, "-c", at, "-o", objects[-1], cwd=tree)
    release = tree / "build/release"
    inner = release / "libosso-inner.a"
    library = to / "library.a"
    shutil.copy(inner if inner.exists() else release / "libosso.a", library)
    run("ar", "rs", library, *objects)
    needed = re.findall(r"\[lib(\w+)\.so[^\]]*\]", run("readelf", "-d", release / "osso"))
    cli = [o for o in sorted((release / "cli").rglob("*.o")) if (tree / "src" / o.relative_to(release)).with_suffix(".c").exists()]
    run("cc", "-o", to / "osso", *cli, library, *[f"-l{name}" for name in needed if name != "c"], "-pthread")
    return to / "osso"


def models(tree, quick):
    """(name, path, file of ids) of every committed model; ids None: text can be asked of it."""
    for folder in sorted([*(tree / "tests/golden/model").iterdir(), tree / "tests/golden/taps"]):
        forms = [folder] if (folder / "config.json").exists() and list(folder.glob("*.safetensors")) else []
        forms += sorted(folder.glob("*.gguf")) if folder.is_dir() else []
        for form in forms[:1] if quick else forms:
            if (folder / "ids.txt").exists():
                yield str(form.relative_to(tree)), form, folder / "ids.txt"
    for folder in sorted((tree / "models").iterdir()):
        if (folder / "config.json").exists():
            yield str(folder.relative_to(tree)), folder, None


def output(program, command, model, isa, exact, extra):
    """Standard output, or the reason why there is none (a refusal must be the same on both sides too)."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OSSO_")}
    done = subprocess.run([program, command, "-m", model, "--isa", isa, *(["--exact"] if exact else []), *extra], env=env,
                          capture_output=True, stdin=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else b"exit %d: " % done.returncode + done.stderr


def logits(program, model, isa, exact, ids):
    out = WORK / "logits.npy"
    out.unlink(missing_ok=True)
    said = output(program, "logits", model, isa, exact, ["--ids", ids, "-o", out])
    return out.read_bytes() if out.exists() else said


def cases(tree, old, isa, quick):
    """(what, function of a program)"""
    some_ids = WORK / "ids.txt"
    ids = output(old, "tokenize", tree / "models/osso-small", isa, False, ["-p", " ".join(PROMPTS) * 4])
    some_ids.write_text(",".join(re.findall(r"\d+", ids.decode())[:256]))
    for name, model, of in models(tree, quick):
        for exact in (False, True):
            mode = "exact" if exact else "fast"
            yield (f"{name} {mode}", lambda program, model=model, exact=exact, of=of:
                   logits(program, model, isa, exact, of or some_ids))
            for i, prompt in enumerate(PROMPTS if of is None else ()):
                extra = ["-p", prompt, "-n", "48", "--temp", "0", "--seed", "1"]
                yield (f"{name} {mode}, text {i + 1}", lambda program, model=model, exact=exact, extra=extra:
                       output(program, "generate", model, isa, exact, extra))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new", nargs="?", default="HEAD")
    parser.add_argument("--emulate", action="store_true")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    old, new = built(args.old), built(args.new)
    programs = {isa: (old / "build/release/osso", new / "build/release/osso")
                for isa in re.search(r"can run: ([^)]*)", run(old / "build/release/osso", "--version"))[1].split()}
    if args.emulate and EMULATED not in programs:
        programs[EMULATED] = (emulated(old), emulated(new))
    equal = different = 0
    for isa, (a, b) in programs.items():
        for what, of in cases(old, a, isa, args.quick):
            left, right = of(a), of(b)
            empty = left.startswith(b"exit ") or not left
            if left == right and not empty:
                equal += 1
            else:
                different += 1
            print(f"{'equal    ' if left == right and not empty else 'DIFFERENT'}  {isa:<10}  {what}"
                  + (f": {left[:160].decode(errors='replace').strip()}" if empty else f" ({len(left)} bytes)"), flush=True)
    print(f"{equal} equal, {different} different")
    return different > 0 or equal == 0


if __name__ == "__main__":
    sys.exit(main())
