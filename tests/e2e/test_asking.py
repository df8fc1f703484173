#!/usr/bin/env python3
"""Usual ways of asking: a text or a model as operand, flags of other programs, names that are no paths."""
import collections
import re

from harness import *
import tables


def test_text_as_operand():
    path, ids = tiny()
    for text in ("hello", "two words", "", " ", "--", "-x", "models"):
        beside = osso("tokenize", f"--prompt={text}")
        assert osso("tokenize", "--", text).text == beside.text and beside.code == 0, text
    assert osso("detokenize", "24912").text == osso("detokenize", "-p", "24912").text == "hello"
    assert osso("detokenize", "24912,24912", "--json").text == osso("detokenize", "--json", "-p", "24912,24912").text
    assert osso("generate", "-m", path, "Hello", "--temp", "0", "-n", "2").text == ", good\n"
    for verb in ("tokenize", "detokenize", "generate"):
        refuses(osso(verb, "12", "-p", "13"), 2, "twice", "-p")
        refuses(osso(verb, "-f", "x", "12"), 2, "twice", "-f")
        refuses(osso(verb, "12", "13"), 2, "'13'")


def test_chat_takes_model_and_text():
    path, _ = tiny()
    asked = osso("chat", "-m", path, "-p", "Hello there", "--temp", "0", "--date", "none", "-n", "30")
    more = ("--temp", "0", "--date", "none", "-n", "30")
    for args in ((path, "Hello there"), ("-m", path, "Hello there"), (path, "-p", "Hello there")):
        for verb in ("chat", "run"):
            result = osso(verb, *args, *more)
            assert (result.code, result.text) == (asked.code, asked.text), (args, result)
    result = osso("chat", "Hello there", *more, env={"OSSO_MODEL": path})
    assert (result.code, result.text) == (asked.code, asked.text), result
    refuses(osso("chat", path, "one", "two"), 2, "'two'")
    refuses(osso("chat", path, "text", "-p", "text"), 2, "twice")


def test_a_path_with_blanks_is_a_model():
    path, _ = tiny()
    other = TEMP / "a model with blanks"
    other.symlink_to(path)
    named = osso("chat", other, "-p", "Hello", "--temp", "0", "--date", "none", "-n", "5")
    assert named.text == osso("chat", path, "Hello", "--temp", "0", "--date", "none", "-n", "5").text, named


def test_a_mistyped_model_is_never_answered_by_another():
    for name in ("osso-smal", "./no/where", "gpt-oss", "hello"):
        for args in ((name,), (name, "who are you"), ("-m", name, "who are you"), (name, "-p", "x")):
            refuses(osso("chat", *args), 1, name)  # standard input is empty, too: the model is what is said


def test_two_models_are_refused():
    path, _ = tiny()
    for args in (("chat", "-m", "/x", path, "-p", "hi"), ("chat", path, "-m", path, "hi"), ("info", path, "-m", path),
                 ("run", "--model=/x", "hi")):
        refuses(osso(*args), 2, "two models", "-m")
    assert osso("info", path, env={"OSSO_MODEL": "/nowhere"}).code == 0  # the environment is a habit, no second model


def test_flags_in_vain():
    path, _ = tiny()
    for args, word in ((("generate", "--system", "x", "-p", "x"), "--chat"), (("info", path, "--preset", "20b"), "--preset"),
                       (("generate", "--reasoning-effort", "low", "x"), "--chat"), (("generate", "--date=none", "x"), "--chat"),
                       (("generate", "--top-logprobs", "3", "x"), "--json"), (("bench", "-m", path, "--preset", "20b"), "--preset"),
                       (("info", "-m", path, "--preset", "120b"), "--preset"), (("bench", "--fill"), "--n-depth")):
        refuses(osso(*args), 2, "no effect", word)
    more = ("generate", "-m", path, "-n", "2", "--temp", "0", "Hello")
    for env in ({"OSSO_SYSTEM": "x"}, {"OSSO_DATE": "none"}, {"OSSO_REASONING_EFFORT": "low"}):
        assert osso(*more, env=env).text == ", good\n"


