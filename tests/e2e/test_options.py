#!/usr/bin/env python3
"""The command line: help, manual page, twins in the environment, and what is refused."""
import re

from harness import *
import tables

VERBS = tables.verbs()
BUSY = 600  # seconds that bench may take, which measures the machine first: long beside others
FAMILIES = {verb.words[0] for verb in VERBS.values() if len(verb.words) > 1}


def run(verb, *args, **more):
    return osso(*VERBS[verb].words, *args, **more)


def twin(option):
    return "OSSO_" + option.name.upper().replace("-", "_")


def test_tables_are_read_here():
    text = {name: (ROOT / f"src/cli/{name}.def").read_text() for name in ("verbs", "options")}
    assert len(VERBS) == len(re.findall(r"^VERB2?\(", text["verbs"], re.M)) > 10
    keys = re.findall(r"^TRAIN_(?:KEY|SWITCH|LIST)\(", (ROOT / "include/osso/train_keys.def").read_text(), re.M)
    assert len(tables.options()) == len(re.findall(r"^OPTION\(", text["options"], re.M)) + len(keys) > 100
    for option in tables.options():
        assert option.verbs, f"no verb takes --{option.name}"


def test_words_mean_one_verb():
    words = [word for verb in VERBS.values() for word in [" ".join(verb.words), *verb.aliases]]
    assert len(set(words)) == len(words) and not FAMILIES & set(words), words
    for name in VERBS:
        for kind in ("name", "letter"):
            taken = [getattr(option, kind) for option in tables.options_of(name) if getattr(option, kind)]
            assert len(set(taken)) == len(taken), (name, taken)


def test_a_verb_is_a_file():
    files = {path.stem for path in (ROOT / "src/cli/verbs").glob("verb_*.c")}
    assert files == {"_".join(["verb", *verb.words]) for verb in VERBS.values()}


def test_help_of_every_verb_mentions_every_option():
    for name in VERBS:
        result = run(name, "--help")
        assert result.code == 0 and result.err == b"", result
        assert max(map(len, result.text.splitlines())) <= 100, f"{name}: a line is too long"
        shown = re.findall(r"^  (?:-\w+, |    )--([a-z][a-z0-9-]*)(?: |$)", result.text, re.M)
        assert shown == [option.name for option in tables.options_of(name)], (name, shown)
        assert run(name, "-h").text == osso("help", *VERBS[name].words).text == result.text


def test_help_lists_every_verb():
    for args in (["--help"], ["help"], ["-h"]):
        result = osso(*args)
        assert result.code == 0, result
        for name, verb in VERBS.items():
            assert re.search(rf"^  {name} +{re.escape(verb.line)}$", result.text, re.M), name


def test_a_first_word_lists_its_verbs():
    for first in FAMILIES:
        mine = {name: verb for name, verb in VERBS.items() if verb.words[0] == first}
        for args in ([first, "--help"], [first, "-h"], ["help", first]):
            result = osso(*args)
            assert result.code == 0, result
            listed = re.findall(r"^  ([a-z]+ [a-z]+) ", result.text, re.M)
            assert listed == list(mine), (first, listed)
        refuses(osso(first), 2, first, "--help", *(verb.words[1] for verb in mine.values()))
        refuses(osso(first, "xyzzy"), 2, f"'{first} xyzzy'", f"osso {first} --help")
        refuses(osso("help", first, "xyzzy"), 2, f"'{first} xyzzy'", f"osso {first} --help")


def misspelt(word):
    """Two letters in the middle change places; where these are equal or too few, one is missing."""
    at = len(word) // 2
    other = word[:at - 1] + word[at] + word[at - 1] + word[at + 1:]
    return other if other != word and len(word) > 3 else word[:-1]


