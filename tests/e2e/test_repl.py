#!/usr/bin/env python3
"""chat in a terminal: a pseudo terminal, keys in, screen text out."""
import fcntl
import pty
import re
import select
import signal
import struct
import termios
import time
import traceback

from harness import *
from test_chat import final, thinking

PASTE = b"\x1b[200~%s\x1b[201~"


class Terminal:
    def __init__(self, *args, shell=None, **env):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:  # whatever fails here must not go on with the tests, twice
                full = environment(**{"TERM": "xterm-256color", **env})
                command = [OSSO, "chat", *map(str, args)]
                if shell:
                    command = ["/bin/bash", "-c", shell, "bash", *command]
                os.execve(command[0], command, full)
            finally:
                traceback.print_exc()
                os._exit(127)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))

    def send(self, data):
        os.write(self.fd, data if isinstance(data, bytes) else data.encode())

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.seen += data
        return bool(data)

    def wait(self, text, seconds=20):
        """Reads until this text has come; returns what came up to it and forgets it."""
        text = text if isinstance(text, bytes) else text.encode()
        end = time.monotonic() + seconds * SLOW
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} did not come: {self.seen[-600:]!r}"
            if not self.read(min(left, 1)) and text not in self.seen:
                try:
                    done, status = os.waitpid(self.pid, os.WNOHANG)
                except ChildProcessError:
                    done = self.pid
                assert not done, f"it ended before {text!r} came: {self.seen[-600:]!r}"
        at = self.seen.index(text) + len(text)
        came, self.seen = self.seen[:at], self.seen[at:]
        return came

    def sleeps(self):
        """Has the program in front read all that was typed, and waits for something?"""
        try:
            leader = os.tcgetpgrp(self.fd)
            slave = os.open(os.readlink(f"/proc/{leader}/fd/0"), os.O_RDWR | os.O_NOCTTY)
            try:
                waiting = struct.unpack("i", fcntl.ioctl(slave, termios.FIONREAD, b"\0" * 4))[0]
            finally:
                os.close(slave)
            return waiting == 0 and pathlib.Path(f"/proc/{leader}/stat").read_text().rpartition(")")[2].split()[0] in "ST"
        except OSError:
            return True  # it has ended

    def settle(self):
        """Reads until nothing more comes of what was typed."""
        quiet, end = 0, time.monotonic() + 20 * SLOW
        while quiet < 2 and time.monotonic() < end:
            quiet = 0 if self.read(0.02) or not self.sleeps() else quiet + 1

    def prompt(self):
        return self.wait(b">>> ")

    def leave(self):
        """Ctrl-D at the next prompt (while it answers the terminal would swallow it)."""
        self.prompt()
        self.send("\x04")
        return self.end()

    def end(self, seconds=20):
        """Its exit code; a signal is negative."""
        end = time.monotonic() + seconds * SLOW
        while time.monotonic() < end:
            self.read(0.05)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError(f"it does not end: {self.seen[-600:]!r}")


def plain(text):
    return re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", text).replace(b"\r", b"").decode("utf-8", "replace")


def test_talk_and_leave():
    t = Terminal(*final())
    assert b"/help" in t.prompt()
    t.send("hi there\r")
    t.wait("Hello, good friend.")
    assert b"per second" in t.prompt()
    t.send("\x04")
    assert t.end() == 0


def test_quit():
    t = Terminal(*final())
    t.prompt()
    t.send("/quit\r")
    assert t.end() == 0


def test_thoughts_are_dimmed():
    args, thought, answer = thinking()
    t = Terminal(*args)
    t.prompt()
    t.send("hi\r")
    came = t.wait(answer)
    assert re.search(rb"\x1b\[2m" + re.escape(thought.encode()) + rb"\x1b\[0m\r?\n", came), came
    t.leave()
    t = Terminal(*args, NO_COLOR="1")
    t.prompt()
    t.send("hi\r")
    assert b"\x1b[2m" not in t.wait(answer)
    t.leave()
    t = Terminal(*args, "--reasoning", "hide")
    t.prompt()
    t.send("hi\r")
    assert thought.encode() not in t.wait(answer)
    t.leave()


