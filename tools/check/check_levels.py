#!/usr/bin/env python3
"""The level check: a file includes only lower levels (design, section 1), no two files share a name, and no two files
need each other. Prints each break; exit 1 if there is one."""
import collections
import pathlib
import re
import sys

LEVEL = {
    "base": 10, "json": 12, "quant": 20, "format": 21, "token": 22, "harmony": 23, "backend": 30, "model": 40,
    "checkpoint": 45, "engine": 50, "constrain": 50, "train": 50, "convert": 50, "hub": 50, "eval": 60, "inspect": 60,
    "measure": 60, "mpi": 60, "cli": 70, "serve": 70,
}
# The public chapters, each at the level of what it speaks of.
DOOR = {"status.h": 10, "text.h": 22, "tap.def": 30, "tap.h": 30, "model.h": 40, "engine.h": 50, "answer.h": 50, "bench.h": 60}
TOP_DOOR = 65  # osso.h and whatever comes later: for those above everything
# Whom even a higher level never sees: between text and model there are only token ids; a checkpoint's files may.
NEVER = {(part, other) for part in ("backend", "model") for other in ("token", "harmony")}
# Siblings of one level never see each other; these rooms stand above all doors and see only them and the tools of level 1.
ABOVE = ("cli", "serve")
BELOW_DOORS = ("base", "json")

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


def circle(graph):
    """One circle of the graph as a list of its nodes, or None."""
    state = {}

    def visit(node, trail):
        state[node] = "open"
        for target in sorted(graph[node]):
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
    graph = collections.defaultdict(set)
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
            if target != name and (root / "src" / target).exists() and target.endswith(".h"):
                graph[name].add(target)
                graph[target]
    found = circle(graph)
    if found:
        breaks.append("a circle: " + " -> ".join(found))
    for line in breaks:
        print(line)
    print(f"levels: {files} files, {len(breaks)} breaks")
    return 1 if breaks else 0


if __name__ == "__main__":
    sys.exit(main())