def test_an_option_is_accepted_by_its_verbs():
    """Without anything being run: who knows an option misses its value (a switch has none to give), who does not says so.
    tests/cli/test_options.c asks every pair; here each option is asked of one verb that has it and of one that has not."""
    foreign = set(re.findall(r"--([\w-]+)", (ROOT / "src/cli/foreign.def").read_text()))
    for i, option in enumerate(tables.options()):
        name = sorted(option.verbs)[i % len(option.verbs)]
        flags = [f"--{option.name}"] + [f"-{option.letter}"] * bool(option.letter) + [f"--{option.alias}"] * bool(option.alias)
        for flag in flags if option.kind != "FLAG" else []:
            refuses(run(name, flag), 2, f"{flag} needs a value: {option.argument}")
        if option.kind == "FLAG":
            refuses(run(name, f"{flags[0]}=perhaps"), 2, f"{flags[0]}=perhaps is a switch")
        others = [other for other in VERBS if option.name not in {o.name for o in tables.options_of(other)}]
        if not others:
            continue
        name = others[i % len(others)]
        result = run(name, f"--{option.name}")
        if option.name in foreign and "threads" in {o.name for o in tables.options_of(name)}:
            assert result.code == 2, result  # a flag of other programs: taken, or refused in its own words
        else:
            refuses(result, 2, f"{name} has no option --{option.name}")


def test_every_verb_refuses_what_it_does_not_know():
    for name, verb in VERBS.items():
        refuses(run(name, "--xyzzy"), 2, f"{name} has no option --xyzzy", f"osso {name} --help")
        refuses(run(name, "-%"), 2, "-%")
        longest = max((option.name for option in tables.options_of(name)), key=len, default=None)
        if longest:
            refuses(run(name, f"--{misspelt(longest)}"), 2, f"--{misspelt(longest)}", f"did you mean --{longest}?")
        if verb.operands:
            refuses(run(name), 2, f"{name} needs ", f"osso {name} --help")


def test_every_misspelt_verb_is_guessed():
    for name, verb in VERBS.items():
        for i, word in enumerate(verb.words):
            wrong = misspelt(word)
            if len(word) > 2 and not any(other.words[i:i + 1] == [wrong] for other in VERBS.values()):
                refuses(osso(*verb.words[:i], wrong, *verb.words[i + 1:]), 2, wrong, "did you mean ")
    refuses(osso("bnech"), 2, "'bnech'", "did you mean bench?")


def test_manual_page_names_every_verb_and_option():
    page = osso("man").text.replace("\\-", "-")
    assert page.startswith(".TH OSSO 1")
    heads = re.findall(r"^\.B osso (.+)$", page[page.index(".SH VERBS"):page.index(".SH OPTIONS")], re.M)
    assert len(heads) == len(VERBS) and all(f"{head} ".startswith(f"{name} ") for head, name in zip(heads, VERBS)), heads
    found = re.findall(r"^\.B (?:-\w+, )?--([a-z][a-z0-9-]*)(?: .*)?\n(?:.+\n)*?Verbs:(.*)\.\nEnvironment: (\w+)\.$",
                       page[page.index(".SH OPTIONS"):], re.M)
    assert len(found) == len(tables.options())
    for option, (name, verbs, environment) in zip(tables.options(), found):
        assert (name, environment) == (option.name, twin(option) if tables.has_twin(option) else "none"), (name, environment)
        assert {a or b for a, b in re.findall(r' "([^"]+)"| (\w+)', verbs)} == option.verbs, (name, verbs)


def test_manual_page_of_every_verb():
    whole = osso("man").text.replace("\\-", "-")
    for name, verb in VERBS.items():
        page = osso("man", *verb.words).text.replace("\\-", "-")
        words = "-".join(["osso", *verb.words])
        assert page.startswith(f".TH {words.upper()} 1 ") and f"\n{words} - {verb.line}\n" in page, page[:200]
        found = re.findall(r"^\.B (?:-\w+, )?--([a-z][a-z0-9-]*)(?: .*)?\n(?:.+\n)*?Environment: (\w+)\.$", page, re.M)
        assert found == [(o.name, twin(o) if tables.has_twin(o) else "none") for o in tables.options_of(name)], (name, found)
        assert f"\n.BR {words} (1)" in whole, name


