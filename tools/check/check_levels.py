#!/usr/bin/env python3
"""The level check: a file includes only lower levels (design, section 1), no two files share a name, and no two files
need each other. Prints each break; exit 1 if there is one.

Circles are looked for twice, with x.c and x.h as one file: among includes, and among functions, since a header may promise
what is written elsewhere (who names a function needs the file that defines it)."""
import collections
import pathlib
import re
import sys

LEVEL = {
    "base": 10, "json": 12, "quant": 20, "format": 21, "token": 22, "harmony": 23, "backend": 30, "model": 40,
    "checkpoint": 45, "engine": 50, "constrain": 50, "train": 50, "convert": 50, "hub": 50, "eval": 60, "inspect": 60,
    "measure": 60, "mpi": 60, "serve": 67, "cli": 70,
}
# The public chapters, each at the level of what it speaks of.
DOOR = {"status.h": 10, "text.h": 22, "tap.def": 30, "tap.h": 30, "model.h": 40, "engine.h": 50, "answer.h": 50, "beams.h": 50, "script.h": 50, "corpus.h": 50,
        "convert.h": 50, "hub.h": 50, "bench.h": 60, "forecast.h": 60, "eval.h": 60, "inspect.h": 60, "train.h": 50, "train_keys.def": 50,
        "embed.h": 60, "steer.h": 60, "patch.h": 60, "lens.h": 60, "residual.h": 60, "attention.h": 60, "experts.h": 60}
TOP_DOOR = 65  # osso.h and whatever comes later: for those above everything
# Whom even a higher level never sees: between text and model there are only token ids; a checkpoint's files may.
NEVER = {(part, other) for part in ("backend", "model") for other in ("token", "harmony")}
# Siblings of one level never see each other; these rooms stand above all doors and see only them and the tools of level 1.
ABOVE = ("cli", "serve")
BELOW_DOORS = ("base", "json")
ONLY_CLI = ("serve",)  # a part of the program, not of the library: the command line starts it

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def allowed(part, target):
    """Why `part` (a folder of src) may not include `target`, or None."""
    first, _, rest = target.partition("/")
    if first == "osso":
        if part in ABOVE:
            return None
        level = DOOR.get(rest, TOP_DOOR)
        return None if level <= LEVEL[part] else f"door {rest} is of level {level}"
    if first not in LEVEL:
        return "includes are written from src/ or include/"
    if first == part:
        return None
    if part == "cli" and first in ONLY_CLI:
        return None
    if part in ABOVE and first not in BELOW_DOORS:
        return f"{' and '.join(ABOVE)} see the doors, {' and '.join(BELOW_DOORS)}, nothing else"
    if (part, first) in NEVER or LEVEL[first] >= LEVEL[part]:
        return f"{part} never sees {first}"
    return None


def names_twice(root):
    """Headers and sources of src and include/osso by name: a name is enough to find a file."""
    seen = collections.defaultdict(list)
    for folder in ("src", "include/osso"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            seen[path.name].append(str(path.relative_to(root)))
    return [f"{' and '.join(paths)} share a name" for paths in seen.values() if len(paths) > 1]


def includes_of(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found[1]


def stem(name):
    """The file that a name of src belongs to: x.c and x.h are one, a table (x.def) stands alone."""
    return name[:-2] if name.endswith((".c", ".h")) else name


COMMENT_OR_TEXT = re.compile(r"""'(?:\\.|[^'\\])'|/\*.*?\*/|"(?:\\.|[^"\\\n])*\"""", re.S)
FUNCTION = re.compile(r"^(?!static|typedef)[a-z][\w *]*[ *](\w+)\([^;{]*\)\s*\n\{", re.M)
WORD = re.compile(r"\b[a-z]\w+\b")


def needs_by_include(root):
    """Who includes whom, by stems."""
    headers = {str(path.relative_to(root)): [target for _, target in includes_of(path) if (root / target).exists()]
               for path in root.rglob("*.[ch]")}
    # A header without a .c of its own that builds on x.h and that x.c includes is x's second header.
    second = {stem(target): stem(name) for name, targets in headers.items() for target in targets
              if name.endswith(".c") and stem(target) + ".c" not in headers and stem(name) + ".h" in headers.get(target, [])}
    graph = collections.defaultdict(set)
    for name, targets in headers.items():
        nodes = [second.get(stem(part), stem(part)) for part in (name, *targets)]
        graph[nodes[0]] |= set(nodes[1:]) - {nodes[0]}
    return graph


def needs_by_function(root):
    """Who names a function that another defines, by stems. One that several files define is the build's choice."""
    texts = {stem(str(path.relative_to(root))): COMMENT_OR_TEXT.sub(" ", path.read_text(encoding="utf-8"))
             for path in root.rglob("*.c")}
    owners = collections.defaultdict(set)
    for name, text in texts.items():
        for function in FUNCTION.findall(text):
            owners[function].add(name)
    one = {function: names for function, names in owners.items() if len(names) == 1}
    return {name: set().union(*(one.get(word, set()) for word in set(WORD.findall(text)))) - {name}
            for name, text in texts.items()}


def circle(graph):
    """One circle of the graph as a list of its nodes, or None."""
    state = {}

    def visit(node, trail):
        state[node] = "open"
        for target in sorted(graph.get(node, ())):
            if state.get(target) == "open":
                return trail[trail.index(target):] + [target]
            if target not in state:
                found = visit(target, trail + [target])
                if found:
                    return found
        state[node] = "done"
        return None

    for node in sorted(graph):
        if node not in state:
            found = visit(node, [node])
            if found:
                return found
    return None


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    breaks = names_twice(root)
    files = 0
    for path in sorted((root / "src").rglob("*.[ch]")):
        name = str(path.relative_to(root / "src"))
        part = name.split("/")[0]
        if part not in LEVEL:
            breaks.append(f"{path}: folder {part} has no level; give it one in tools/check/check_levels.py")
            continue
        files += 1
        for number, target in includes_of(path):
            why = allowed(part, target)
            if why:
                breaks.append(f"{path}:{number}: includes {target}: {why}")
    for graph in needs_by_include(root / "src"), needs_by_function(root / "src"):
        while found := circle(graph):
            breaks.append("a circle: " + " -> ".join(found))
            graph[found[-2]].discard(found[-1])  # and look for the next
    for line in breaks:
        print(line)
    print(f"levels: {files} files, {len(breaks)} breaks")
    return 1 if breaks else 0


if __name__ == "__main__":
    sys.exit(main())
