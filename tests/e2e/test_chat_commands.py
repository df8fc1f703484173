#!/usr/bin/env python3
"""Commands of the chat: settings, saved conversations, the context."""
import fcntl
import re
import signal
import struct
import termios
import time

from harness import *
from test_chat import final
from test_repl import Terminal, plain, raw

SYSTEM = {"type": "system_content", "model_identity": "You are Mara.", "reasoning_effort": "Low",
          "knowledge_cutoff": "2023-01", "channel_config": {"valid_channels": ["analysis", "final"], "channel_required": True},
          "tools": {"python": {"name": "python", "description": "Runs it.", "tools": []}}}
TOOLS = {"functions": {"name": "functions", "description": None, "tools": [{"name": "weather", "description": "How it is outside.",
                                                                        "parameters": {"type": "object", "properties": {}}}]}}
DEVELOPER = {"type": "developer_content", "instructions": "Rhyme.", "tools": TOOLS}


def saved(name, system=SYSTEM, developer=DEVELOPER, more=()):
    messages = [{"role": role, "content": content if isinstance(content, str) else [content]}
                for role, content in (("system", system), ("developer", developer)) if content is not None]
    messages += [{"role": "user", "content": "How are you?"}, {"role": "assistant", "channel": "final", "content": "Very well."}, *more]
    path = TEMP / f"{name}.json"
    path.write_text(json.dumps({"messages": messages}))
    return path


class Chat(Terminal):
    def __init__(self, *args, **env):
        super().__init__(*args, **env)
        self.greeting = plain(self.prompt())

    def say(self, line, *words, without=()):
        self.send(line + "\r")
        self.wait(line[-20:])
        came = plain(self.prompt())
        for word in words:
            assert word in came, (line, word, came)
        for word in without:
            assert word not in came, (line, word, came)
        return came

    def bye(self):
        self.send("/quit\r")
        assert self.end() == 0


def test_a_setting_changes_its_own_field():
    kept = ["You are Mara.", "Knowledge cutoff: 2023-01", "# Valid channels: analysis, final.", "## python", "Runs it.",
            "type weather"]
    for line, has, gone in (("/effort high", ["Reasoning: high", "Rhyme."], ["Reasoning: low"]),
                            ("/set reasoning-effort medium", ["Reasoning: medium", "Rhyme."], ["Reasoning: low"]),
                            ("/set date 2026-03-04", ["Current date: 2026-03-04", "Reasoning: low", "Rhyme."], []),
                            ("/system Be brief.", ["Be brief.", "Reasoning: low"], ["Rhyme."]),
                            ("/system", ["Reasoning: low"], ["Rhyme.", "# Instructions"]),
                            ("/set temp 0.5", ["Reasoning: low", "Rhyme."], ["Current date"])):
        t = Chat(*final())
        t.say(f"/load {saved('opening')}", "How are you?", "Very well.")
        t.say("/effort", "low")
        t.say(line)
        text = raw(t)
        for word in kept + has:
            assert word in text, (line, word, text)
        for word in gone:
            assert word not in text, (line, word, text)
        t.say("/clear")
        assert "Very well" not in raw(t)
        assert has[0] in raw(t) and "You are Mara." in raw(t)
        t.bye()


def test_openings_of_other_forms():
    t = Chat(*final())
    t.say(f"/load {saved('text', system='You are plain.', developer='Say little.')}")
    t.say("/effort high", "osso: ", "plain text")
    t.say("/system Say much.")
    text = raw(t)
    assert "You are plain." in text and "Say much." in text and "Say little." not in text, text
    t.say(f"/load {saved('developer', system=None)}")
    t.say("/effort high")
    text = raw(t)
    assert text.index("Reasoning: high") < text.index("Rhyme."), text
    t.say(f"/load {saved('system', developer=None)}")
    t.say("/system Be brief.")
    text = raw(t)
    assert text.index("You are Mara.") < text.index("# Instructions") < text.index("How are you?"), text
    t.say("/system")
    assert "developer" not in raw(t)
    t.say(f"/load {saved('none', system=None, developer=None)}", "Very well.")
    assert "Reasoning: high" in raw(t)  # what was set here
    before = raw(t)
    (TEMP / "broken.json").write_text('{"messages": [')
    t.say(f"/load {TEMP / 'broken.json'}", "osso: ")
    assert raw(t) == before
    t.bye()


