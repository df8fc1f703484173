#!/usr/bin/env python3
"""What Tab completes in bash, zsh and fish: verbs, options, values, the names of models. Each shell is driven as it is: bash and
zsh on a terminal of their own, where a key puts all that Tab would show into the line; fish says it by itself (complete -C)."""
import pty
import re
import select
import shutil
import termios
import time

import tables
import test_stores as stores
from harness import *

HOME = TEMP / "completing"
WORK = HOME / "work"


def prepare():
    """A home with models in two stores, the program under its name, a folder with files to complete."""
    if WORK.exists():
        return
    WORK.mkdir(parents=True)
    (HOME / "bin").mkdir()
    (HOME / "bin/osso").symlink_to(OSSO)
    stores.ollama(HOME / ".ollama/models", "tiny", "1b")
    stores.hub(HOME / ".cache/huggingface/hub", "some", "small model", "one file.gguf")
    stores.hub(HOME / ".cache/huggingface/hub", "some", "other", "x.gguf", stores.other_gguf())
    (WORK / "run one.yaml").touch()
    (WORK / "some-folder").mkdir()
    for shell in ("bash", "zsh", "fish"):
        script = osso("completion", shell)
        assert script.code == 0 and script.text == (ROOT / f"src/cli/completion.{shell}").read_text(), script
        (HOME / f"osso.{shell}").write_text(script.text)


def program(*words):
    """What the scripts ask: the words, and all lines."""
    result = osso("__complete", *words, env={"HOME": str(HOME)})
    assert result.code == 0 and not result.err, result
    return [line.split("\t")[0] for line in result.text.splitlines()]


MODELS = ["some/small model:one file.gguf", "ollama:tiny:1b"]
SETTINGS = {
    "bash": (["bash", "--noprofile", "--norc", "-i"], "source ~/osso.bash; bind 'set completion-ignore-case off' 'set bell-style none' "
             "'set enable-bracketed-paste off' 2>/dev/null", "\x1b*"),
    "zsh": (["zsh", "-f", "-i"], "unsetopt prompt_sp; autoload -Uz compinit; compinit -u -D; source ~/osso.zsh; zle -C all complete-word _generic; "
            "zstyle ':completion:all:*' completer _all_matches _complete; zstyle ':completion:all:*' insert yes; bindkey '^Xa' all", "\x18a"),
}


class Terminal:
    """A shell of SETTINGS in a home of its own."""
    def __init__(self, shell):
        prepare()
        command, settings, self.all = SETTINGS[shell]
        environ = environment(HOME=str(HOME), TERM="dumb", PS1="$ ", COLUMNS="200", PATH=f"{HOME}/bin:{os.environ['PATH']}", LC_ALL="C.UTF-8")
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(WORK)
            os.execvpe(command[0], command, environ)
        self.seen, self.asked = "", 0
        self.run(settings)

    def run(self, line, keys=""):
        """Types a line, keys, and what makes it an argument of printf; what that prints, as words."""
        self.asked += 1
        mark = f"G{self.asked}"
        text = f"{line}\n" if not keys else f"{line}{keys}\x01printf '<%s>' \x05\n"
        os.write(self.fd, f"{text}".encode())
        os.write(self.fd, f"echo {mark[0]}''{mark[1:]}\n".encode())
        end = time.monotonic() + 120
        while mark not in self.seen:
            assert time.monotonic() < end and select.select([self.fd], [], [], 120)[0], (line, self.seen[-500:])
            self.seen += os.read(self.fd, 65536).decode("utf-8", "replace")
        said, self.seen = self.seen.split(mark, 1)
        return re.findall(r"<([^<>%]*)>", said.replace("\r", "").replace("\n", ""))

    def candidates(self, line):
        """All words that the last one of the line may become."""
        return self.run(line, self.all)[len(line.split(" ")) - 1:]

    def close(self):
        os.write(self.fd, b"exit\n")
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class Fish:
    def __init__(self):
        prepare()

    def candidates(self, line):
        done = subprocess.run(["fish", "--no-config", "-c", 'source ~/osso.fish; complete -C "$argv[1]"', line], cwd=WORK, stdout=subprocess.PIPE, check=True,
                              env=environment(HOME=str(HOME), PATH=f"{HOME}/bin:{os.environ['PATH']}", LC_ALL="C.UTF-8"), timeout=60 * SLOW)
        return [line.split("\t")[0] for line in done.stdout.decode().splitlines()]

    def close(self):
        pass


