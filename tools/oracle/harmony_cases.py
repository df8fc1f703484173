"""Random conversations and token streams for harmony, and the reference's answers to them.

The reference is openai-harmony 0.0.8 (PyPI); it reads o200k_base.tiktoken from the folder that the environment
variable TIKTOKEN_ENCODINGS_BASE names. Used by golden_harmony.py and oracle_harmony.py."""

import json
import random

from openai_harmony import HarmonyEncodingName, Role, StreamableParser, load_harmony_encoding

ROLES = ["system", "developer", "user", "assistant", "tool"]
CHANNELS = ["analysis", "commentary", "final"]
START, MESSAGE, CHANNEL, CONSTRAIN = 200006, 200008, 200005, 200003
END, RETURN, CALL = 200007, 200002, 200012
STOPS = (END, RETURN, CALL)

FRAGMENTS = [
    "hello", " world", "\n", "\r\n", "\r", "\n\n", " ", "  ", "\t", "é", "e\u0301", "日本語", "Привет", "नमस्ते", "😀", "👩‍👩‍👧",
    "<|start|>", "<|end|>", "<|channel|>final", "<|message|>", "<|constrain|>json", "\u0000", "\x7f", "\u2028", "\u00a0",
    "\u0085", "\u2003", "{\"a\": 1}", "'s", "I'LL", "12345", "/", "\\", "\"", "`", "null", "to=functions.x", "//", "// x",
    "a" * 40, "\ufeff", "\ufffd", "ﬁ", "ſ", "x\r", "\rx", "# Tools", "functions.get_time", "\x0b", "\x0c", "\x01", "‰", "𝔘",
]
NAMES = ["a", "get_time", "find-it", "x y", "ünï", "", "search", "functions", "lookup2", "$n", "\n", "null"]
NUMBERS = [
    "0", "1", "-1", "-0", "0.0", "-0.0", "1.10", "1e5", "1E+2", "1e-07", "1e-05", "0.00001", "1e15", "1e16", "123456789012345680.0",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551615", "18446744073709551616", "123456789012345678901234567890", "5e-324", "2.2250738585072014e-308",
    "1.7976931348623157e308", "0.1", "3.141592653589793", "1e22", "1e23", "5.684341886080801e-14", "1e-400", "0e999999999999",
    "1.5e300", "123.456e-7", "100", "1e0", "18446744073709551619.3", "1e-6", "0.0000012345", "0.000012345", "1234567890123456", "12345678901234567.0",
]


class Raw(str):
    """A piece of JSON as it is."""


class Pairs(list):
    """An object as (key, value) pairs: repeated keys survive."""


