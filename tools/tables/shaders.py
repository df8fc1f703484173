#!/usr/bin/env python3
"""Writes src/backend/vulkan/shaders_spv.c, the SPIR-V words of every kernel in shaders.def, from shaders/*.comp.

usage: shaders.py [--later] [--check | --modules FOLDER]

--later: the kernels of shaders_later.def, whose words are in shaders_later_spv.c: Debian 12's glslc does not know what they
need, so Debian testing's compilers make them (tools/check/later_debian.sh build/later brings those).

--check writes nothing: exit 0 when the words are what the file has, 1 when not. Other versions of the compilers make other
words, so only those that the file names count; where they are not, it says so ("skip") and exits 0.
--modules writes FOLDER/NAME.spv instead, for tools/mutate.

glslc compiles without optimizing. Every float operation is then decorated NoContraction, so that no driver and no
optimizer may fuse or reorder it, and spirv-opt takes away what is dead, merges loads and drops names; it inlines nothing,
since drivers do that themselves and the words would be three times as many. dtype.glsl, which the sources include, is made
here from src/quant/dtype.def."""
import concurrent.futures
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOME = ROOT / "src/backend/vulkan"
LATER = "--later" in sys.argv[1:]
OUT = HOME / ("shaders_later_spv.c" if LATER else "shaders_spv.c")
UNPACKED = pathlib.Path(os.environ.get("OSSO_TEST_LATER", ROOT / "build/later"))
TOOLS = [str(ROOT / "tools/check/later_debian.sh"), str(UNPACKED)] if LATER else []
# FNegate, FAdd, FSub, FMul, FDiv, FRem, FMod; and what decorates.
FLOAT_OPS = {127, 129, 131, 133, 136, 140, 141}
DECORATE, NO_CONTRACTION, FUNCTION = 71, 42, 54
TWIN = re.compile(r"(\w+)_(dot4|alone|f16)")  # NAME_dot4 is NAME.comp with DOT4 defined
TYPE_BEFORE = 19  # the first type's opcode: decorations end where types begin
PASSES = """--strip-debug --eliminate-dead-functions --eliminate-local-single-block --eliminate-local-single-store
 --ssa-rewrite --eliminate-dead-code-aggressive --merge-blocks --ccp --eliminate-dead-branches --simplify-instructions
 --redundancy-elimination --eliminate-dead-code-aggressive --eliminate-dead-const --compact-ids""".split()