def test_undo():
    t = Chat(*final())
    t.say("/undo", "osso: ", "no message")
    t.say("first question", "Hello, good friend.")
    t.say("second question", "Hello, good friend.")
    t.say("/undo", "taken back: second question")
    text = raw(t)
    assert "first question" in text and "second" not in text and text.count("good friend") == 1, text
    t.say("/undo", "taken back: first question")
    text = raw(t)
    assert "question" not in text and "Reasoning: medium" in text, text
    t.say("/undo", "osso: ", "no message")
    t.bye()


def test_the_context_and_its_size():
    t = Chat(*final())  # the tiny model has 131,072, and its K and V are small
    assert re.search(r"; \d+ of 131,072\]", t.say("hi", "Hello, good friend."))
    t.say("/ctx", " of 131,072 tokens", "at most 131,072")
    t.say("/ctx 256", "holds 256 tokens")
    t.say("/ctx many", "osso: ", "'many'")
    t.say("/ctx 131073", "osso: ", "131,072")
    t.say("/ctx -1", "osso: ")
    assert re.search(r"; \d+ of 256\]", t.say("again", "Hello, good friend."))
    assert raw(t).count("good friend") == 2
    t.say("word " * 30, "context", "256", "/undo", "/clear", "/ctx 512")
    assert "word" not in raw(t)
    t.say("/ctx 512", "512")
    t.say("word " * 30, "Hello, good friend.")
    t.say("/ctx 0", "131,072")
    t.bye()
    t = Chat(*final(), "-c", "128")
    t.say("x" * 150, "/ctx 512", without=["/undo", "-c"])  # there is nothing to undo
    t.bye()
    for args, room in ((["-c", "300"], "of 300]"), (["-c", "0"], "of 131,072]"), (["-c", "5000"], "of 5,000]")):
        t = Chat(*final(), *args)
        t.say("hi", room)
        t.bye()


def test_advice_is_possible():
    whole = TEMP / "whole"
    subprocess.run(["cp", "-r", tiny()[0], whole], check=True)
    config = json.loads((whole / "config.json").read_text())
    config["max_position_embeddings"] = 256
    (whole / "config.json").write_text(json.dumps(config))
    args = ["-m", whole, "--temp", "0", *final()[4:]]
    long, middle = "word " * 200, "word " * 10
    result = osso("generate", "-m", whole, "-p", long)
    refuses(result, 1, "256", "all this model has")
    assert "-c" not in result.complaint
    result = osso("logits", "-m", whole, "--ids", ",".join(["5"] * 300), "-o", TEMP / "x.npy")
    assert result.code != 0 and "-c" not in result.complaint, result
    refuses(osso("generate", "-m", whole, "-c", "64", "-p", "word " * 30), 1, "-c 256")
    result = osso("chat", *args, "-p", long)
    refuses(result, 1, "256")
    assert "-c" not in result.complaint
    refuses(osso("chat", *args, "-c", "32", "-p", "hi"), 1, "-c ")
    t = Chat(*args)
    t.say("hi", "of 256]")
    t.say("word " * 60, "osso: ", "/undo", "/clear", without=["/ctx", "-c "])
    t.say("/clear")
    t.say("word " * 60, "send less", without=["/undo", "/ctx", "-c "])
    t.bye()


def test_go_on_with_the_last_conversation():
    state = TEMP / "kept"
    env = {"XDG_STATE_HOME": str(state)}
    refuses(osso("chat", *final(), "--continue", "-p", "hi", env=env), 1, "--continue")
    t = Chat(*final(), "--system", "Be brief.", **env)
    t.bye()
    file = state / "osso/conversation.json"
    assert not file.exists()  # nothing was said
    t = Chat(*final(), "--system", "Be brief.", **env)
    t.say("remember this", "Hello, good friend.")
    assert file.stat().st_mode & 0o777 == 0o600
    t.say("and that", "Hello, good friend.")
    t.say("/undo")
    os.kill(t.pid, signal.SIGKILL)
    os.waitpid(t.pid, 0)
    t = Chat(*final(), "--continue", **env)
    assert "remember this" in t.greeting and "Hello, good friend." in t.greeting, t.greeting
    text = raw(t)
    assert "Be brief." in text and "remember this" in text and "and that" not in text, text
    t.say("/clear")
    t.bye()
    assert "remember this" in file.read_text()  # an empty conversation takes no other's place
    result = osso("chat", *final(), "--continue", "-p", "without a terminal", env=env)
    assert result.text == "Hello, good friend.\n" and result.err == b"", result
    assert "without a terminal" in file.read_text() and "remember this" in file.read_text()
    before = file.read_text()
    t = Chat(*final(), "--no-history", **env)
    t.say("a secret", "Hello")
    t.bye()
    assert file.read_text() == before
    assert [f.name for f in (state / "osso").iterdir() if "secret" in f.read_text()] == []


