#!/usr/bin/env python3
"""Functions of src have at most 60 lines, files of src at most 400, generated tables apart (what fits a screen is read).
Prints each that is longer; exit 1 if there is one."""
import pathlib
import re
import sys

FUNCTION, FILE = 60, 400
GENERATED = re.compile(r"\A/\* \S+: made by tools/")
# A function's body is what stands between a line of `{` alone and the next one of `}`, as everywhere in src.
HEAD = re.compile(r"(\w+)\(")


def functions(lines):
    """(name, number of its first line, lines from the first of its head to the brace)"""
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
            while start > 0 and lines[start - 1] and not lines[start - 1].startswith(("}", "#", "/*", " *")):
                start -= 1
        elif line == "}" and start is not None:
            found = HEAD.search(" ".join(lines[start:number]))
            yield found[1] if found else "?", start + 1, number - start + 1
            start = None


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    broken = longest = checked = 0
    for path in sorted((root / "src").rglob("*.[ch]")):
        text = path.read_text(encoding="utf-8")
        if GENERATED.match(text):
            continue
        lines = text.splitlines()
        checked += 1
        if len(lines) > FILE:
            print(f"{path.relative_to(root)}: {len(lines)} lines; at most {FILE}: split it")
            broken += 1
        for name, at, n in functions(lines):
            longest = max(longest, n)
            if n > FUNCTION:
                print(f"{path.relative_to(root)}:{at}: {name} has {n} lines; at most {FUNCTION}")
                broken += 1
    print(f"lengths: {checked} files, the longest function has {longest} lines, {broken} breaks")
    return broken > 0


if __name__ == "__main__":
    sys.exit(main())
