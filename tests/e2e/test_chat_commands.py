#!/usr/bin/env python3
"""Commands of the chat: settings, saved conversations, the context."""
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


if __name__ == "__main__":
    main(sys.modules[__name__])
