#!/usr/bin/env python3
"""The level check: a file includes only lower levels (design, section 1). Prints each break; exit 1 if there is one."""
import pathlib
import re
import sys

LEVEL = {
    "base": 10, "quant": 20, "format": 21, "text": 22, "backend": 30, "model": 40,
    "engine": 50, "train": 50, "convert": 50, "eval": 60, "inspect": 60, "bench": 60, "cli": 70, "server": 70,
}
# The public chapters, each at the level of what it speaks of.
DOOR = {"status.h": 10, "text.h": 22, "tap.def": 30, "tap.h": 30, "model.h": 40, "engine.h": 50, "bench.h": 60}
TOP_DOOR = 65  # osso.h and whatever comes later: for those above everything
# Whom even a higher level never sees: between text and model there are only token ids.
NEVER = {("model", "text"), ("backend", "text")}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def allowed(part, target):
    """Why `part` (a folder of src) may not include `target`, or None."""
    first, _, rest = target.partition("/")
    if first == "osso":
        if part in ("cli", "server"):
            return None
        level = DOOR.get(rest, TOP_DOOR)
        return None if level <= LEVEL[part] else f"door {rest} is of level {level}"
    if first not in LEVEL:
        return "includes are written from src/ or include/"
    if first == part:
        return None
    if part in ("cli", "server") and first != "base":
        return "cli and server see the doors and base, nothing else"
    if (part, first) in NEVER or LEVEL[first] >= LEVEL[part]:
        return f"{part} never sees {first}"
    return None


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    files = breaks = 0
    for path in sorted((root / "src").rglob("*.[ch]")):
        part = path.relative_to(root / "src").parts[0]
        if part not in LEVEL:
            print(f"{path}: folder {part} has no level; give it one in tools/check_levels.py")
            breaks += 1
            continue
        files += 1
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = INCLUDE.match(line)
            why = found and allowed(part, found[1])
            if why:
                print(f"{path}:{number}: includes {found[1]}: {why}")
                breaks += 1
    print(f"levels: {files} files, {breaks} breaks")
    return 1 if breaks else 0


sys.exit(main())
