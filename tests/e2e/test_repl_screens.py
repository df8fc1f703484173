#!/usr/bin/env python3
"""chat in a terminal, as pictures: what an emulated screen of 80x24 and of 120x40 shows is what tests/e2e/screens holds.
UPDATE_SCREENS=1 writes them anew; look at what has changed."""
import re
import signal

from harness import *
from test_chat import final
from test_repl import PASTE
from test_repl_line import Line
from test_repl_paste import child_of
from test_repl_waiting import SLOW_PROMPT, saved

SIZES = ((80, 24), (120, 40))
SCREENS = pathlib.Path(__file__).with_name("screens")
MAKEFILE = "all: prog\n\nprog: main.o\n\t$(CC) -o $@ $^\n\nclean:\n\trm -f *.o\n"
C_CODE = '''/* area.c */
#include <stdio.h>

int main(void)
{
\tfor (int i = 0; i < 3; i++)
\t\tprintf("%d\\t%d\\n", i, i * i);	// a tab in the middle
\treturn 0;
}
'''


def picture(t):
    """The screen as text, without what differs from run to run, and where the cursor stands."""
    s = t.screen()
    text = "\n".join(line.rstrip() for line in s.display).rstrip()
    text = re.sub(r"osso \d+\.\d+\.\d+\S*, \S+,", "osso VERSION, MODEL,", text)
    text = re.sub(r"\d+(\.\d+)? per second", "N per second", text)
    return text + f"\n-- cursor in row {s.cursor.y}, column {s.cursor.x}\n"


def compare(t, name):
    t.settle()
    file = SCREENS / f"{name}-{t.columns}x{t.rows}.txt"
    shown = picture(t)
    if os.environ.get("UPDATE_SCREENS"):
        SCREENS.mkdir(exist_ok=True)
        file.write_text(shown)
    assert shown == file.read_text(), f"{file.name}:\n--- shown ---\n{shown}--- wanted ---\n{file.read_text()}"


def chat(columns, rows, *args, **how):
    return Line(columns, rows, args=[*final(), "--date", "none", "--no-history", *args], **how)


def test_pasted_code():
    for columns, rows in SIZES:
        for name, code in (("makefile", MAKEFILE), ("c-code", C_CODE)):
            t = chat(columns, rows)
            t.typed("explain: ", PASTE % code.replace("\n", "\r").encode())
            compare(t, f"paste-{name}")
            t.typed("\x1b[H", "please ")
            compare(t, f"paste-{name}-edited")
            t.send("\x05\r")
            t.wait("Hello, good friend.")
            t.prompt()
            compare(t, f"paste-{name}-sent")
            t.bye()


def test_wide_characters():
    for columns, rows in SIZES:
        t = chat(columns, rows)
        t.typed("日本語のテキスト、" * 10 + "e\u0301 😀", "\x1b[D" * 4, "X")
        compare(t, "wide")
        t.bye()


def test_completion():
    for columns, rows in SIZES:
        t = chat(columns, rows)
        t.typed("/set re", "\t")
        t.typed("\t")
        compare(t, "tab")
        t.typed("\x15/", "\t")
        t.typed("\t")
        compare(t, "tab-all")
        t.bye()


def test_a_stopped_chat():
    for columns, rows in SIZES:
        t = chat(columns, rows, shell='set -m; "$@"; echo "(stopped)"; fg >/dev/null')
        t.typed("a line that takes more than one row, " * 4 + "half a line")
        t.send("\x1a")
        t.wait("(stopped)")
        t.wait(">>> a line")
        t.settle()
        t.typed(", and the rest")
        compare(t, "ctrl-z")
        t.bye()


def test_a_stopped_prompt():
    state = TEMP / "state-screens"
    (state / "osso").mkdir(parents=True, exist_ok=True)
    long = [{"role": "user", "content": "la " * 12000}, {"role": "assistant", "channel": "final", "content": "Done."},
            {"role": "user", "content": "Is it long?"}, {"role": "assistant", "channel": "final", "content": "Quite."}]
    for columns, rows in SIZES:
        saved("screens", more=long).replace(state / "osso/conversation.json")
        t = Line(columns, rows, args=[*final(), *SLOW_PROMPT, "-c", "0", "--continue"], XDG_STATE_HOME=str(state))
        t.send("one more\r")
        t.wait(" left")
        shown = [line for line in t.screen().display if "reading" in line]
        assert len(shown) == 1 and shown[0].startswith("reading "), shown
        t.send("\x03")
        t.wait("taken back")
        t.prompt()
        compare(t, "stopped-prompt")
        t.typed("\x1b[A")
        compare(t, "stopped-prompt-again")
        t.bye()


def test_a_resize():
    for columns, rows in SIZES:
        t = chat(columns, rows)
        t.typed("一 line that takes two rows of a window that is narrow, " * 2)
        for wide in (columns + 20, columns + 40):
            t.columns = wide
            t.size(wide, rows)
        t.typed("the end")
        compare(t, "resized")
        t.bye()


if __name__ == "__main__":
    main(sys.modules[__name__])
