#!/usr/bin/env python3
"""chat in a terminal: typing. Where the cursor stands, what Tab completes, what the history brings back."""
from harness import *
from test_chat import final
from test_repl import PASTE, Terminal, plain, raw
from test_repl_paste import Seen, sent

import shlex
import shutil
import time


class Line(Seen):
    """A chat in a window, and what stands in it."""

    def __init__(self, columns=80, rows=24, args=None, **env):
        super().__init__(*(args or final()), **env)
        self.columns, self.rows = columns, rows
        self.size(columns, rows)
        self.prompt()

    def screen(self):
        try:
            import pyte
        except ImportError:
            raise Skip("python3-pyte, which the screen is compared in, is not installed")
        s = pyte.Screen(self.columns, self.rows)
        pyte.ByteStream(s).feed(self.everything)
        return s

    def typed(self, *keys):
        """The rows from the last prompt on, and the cursor's row below it and column."""
        for key in keys:
            self.send(key)
            self.settle()
        s = self.screen()
        lines = [line.rstrip() for line in s.display]
        first = max(i for i, line in enumerate(lines) if line.startswith(">>> ") or line == ">>>")
        return lines[first:max(s.cursor.y, max(i for i, line in enumerate(lines) if line)) + 1], s.cursor.y - first, s.cursor.x

    def bye(self):
        self.send("\x05\x15")
        self.send("\x04")
        assert self.end() == 0


LEFT, RIGHT, HOME, END, UP = "\x1b[D", "\x1b[C", "\x1b[H", "\x1b[F", "\x1b[A"


def test_the_cursor_stands_on_its_character():
    t = Line()
    cases = [(["日本語"], ">>> 日本語", 10), ([LEFT], None, 8), ([LEFT, LEFT], None, 4), (["x"], ">>> x日本語", 5),
             ([RIGHT], None, 7), (["\x7f"], ">>> x本語", 5), ([END], None, 9), (["😀!"], ">>> x本語😀!", 12),
             ([HOME, "\x1b[3~"], ">>> 本語😀!", 4)]
    for keys, line, column in cases:
        rows, row, at = t.typed(*keys)
        assert (row, at) == (0, column) and (line is None or rows == [line]), (keys, rows, row, at)
    t.bye()


def test_combining_marks_stay_with_their_letters():
    t = Line()
    for keys, line, column in ((["e\u0301a\u0308o"], ">>> e\u0301a\u0308o", 7), ([LEFT], None, 6), ([LEFT, LEFT], None, 5),
                               (["x"], ">>> e\u0301xa\u0308o", 6), ([END, "\u0302"], ">>> e\u0301xa\u0308o\u0302", 8),
                               (["\x7f"], ">>> e\u0301xa\u0308o", 8), ([HOME, RIGHT, RIGHT, "\x7f"], ">>> exa\u0308o", 5)):
        rows, row, at = t.typed(*keys)
        nfc = lambda text: __import__("unicodedata").normalize("NFC", text)
        assert (row, at) == (0, column) and (line is None or [nfc(r) for r in rows] == [nfc(line)]), (keys, rows, row, at)
    t.bye()


def test_a_wide_character_that_does_not_fit_goes_to_the_next_row():
    for columns in (20, 21):
        t = Line(columns)
        rows, row, at = t.typed("日" * 20)
        width = columns - 1  # the last column stays free
        first, each = (width - 4) // 2, width // 2
        assert row == 1 + (20 - first - 1) // each, (columns, rows, row)
        assert at == 2 * ((20 - first - 1) % each + 1), (columns, rows, at)
        assert "".join(rows).replace(" ", "") == ">>>" + "日" * 20, rows
        rows, row, at = t.typed(HOME, RIGHT, "\x7f")
        assert (row, at) == (0, 4) and "".join(rows).count("日") == 19, (rows, row, at)
        t.bye()