def test_a_flag_is_no_value():
    for verb, args in (("chat", ("-m", "-p", "hi")), ("chat", ("-p", "--model", "x")), ("generate", ("-n", "-p", "x")),
                       ("tokenize", ("--prompt", "-f")), ("synth", ("--layers", "-s", "x")), ("generate", ("--stop", "-m"))):
        refuses(osso(verb, *args), 2, f"{args[0]} needs a value", args[1])
    assert osso("tokenize", "-p", "-5").text == osso("tokenize", "--prompt=-5").text != "\n"
    assert osso("tokenize", "-p=-f").text == osso("tokenize", "--prompt=-f").text


def test_values_glued_to_a_letter():
    path, _ = tiny()
    want = ", good\n"
    for flag in ("-n2", "-n=2"):
        for model in (f"-m{path}", f"-m={path}"):
            assert osso("generate", model, flag, "-t1", "-c64", "--temp=0", "-p=Hello").text == want, (flag, model)
    refuses(osso("generate", "-nx", "x"), 2, "-nx")
    refuses(osso("generate", "-n=x", "x"), 2, "'x'")
    refuses(osso("chat", "-model", "x"), 2, "-model", "did you mean --model?")
    refuses(osso("generate", "-n-2", "x"), 2, "'-2'")


def test_what_is_asked_once_has_no_twin():
    """Else a variable that somebody set makes every chat one answer."""
    path, _ = tiny()
    plain = osso("tokenize", stdin="hello").text
    for name in ("PROMPT", "FILE", "IDS"):
        assert osso("tokenize", stdin="hello", env={f"OSSO_{name}": "other"}).text == plain == "24912\n", name
    refuses(osso("chat", path, env={"OSSO_PROMPT": "hi", "OSSO_FILE": "/etc/hostname"}), 2, "no message")
    assert {o.name for o in tables.options() if not tables.has_twin(o)} >= {"prompt", "file", "ids", "out", "output"}
    assert osso("info", path, env={"OSSO_PRESET": "20b"}).text == osso("info", path).text


def test_help_is_as_wide_as_the_terminal():
    for verb in tables.verbs():
        usual = osso(*verb.split(), "--help").text
        for columns in ("60", "80", "96"):
            lines = osso(*verb.split(), "--help", env={"COLUMNS": columns}).text.splitlines()
            assert max(map(len, lines[2:])) <= int(columns), (verb, columns, max(lines, key=len))
            assert " ".join(" ".join(lines).split()) == " ".join(usual.split())
        for columns in ("0", "-1", "many", "1000"):
            assert osso(*verb.split(), "--help", env={"COLUMNS": columns}).text == usual


# What the flags of foreign.def that are taken without effect have behind them in the programs that they come from:
# common/arg.cpp and tools/llama-bench of llama.cpp, cmd/cmd.go of ollama, the command lines of vLLM and mlx-lm.
VALUED = set("""-ngl --gpu-layers --n-gpu-layers --num-gpu -ncmoe --n-cpu-moe -ncffn --n-cpu-ffn -mg --main-gpu -sm --split-mode -ts
    --tensor-split -dev -ot --override-tensor -fitt --fit-target -fitc --fit-ctx --tensor-parallel-size
    --gpu-memory-utilization --chat-template --chat-template-file --reasoning-format -b --batch-size -ub --ubatch-size
    --num-batch -tb --threads-batch -C --cpu-mask -Cr --cpu-range --cpu-strict --prio --poll -Cb --cpu-mask-batch -Crb
    --cpu-range-batch --cpu-strict-batch --prio-batch --poll-batch -lm --load-mode -lzm --lazy-mode --numa --log-file -lv
    --verbosity --log-verbosity --delay --keepalive --keep -ctxcp --ctx-checkpoints --swa-checkpoints -cms
    --checkpoint-min-step -cram --cache-ram -dt --defrag-thold --samplers --sampler-seq --sampling-seq
    --draft-min --draft-n-min --draft-p-min --draft-p-split --spec-draft-n-min --spec-draft-p-min --spec-draft-p-split
    --spec-type -ngld --gpu-layers-draft --n-gpu-layers-draft -devd --device-draft -td --threads-draft -tbd
    --threads-batch-draft -ctkd --cache-type-k-draft -ctvd --cache-type-v-draft""".split())