def drive(shell):
    if not shutil.which(shell):
        raise Skip(f"{shell} is not installed (Debian: {shell})")
    there = Fish() if shell == "fish" else Terminal(shell)
    def check(line, *want):
        got = [word.rstrip("/") for word in there.candidates(line)]  # of folders only fish shows it
        assert sorted(got) == sorted(want), (shell, line, got)
    check("osso tok", "tokenize", "tokenizer")
    check("osso tokenizer ", "train")
    check("osso help data ", "show")
    check("osso convert --t", "--to", "--tensors", "--threads")
    check("osso convert --to ", "hf", "original", "mlx", "gguf")
    check("osso chat --kv-type=b", "--kv-type=bf16")
    check("osso quantize --type experts=Q6", "experts=Q6_K")
    check("osso bench --preset 1", "120b")
    check("osso info -m ", *MODELS)
    check("osso chat -m ollama:t", "ollama:tiny:1b")
    check("osso eval arc_easy,copa,p", "arc_easy,copa,piqa", "arc_easy,copa,ppl", "arc_easy,copa,performance")
    check("osso train --config ru", "run one.yaml")
    if shell == "fish":  # the others complete only what stands behind the =
        check("osso data show --config=ru", "--config=run one.yaml")
    check("osso tokenizer train -o so", "some-folder")
    there.close()


def test_bash():
    drive("bash")


def test_zsh():
    drive("zsh")


def test_fish():
    drive("fish")


def test_scripts_parse():
    """A shell reads its script without a word."""
    prepare()
    for shell in ("bash", "zsh", "fish"):
        if shutil.which(shell):
            done = subprocess.run([shell, "-n", str(HOME / f"osso.{shell}")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment())
            assert done.returncode == 0 and not done.stdout, (shell, done)


def test_every_option_of_every_verb():
    prepare()
    for name, verb in tables.verbs().items():
        mine = tables.options_of(name)
        assert program(*verb.words, "--") == [f"--{o.name}" for o in mine] + ["--help"], name
        for option in mine:
            got = program(*verb.words, f"--{option.name}", "")
            if option.kind == "CHOICE":
                assert got == option.argument.split("|"), (name, option)
                assert program(*verb.words, f"--{option.name}={got[0][:1]}")[0].startswith(f"--{option.name}={got[0][:1]}"), (name, option)
                assert program(*verb.words, f"-{option.letter}", "") == got or not option.letter, (name, option)
            elif option.kind in ("INT", "REAL", "SEED", "SIZE"):
                assert got == [], (name, option, got)


def test_every_verb():
    prepare()
    firsts = dict.fromkeys(verb.words[0] for verb in tables.verbs().values())
    assert program("") == [*firsts, "help"] and program("-") == ["--help", "--version"]
    assert program("man", "") == program("help", "") == list(firsts)
    for first in firsts:
        assert program(first[:2]) == [w for w in [*firsts, "help"] if w.startswith(first[:2])], first
    for alias in (a for verb in tables.verbs().values() for a in verb.aliases):
        assert "--help" in program(alias, "--"), alias


def test_what_was_typed_counts():
    prepare()
    assert "--seed" in program("chat", "--") and "--seed" not in program("chat", "--seed", "1", "--") and "--seed" not in program("chat", "-s", "1", "--")
    assert "--logit-bias" in program("chat", "--logit-bias", "1+1", "--")  # may be given again
    assert program("chat", "--system-p") == ["--system-prompt"]  # an alias, where no name fits
    assert program("chat", "--", "--") == [":files"] and program("chat", "") == MODELS and program("chat", "-m", "x", "") == []
    assert program("generate", "-p", "") == [] and program("render", "") == [":files"] and program("render", "a.json", "") == []
    assert program("eval", "c") == ["copa", "commonsense_qa", "choice", "continuation", "chat", "compare"], program("eval", "c")
    assert program("eval", "compare", "a", "") == MODELS and program("eval", "history", "copa", "") == [] and "copa" in program("eval", "history", "")
    assert program("eval", "arc_easy", "") == [] and program("completion", "") == ["bash", "zsh", "fish"]
    assert program("pull", "gpt-oss-s") == ["gpt-oss-safeguard-20b", "gpt-oss-safeguard-120b"]
    assert program("verify", "a", "") == MODELS and program("convert", "a", "") == [":files"] and program("convert", "a", "b", "") == []
    assert program("nonsense", "") == [] and program() == program("")
    assert program("train", "--preset", "s") == ["small", "standard"] and program("train", "--out", "") == [":folders"]


def test_nothing_but_lines():
    """Names of files may hold anything."""
    there = stores.home("odd names")
    for name in ("a\nchat\tb", "esc\x1b]0;x\x07"):
        stores.hub(there, "some", name, "x.gguf")
    result = osso("__complete", "chat", "-m", "", env={"HF_HUB_CACHE": str(there)})
    assert result.code == 0 and result.text == ":files\n", result


def test_refused():
    refuses(osso("completion", "tcsh"), 2, "tcsh", "bash|zsh|fish")
    refuses(osso("man", "xyzzy"), 2, "xyzzy")
    refuses(osso("man", "chat", "xyzzy"), 2, "xyzzy")
    refuses(osso("man", "tokenizer"), 2, "tokenizer", "train")


if __name__ == "__main__":
    main(sys.modules[__name__])
