#!/usr/bin/env python3
"""chat in a terminal: a pasted block is one message, as it was copied; and what happens to the terminal itself."""
import fcntl
import re
import signal
import struct
import termios
import time

from harness import *
from test_chat import final
from test_repl import Terminal, PASTE


def sent(*keys, **env):
    """The user's messages after these keys, as the model would see them."""
    t = Terminal(*final(), **env)
    t.prompt()
    for key in keys:
        t.send(key)
    t.wait("Hello, good friend.")
    t.wait(b"per second")
    t.prompt()
    t.send("/raw\r")
    raw = t.wait(b"<|start|>assistant\r\n").decode("utf-8", "replace").replace("\r\n", "\n")
    t.prompt()
    t.send("\x04")
    assert t.end() == 0
    return re.findall(r"<\|start\|>user<\|message\|>(.*?)<\|end\|>", raw, re.S)


def pasted(text, **env):
    return sent(PASTE % text + b"\r", **env)


def test_a_pasted_block_is_no_command():
    for text in ("// area\nint a;", "/* c */", "/usr/bin/ls: error", "/quit\nhe said", "/quit", f"/save {TEMP}/x\nand more",
                 "/effort high", "exit", "quit"):
        assert pasted(text.replace("\n", "\r").encode()) == [text], text
    assert not (TEMP / "x").exists()


def test_a_pasted_block_opens_and_continues_nothing():
    for text in ('"""Doc."""\nimport os', '"""', 'say """', "a \\", "a \\\nb \\", '"""\nx'):
        assert pasted(text.replace("\n", "\r").encode()) == [text], text


def test_a_pasted_block_is_as_it_was():
    cases = {b"a:\r\tcc -o a\r": "a:\n\tcc -o a", b"\tx\t\ty": "\tx\t\ty", b"one\r\ntwo\r\n\r\nthree": "one\ntwo\n\nthree",
             b"one\ntwo": "one\ntwo", b"one\r\rtwo": "one\n\ntwo", b"  in\r    deep": "  in\n    deep",
             b"bell\x07 back\x08 esc\x1b[31m": "bell back esc[31m", "na\u00efve \u65e5\u672c\r\U0001f98a".encode(): "na\u00efve \u65e5\u672c\n\U0001f98a",
             b"x" * 3000: "x" * 3000, "\u65e5\u672c x\r".encode() * 1500: "\u65e5\u672c x\n" * 1499 + "\u65e5\u672c x"}
    for text, want in cases.items():
        assert pasted(text) == [want], (text, pasted(text))
    assert sent(b"fix: ", PASTE % b"/quit\r\tx", b" please\r") == ["fix: /quit\n\tx please"]
    assert sent(PASTE % b"one", PASTE % b" two\rthree", b"\r") == ["one two\nthree"]


def test_a_long_block_takes_no_time():
    t = Seen(*final())
    t.prompt()
    block = PASTE % (b"a line of a long text, one of many\r" * 30000)
    start = time.monotonic()
    for at in range(0, len(block), 4000):  # what does not fit waits until it is read
        t.send(block[at:at + 4000])
        t.read(0)
    t.settle()
    assert time.monotonic() - start < 4 * SLOW
    t.send(" and more")
    t.wait("and more")
    t.send("\x03")
    assert t.leave() == 0


def test_a_path_is_no_command():
    for text in ("/etc/fstab is broken", "/usr/bin/x: error", "//no", "/a/"):
        assert sent(text.encode() + b"\r") == [text], text
    t = Terminal(*final())
    t.prompt()
    t.send("/nosuch thing\r")
    t.wait("no command /nosuch")
    t.leave()


def test_blocks_end_with_the_end_of_input():
    assert sent(b'"""first', b"\n", b"\x04") == ["first"]


def screen(t, columns, rows):
    try:
        import pyte
    except ImportError:
        raise Skip("python3-pyte, which the screen is compared in, is not installed")
    s = pyte.Screen(columns, rows)
    pyte.ByteStream(s).feed(t.everything)
    return [line.rstrip() for line in s.display]


class Seen(Terminal):
    """Keeps all that came, for a screen."""
    everything = b""

    def read(self, seconds):
        before = len(self.seen)
        came = super().read(seconds)
        self.everything += self.seen[before:]
        return came

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def size(self, columns, rows):
        self.resize(columns, rows)
        self.settle()


def test_a_resize_draws_once():
    for columns, rows in ((80, 24), (120, 40)):
        t = Seen(*final())
        t.size(columns, rows)
        t.prompt()
        t.send("hello")
        t.wait("hello")
        for wide in (columns - 20, columns - 10, columns):
            t.size(wide, rows)
        t.send(" you")
        t.wait("you")
        lines = [line for line in screen(t, columns, rows) if line]
        assert [line for line in lines if ">>>" in line] == [">>> hello you"], lines
        t.send("\x15")
        t.send("\x04")
        assert t.end() == 0


def modes(t):
    flags = termios.tcgetattr(t.fd)[3]
    return bool(flags & termios.ICANON), bool(flags & termios.ECHO)


def test_signals_give_the_terminal_back():
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        t = Terminal(*final())
        slave = os.open(os.readlink(f"/proc/{t.pid}/fd/0"), os.O_RDWR | os.O_NOCTTY)
        t.prompt()
        t.send("half")
        t.wait("half")
        assert modes(t) == (False, False)
        os.kill(t.pid, sig)
        t.wait(b"\x1b[?2004l")
        for _ in range(50):
            done, status = os.waitpid(t.pid, os.WNOHANG)
            if done:
                break
            time.sleep(0.1)
        assert done and os.waitstatus_to_exitcode(status) == -sig, (sig, status)
        assert modes(t) == (True, True), sig
        os.close(slave)
        os.close(t.fd)


def child_of(pid):
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                return int(stat.parent.name)
        except OSError:
            pass  # it has ended meanwhile
    raise AssertionError(f"{pid} has no child")


def test_stopped_and_continued():
    """Under a shell with job control: what it finds of the terminal while the chat is stopped, and what a person does after."""
    t = Terminal(*final(), shell='set -m; "$@"; echo "stopped:$(stty -a | tr -d \';\' | grep -oE \'(^| )-?(icanon|echo)( |$)\' | tr -d \'\\n\')"; fg')
    t.prompt()
    t.send("begun")
    t.wait("begun")
    os.kill(child_of(t.pid), signal.SIGTSTP)
    t.wait("stopped:")
    assert t.wait("\r\n").split() == [b"icanon", b"echo"]
    t.wait(">>> begun")
    t.send("\r")
    t.wait("Hello, good friend.")
    t.leave()


def test_signals_at_a_dumb_prompt():
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        t = Terminal(*final(), TERM="dumb")
        t.prompt()
        t.settle()
        os.kill(t.pid, sig)
        assert t.end() == -sig, sig
    t = Terminal(*final(), TERM="dumb", shell='set -m; "$@"; echo "(stopped)"; fg')
    t.prompt()
    t.settle()
    os.kill(child_of(t.pid), signal.SIGTSTP)
    t.wait("(stopped)")
    t.prompt()
    t.settle()
    assert b">>>" not in t.seen, t.seen
    t.send("hi\n")
    t.wait("Hello, good friend.")
    t.leave()


def test_a_dumb_terminal_gets_no_escapes():
    t = Terminal(*final(), TERM="dumb")
    came = t.prompt()
    t.send("hi\r")
    came += t.wait("Hello, good friend.")
    came += t.prompt()
    assert b"\x1b" not in came, came
    t.send("\x04")
    assert t.end() == 0


if __name__ == "__main__":
    main(sys.modules[__name__])