# With a value in one of the programs, or of the years, and without in another.
EITHER = set("""-fit --fit -fa --flash-attn -co --color --colors --log-colors -nkvo --no-kv-offload -nopo --no-op-offload --no-host
    --mmap -mmp""".split())


def test_flags_of_other_programs():
    """Each row of the table, where a model runs: taken under another name, taken without effect, or answered."""
    path, _ = tiny()
    seen = collections.Counter()
    more = ("-m", path, "--temp", "0", "-n", "2")
    for macro, row in tables.rows("src/cli/foreign.def", "SAME", "IDLE", "ABSENT"):
        words = tables.words_of(row[0]).split()
        seen.update(words)
        for word in words:
            if macro == "SAME":
                name = tables.words_of(row[1])
                verb = next(v for v in ("generate", "chat", "serve") if any(o.name == name for o in tables.options_of(v)))
                refuses(osso(verb, word), (1, 2), *([] if word == "-sp" else [f"{word} needs a value"]))
            elif macro == "ABSENT":
                refuses(osso("generate", word, "1"), 2, f"generate has no option {word}: ", tables.words_of(row[1])[:20])
            else:
                arity = "ALWAYS" if word in VALUED else "MAYBE" if word in EITHER else "NEVER"
                assert row[1] == arity, (word, row[1], arity)
        if macro == "IDLE":  # one of each row: what is its value, and what is the text
            word = words[len(words) // 2]
            if row[1] == "ALWAYS":
                refuses(osso("generate", word), 2, word, "needs a value")
            for value in {"ALWAYS": ("off", "2", "x=y"), "MAYBE": ("off", "auto", "1", None), "NEVER": (None,)}[row[1]]:
                result = osso("generate", *more, word, *[value] * (value is not None), "Hello")
                assert result.code == 0 and result.text == ", good\n", (word, value, result)
                assert result.complaint.splitlines() == [f"osso: {word} has no effect here: {tables.words_of(row[2])}"], result
    assert not (VALUED | EITHER) - set(seen), (VALUED | EITHER) - set(seen)
    assert max(seen.values()) == 1, seen.most_common(3)
    for flags in (["-ngl", "99"], ["-fa", "on"], ["-fa"], ["--jinja"], ["-cnv"], ["--color"], ["-b", "512"], ["--no-mmap"],
                  ["--n-gpu-layers=99"], ["--flash-attn", "auto"]):
        result = osso("generate", *flags, *more, "-p", "Hello")
        assert result.code == 0 and result.text == ", good\n", result
        assert result.complaint.count("no effect here") == 1 and result.complaint.startswith(f"osso: {flags[0]}"), result
    assert osso("generate", "-m", path, "--max-tokens=2", "--num-ctx", "64", "--temp", "0", "-fa", "Hello").text == ", good\n"
    assert osso("generate", *more, "-l", "1234-inf", "Hello").text == osso("generate", *more, "--logit-bias", "1234-inf", "Hello").text
    refuses(osso("chat", "--effort", "huge"), 2, "--effort", "low|medium|high")
    refuses(osso("chat", "--reasoning", "low"), 2, "did you mean --reasoning-effort?")
    refuses(osso("tokenize", "-ngl", "1"), 2, "tokenize has no option -ngl")
    for verb in ("logits", "bench"):  # nothing that ends is generated there
        refuses(osso(verb, "--ignore-eos"), 2, f"{verb} has no option --ignore-eos", "chat")


def test_advice_names_what_the_verb_has():
    """A flag that is not here is answered with options of this verb, or of one that is named with them."""
    everybody = {o.name for o in tables.options()}
    for verb, row in tables.verbs().items():
        if "RUNS" not in row.groups:
            continue
        mine = {o.name for o in tables.options_of(verb)}
        for _, (words, why) in tables.rows("src/cli/foreign.def", "ABSENT"):
            word = tables.words_of(words).split()[0]
            if any(word in (f"--{o.name}", f"-{o.letter}", f"--{o.alias}") for o in tables.options_of(verb)):
                continue
            said = osso(*row.words, word, "1")
            refuses(said, 2, f"{verb} has no option {word}")
            for owner, name in re.findall(r"(?:(\w+)'s )?--([a-z][a-z-]*[a-z])", said.complaint.replace(word, "", 1)):
                has = {o.name for o in tables.options_of(owner)} if owner else mine
                assert name in has | {"help"} or name not in everybody, (verb, word, said)
    said = osso("logits", "--mirostat", "2").complaint
    assert said == "osso: logits has no option --mirostat: this way of sampling is not here\n", said
    assert "there are --temp" in osso("generate", "--mirostat", "2").complaint


def test_names_that_are_no_paths():
    path, _ = tiny()
    for name in ("openai/gpt-oss-20b", "https://huggingface.co/openai/gpt-oss-20b", "hf.co/openai/gpt-oss-20b:Q4", "a/b-GGUF"):
        for args in (("run", name), ("chat", "-m", name, "hi there"), ("info", name), ("tokenize", "-m", name, "x")):
            refuses(osso(*args), 1, name, "osso pull ")
    for name in ("gpt-oss:20b", "gpt-oss:latest", "https://x"):
        refuses(osso("run", name), 1, name, "osso pull gpt-oss-20b")
    refuses(osso("run", "models/osso-smal", cwd=ROOT), 1, "cannot open models/osso-smal")
    cache = TEMP / "hub" / "models--some--tiny"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs/main").write_text("abc123")
    (cache / "snapshots").mkdir()
    (cache / "snapshots/abc123").symlink_to(path)
    more = ("Hello", "-n", "2", "--temp", "0")
    assert osso("generate", "-m", cache, *more).text == ", good\n"
    (cache / "refs/main").rename(TEMP / "main")  # asked for by its revision
    assert osso("generate", "-m", cache, *more).text == ", good\n"
    (cache / "snapshots/def456").mkdir()  # which of two is not known
    refuses(osso("generate", "-m", cache, *more), 1, str(cache))
    (cache / "snapshots/def456").rmdir()
    (TEMP / "main").rename(cache / "refs/main")
    assert osso("generate", "-m", "some/tiny", *more, env={"HF_HUB_CACHE": str(TEMP / "hub")}).text == ", good\n"
    (TEMP / "home").mkdir(exist_ok=True)
    (TEMP / "home/mine").symlink_to(path)
    assert osso("generate", "--model=~/mine", *more).text == ", good\n"


def test_exit_status():
    """2: the command line makes no sense; 1: what it names is not there or is wrong."""
    path, _ = tiny()
    for args in (("chat", "--isa", "mmx", "x y"), ("generate", "--isa=", "x"), ("bench", "--isa", "AVX2"), ("logits", "--isa", "none"),
                 ("generate", "-m", "/nowhere", "--isa", "mmx", "x")):
        refuses(osso(*args), 2, "--isa", "scalar")
    refuses(osso("generate", "x", env={"OSSO_ISA": "mmx"}), 2, "--isa", "'mmx'")
    for verb, *more in (("info",), ("bench",), ("synth", TEMP / "none.gguf")):
        for preset in ("21b", "", "gpt-oss-20b", "/no/config.json"):
            refuses(osso(verb, *more, f"--preset={preset}"), 2, f'"{preset}"', "20b and 120b")
    assert not (TEMP / "none.gguf").exists()
    for verb, *more in (("chat", "-p", "x"), ("generate", "x"), ("info",), ("bench",), ("tokenize", "x"), ("detokenize", "1"),
                        ("logits", "--ids", "1", "-o", TEMP / "x.npy")):
        refuses(osso(verb, "-m", "/no/model", *more), 1, "/no/model")
        refuses(osso(verb, "-m", ROOT / "Makefile", *more), 1, "Makefile")
    for verb, *more in (("chat", "-p", "x"), ("generate", "x"), ("info",)):
        refuses(osso(verb, "-m", path, "-c", "9999999", *more), 2, "9999999")


def test_ways_to_switch_off():
    """What other programs take for "all tokens": --top-k 0 and -1, --top-p 0 and 1."""
    more = ("generate", "-m", bundled(), "-n", "12", "--seed", "5", "--temp", "1.5", "Once upon")
    want = osso(*more, "--top-k", "0", "--top-p", "1")
    assert want.code == 0 and want.text != osso(*more, "--top-k", "1").text
    for flags in (("--top-k", "-1", "--top-p", "1"), ("--top-k=0", "--top-p=0"), ("--top-k=-1", "--top-p", "0.0")):
        assert osso(*more, *flags).text == want.text, flags
    refuses(osso(*more, "--top-k", "-2"), 2, "'-2'")
    assert osso("generate", "-m", bundled(), "-n", "0", "Once").text == "\n"


def test_help_names_the_default_of_each_verb():
    for name, verb in tables.verbs().items():
        text = " ".join(osso(*verb.words, "--help").text.split())
        model = text[text.index("--model"):] if "--model" in text else ""
        assert ("[the built-in o200k_harmony]" in model) == ("TEXTS" in verb.groups), name
        assert ("[the model that ships with osso]" in model) == ("RUNS" in verb.groups or name in ("info", "inspect hooks")), name
    assert osso("tokenize", "hello").text == "24912\n"  # as the help says


def test_info_words():
    """Names of formats stay as they are, other words are read by people; a GGUF's float is as short as it was written."""
    config = {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 32, "num_local_experts": 4, "num_experts_per_tok": 2,
              "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32, "vocab_size": 256, "model_type": "gpt_oss"}
    shape = json.loads((BUNDLED / "config.json").read_text())
    for eps in (1e-05, 2.5e-06, 0.001):
        (TEMP / "shape.json").write_text(json.dumps({**shape, **config, "rms_norm_eps": eps, "layer_types": ["sliding_attention", "full_attention"]}))
        gguf = TEMP / f"eps-{eps}.gguf"
        made = osso("synth", gguf, "--preset", TEMP / "shape.json")
        assert made.code == 0, made
        lines = [" ".join(line.split()) for line in osso("info", gguf).text.splitlines()]
        assert f"RMS eps {eps:g}" in lines and "theta 150000" in lines and "swiglu alpha 1.702" in lines, lines
        assert any(line.startswith("Q8_0 ") for line in lines) and "KV type f16" in lines and "by type" in lines, lines
        assert "_" not in "".join(line.split()[0] for line in lines if line and line.split()[0] not in ("Q8_0",)), lines
    text = osso("info", gguf, "--kv-type", "q8_0").text
    assert "q8_0" in text and "\n\nstop ids" in text, text


def test_manual_page():
    page = osso("man").text
    assert page.index(".SH EXAMPLES") < page.index(".SH ENVIRONMENT") < page.index(".SH SEE ALSO")
    for n, line in enumerate(page.splitlines(), 1):
        assert line == line.rstrip() and line, (n, line)
        assert line.startswith(".B") or not line.endswith(".."), (n, line)
    for line in page[page.index(".SH EXAMPLES"):page.index(".SH ENVIRONMENT")].splitlines():
        if line.startswith(".B osso"):
            words = line.split("|")[0].replace("\\-", "-").split()
            flags = {w for w in words[2:] if w.startswith("-")}
            verb = next(v for v, row in tables.verbs().items() if words[2] in (v, *row.aliases))
            known = {f"--{o.name}" for o in tables.options_of(verb)} | {f"-{o.letter}" for o in tables.options_of(verb)}
            assert flags <= known, (line, flags - known)


if __name__ == "__main__":
    main(sys.modules[__name__])