def raw(t):
    """The conversation as text."""
    t.send("/raw\r")
    t.wait("/raw")
    return plain(t.prompt())


def test_a_pasted_block_is_one_message():
    t = Terminal(*final())
    t.prompt()
    t.send(PASTE % "first line\rsecond ünï 日本 😀\rthird\x1b[31m".encode())
    t.settle()
    t.send(" and more\r")
    t.wait("Hello, good friend.")
    t.prompt()
    text = raw(t)
    assert "<|message|>first line\nsecond ünï 日本 😀\nthird[31m and more<|end|>" in text, text
    t.send("\x04")
    assert t.end() == 0


def test_a_large_paste():
    t = Terminal(*final(), "-c", "0")
    t.prompt()
    block = "".join(f"line {i} of many\r" for i in range(300))
    for at in range(0, len(block), 500):
        t.send((b"\x1b[200~" if at == 0 else b"") + block[at:at + 500].encode())
        t.settle()
    t.send(b"\x1b[201~\r")
    t.wait("Hello, good friend.")
    t.prompt()
    assert raw(t).count(" of many") == 300
    t.send("\x04")
    assert t.end() == 0


def test_several_lines():
    t = Terminal(*final())
    t.prompt()
    t.send("one\\\r")
    t.wait("... ")
    t.send("two\r")
    t.prompt()
    t.send('"""\r')
    t.wait("... ")
    t.send("three\r")
    t.wait("... ")
    t.send('four\r')
    t.wait("... ")
    t.send('"""\r')
    t.prompt()
    text = raw(t)
    assert "<|message|>one\ntwo<|end|>" in text and "<|message|>\nthree\nfour<|end|>" not in text
    assert "three\nfour<|end|>" in text, text
    t.send("\x04")
    assert t.end() == 0


def test_interrupt_stops_an_answer_and_keeps_it():
    path, ids = tiny()
    t = Terminal(*final(), "--logit-bias", f"{ids['Loop']}+12", "-c", "0", "--exact", "--isa", "scalar", "-t", "1")
    t.prompt()
    t.send("hi\r")
    t.wait(" la la la")
    t.send("\x03")
    t.prompt()
    t.send("/set n-predict 5\r")
    t.prompt()
    t.send("/stats\r")
    assert b"cancelled" in t.wait("cancelled")
    t.prompt()
    text = raw(t)
    assert "Loop la la" in text
    t.send("\x04")
    assert t.end() == 0


def test_interrupt_at_the_prompt_clears_the_line():
    t = Terminal(*final())
    t.prompt()
    t.send("half a li")
    t.wait("half a li")
    t.send("\x03")
    t.prompt()
    t.send("hi\r")
    t.wait("Hello, good friend.")
    t.prompt()
    assert "half" not in raw(t)
    t.send("half again")
    t.wait("half again")
    t.send("\x03at once\r")  # what follows the key is the next line's, however fast
    t.wait("Hello, good friend.")
    t.prompt()
    text = raw(t)
    assert "half" not in text and "<|message|>at once<|end|>" in text, text
    t.send("\x03")
    assert t.leave() == 0


def test_commands():
    t = Terminal(*final())
    t.prompt()

    def say(line, *words):
        t.send(line + "\r")
        t.wait(line)
        came = plain(t.prompt())
        for word in words:
            assert word in came, (line, word, came)
        return came

    say("/help", "/effort", "/regen", "/quit", "Ctrl-C")
    say("/xyzzy", "osso: ", "/help")
    say("/effrot", "did you mean /effort")
    say("/effort high")
    say("/effort huge", "low|medium|high")
    say("/system Be brief.", "instructions")
    say("/set", "temp", "top-p")
    say("/set temp 0.5")
    say("/set tmep 1", "temp")
    say("/set threads 2", "start")
    say("/set top-p two", "'two'")
    say("/set date none")
    say("/set temp 0")
    say("/regen", "no message")
    say("hello", "Hello, good friend.")
    came = raw(t)
    assert "Reasoning: high" in came and "Be brief." in came and "Current date" not in came, came
    assert came.count("good friend") == 1
    say("/regen", "Hello, good friend.")
    assert raw(t).count("good friend") == 1
    say("/tokens", " ")
    say("/stats", "context", "seed", "last answer")
    file = TEMP / "saved.json"
    say(f"/save {file}", "saved")
    assert json.loads(file.read_text())["messages"][-1]["channel"] == "final"
    say("/save /no/such/folder/x", "osso: ")
    say("/clear")
    assert "good friend" not in raw(t) and "Be brief." in raw(t)
    say(f"/load {file}", "messages")
    assert raw(t).count("good friend") == 1
    say("/load /no/such/file", "osso: ")
    (TEMP / "message").write_text("a message\nfrom a file\n")
    say(f"/read {TEMP / 'message'}", "next message")
    say("", "Hello, good friend.")
    assert "a message\nfrom a file<|end|>" in raw(t)
    say("/system", "no instructions")
    assert "Be brief." not in raw(t)
    t.send("/quit\r")
    assert t.end() == 0