def test_a_long_line_is_edited_in_its_place():
    t = Line(40, 24)
    words = "".join(f"word{i}" for i in range(20))
    rows, row, at = t.typed(words)
    assert "".join(rows) == ">>> " + words, rows
    rows, row, at = t.typed(HOME, "X")
    assert "".join(rows) == ">>> X" + words and (row, at) == (0, 5), rows
    rows, row, at = t.typed("\x0b")  # the rest goes
    assert rows == [">>> X"], rows
    t.bye()


def test_a_line_larger_than_the_window_shows_where_the_cursor_is():
    t = Line(40, 10)
    block = b"\r".join(b"row %d" % i for i in range(30))
    t.send(PASTE % block)
    t.settle()
    lines = [line.rstrip() for line in t.screen().display]
    assert lines == [f"row {i}" for i in range(20, 30)], lines
    t.send(HOME)
    t.settle()
    lines = [line.rstrip() for line in t.screen().display]
    assert lines[0].startswith(">>> row 0") or "row 29" in lines[-1], lines
    t.send("\x05\r")
    t.wait("Hello, good friend.")
    t.prompt()
    assert "row 0\nrow 1\n" in raw(t) and True
    t.bye()


def test_a_terminal_that_wraps_anew():
    """tmux wraps the rows of a window that gets narrower: one prompt is left of them."""
    if not shutil.which("tmux"):
        raise Skip("tmux is not installed")
    env = environment(LANG="C.UTF-8", TERM="xterm-256color", TMUX_TMPDIR=str(TEMP))
    text = "a line that is long enough to reach over the edge of a window of eighty columns, and further"

    def tmux(*args):
        return subprocess.run(["tmux", "-f", "/dev/null", *args], env=env, check=True, stdout=subprocess.PIPE, text=True).stdout

    def shown(want):
        """The screen, once this is true of it."""
        for _ in range(100):
            rows = tmux("capture-pane", "-p", "-t", "osso").rstrip().split("\n")
            if want(rows):
                return rows
            time.sleep(0.1)
        raise AssertionError(rows)

    tmux("new-session", "-d", "-s", "osso", "-x", "80", "-y", "24", shlex.join([OSSO, "chat", *map(str, final())]))
    try:
        shown(lambda rows: rows[-1].startswith(">>>"))
        tmux("send-keys", "-t", "osso", "/stats", "Enter")
        shown(lambda rows: rows[-1] == ">>>" and len(rows) > 5)
        tmux("send-keys", "-t", "osso", "-l", text)
        shown(lambda rows: rows[-1].endswith("further"))
        for wide in (70, 50, 43, 30):
            tmux("resize-window", "-t", "osso", "-x", str(wide), "-y", "24")
            rows = shown(lambda rows: "".join(rows[-4:]).replace(" ", "").endswith(">>>" + text.replace(" ", ""))
                         and max(map(len, rows[-2:])) < wide)
            assert len([row for row in rows if row.startswith(">>> a line")]) == 1, (wide, rows)
    finally:
        subprocess.run(["tmux", "kill-server"], env=env, check=False)


# ---- Tab -----------------------------------------------------------------------------------------------------


def completed(*keys, args=None, **env):
    t = Line(args=args, **env)
    rows, _, _ = t.typed(*keys)
    t.bye()
    return rows


def test_tab_completes_commands_settings_and_values():
    for typed, line in (("/eff", ">>> /effort"), ("/effort h", ">>> /effort high"), ("/he", ">>> /help"), ("/ret", ">>> /retry"),
                        ("/set reasoning-e", ">>> /set reasoning-effort"), ("/set top-", ">>> /set top-"),
                        ("/set reasoning sh", ">>> /set reasoning show"), ("/set ignore-eos of", ">>> /set ignore-eos off"),
                        ("/set temp d", ">>> /set temp default"), ("/sys", ">>> /system"), ("/nosuch", ">>> /nosuch"),
                        ("/nosuch a", ">>> /nosuch a"), ("/system te", ">>> /system te"), ("an /eff", ">>> an /eff"), ("", ">>>"),
                        ("/set threads ", ">>> /set threads"), ("/set thr", ">>> /set thr")):
        assert completed(typed + "\t") == [line], (typed, completed(typed + "\t"))
    t = Line()
    rows, _, at = t.typed("/eff\t", "lo\t")
    assert rows == [">>> /effort low"] and at == 15, rows
    t.send("\r")
    t.prompt()
    assert "Reasoning: low" in raw(t)
    t.bye()