def dump(v):
    if isinstance(v, Raw):
        return str(v)
    if isinstance(v, Pairs):
        return "{" + ",".join(json.dumps(k) + ":" + dump(x) for k, x in v) + "}"
    if isinstance(v, dict):
        return dump(Pairs(v.items()))
    if isinstance(v, list):
        return "[" + ",".join(map(dump, v)) + "]"
    return json.dumps(v, ensure_ascii=bool(isinstance(v, str) and len(v) % 2))


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def chance(self, p):
        return self.r.random() < p

    def text(self, most=6):
        return "".join(self.r.choice(FRAGMENTS) for _ in range(self.r.randint(0, most)))

    def name(self):
        return self.r.choice(NAMES) if self.chance(0.7) else self.text(3)

    def number(self):
        if self.chance(0.6):
            return Raw(self.r.choice(NUMBERS))
        kind = self.r.randint(0, 3)
        if kind == 0:
            return Raw(str(self.r.randint(-(2**70), 2**70)))
        if kind == 1:
            return Raw(repr(self.r.random() * 10 ** self.r.randint(-300, 300)))
        digits = "".join(self.r.choice("0123456789") for _ in range(self.r.randint(1, 25)))
        return Raw(f"{self.r.choice(['', '-'])}{self.r.randint(0, 99)}.{digits}e{self.r.randint(-40, 40)}")

    def value(self, depth=0):
        kind = self.r.randint(0, 8 if depth < 3 else 5)
        if kind <= 1:
            return self.number()
        if kind == 2:
            return self.text(3)
        if kind == 3:
            return self.r.choice([True, False])
        if kind == 4:
            return None
        if kind == 5:
            return self.r.choice(["low", "q\"x", ""])
        if kind == 6:
            return [self.value(depth + 1) for _ in range(self.r.randint(0, 3))]
        return Pairs((self.name(), self.value(depth + 1)) for _ in range(self.r.randint(0, 3)))

    # ---- schemas

    def schema(self, depth=0):
        if self.chance(0.04):
            return self.value(2)
        s = Pairs()
        if self.chance(0.25 if depth < 4 else 0):
            s.append(("oneOf", [self.schema(depth + 1) for _ in range(self.r.randint(0, 3))] if self.chance(0.9) else self.value(2)))
        if self.chance(0.92):
            s.append(("type", self.type(depth)))
        kind = s[-1][1] if s and s[-1][0] == "type" else None
        if kind == "object" or self.chance(0.05):
            self.object_parts(s, depth)
        if kind == "string" and self.chance(0.5) or self.chance(0.05):
            s.append(("enum", [self.r.choice(["S", "M", "a b", "q\"", "null", "", 1, None]) for _ in range(self.r.randint(0, 4))]))
        if kind == "array" and self.chance(0.8):
            s.append(("items", self.schema(depth + 1)))
        for key, p in (("description", 0.4), ("title", 0.15), ("default", 0.3), ("nullable", 0.15), ("examples", 0.15)):
            if self.chance(p):
                s.append((key, self.annotation(key)))
        if self.chance(0.05):
            s.append((self.r.choice(["anyOf", "$ref", "const", "additionalProperties", "format"]), self.value(2)))
        if self.chance(0.03) and s:
            s.append((self.r.choice(s)[0], self.value(2)))
        if self.chance(0.3):
            self.r.shuffle(s)
        return s

    def type(self, depth):
        if self.chance(0.1):
            return [self.r.choice(["integer", "null", "string", "number", "array", "x", 1, None]) for _ in range(self.r.randint(0, 3))]
        if self.chance(0.03):
            return self.r.choice(["null", "any", "", 1, None, Pairs()])
        return self.r.choice(["object", "array", "string", "number", "integer", "boolean"] if depth < 4 else ["string", "integer"])

    def object_parts(self, s, depth):
        names = [self.name() for _ in range(self.r.randint(0, 4))]
        if self.chance(0.9):
            s.append(("properties", Pairs((n, self.schema(depth + 1)) for n in names) if self.chance(0.96) else self.value(2)))
        if self.chance(0.5):
            s.append(("required", [n for n in names if self.chance(0.5)] + ([1] if self.chance(0.1) else [])))

    def annotation(self, key):
        if self.chance(0.05):
            return self.value(2)
        if key == "nullable":
            return self.chance(0.8)
        if key == "examples":
            return [self.value(2) if self.chance(0.2) else self.text(2) for _ in range(self.r.randint(0, 3))]
        if key == "default":
            return self.value(1)
        return self.text(3)

    def tool(self):
        t = Pairs([("name", self.name()), ("description", self.text(5) if self.chance(0.9) else "")])
        if self.chance(0.85):
            t.append(("parameters", self.schema() if self.chance(0.93) else self.r.choice([None, Pairs(), True, [], 1])))
        if self.chance(0.1):
            t.append(("strict", self.value()))
        return t

    def tools(self):
        out = Pairs()
        for _ in range(self.r.randint(0, 3)):
            key = self.r.choice(["functions", "browser", "python", "Z", "a", "é"]) if self.chance(0.9) else self.name()
            space = Pairs([("name", key if self.chance(0.8) else self.name()), ("tools", [self.tool() for _ in range(self.r.randint(0, 3))])])
            if self.chance(0.6):
                space.append(("description", self.text(5) if self.chance(0.9) else None))
            out.append((key, space))
        return out

    # ---- messages

    def system(self):
        s = Pairs([("type", "system_content")])
        for key, make in (("model_identity", self.text), ("knowledge_cutoff", self.text), ("conversation_start_date", self.text)):
            if self.chance(0.6):
                s.append((key, make(2) if self.chance(0.9) else None))
        if self.chance(0.7):
            s.append(("reasoning_effort", self.r.choice(["Low", "Medium", "High", "High", None])))
        if self.chance(0.4):
            s.append(("tools", self.tools() if self.chance(0.9) else None))
        if self.chance(0.7):
            channels = CHANNELS if self.chance(0.7) else [self.name() for _ in range(self.r.randint(0, 3))]
            s.append(("channel_config", Pairs([("valid_channels", channels), ("channel_required", self.chance(0.7))])))
        return s

    def developer(self):
        d = Pairs([("type", "developer_content")])
        if self.chance(0.7):
            d.append(("instructions", self.text() if self.chance(0.9) else None))
        if self.chance(0.7):
            d.append(("tools", self.tools() if self.chance(0.95) else None))
        return d

    def part(self, role):
        if role == "system" and self.chance(0.8):
            return self.system()
        if role == "developer" and self.chance(0.8):
            return self.developer()
        if self.chance(0.01):
            return self.r.choice([self.system, self.developer])()
        return Pairs([("type", "text"), ("text", self.text(10))])

    def message(self):
        role = self.r.choice(ROLES + ["assistant", "user"] * 2)
        m = Pairs([("role", role)])
        if role == "tool" and self.chance(0.97) or self.chance(0.08):
            m.append(("name", self.r.choice(["functions.get_time", "browser.search", "python", ""]) if self.chance(0.8) else self.text(2)))
        assistant = role in ("assistant", "tool")
        if self.chance(0.4 if assistant else 0.05):
            m.append(("recipient", self.r.choice(["all", "assistant", "functions.f", "browser.open", "", None]) if self.chance(0.8) else self.text(2)))
        if self.chance(0.8 if assistant else 0.05):
            m.append(("channel", self.r.choice(CHANNELS) if self.chance(0.9) else self.r.choice([None, "", self.text(2)])))
        if self.chance(0.2):
            m.append(("content_type", self.r.choice(["json", "<|constrain|>json", "<|constrain|>", "code", "", " ", "<|constrain|> x"]) if self.chance(0.9) else self.text(2)))
        if role in ("user", "assistant", "tool") and self.chance(0.8):
            m.append(("content", self.text(10)))
        else:
            m.append(("content", [self.part(role) for _ in range(1 if self.chance(0.8) else self.r.randint(0, 3))]))
        if self.chance(0.03):
            m.append(("id", self.value()))
        if self.chance(0.2):
            self.r.shuffle(m)
        return m

    def conversation(self):
        c = Pairs([("messages", [self.message() for _ in range(self.r.randint(0, 6))])])
        text = dump(c)
        if self.chance(0.06):
            text = self.damage(text)
        return text

    def damage(self, text):
        """JSON that the reference may refuse."""
        kind = self.r.randint(0, 6)
        at = self.r.randrange(len(text))
        if kind == 0:
            return text[:at] + text[at + 1:]
        if kind == 1:
            return text[:at]
        if kind == 2:
            return text + self.r.choice([" ", "\n", "x", "{}", "\u00a0"])
        if kind == 3:
            return self.r.choice(["\ufeff", " ", "\n", "\x0b"]) + text
        if kind == 4:
            old = self.r.choice(['"content"', '"role"', '"text"', '"name"', '"tools"', '"type"', '"description"', '"messages"'])
            return text.replace(old, self.r.choice([old + ":null," + old, '"x"', old + ":" + '"y",' + old]), 1)
        if kind == 5:
            return text.replace(self.r.choice(['"user"', '"text"', '"Low"', '"High"', "true", '"hello"']),
                                self.r.choice(['"low"', "null", "1e400", '"\\ud800"', '"\\ud83d\\ude00"', "[]", "01", "\"\x01\""]), 1)
        return text[:at] + self.r.choice(['"', "{", "}", "[", "]", ",", ":", "0", "\\", "e", " "]) + text[at:]

    # ---- token streams

    def header(self, enc, start, wild):
        r = self.r
        ids = []

        def say(text):
            ids.extend(enc._inner.encode(text, []))

        def some(p_mild, p_wild, mild, odd):
            if self.chance(p_wild if wild else p_mild):
                say(r.choice(mild + odd if wild else mild))
                return True
            return False

        if start:
            ids.append(START)
            say(r.choice(["assistant"] * 6 + ["user", "system", "tool"]
                         + (["functions.get_time", "python", "user:bob", "assistant:x", "assistantcommentary", "assistantassistant",
                             "foo", ""] if wild else [])))
        some(0.2, 0.25, [" to=functions.f", " to=python"], [" to=assistant", "to=x", " functions.f", " json", " final"])
        if self.chance(0.8):
            ids.append(CHANNEL)
            say(r.choice(CHANNELS * 4 + (["", "x", "final\u00a0x", "\u2003", "final\x0bto=q"] if wild else [])))
        if wild and self.chance(0.05):
            ids.append(CHANNEL)
            say(r.choice(CHANNELS))
        if some(0.2, 0.3, [" to=functions.f", " to=browser.open", " functions.g"],
                [" to=assistant", "to=y", " final", " commentary", "\t to=z\n"]) and self.chance(0.6) or wild and self.chance(0.2):
            say(" " if self.chance(0.7) else "")
            if self.chance(0.7):
                ids.append(CONSTRAIN)
            say(r.choice(["json", "code"] + ([" json", "x", "", "json extra words", "\u00a0"] if wild else [])))
        if self.chance(0.92 if wild else 0.99):
            ids.append(MESSAGE)
        return ids

    def stream(self, enc):
        """(ids, role): role is that of the header which the prompt has opened, or None."""
        ids = []
        role = self.r.choice([None, None, "assistant", "assistant", "assistant", "tool", "user"])
        wild = self.chance(0.5)
        for i in range(self.r.randint(1, 4)):
            start = not (wild and self.chance(0.1)) if i or role is None else wild and self.chance(0.1)
            ids += self.header(enc, start, wild)
            ids += enc._inner.encode(self.text(10), [])
            if not wild or self.chance(0.9):
                ids.append(self.r.choice(STOPS))
        return (self.mutate(ids) if self.chance(0.8 if wild else 0.3) else ids), role

    def mutate(self, ids):
        ids = list(ids)
        if self.chance(0.2):
            del ids[self.r.randint(0, len(ids)):]
        for _ in range(self.r.randint(0, 3)):
            at = self.r.randint(0, len(ids))
            kind = self.r.randint(0, 5)
            if kind == 0 and at < len(ids):
                del ids[at]
            elif kind == 1:
                ids.insert(at, self.odd_id())
            elif kind == 2 and at < len(ids):
                ids[at] = self.odd_id()
            elif kind == 3 and at < len(ids):
                ids.insert(at, ids[at])
            elif kind == 4 and at + 1 < len(ids):
                ids[at], ids[at + 1] = ids[at + 1], ids[at]
            else:
                ids[at:at] = [self.r.randrange(256) for _ in range(self.r.randint(1, 4))]
        return ids

    def odd_id(self):
        kind = self.r.randint(0, 9)
        if kind <= 3:
            return self.r.choice([START, MESSAGE, CHANNEL, CONSTRAIN, END, RETURN, CALL])
        if kind <= 5:
            return self.r.randrange(256)
        if kind == 6:
            return self.r.choice([9552, 1562, 220, 198, 13225])
        if kind == 7:
            return self.r.choice([199998, 199999, 200000, 200017, 201000, 201087])
        if kind == 8:
            return self.r.choice([201088, 201089, 300000, 2**31 - 1]) if self.chance(0.3) else 9552
        return self.r.randrange(199998)


# ---- the reference

class Reference:
    def __init__(self):
        self.enc = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)

    def render(self, text, purpose, drop):
        """ids, or None if the reference refuses."""
        config = {"auto_drop_analysis": drop}
        inner = self.enc._inner
        try:
            if purpose == "completion":
                return inner.render_conversation_for_completion(text, "assistant", config)
            if purpose == "training":
                return inner.render_conversation_for_training(text, config)
            return inner.render_conversation(text, config)
        except Exception:
            return None

    def parse(self, ids, role, strict):
        """(messages, refused): the messages up to the refusal."""
        p = StreamableParser(self.enc, None if role is None else Role(role), strict=strict)
        refused = False
        try:
            for t in ids:
                p.process(t)
            p.process_eos()
        except Exception:
            refused = True
        return json.loads(p._inner.messages), refused

    def trace(self, ids, role, strict):
        """What the streaming parser shows after each id; stops at a refusal."""
        p = StreamableParser(self.enc, None if role is None else Role(role), strict=strict)
        out = []
        try:
            for t in ids:
                p.process(t)
                i = p._inner
                out.append((i.current_role, i.current_channel, i.current_recipient, i.current_content_type, i.last_content_delta))
        except Exception:
            out.append(None)
        return out