def test_version():
    result = osso("--version")
    assert result.code == 0 and re.match(r"osso \d+\.\d+\.\d+\n", result.text), result
    for word in ("compiler: ", "isa: ", "scalar", "line editing: "):
        assert word in result.text, result


def test_commit():
    """A report of a fault can say which osso it was: --version, and each row of bench."""
    lines = osso("--version").text.splitlines()
    found = re.fullmatch(r"commit: ([0-9a-f]{7,40}(-dirty)?|unknown)( \(built from a folder without git\))?", lines[1])
    assert found and (found[1] == "unknown") == bool(found[3]), lines
    want = lines[0].split()[1] + "-" + found[1]
    bench = ("bench", "-t", "1", "-p", "1", "-n", "0", "-r", "1", "-o")
    assert json.loads(osso(*bench, "json", timeout=BUSY).text)[0]["build_commit"] == want
    assert f'"{want}"' in osso(*bench, "csv", timeout=BUSY).text.splitlines()[1] and f"osso {want}\n" in osso(*bench, "md", timeout=BUSY).text

def test_aliases():
    assert {"play", "run"} <= set(VERBS["chat"].aliases)
    for name, verb in VERBS.items():
        for alias in verb.aliases:
            assert osso(alias, "--help").text == run(name, "--help").text


def test_unknown_words_are_refused_with_a_guess():
    refuses(osso(), 2, "osso chat")
    refuses(osso("xyzzy"), 2, "'xyzzy'", "--help")
    refuses(osso("chat", "--tmep", "1"), 2, "--tmep", "--temp")
    refuses(osso("chat", "--xyzzy"), 2, "--xyzzy", "--help")
    refuses(osso("chat", "--tensors"), 2, "--tensors", "info")
    refuses(osso("chat", "-z"), 2, "-z")
    refuses(osso("render", "a.json", "b.json"), 2, "b.json")
    refuses(osso("render"), 2, "FILE.json")
    refuses(osso("chat", "--temp"), 2, "--temp")


def test_numbers_are_strict():
    for flag, value in (("--temp", "warm"), ("--temp", "101"), ("--temp", "nan"), ("--temp", "1.0x"), ("--temp", ""), ("--temp", "-1"),
                        ("--temp", "0x1"), ("--top-p", "1.5"), ("--top-k", "2.5"), ("--top-k", "-2"), ("--top-p", "-0.1"), ("-t", "100000"),
                        ("-c", "99999999999999999999"), ("-n", "-2"), ("--seed", "18446744073709551616"), ("--seed", "-2"),
                        ("--min-p", "inf"), ("--experts-per-token", "0")):
        refuses(osso("generate", flag, value), 2, flag, f"'{value}'")
    refuses(osso("generate", "--kv-type", "f64"), 2, "--kv-type", "f16|bf16|f32|q8_0")
    refuses(osso("chat", "--reasoning-effort", "huge"), 2, "low|medium|high")


def test_date():
    path, _ = tiny()
    for date in ("2026-13-01", "yesterday", "2026-1-1", "2026-02-30x"):
        refuses(osso("chat", "-m", path, "-p", "x", "--date", date), 2, "--date")


def test_environment_twins():
    path, ids = tiny()
    assert osso("tokenize", "-p", "hello").text.split() == ["24912"]
    assert osso("tokenize", "-p", "hello", env={"OSSO_MODEL": path}).text.split() != ["24912"]
    assert osso("tokenize", "-p", "Hello", env={"OSSO_MODEL": path}).text.split() == [str(ids["Hello"])]
    assert json.loads(osso("tokenize", "-p", "hello", env={"OSSO_JSON": "1"}).text)["ids"] == [24912]
    assert osso("tokenize", "-p", "hello", env={"OSSO_JSON": "0"}).text == "24912\n"
    refuses(osso("generate", env={"OSSO_TOP_K": "many"}), 2, "OSSO_TOP_K", "'many'")
    refuses(osso("generate", env={"OSSO_EXACT": "perhaps"}), 2, "OSSO_EXACT")
    result = osso("generate", "-p", "Hello", "--temp", "0", env={"OSSO_MODEL": path, "OSSO_N_PREDICT": "2"})
    assert result.text == ", good\n", result
    result = osso("generate", "-p", "Hello", "--temp", "0", "-n", "1", env={"OSSO_MODEL": path, "OSSO_N_PREDICT": "2"})
    assert result.text == ",\n", result