def test_a_second_tab_lists():
    t = Line()
    rows, _, _ = t.typed("/re", "\t")
    assert rows == [">>> /re"], rows
    rows, row, at = t.typed("\t")
    assert rows == [">>> /re"] and (row, at) == (0, 7), rows
    lines = [line.rstrip() for line in t.screen().display]
    assert "read   regen" in lines, lines
    rows, _, _ = t.typed("g\t")
    assert rows == [">>> /regen"], rows
    t.typed("\x15", "/", "\t")
    t.typed("\t")
    lines = " ".join(line.rstrip() for line in t.screen().display)
    for name in ("clear", "ctx", "effort", "help", "undo"):
        assert name in lines, lines
    t.bye()


def test_tab_completes_paths():
    home = TEMP / "home"  # of every test
    for name in ("notes one.txt", "notes two.txt", "häuser.txt", "日本.txt", ".hidden", "only", "-dash"):
        (home / "files").mkdir(parents=True, exist_ok=True)
        (home / "files" / name).write_text("alpha\n")
    (home / "files" / "sub folder" / "deep").mkdir(parents=True, exist_ok=True)
    (home / "files" / "sub folder" / "deep" / "x y.txt").write_text("beta\n")
    (home / "files" / "sub folder" / "deep" / ".secret").write_text("")
    (home / "files" / "esc\x1b[31m").write_text("")
    (home / "files" / b"latin\xe9".decode("utf-8", "surrogateescape")).write_text("")
    env = dict(XDG_STATE_HOME=str(TEMP / "tab-state"))
    for typed, line in (("/read ~/fi\t", "/read ~/files/"), ("/read ~/files/no\t", "/read ~/files/notes "),
                        ("/read ~/files/notes o\t", "/read ~/files/notes one.txt"), ("/load ~/files/h\t", "/load ~/files/häuser.txt"),
                        ("/save ~/files/日\t", "/save ~/files/日本.txt"), ("/read ~/files/.h\t", "/read ~/files/.hidden"),
                        ("/read ~/files/sub\tde\tx\t", "/read ~/files/sub folder/deep/x y.txt"), ("/read ~\t", "/read ~/"),
                        ("/read ~/files/sub\tde\t\t", "/read ~/files/sub folder/deep/x y.txt"),
                        (f"/read {home}/files/on\t", f"/read {home}/files/only"), ("/read ~/files/esc\t", "/read ~/files/esc"),
                        ("/read ~/files/lat\t", "/read ~/files/lat"), ("/read /nowhere/x\t", "/read /nowhere/x"),
                        ("/read ~/files/-\t", "/read ~/files/-dash"), ("look ~/fi\t", "look ~/fi")):
        t = Line(120, 40, **env)
        t.typed(*[part + "\t" for part in typed.split("\t")[:-1]])
        t.send(END)
        t.settle()
        shown = t.screen().display[t.screen().cursor.y]
        assert shown.rstrip() == (">>> " + line).rstrip(), (typed, shown)
        t.bye()
    t = Line(120, 40, **env)
    t.typed("/read ~/files/sub\t", "de\t", "x\t", "\r")
    t.send("what?\r")
    t.wait("Hello, good friend.")
    t.prompt()
    assert "beta\n\nwhat?" in raw(t)
    t.bye()


def test_a_tab_in_a_pasted_block_completes_nothing():
    assert sent(PASTE % b"/eff\tx", b"\r") == ["/eff\tx"]
    assert sent(PASTE % b"/eff", b"\t!\r") == ["/eff!"]


# ---- history ---------------------------------------------------------------------------------------------------


