#!/usr/bin/env python3
"""chat in a terminal: what is shown to who waits, and what ends or stops an answer."""
import re
import signal
import termios
import time

from harness import *
from test_chat import final
from test_chat_commands import Chat, saved
from test_repl import Terminal, plain, raw
from test_repl_paste import Seen, child_of, modes, screen

SLOW_PROMPT = ("--exact", "--isa", "scalar", "-t", "1")


def endless(*args):
    """It says "Loop la la la ..." until the context is full, as a thought without the second bias."""
    path, ids = tiny()
    return ["-m", path, "--temp", "0", "--logit-bias", f"{ids['Loop']}+12", "-c", "0", *SLOW_PROMPT, *args]


def answering():
    return endless("--logit-bias", f"{tiny()[1]['final']}+5")


def long_conversation(words=15000 if SLOW == 1 else 2000):
    return saved(f"long-{words}", more=[{"role": "user", "content": "la " * words},
                                        {"role": "assistant", "channel": "final", "content": "Done."}])


def lines_of_progress(came):
    """Each drawing of the line, as text."""
    return re.findall(r"\r(?:\x1b\[2m)?([a-z][^\r\n\x1b]*)(?:\x1b\[0m)?\x1b\[K", came.decode("utf-8", "replace"))


def test_a_long_prompt_tells_how_far_it_is():
    t = Seen(*final(), *SLOW_PROMPT, "-c", "0")
    t.size(80, 24)
    t.prompt()
    t.send(f"/load {long_conversation()}\r")
    t.prompt()
    t.send("one more\r")
    t.wait("one more")
    start = time.monotonic()
    t.wait("reading ")
    assert time.monotonic() - start < 1.5 * SLOW
    t.wait(" left")
    t.wait(" left")
    t.wait("Hello, good friend.")
    seconds = time.monotonic() - start
    drawn = lines_of_progress(t.everything)
    assert 2 <= len(drawn) <= 10 * seconds + 2, (len(drawn), seconds)
    parts = [re.fullmatch(r"reading ([\d,]+) of ([\d,]+) tokens, [\d.]+ per second, \d+ (s|min) left", d) for d in drawn]
    done = [int(m[1].replace(",", "")) for m in parts if m]
    assert done and done == sorted(done) and done[-1] <= 15500, drawn
    t.prompt()
    shown = screen(t, 80, 24)
    assert not [line for line in shown if "reading" in line], shown
    assert "Hello, good friend." in shown, shown
    t.send("/quit\r")
    assert t.end() == 0


def test_what_is_counted_has_its_name():
    (TEMP / "many.jsonl").write_text("".join(json.dumps(f"{i} there was a fox in the woods. " * 12) + "\n" for i in range(300)))
    t = Seen(shell=f"exec '{OSSO}' embed -m '{bundled()}' --data '{TEMP}/many.jsonl' -o '{TEMP}/many.npy'")
    t.wait(" of 300 texts, ")
    t.send("\x03")
    assert t.end() == 130


def test_hidden_thoughts_are_counted():
    t = Seen(*endless("--reasoning", "hide"))
    t.prompt()
    t.send("hi\r")
    t.wait("thinking, ")
    t.wait("thinking, ")
    t.send("\x03")
    t.prompt()
    counts = [int(n.replace(",", "")) for n in re.findall(rb"thinking, ([\d,]+) token".decode(), t.everything.decode())]
    assert counts == sorted(counts) and counts[0] > 0, counts
    assert "thinking" not in "\n".join(screen(t, 100, 40))
    t.send("/quit\r")
    assert t.end() == 0
    t = Terminal(*endless("--reasoning", "show"))
    t.prompt()
    t.send("hi\r")
    came = t.wait(" la" * 20)
    end = time.monotonic() + 1.2
    while time.monotonic() < end:
        t.read(0.1)
    assert b"thinking" not in came + t.seen
    t.send("\x03")
    t.leave()


