"""Osso itself: how to do what with it. The questions and sentences stand in osso_intents.py; whatever they name must exist
in the tables that the program is made from, and what a name does is taken from there.

    family_osso.py [SEED [N]]       prints N draws
"""
import os
import re
import sys

from exchange import Ask, Exchange
from osso_intents import ASK, HOW, OPTIONS_ASKED, SAYS, VERBS_ASKED

CLI = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "cli")


def rows(name, macros):
    """The arguments of the rows of a .def file, texts without their quotes: OPTION(a, "b", 'c', "d" "e") is [a, b, c, de]."""
    with open(os.path.join(CLI, name)) as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    out, string = [], r'"(?:[^"\\]|\\.)*"'
    for m in re.finditer(r"^(\w+)\(((?:" + string + r"|[^\"])*?)\)$", text, flags=re.M):
        if m.group(1) in macros:
            args = re.findall(r"(?:" + string + r"|'.'|\([^()]*\)|[^,\"])+", m.group(2))
            out.append([unquoted(a.strip()) for a in args])
    return out


def unquoted(arg):
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"', arg)
    return "".join(parts).replace('\\"', '"') if parts else arg.strip("'") if arg[:1] == "'" else "" if arg in ('""', "NULL") else arg


COMMANDS = {r[0]: r[3] for r in rows("chat/chat_commands.def", {"COMMAND"})}
ALIASES = {a: r[0] for r in rows("chat/chat_commands.def", {"COMMAND"}) for a in r[1].split()}
VERBS = {(r[0] if len(r) == 8 else r[0] + " " + r[1]): r[-2] for r in rows("verbs.def", {"VERB", "VERB2"})}
OPTION_ROWS = rows("options.def", {"OPTION"})
OPTIONS = {}
for _r in OPTION_ROWS:
    OPTIONS.setdefault(_r[1], _r[-1])                   # of options that several verbs have, what the first means
LETTERS = {r[2] for r in OPTION_ROWS if len(r[2]) == 1 and r[2].isalpha()}


def unknown_names(text):
    """What a sentence names that the program does not have."""
    out = ["/" + n for n in re.findall(r"(?<![\w/])/(\w+)", text) if n not in COMMANDS and n not in ALIASES]
    out += ["--" + n for n in re.findall(r"(?<!\S)--([a-z][a-z-]*)", text) if n not in OPTIONS]
    out += ["-" + n for n in re.findall(r"(?<!\S)-(\w)(?!\w)", text) if n not in LETTERS]
    out += ["/set " + n for n in re.findall(r"/set ([a-z-]+)", text) if n != "and" and n not in OPTIONS]
    for first, second in re.findall(r"\b(?:type|start|Start) osso (\w+)(?: (\w+))?", text):
        if first not in VERBS and f"{first} {second}" not in VERBS and first != "with":
            out.append(f"osso {first}")
    return out


def short_help(text):
    """The first clause of a help text."""
    return re.split(r"[:;(\[]|, (?:and|or) ", text)[0].strip().rstrip(".")


# ---- asking

HOW_WAYS = ["How do I {do}?", "How can I {do}?", "I want to {do}.", "What do I type to {do}?", "How to {do}?", "Tell me how to {do}.", "Which command do I need to {do}?", "I would like to {do}.", "Can I {do}?", "Is there a way to {do}?",
            "Show me how to {do}.", "Can you tell me how to {do}?", "What must I type to {do}?"]
WHAT_WAYS = ["What does {x} do?", "What is {x}?", "What is {x} for?", "Tell me what {x} does.", "What happens with {x}?", "Explain {x}.", "What can I do with {x}?", "Do you know what {x} does?", "Why is there {x}?", "Can you tell me what {x} does?",
             "I want to know what {x} does."]

NAMED = [("/" + n, short_help(h)) for n, h in COMMANDS.items()] + [("osso " + v, short_help(VERBS[v])) for v in VERBS_ASKED] + [("--" + o, short_help(OPTIONS[o])) for o in OPTIONS_ASKED]
NAMED = [(name, SAYS.get(name, does)) for name, does in NAMED]


def exchange(kind, user, answer, topic, names):
    """names: what alone is enough as an answer, where the names are all that was asked for."""
    return Exchange("osso", kind, user[0].upper() + user[1:], answer, {"medium": f"This is about {topic}.", "high": f"This is about {topic}. {answer}"}, {"answer": [answer] + names}, 2.0)


def how(ask, answer):
    doing = HOW[answer]
    command = re.search(r"(/[a-z]+(?: (?:high|low|medium|temp|temp 0|seed|n-predict|reasoning \w+))?|osso .*|Ctrl-C|--threads)", answer)
    name = command.group(1).rstrip(".:") if command else ""
    return exchange("how", ask.phrase(HOW_WAYS).format(do=ask.r.choice(doing)), answer, name or "typing", [name] if name else [])


def draw(ask):
    """One to three questions about osso."""
    out = []
    for _ in range(ask.r.choice((1, 2, 2, 3))):
        p = ask.r.random()
        if p < .62:
            e = how(ask, ask.r.choice(list(HOW)))
        elif p < .78:
            answer = ask.r.choice(list(ASK))
            e = exchange("about", ask.phrase(ASK[answer]), answer, "osso", [])
        else:
            name, does = ask.r.choice(NAMED)
            e = exchange("name", ask.phrase(WHAT_WAYS).format(x=name), f"{name}: {does}.", name, [does])
        if all(e.user != o.user for o in out):
            out.append(e)
    return out


def check_names():
    """Every command, verb and option that is named must exist."""
    wrong = [n for text in list(HOW) + list(ASK) + list(SAYS) for n in unknown_names(text)] + [v for v in VERBS_ASKED if v not in VERBS] + [o for o in OPTIONS_ASKED if o not in OPTIONS]
    if wrong:
        raise ValueError("osso_intents.py names what osso does not have: " + ", ".join(wrong))


check_names()

if __name__ == "__main__":
    seed, count = (int(v) for v in (sys.argv[1:] + ["0", "20"][len(sys.argv) - 1:])[:2])
    print(len(COMMANDS), "commands,", len(VERBS), "verbs,", len(OPTIONS), "options;", len(HOW) + len(ASK), "intents,", len(NAMED), "names")
    for s in range(seed, seed + count):
        for e in draw(Ask(s)):
            print(f"{s:4} {e.kind:6} {e.user}\n     -> {e.answer}   [{e.think['medium']}]   {e.check}")