def twice(first, *again):
    """Says something in one chat; what the same keys bring back in the next one, as the model sees it."""
    state = TEMP / f"history-{len(list(TEMP.glob('history-*')))}"
    env = dict(XDG_STATE_HOME=str(state))
    t = Terminal(*final(), **env)
    t.prompt()
    for key in first:
        t.send(key)
        t.settle()
    t.leave() if b">>> " in t.seen else None
    t = Terminal(*final(), **env)
    t.prompt()
    for key in again or (UP, "\r"):
        t.send(key)
        t.settle()
    t.seen = b""
    t.send("/raw\r")
    text = plain(t.wait("<|start|>assistant\r\n"))
    t.leave()
    return text, state / "osso/history"


def test_what_was_pasted_is_text_when_it_comes_back():
    for text in ("/quit", "exit", "/effort high", '"""x', "/clear", "a \\"):
        seen, file = twice([PASTE % text.encode() + b"\r"])
        assert f"<|message|>{text}<|end|>" in seen, (text, seen)
    seen, _ = twice([PASTE % b"/quit\rnow" + b"\r"])
    assert "<|message|>/quit\nnow<|end|>" in seen, seen
    seen, _ = twice([PASTE % b"/quit" + b"\r"], UP, " please", "\r")
    assert "<|message|>/quit please<|end|>" in seen, seen
    seen, _ = twice(['"""\r', "/quit\r", '"""\r'])
    assert "<|message|>/quit<|end|>" in seen, seen


def test_a_command_of_many_lines_is_one_when_it_comes_back():
    seen, _ = twice(["/system Be brief.\\\r", "And kind.\r"])
    assert "Be brief.\nAnd kind." in seen and "user" not in seen, seen
    seen, file = twice(["/effort high\r"])
    assert "Reasoning: high" in seen and file.read_text().startswith("/effort high\n"), (seen, file.read_text())


def test_the_history_keeps_what_it_is_given():
    seen, file = twice([PASTE % "\\p \\n \\e \\\\ tab\there\rtwo".encode() + b"\r"])
    assert "<|message|>\\p \\n \\e \\\\ tab\there\ntwo<|end|>" in seen, (seen, file.read_text())


def test_two_pasted_blocks():
    for first, second, want in ((b"one\r", b"two\r", "one\ntwo"), (b"one", b"two", "onetwo"), (b"one\r\r", b"two", "one\n\ntwo"),
                                (b"one\r", b"\rtwo", "one\n\ntwo")):
        assert sent(PASTE % first, PASTE % second, b"\r") == [want], (first, second)
        assert sent(PASTE % first + PASTE % second + b"\n", TERM="dumb") == [want], (first, second)
    assert sent(PASTE % b"one\r", b" more", b"\r") == ["one more"]
    assert sent(PASTE % b"one\r", b"x\x7f", PASTE % b"two", b"\r") == ["one\ntwo"]


# ---- without libedit ---------------------------------------------------------------------------------------------


def test_ctrl_c_at_a_dumb_prompt():
    """Pressed as soon as the prompt is there, again and again: each is answered with a new one."""
    t = Terminal(*final(), TERM="dumb")
    for _ in range(50):
        t.prompt()
        t.send("\x03")
    t.prompt()
    t.send("hi\n")
    t.wait("Hello, good friend.")
    t.prompt()
    t.send("\x04")
    assert t.end() == 0


def test_load_converts_a_chat_request():
    request = {"messages": [{"role": "user", "content": "How are you?"},
                            {"role": "assistant", "content": None, "reasoning_content": "Hm.", "tool_calls": [
                                {"id": "1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}]},
                            {"role": "tool", "tool_call_id": "1", "content": "nine"},
                            {"role": "assistant", "content": "It is nine."}]}
    path = TEMP / "request.json"
    path.write_text(json.dumps(request))
    t = Terminal(*final())
    t.prompt()
    t.send(f"/load {path}\r")
    assert "converted" in plain(t.prompt())
    text = raw(t)
    assert "to=functions.clock" in text and "It is nine." in text, text
    t.send("/quit\r")
    assert t.end() == 0


if __name__ == "__main__":
    main(sys.modules[__name__])