def test_a_setting_has_a_twin():
    """One that takes more than any text refuses a tab before anything is run (tests/cli/test_options.c: with every verb)."""
    for i, option in enumerate(tables.options()):
        if option.kind not in ("TEXT", "LIST") and tables.has_twin(option):
            name = sorted(option.verbs)[i % len(option.verbs)]
            refuses(run(name, env={twin(option): "\t"}, stdin="x"), 2, twin(option))


def test_sizes():
    """What was understood is seen in a budget that is too small for anything."""
    bench = lambda *args, **more: osso("bench", "-t", "1", "-p", "0", "-n", "1", *args, timeout=BUSY, **more)
    for text, size in (("1K", 1024), ("1k", 1024), ("3KB", 3072), ("3KiB", 3072), ("3kib", 3072), ("3Ki", 3072), ("2048", 2048),
                       ("2048B", 2048), ("1.5K", 1536), ("1.999k", 2046), ("0.05M", 52428), ("0.000002G", 2147), ("0.00000T", 0)):
        result = bench("--kv-memory", text)
        if size:
            assert result.code == 1 and f" {size} bytes" in result.err.decode(), (text, result)
        else:
            refuses(result, 2, text, "from 1K to 1024T")
    for text in ("", "K", "8X", "1.5", "2000.5B", "-4K", "+4K", "0", "1023", "0.9K", " 4K", "4K ", "4 K", "0x4K", "1e6", "nan", "inf", "4.K",
                 ".5K", "4KK", "4iB", "4KiBs", "4KBi", "1025T", "1.0000001G", "18446744073709551616", "17179869184G", "99999999999T"):
        refuses(bench(f"--kv-memory={text}"), 2, f"'{text}' is not a size", "from 1K to 1024T", "512M")
    refuses(bench(env={"OSSO_KV_MEMORY": "lots"}), 2, "OSSO_KV_MEMORY", "'lots'", "512M")
    assert bench("-r", "1", "--kv-memory", "64M", env={"OSSO_KV_MEMORY": "1K"}).code == 0


def test_short_names_of_two_letters():
    """-np is llama-server's --parallel, and nobody's -n with a p behind it."""
    bench = lambda *args: osso("bench", "-t", "1", "-p", "0", "-r", "1", "-o", "json", *args, timeout=BUSY)
    for args in (["-np", "2"], ["-np2"], ["-np=2"], ["--parallel", "2"], ["-n", "3", "-np", "2"], ["-np", "2", "-n", "3"]):
        row, = json.loads(bench(*args, *(["-n", "3"] if "-n" not in args else [])).text)
        assert (row["n_gen"], row["n_parallel"]) == (3, 2), args
    refuses(bench("-np"), 2, "-np needs a value: N")
    refuses(bench("-np", "0"), 2, "-np", "'0'")
    refuses(bench("-np", "-n"), 2, "-np needs a value", "-n is an option")
    refuses(bench("-n", "-np"), 2, "-n needs a value", "-np is an option")
    for slip in ("-npx", "-npar", "-nq"):
        refuses(bench(slip, "2"), 2, slip)
    refuses(osso("generate", "-np", "2", "x"), 2, "generate has no option -np", "bench")
    refuses(osso("tokenize", "-np", "2"), 2, "tokenize has no option -np", "bench")


def test_equals_sign_and_end_of_options():
    assert osso("tokenize", "--prompt=hello").text == "24912\n"
    assert osso("tokenize", "--prompt=").text == "\n"
    refuses(osso("info", "--", "--json"), 1, "--json")


if __name__ == "__main__":
    main(sys.modules[__name__])
