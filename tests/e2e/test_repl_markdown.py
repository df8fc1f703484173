#!/usr/bin/env python3
"""An answer's Markdown on a terminal, compared with screens/*.txt (UPDATE=1 writes them anew: look at what changed); and
what it is where nothing is drawn."""
import re
import time

from harness import *
from test_answers import says
from test_repl import Terminal
from test_repl_paste import Seen

SCREENS = pathlib.Path(__file__).with_name("screens")
ANSWER = """# A plan in *three* parts

Some text with a **bold part that reaches the end of the line and goes on over it**, `code`, and [a page](https://example.org/a_b_c).

1. **First** of all an item so long that it must be broken, with its second line under its text
   - and one inside it, 2 * 3 * 4 and snake_case_name
2. Second

| Word | Meaning | n |
|:-----|:--------|--:|
| *one* | the first of all numbers that a person counts with when counting begins | 1 |
| 二つ | two | 22 |

```python
def f(x): return "a line of code that is longer than eighty columns and is not to be broken"
```
> unfinished **quote
"""


def pieces(text):
    """The text in tokens no two of which are the same."""
    tokens, begin = [], 0
    for at in range(1, len(text) + 1):
        token = text[begin:at]
        if at == len(text) or (at - begin >= 24 and token not in tokens):
            tokens.append(token)
            begin = at
    assert len(set(tokens)) == len(tokens) and "".join(tokens) == text
    return tokens


_models = {}


def speaker(text):
    if text not in _models:
        _models[text] = says("assistant", "<|channel|>", "final", "<|message|>", *pieces(text), "<|return|>")
    return _models[text]


ARGS = ("--temp", "0", "-n", "80", "--date", "none")


def picture(seen, columns, rows):
    """The screen, in pyte: letters that are not plain stand between <b>, <bu> and <>."""
    try:
        import pyte
    except ImportError:
        raise Skip("python3-pyte, which the screen is compared in, is not installed")
    screen = pyte.Screen(columns, rows)
    pyte.ByteStream(screen).feed(seen)
    lines = []
    for y in range(rows):
        line, style = "", ""
        for x in range(columns):
            c = screen.buffer[y][x]
            now = "b" * c.bold + "i" * c.italics + "u" * c.underscore + "s" * c.strikethrough + "c" * (c.fg == "cyan")
            if now != style and c.data:
                line += f"<{now}>"
                style = now
            line += c.data
        lines.append(re.sub(r" +(<>)?$", r"\1", line + ("<>" if style else "")))
    text = "\n".join(lines).rstrip("\n") + "\n"
    return re.sub(r"\[\d+ tokens.*", "[speed]", text)


def compare(name, text):
    file = SCREENS / f"{name}.txt"
    if os.environ.get("UPDATE"):
        file.write_text(text)
    assert file.read_text() == text, f"{file.name}\n{text}"


def test_the_screen():
    """At both sizes, and a second answer after the window has got the other one's width."""
    for columns, rows, other in ((80, 24, 120), (120, 40, 80)):
        t = Seen("-m", speaker(ANSWER), *ARGS)
        t.size(columns, rows)
        for turn, width in enumerate((columns, other)):
            if turn:
                t.size(width, rows)
                t.everything = b">>> "
            else:
                t.prompt()
                t.everything = t.everything[t.everything.rindex(b">>> "):]
            t.send("hi\r")
            t.wait("per second")
            t.prompt()
            compare(f"markdown-{columns}x{rows}{'-resized' * turn}", picture(t.everything, width, rows))
        t.send("\x04")
        assert t.end() == 0


def test_a_resize_in_an_answer():
    """From the next line on, lines have the new width; the prompt after it too."""
    path, ids = tiny()
    t = Seen("-m", path, "--temp", "0", "--date", "none", "--logit-bias", f"{ids['final']}+5", "--logit-bias", f"{ids['Loop']}+12",
             "-c", "0")
    t.size(80, 24)
    t.prompt()
    t.send("go\r")
    t.wait("Loop")
    line = lambda: len(re.sub(rb"l\x1b\[1D\x1b\[K", b"", t.wait("\r\n")).strip())  # without a word's part that moved on
    lines = [line() for _ in range(5)]
    t.resize(120, 40)  # and no waiting for silence: the answer would end
    while lines[-1] < 100 and len(lines) < 2000:
        lines.append(line())
    lines += [line() for _ in range(5)]
    t.send("\x03")
    assert b"is full" not in t.prompt()
    assert set(lines[1:]) == {26 * 3 - 1, 40 * 3 - 1} and lines[1:] == sorted(lines[1:]), lines
    t.send("x" * 100)
    t.wait("x" * 100)  # the editor knows the new width, too: no line end of its own
    t.send("\x15\x04")
    assert t.end() == 0


