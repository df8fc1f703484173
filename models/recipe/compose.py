"""Conversations of the bundled model's world: families of questions joined, as lines that `osso train` learns from.

conversation(seed) is {"messages", "tools", "reasoning_effort", "date"} with "weight" on what the assistant says; beside
them, for whoever measures, "families": about how many tokens each family has in it. A row holds 1,024 tokens, thoughts are learned in the last turn alone, and a system
message is 60 tokens: so short questions come several to a conversation, and the last turn is often one that wants thinking.
python3 models/recipe/compose.py [seed [n]] prints some.
"""
import re
import sys

import family_facts
import family_numbers
import family_osso
import family_reading
import family_stories
import family_talk
import family_tools
import family_unknown
import family_words
import instructions
from exchange import Ask

# family: (module, share of the draws; tools stand beside them). A draw of stories has 175 tokens, of facts and reading
# 80-100, of the others 40-60: so these shares make stories and reading a fifth of the tokens each, facts a sixth.
FAMILIES = {
    "stories": (family_stories, 9), "reading": (family_reading, 30), "facts": (family_facts, 16), "osso": (family_osso, 4), "numbers": (family_numbers, 16),
    "words": (family_words, 7), "talk": (family_talk, 12), "unknown": (family_unknown, 8),
}
# effort: shares of conversations of one draw, of several, of stories first and then many turns. Where thoughts are learned it pays to be short.
FORMS = {"low": (15, 70, 15), "medium": (34, 55, 11), "high": (55, 37, 8)}
TOOLS_SHARE = 0.12
INSTRUCTED = 0.15
DATED = 0.25                                            # `osso chat` tells the date, other programs often do not
CHARS_A_TOKEN = 4.05                                    # of this text under its own tokenizer; make_data.py prints what it is
NUMBER = re.compile(" (?=[0-9])")
NO_DIGITS = str.maketrans("", "", "0123456789")
SYSTEM_TOKENS, DATE_TOKENS, TURN_TOKENS = 57, 16, 12    # what harmony puts around the texts
ROOM = 950                                              # of a row of 1,024 tokens, by that estimate
THINKERS = ("numbers", "reading", "words")              # where the last turn's thoughts are worth most


def tokens(text):
    """About how many tokens a text has; digits are one each, and so is the blank before a number."""
    rest = len(text.translate(NO_DIGITS))
    return (rest / CHARS_A_TOKEN + len(text) - rest) + (len(NUMBER.findall(text)) * 0.9 if rest < len(text) else 0)


def cost(e):
    return TURN_TOKENS + tokens(e.user) + tokens(e.answer)


def draw(ask, family):
    out = FAMILIES[family][0].draw(ask)
    assert out and all(e.user and e.answer for e in out), family
    return out


def choose(ask, families=None):
    names = families or list(FAMILIES)
    return ask.r.choices(names, [FAMILIES[n][1] for n in names])[0]


def part(ask, family):
    """A draw, often only its beginning: so each kind of question is at times the last, whose thoughts are learned."""
    out = draw(ask, family)
    if len(out) > 1 and ask.effort != "low" and family != "stories" and ask.r.random() < (0.7 if ask.effort == "high" else 0.35):
        out = out[:ask.r.randint(1, len(out))]
    return out


def alone(ask):
    return [part(ask, choose(ask))]


def joined(ask):
    """Two to four families; the one that thinks most stands last more often than not."""
    parts = [(f, part(ask, f)) for f in (choose(ask) for _ in range(ask.r.choice([2, 3, 3, 4])))]
    if ask.effort != "low" and ask.r.random() < 0.6:
        parts.sort(key=lambda p: p[0] in THINKERS)
    return [p for _, p in parts]


def long(ask):
    """Stories first, then turns that change the subject."""
    parts = [draw(ask, "stories") for _ in range(ask.r.choice([1, 1, 2, 2, 3]))]
    others = [n for n in FAMILIES if n != "stories"]
    for _ in range(ask.r.randint(2, 5)):
        parts.append(part(ask, choose(ask, others + ["stories"] if ask.r.random() < 0.15 else others)))
    return parts


def fit(ask, parts, room):
    """The exchanges that a row has room for. What stands first goes when it is too much, so that the last turn stays."""
    while len(parts) > 1 and sum(cost(e) for p in parts for e in p) > room:
        parts = parts[1:]
    out = [e for p in parts for e in p]
    while len(out) > 1 and sum(map(cost, out)) + tokens(out[-1].think.get(ask.effort, "")) > room:
        out.pop()
    return out


def weight(e):
    """A short answer counts for more than its few tokens."""
    return round(max(e.weight, min(3.0, max(1.0, (50 / max(1, tokens(e.answer))) ** 0.5))), 2)


SHORT_INSTRUCTED = False                                # under a developer's message at most two turns: more can be asked of them
THOUGHT_OF = 1.0                                        # what an answer that is thought of first weighs at least


def messages(ask, developer, exchanges):
    out = [{"role": "developer", "content": developer}] if developer else []
    for i, e in enumerate(exchanges):
        out.append({"role": "user", "content": e.user if e.fixed else instructions.typed(ask, e.user)})
        said = {"role": "assistant", "content": e.answer, "weight": weight(e)}
        think = e.think.get(ask.effort, "") if i + 1 == len(exchanges) and ask.effort != "low" else ""
        out.append({**said, "thinking": think, "weight": max(said["weight"], THOUGHT_OF)} if think else said)
    return out


def plain(ask):
    """Questions that need no function."""
    return draw(ask, ask.r.choice(["facts", "talk"]))


def date(ask):
    return {"date": f"{ask.r.randint(2025, 2028)}-{ask.r.randint(1, 12):02}-{ask.r.randint(1, 28):02}"} if ask.r.random() < DATED else {}


def conversation(seed, effort=None):
    """The conversation of a seed."""
    ask = Ask(seed, effort)
    if ask.r.random() < TOOLS_SHARE:
        c = family_tools.draw(ask, plain)
        for m in c["messages"]:
            if m["role"] == "user":
                m["content"] = instructions.typed(ask, m["content"]) if '"' not in m["content"] else m["content"]
        return {"messages": c["messages"], "tools": c["tools"], "reasoning_effort": ask.effort, **date(ask), "families": {"tools": 250}}
    parts = ask.r.choices([alone, joined, long], FORMS[ask.effort])[0](ask)
    developer = None
    exchanges = fit(ask, parts, ROOM - SYSTEM_TOKENS - DATE_TOKENS)
    families = {}
    for e in exchanges:
        families[e.family] = families.get(e.family, 0) + cost(e)
    if ask.r.random() < INSTRUCTED:
        if SHORT_INSTRUCTED:
            exchanges = exchanges[:ask.r.randint(1, 2)]
        developer, exchanges = instructions.instruct(ask, exchanges)
    return {"messages": messages(ask, developer, exchanges), "reasoning_effort": ask.effort, **date(ask), "families": families}


def show(c):
    print(f"--- {' '.join(c['families'])}, {c['reasoning_effort']}")
    if "tools" in c:
        return family_tools.show({**c, "marks": [("", "", "")]})
    for m in c["messages"]:
        think = f"[{m['thinking']}] " if "thinking" in m else ""
        print(f"   {m['role']}: {think}{m['content']}" + (f"  ({m['weight']})" if "weight" in m else ""))


if __name__ == "__main__":
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    for s in range(first, first + (int(sys.argv[2]) if len(sys.argv) > 2 else 5)):
        show(conversation(s))