def test_nothing_where_nobody_looks():
    t = Terminal(*endless("--reasoning", "hide"), TERM="dumb")
    t.prompt()
    t.send("hi\r")
    t.wait("hi\r\n")
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        t.read(0.1)
    t.send("\x03")
    assert b"thinking" not in t.prompt()
    t.send("\x04")
    assert t.end() == 0
    for verb in (("chat",), ("generate", "--chat"), ("generate",)):
        result = osso(*verb, *endless()[:6], "-c", "0", "-n", str(15000 // SLOW), "-p", "hi", env={"TERM": "xterm"})
        assert b"\x1b" not in result.err and b"thinking" not in result.err and b"answering" not in result.err, result


def test_ctrl_c_is_answered_at_once():
    """Its stop takes a moment here: one layer over tens of thousands of keys."""
    t = Seen(*final(), *SLOW_PROMPT, "-c", "0")
    t.size(80, 24)
    t.prompt()
    t.send(f"/load {long_conversation(20000)}\r")
    t.prompt()
    t.send("one more\r")
    t.wait(" left")
    for _ in range(3):
        t.send("\x03")
        t.read(0.05)
    t.wait("taken back")
    t.prompt()
    t.settle()
    marks = [line for line in screen(t, 80, 24) if "^C" in line]
    assert set(marks) <= {">>> ^C"}, marks  # at a prompt it is the editor's word; a press in the answer shows nothing
    t.send("/stats\r")
    t.wait("cancelled")
    t.send("/quit\r")
    assert t.end() == 0


def kept(state):
    return json.loads((state / "osso/conversation.json").read_text())["messages"]


def test_a_signal_during_an_answer_keeps_the_conversation():
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        state = TEMP / f"state-{sig}"
        t = Terminal(*answering(), XDG_STATE_HOME=str(state))
        master, slave = os.dup(t.fd), os.open(os.readlink(f"/proc/{t.pid}/fd/0"), os.O_RDWR | os.O_NOCTTY)
        t.prompt()
        t.send("hi\r")
        t.wait(" la" * 20)
        assert modes(t)[1] is False  # what is typed now would be written into the answer
        os.kill(t.pid, sig)
        assert t.end() == -sig
        flags = termios.tcgetattr(master)[3]
        assert flags & termios.ICANON and flags & termios.ECHO and not flags & termios.NOFLSH, sig
        os.close(slave)
        os.close(master)
        assert [m["role"] for m in kept(state)][-2:] == ["user", "assistant"], kept(state)
        t = Chat(*final(), "--continue", XDG_STATE_HOME=str(state))
        assert "la la la" in raw(t)
        t.bye()


def test_a_single_answer_is_kept_too():
    state = TEMP / "state-once"
    t = Chat(*final(), XDG_STATE_HOME=str(state))
    t.say("before", "Hello")
    t.bye()
    t = Terminal(*answering(), "--continue", "-p", "more", XDG_STATE_HOME=str(state))
    t.wait(" la" * 20)
    os.kill(t.pid, signal.SIGTERM)
    assert t.end() == -signal.SIGTERM
    texts = json.dumps(kept(state))
    assert "before" in texts and "more" in texts and "la la" in texts


def test_stopped_and_continued_during_an_answer():
    t = Terminal(*answering(), shell='set -m; "$@"; echo "stopped:$(stty -a | tr -d \';\' | grep -oE \'(^| )-?(icanon|echo)( |$)\' | tr -d \'\\n\')"; fg')
    t.prompt()
    t.send("hi\r")
    t.wait(" la" * 20)
    os.kill(child_of(t.pid), signal.SIGTSTP)
    t.wait("stopped:")
    assert t.wait("\r\n").split() == [b"icanon", b"echo"]
    t.wait(" la" * 20)
    assert modes(t) == (True, False)
    t.send("\x03")
    t.leave()


def test_what_is_typed_during_an_answer_waits():
    t = Seen(*answering())
    t.prompt()
    t.send("hi\r")
    t.wait(" la" * 20)
    t.send("typed ahead")
    for _ in range(3):
        t.read(0.1)
    assert b"typed" not in t.everything
    t.send("\x03")  # throws it away, as terminals do
    t.prompt()
    t.send("x")
    t.wait("x")
    assert b"typed" not in t.everything
    t.send("\x15")
    t.send("/set n-predict 3\r")
    t.prompt()
    t.send("again\r/stats")
    t.wait("/stats")
    t.send("\r")
    t.wait("last answer")
    t.leave()


if __name__ == "__main__":
    main(sys.modules[__name__])