def said(*args, **env):
    t = Terminal("-m", speaker(ANSWER), *ARGS, *args, **env)
    t.prompt()
    t.send("hi\r")
    came = t.wait("per second") if not env.get("TERM") else t.prompt()
    t.leave() if not env.get("TERM") else (t.send("\x04"), t.end())
    return came.replace(b"\r\n", b"\n").decode()


def test_where_nothing_is_drawn():
    """Piped: the very bytes. Off: the same on a terminal, where only the wrapping is left; nor that, if it is off too."""
    piped = osso("chat", "-m", speaker(ANSWER), *ARGS, "-p", "hi")
    assert piped.text == ANSWER, piped
    for how in ({"NO_COLOR": "1"}, {}):
        args = () if how else ("--markdown", "off")
        came = said(*args, **how)
        assert "\x1b[1m" not in came and "**bold part" in came and "# A plan in *three*" in came, came
        assert ANSWER not in came and ANSWER.split("\n")[14] in came, came
        assert ANSWER in said(*args, "--wrap", "off", **how)
    came = said(TERM="dumb")
    assert "\x1b" not in came and ANSWER in came, came


def test_a_single_answer_is_drawn():
    t = Terminal("-m", speaker(ANSWER), *ARGS, "-p", "hi")
    came = t.wait("unfinished **quote")
    assert b"\x1b[0;1;4mA plan in \x1b[0;1;3;4mthree" in came and b"**First**" not in came, came
    assert t.end() == 0


def test_wrap_off():
    came = re.sub(r"\x1b\[[0-9;]*m", "", said("--wrap", "off"))
    assert "bold part that reaches the end of the line and goes on over it, code" in came, came
    assert "with its second line under its text\n" in came, came


def test_settings():
    t = Terminal("-m", speaker(ANSWER), *ARGS)
    t.prompt()
    for line, drawn in (("/set markdown off", False), ("/set markdown default", True), ("/set wrap off", True)):
        t.send(line + "\r")
        t.prompt()
        t.send("hi\r")
        came = t.wait("per second")
        t.prompt()
        assert (b"**First**" not in came) == drawn and (b"\x1b[0;1;4mA plan" in came) == drawn, (line, came)
    t.send("/set wrap\r")
    assert "off" in t.prompt().decode()
    t.send("/set markdown maybe\r")
    assert "on|off" in t.prompt().decode()
    t.send("\x04")
    assert t.end() == 0


def test_an_interrupted_answer_is_whole():
    """What is held back, an open marker or a table, is there after Ctrl-C; the letters are plain again."""
    words = ["| a | b |\n|---|---|\n| c | d |\n", "| e **f", " la"]
    model = says("assistant", "<|channel|>", "final", "<|message|>", *words[:2], "Loop", " la", " la")
    t = Terminal("-m", model, "--temp", "0", "--date", "none", "-c", "4096")
    t.prompt()
    t.send("hi\r")
    t.wait("hi")
    time.sleep(1)
    t.send("\x03")
    came = t.prompt().decode()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", came)
    assert re.search(r"a +│ b", text) and re.search(r"c +│ d", text) and "e **fLoop la la" in text, text[:500]
    t.send("\x04")
    assert t.end() == 0


def test_thoughts_are_not_drawn():
    model = says("assistant", "<|channel|>", "analysis", "<|message|>", "I *think* **so**", "<|end|>", "<|start|>",
                 "assistant")
    t = Terminal("-m", model, "--temp", "0", "--date", "none", "-n", "10")
    t.prompt()
    t.send("hi\r")
    assert "I *think* **so**" in t.prompt().decode()
    t.send("\x04")
    assert t.end() == 0


if __name__ == "__main__":
    main(sys.modules[__name__])