def test_cache_is_reused_between_turns():
    t = Terminal(*final())
    t.prompt()
    t.send("hi\r")
    t.prompt()
    t.send("and again\r")
    assert re.search(r"prompt (\d+), \d+ of them reused", plain(t.wait("reused")))
    t.leave()


def test_history_persists():
    state = TEMP / "state"
    t = Terminal(*final(), XDG_STATE_HOME=str(state))
    t.prompt()
    t.send("remember me\r")
    t.wait("Hello")
    assert t.leave() == 0
    file = state / "osso/history"
    assert file.read_text() == "remember me\n" and file.stat().st_mode & 0o777 == 0o600
    t = Terminal(*final(), XDG_STATE_HOME=str(state))
    t.prompt()
    t.send("\x1b[A")
    t.wait("remember me")
    t.send("\r")
    t.wait("Hello, good friend.")
    t.leave()
    t = Terminal(*final(), "--no-history", XDG_STATE_HOME=str(TEMP / "none"))
    t.prompt()
    t.send("forget me\r")
    t.wait("Hello")
    t.leave()
    assert not (TEMP / "none").exists()


def test_context_that_is_full():
    t = Terminal(*final(), "-c", "128")
    t.prompt()
    t.send("word " * 60 + "\r")
    t.wait("/ctx 512")
    assert t.leave() == 0


def test_plain_terminal():
    t = Terminal(*final())
    t.leave()
    environment_term = {"TERM": "dumb"}
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(OSSO, [OSSO, "chat", *final()], environment(**environment_term))
    t.pid, t.fd, t.seen = pid, fd, b""
    t.prompt()
    t.send("hi\n")
    t.wait("Hello, good friend.")
    t.prompt()
    t.send(PASTE % b"a\nb" + b"\n")
    t.wait("Hello, good friend.")
    t.prompt()
    t.send("\x03")
    t.prompt()
    t.send("/raw\n")
    assert "<|message|>a\nb<|end|>" in plain(t.prompt())
    t.send("\x04")
    assert t.end() == 0


def test_terminal_gets_no_control_characters_of_the_model():
    path, ids = tiny()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(OSSO, [OSSO, "generate", "-m", path, "-p", "Evil", "--temp", "0"], environment(TERM="xterm"))
    seen = b""
    try:
        while True:
            data = os.read(fd, 4096)
            if not data:
                break
            seen += data
    except OSError:
        pass
    os.waitpid(pid, 0)
    assert b"\x1b[2J" not in seen and "\ufffd[2J".encode() in seen, seen


def test_a_slow_terminal_is_no_failure():
    """Ctrl-C while a write waits for whoever reads: the answer ends, the chat does not."""
    path, ids = tiny()
    for _ in range(3):
        t = Terminal("-m", path, "--temp", "0", "--logit-bias", f"{ids['final']}+5", "--logit-bias", f"{ids['Loop']}+12")
        t.prompt()
        t.send("go\r")
        t.wait("Loop")
        blocked = 0
        while blocked < 5:  # nobody reads: it waits in a write
            time.sleep(0.02)
            blocked = blocked + 1 if t.sleeps() else 0
        t.send("\x03")
        t.wait(b"\x1b[?2004h")
        assert t.leave() == 0


if __name__ == "__main__":
    main(sys.modules[__name__])