def run(*command):
    done = subprocess.run([*TOOLS, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def versions():
    """The compilers in one line, or None when one is missing."""
    if LATER and not (UNPACKED / "complete").exists():
        return None
    try:
        glslc, opt = run("glslc", "--version"), run("spirv-opt", "--version")
    except OSError:
        return None
    parts = re.findall(r"^(?:shaderc|spirv-tools|glslang) \S+", glslc, re.M) + re.findall(r"SPIRV-Tools v\S+", opt)[:1]
    return ", ".join(parts)


def instructions(words):
    at = 5
    while at < len(words):
        n = words[at] >> 16
        yield words[at] & 0xffff, at, n
        at += n


def exact(words):
    """The module with every float operation decorated."""
    ids = [words[at + 2] for op, at, _ in instructions(words) if op in FLOAT_OPS]
    marked = {words[at + 1] for op, at, n in instructions(words) if op == DECORATE and words[at + 2] == NO_CONTRACTION}
    types = next(at for op, at, _ in instructions(words) if TYPE_BEFORE <= op <= 39)
    more = [w for i in ids if i not in marked for w in (3 << 16 | DECORATE, i, NO_CONTRACTION)]
    return words[:types] + more + words[types:]


def formats():
    """dtype.glsl: what kernels know of a format from its line in dtype.def."""
    lines = re.findall(r"^DTYPE\((\w+), \"\w+\", (\d+), (\d+), (\d+), -?\d+, \w+, \w+, (\w+), \w+\)", (ROOT / "src/quant/dtype.def").read_text(), re.M)
    out = [f"const int DT_{line[0]} = {i};" for i, line in enumerate(lines)]
    for what, of in [("uint format_block", lambda block, run, size, offsets: f"{block}u"),
                     ("uint format_run", lambda block, run, size, offsets: f"{int(run) or block}u"),
                     ("uint format_bytes", lambda block, run, size, offsets: f"{size}u"),
                     ("bool format_offsets", lambda block, run, size, offsets: "false" if offsets == "NONE" else "true")]:
        cases = [f"case DT_{name}: return {of(*rest)};" for name, *rest in lines]
        out += [f"{what}() {{ switch (format) {{", *cases, f"}} return {of('1', '1', '4', 'NONE')}; }}"]
    constant = "layout(constant_id = 1) const int format = 0; // enum dtype"
    return "\n".join([constant, *out]) + "\n"


def source_of(name):
    twin = TWIN.fullmatch(name)
    return twin[1] if twin else name


def compile_one(name, folder):
    raw, marked, small = (str(folder / f"{name}.{i}") for i in range(3))
    twin = TWIN.fullmatch(name)
    run("glslc", "-O0", *((f"-D{twin[2].upper()}",) if twin else ()), "-I", str(folder), "--target-env=vulkan1.2", "-fshader-stage=compute", "-o", raw, str(HOME / "shaders" / f"{source_of(name)}.comp"))
    data = pathlib.Path(raw).read_bytes()
    words = exact(list(struct.unpack(f"<{len(data) // 4}I", data)))
    pathlib.Path(marked).write_bytes(struct.pack(f"<{len(words)}I", *words))
    run("spirv-opt", "--target-env=vulkan1.2", *PASSES, marked, "-o", small)
    run("spirv-val", "--target-env", "vulkan1.2", "--scalar-block-layout", small)
    data = pathlib.Path(small).read_bytes()
    return list(struct.unpack(f"<{len(data) // 4}I", data))


def lines_of(words):
    line = ""
    for w in words:
        text = f"{w},"
        if len(line) + len(text) > 120:
            yield line
            line = ""
        line += text
    yield line


def compile_all():
    """[(name, local size, words)]"""
    shaders = re.findall(r"^SHADER\((\w+), (\d+)\)", (HOME / ("shaders_later.def" if LATER else "shaders.def")).read_text(), re.M)
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "dtype.glsl").write_text(formats())
        with concurrent.futures.ThreadPoolExecutor() as threads:
            made = list(threads.map(lambda shader: compile_one(shader[0], pathlib.Path(folder)), shaders))
    return [(name, local, words) for (name, local), words in zip(shaders, made)]


def table(tools):
    how = "tools/tables/shaders.py --later" if LATER else "tools/tables/shaders.py (make shaders)"
    out = [f"/* {OUT.name}: made by {how} from shaders/ with {tools}. */",
           '#include "backend/vulkan/shaders.h"', ""]
    for name, local, words in compile_all():
        out += [f"static const uint32_t {name}[] = {{", *lines_of(words), "};",
                f"const struct vk_shader vk_shader_{name} = {{\"{name}\", {name}, {len(words)}, sizeof(struct vk_{source_of(name)}), {local}}};"]
    return "\n".join(out) + "\n"


def main():
    tools, check = versions(), "--check" in sys.argv[1:]
    if not tools:
        print("skip: shaders: " + ("Debian testing's compilers are not here (tools/check/later_debian.sh build/later)" if LATER
                                   else "glslc or spirv-opt is not here (Debian: glslc, spirv-tools)"))
        return 0 if check else 1
    if "--modules" in sys.argv[1:]:
        for name, _, words in compile_all():
            (pathlib.Path(sys.argv[-1]) / f"{name}.spv").write_bytes(struct.pack(f"<{len(words)}I", *words))
        return 0
    old = OUT.read_text() if OUT.exists() else ""
    made_with = old.partition("\n")[0]
    if check and not made_with.endswith(f" with {tools}. */"):
        print(f"skip: shaders: made by other compilers than {tools}: {made_with}")
        return 0
    new = table(tools)
    if check:
        same = old == new
        print("shaders: the words are what the sources give" if same else f"{OUT.relative_to(ROOT)} is not what shaders/ gives: run `make shaders`")
        return 0 if same else 1
    OUT.write_text(new)
    print(f"{OUT.relative_to(ROOT)}: {len(new)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
