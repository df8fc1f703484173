#!/usr/bin/env python3
"""What README, tour and the examples' page say of this checkout is so: commands, counts, quoted answers. UPDATE=1 writes the
answers of the bundled model anew."""
import re
import shlex

from harness import *
import tables

README = (ROOT / "README.md").read_text()


def commands(text):
    """The lines of blocks, and what stands in backquotes, that run osso."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    inline = [found for found in re.findall(r"`([^`\n]+)`", re.sub(r"^```\n.*?^```", "", text, flags=re.M | re.S))]
    for line in lines + inline:
        words = shlex.split(line, comments=True)
        if words and words[0] in ("build/osso", "osso"):
            yield words


def test_commands_are_commands():
    """Verbs and options are there; the verb takes as many operands."""
    seen = 0
    for page in ("README.md", "examples/README.md", "docs/tour.md", "models/osso-small/README.md"):
        for words in commands((ROOT / page).read_text()):
            if words[1:2] in (["VERB"], ["--help"], ["--version"]) or len(words) < 2:
                continue
            named = (" ".join(words[1:3]), words[1]) # verbs of two words first
            verb = next((v for name in named for v, row in tables.verbs().items() if name in (v, *row.aliases)), None)
            assert verb, words
            known = {f"--{o.name}" for o in tables.options_of(verb)} | {f"-{o.letter}" for o in tables.options_of(verb) if o.letter}
            flags = {word.split("=")[0] for word in words[2:] if word.startswith("-")}
            assert flags <= known, (page, words, flags - known)
            seen += 1
    assert seen >= 6, seen


def test_quoted_answers():
    quotes = re.findall(r"^> \*\*(.+)\*\*\n>\n((?:>.*\n)+)", README, re.M)
    assert len(quotes) == 5, len(quotes)
    command = re.search(r"Five\s+unedited answers, the second of them wrong, each by `build/osso ([^`]*)`", README)[1].split()
    page = README
    for text, quoted in quotes:
        said = osso(*command, text).text
        if os.environ.get("UPDATE"):
            page = page.replace(f"> **{text}**\n>\n{quoted}", f"> **{text}**\n>\n" + re.sub(r"^(?=(.?))", lambda m: "> " if m[1] else ">", said, flags=re.M).removesuffix(">"))
            continue
        assert said == re.sub(r"^> ?", "", quoted, flags=re.M), (text, said)
    if page != README:
        (ROOT / "README.md").write_text(page)


def test_counts():
    taps = list(tables.rows("include/osso/tap.def", "TAP"))
    read_only = sum(row[-2] == "READ_ONLY" for _, row in taps)
    words = {2: "two", 3: "three", 4: "four"}
    assert f"{len(taps)} named values" in README and f"but for\n  {words[read_only]}, to replace" in README
    shown = {path.name.split(".")[-2] for path in (ROOT / "tests/golden/taps").glob("*.npy")}
    assert f"| {len(shown)} of {len(taps)} taps " in README, len(shown)
    tour = (ROOT / "docs/tour.md").read_text()
    wrong = re.findall(r'^    \("(back-|enter-)?[^"]*",', (ROOT / "tools/mutate").read_text(), re.M)
    forward, back, enter = (wrong.count(kind) for kind in ("", "back-", "enter-"))
    row = re.search(r"(\d+) ways of getting gpt-oss wrong, (\d+) of the plain block, (\d+) of their files' forms, (\d+) of their derivatives, (\d+) of runs", README)
    assert sum(map(int, row.groups()[:3])) == forward and int(row[4]) == back and int(row[5]) == enter, (forward, back, enter)
    assert f"{forward} ways of getting" in tour and f"{back} of their derivatives and {enter} of runs" in tour, (forward, back, enter)
    programs = sorted(path.name for path in (ROOT / "examples").glob("*.c"))
    assert sorted(re.findall(r"^\| `(\w+\.c) ", (ROOT / "examples/README.md").read_text(), re.M)) == programs
    calls = set(re.findall(r"\bosso_\w+(?=\()", (ROOT / "examples/chat.c").read_text()))
    frees = {call for call in calls if call.endswith("_free")}
    count = {len(calls - frees): "calls", len(frees): "that free"}
    spelt = {6: "six", 7: "seven", 8: "eight", 15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen"}
    assert f"needs {spelt[len(calls - frees)]} of its calls, and {spelt[len(frees)]} that free" in tour, count
    total = json.loads(osso("info", bundled(), "--json").text)["parameters"]["total"]
    told = re.search(r"^## The bundled model\n(.*?)^## ", README, re.M | re.S)[1]
    assert re.search(rf"\b{total / 1e6:.1f}\b( million parameters|\))", told), total


def test_paths_are_there():
    """Files that the pages name: with a slash and an ending, no pattern, none that is built."""
    for page in ("README.md", "CONTRIBUTING.md", "docs/tour.md", "examples/README.md"):
        text = (ROOT / page).read_text()
        for name in re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", text):
            if name.split("/")[0] in ("build", "ggml-org", "openai", "original", "metal") or "NAME" in name:
                continue
            found = any((ROOT / base / name).exists() for base in ("", "src", "tests"))
            assert found, (page, name)


def test_tools_take_no_option_for_a_file():
    """A script that takes its words as they come must not write a file named --help (those whose imports are not here end
    before)."""
    place = TEMP / "tools"
    place.mkdir()
    for path in sorted((ROOT / "tools").rglob("*.py")):
        if "sys.argv[1]" in path.read_text():
            subprocess.run([sys.executable, path, "--help"], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
            assert not list(place.iterdir()), path
            writes = re.search(r"write_\w+\(\w+, sys\.argv\[1\]|open\(sys\.argv\[1\][^\n]*[\"']wb?[\"']", path.read_text())
            assert not writes or 'sys.argv[1].startswith("-")' in path.read_text(), path


if __name__ == "__main__":
    main(sys.modules[__name__])