def test_a_prompt_is_stopped_and_nothing_is_lost():
    path, ids = tiny()
    file = saved("long", more=[{"role": "user", "content": "la " * 30000},
                               {"role": "assistant", "channel": "final", "content": "Done."}])
    for presses in (1, 2, 5):
        t = Chat(*final(), "--exact", "--isa", "scalar", "-t", "1")
        t.say(f"/load {file}", "Done.")
        t.send("one more\r")
        t.wait("one more")
        t.wait(" left")  # some of it has been read
        for _ in range(presses):
            t.send("\x03")
            time.sleep(0.05)
        if presses == 1:  # another one may make the terminal drop what has just been written
            t.wait("taken back")
        t.prompt()
        time.sleep(0.3)  # every press has had its prompt
        assert "one more" not in raw(t) and b"Hello" not in t.seen
        t.say("/stats", "30,", " computed at ", "cancelled", "1 thread\n", "last answer 0 tokens,")
        t.say("/clear")
        t.say("hi", "Hello, good friend.")
        t.say("/regen", "Hello, good friend.")
        t.bye()


def test_settings_in_force():
    t = Chat(*final())
    t.say("/set", "temp                 0\n", "top-p                1 (default)", "reasoning-effort     medium",
          "system               none", "repeat-penalty       1 (default)")
    t.say("/set temp 0.7", "0.7")
    t.say("/set temp default", "temp                 1 (default)")
    t.say("/set temp 0")
    t.say("/effort high")
    t.say("/set reasoning-effort default", "medium")
    t.say("/system Be brief.")
    t.say("/set system", "Be brief.")
    t.say("/set system default", "none")
    t.say("/set date none", "none")
    t.say("/set date default", time.strftime("%Y-"))
    assert "Be brief." not in raw(t)
    t.bye()


def test_words_that_leave():
    for word in ("exit", "quit"):
        t = Chat(*final())
        t.say(f"how do I {word}?", "Hello, good friend.")
        t.send(word + "\r")
        assert t.end() == 0


def test_read_files_go_with_the_next_message():
    home = TEMP / "home"  # of every test
    home.mkdir(exist_ok=True)
    (home / "a.txt").write_text("alpha\n")
    (home / "b.txt").write_text("beta\n")
    (home / "empty.txt").write_text("")
    t = Chat(*final())
    t.say("/read ~/a.txt", "next message", without=["Hello"])
    t.say("/read ~/b.txt")
    t.say("/read ~/empty.txt", "osso: ")
    t.say("/read ~/none.txt", "osso: ", "none.txt")
    assert "alpha" not in raw(t)
    t.say("what is it?", "Hello, good friend.")
    assert "<|message|>alpha\n\nbeta\n\nwhat is it?<|end|>" in raw(t)
    t.say("and now", "Hello, good friend.")
    assert raw(t).count("alpha") == 1
    t.say("/read ~/a.txt")
    t.send("\r")
    t.wait("Hello, good friend.")
    t.prompt()
    assert "<|message|>alpha<|end|>" in raw(t)
    t.say("/read ~/b.txt")
    t.say("/clear")
    t.say("hi")
    assert "beta" not in raw(t)
    t.say("/save ~/c.json", "saved")
    t.say("/save ~/c.json", "replaced")
    assert (home / "c.json").exists()
    t.bye()


def test_help_fits_the_window():
    for columns in (40, 60, 80, 100):
        t = Chat(*final())
        fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        came = t.say("/help", "/undo", "take the last message", "Ctrl-C", "leave.")
        assert max(map(len, came.splitlines())) < columns, (columns, came)
        assert t.say("hi", "Hello, good friend.")
        t.bye()


if __name__ == "__main__":
    main(sys.modules[__name__])
