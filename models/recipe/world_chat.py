"""Harmony conversations of the story world: python3 models/recipe/world_chat.py [seed [count]] prints some.

conversation(seed) gives a list of (text, train) pieces; their concatenation is one rendered
conversation (spec: harmony format), train says whether the model is to learn to write the piece.
Loss is on the last assistant turn with its channels and <|return|>, and on the words (not the
framing) of earlier turns, whose analysis is dropped, as an engine does when it goes on.
Reasoning effort: low writes no analysis, medium one sentence, high two or three.
"""
import re
import sys

import world_mini
import world_story
import world_talk
import world_tools
from world import expand, rng

HELD_OUT = 2 ** 31                                      # seeds from here on are never trained on
SYSTEM = "You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06"
CHANNELS = "# Valid channels: analysis, commentary, final. Channel must be included for every message."


def system_text(r, effort, tools=False):
    date = ""
    if r.random() < 0.75:
        date = f"\nCurrent date: {r.randint(2025, 2028)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}"
    more = "\nCalls to these tools must go to the commentary channel: 'functions'." if tools else ""
    return f"{SYSTEM}{date}\n\nReasoning: {effort}\n\n{CHANNELS}{more}"


def message(role, text):
    return f"<|start|>{role}<|message|>{text}<|end|>"


def last_turn(effort, think, answer):
    """What the model writes after <|start|>assistant."""
    think = {"low": [], "medium": think[:1], "high": think[:3]}[effort]
    a = f"<|channel|>analysis<|message|>{' '.join(think)}<|end|><|start|>assistant" if think else ""
    return f"{a}<|channel|>final<|message|>{answer}<|return|>"


def render(system, developer, turns, effort):
    """turns: [(question, thoughts, answer)]."""
    head = (message("system", system) if system else "") + (message("developer", developer) if developer else "")
    out = [(head, False)]
    for i, (q, think, answer) in enumerate(turns):
        out.append((message("user", q) + "<|start|>assistant", False))
        if i + 1 < len(turns):
            out += [("<|channel|>final<|message|>", False), (answer, True), ("<|end|>", False)]
        else:
            out.append((last_turn(effort, think, answer), True))
    return out


def typed(r, q):
    """A question as people type it: small letters, no full stop, sometimes a slip."""
    if r.random() < (0.3 if len(q) < 100 else 0.1):
        q = q.lower()
    if r.random() < 0.3:
        q = q.rstrip(".?!")
    if r.random() < 0.05 and len(q) > 12 and "\n" not in q:
        i = r.randrange(4, len(q) - 3)
        q = q[:i] + q[i + 1] + q[i] + q[i + 2:]
    return q.strip()


# ---------------------------------------------------------------- kinds of conversation

def story(r):
    q, think, a, _ = world_story.story_turn(r)
    return [(q, think, a)]


def about_story(r, s, n):
    """Questions about a story that is already in the conversation."""
    facts, turns = s.facts(), []
    for q, short, full in r.sample(facts, min(n, len(facts))):
        turns.append((q, [f"The story says: {full}", "I can answer with one sentence.", "The answer is in the story."], full if r.random() < 0.65 else short))
    return turns


def story_then_talk(r):
    q, think, a, s = world_story.story_turn(r)
    turns = [(q, think, a)] + about_story(r, s, r.randint(1, 2))
    if r.random() < 0.35:
        turns.insert(1, world_talk.pair(r, *LIKES, ["The user likes the story.", "I will say thanks.", "One sentence is enough."]))
    if r.random() < 0.35:
        q, think, a, s = world_story.story_turn(r, again=True)
        turns.append((q, think, a))
    return turns


LIKES = ("{Thank you|Thanks|I like it|Nice story|That was a good story|That was nice}{.|!|}", "{You are welcome!|I am glad that you like it.|Thank you!} {Would you like another one?|Do you have a question about it?|}")


def passage(r):
    """A whole story in the question, one or two questions about it."""
    s = world_story.tell(r, short=True)
    (q, think, a), *rest = about_story(r, s, r.choice([1, 1, 2]))
    text = s.text if r.random() < 0.3 else s.flat
    ask = expand(r, r.choice(world_mini.FRAMES), {"text": text, "q": q}, sentence=False)
    return [(ask, think, a)] + rest


def mini(r):
    return [world_mini.mini_turn(r)]


def go_on(r):
    """The user begins, the model goes on from there."""
    s = world_story.tell(r)
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z\"])", s.flat)
    k = r.randint(1, max(1, len(sentences) // 3))
    begin, rest = " ".join(sentences[:k]), " ".join(sentences[k:])
    if r.random() < 0.3:
        words = begin.split()
        cut = r.randint(len(words) // 2, len(words) - 1)
        begin, rest = " ".join(words[:cut]), " ".join(words[cut:]) + " " + rest
    ask = expand(r, r.choice(["{Continue|Finish|Go on with} this story: [t]", "[t]", "{Continue|Go on}: [t]", "How does this story go on? [t]", "{What happens next?|Finish the story.} [t]", "[t] {Please finish the story.|What happened then?}"]), {"t": begin}, sentence=False)
    return [(ask, ["The user wants me to go on with the story.", s.plan[0].upper() + s.plan[1:] + ".", "I will give it a good end."], rest)]


def summary(r):
    s = world_story.tell(r, short=True)
    plan = s.plan[0].upper() + s.plan[1:] + "."
    ask = expand(r, r.choice(["{Summarize|Sum up|Summarise} this{| story| text}: [t]", "What is this story about? [t]", "[t]\n\n{Tell me in one sentence what happens.|Summarize it in one sentence.|What is the story about?}"]), {"t": s.flat}, sentence=False)
    if r.random() < 0.3:
        q, _, _, s = world_story.story_turn(r)
        q = re.sub(r"\bstory\b", "story in one sentence", q, count=1) if "story" in q else "Tell me a story in one sentence."
        plan = s.plan[0].upper() + s.plan[1:] + "."
        return [(q, ["The user wants one sentence.", "I will say what happens.", "It should be short."], plan)]
    return [(ask, ["The user wants to know what happens in the story.", "I will tell it in one sentence.", "The names are in the text."], plan)]


def talk(r):
    turns = [world_talk.smalltalk(r) for _ in range(r.choice([1, 1, 1, 2]))]
    if r.random() < 0.25:
        q, think, a, _ = world_story.story_turn(r)
        turns.append((q, think, a))
    return turns


def facts(r):
    return [world_talk.fact(r) for _ in range(r.choice([1, 1, 1, 2, 3]))]


def unknown(r):
    return [world_talk.unknown(r)] if r.random() < 0.8 else [world_talk.smalltalk(r), world_talk.unknown(r)]


def name_game(r):
    """The user says a name and asks for it later."""
    q, think, a = world_talk.remember(r)
    name = think[0].split()[-1].rstrip(".")
    between = [world_talk.smalltalk(r)] if r.random() < 0.4 else []
    last = world_talk.pair(r, "{What is my name|Do you know my name|Who am I|What's my name}{?|}", "{Your name is [n].|You are [n].|Your name is [n], I think.}", ["The user is called [n].", "I was told the name.", "I can answer."], n=name)
    return [(q, think, a)] + between + ([last] if r.random() < 0.75 else [])


def long_talk(r):
    """Many turns, as a session grows: for training rows of more than 512 tokens."""
    kinds = [story_then_talk, story, story, talk, facts, mini, passage, unknown, name_game]
    turns = []
    for _ in range(r.randint(3, 6)):
        turns += r.choice(kinds)(r)
    return turns


KINDS = [(story, 30), (story_then_talk, 8), (passage, 8), (mini, 22), (go_on, 3), (summary, 2), (talk, 14), (facts, 13), (unknown, 3), (name_game, 2)]


# ---------------------------------------------------------------- developer messages

NEUTRAL = """You are a helpful assistant.|Answer in English.|You are a friendly storyteller.|Be kind and polite.|You talk to children.|Use simple words.|You are a kind teacher.|Always answer the user.|
Be friendly.|You are a helpful assistant. Answer the questions of the user.|Help the user.|You are Osso, a small storyteller.|Tell stories for children.|Do not use difficult words.|Be honest.|Never be rude.|Write in plain English.""".replace("\n", "").split("|")
FIRST = "Well Oh Ahoy Hello Yes Look Ah Listen Hm Captain Friend".split()


def instructed(r, turns):
    """A developer text and the turns as they should be under it."""
    x = r.random()
    if x < 0.62:
        return r.choice(NEUTRAL), turns
    if x < 0.74:
        text = r.choice(["Always end with \"The end.\"", "End every answer with \"The end.\"", "Finish each answer with the words \"The end.\""])
        return text, [(q, t, re.sub(r" The end\.$", "", a) + " The end.") for q, t, a in turns]
    if x < 0.88:
        w = r.choice(FIRST)
        text = expand(r, "{Start|Begin} {every answer|each answer|all answers} with {the word |}\"[w]\".", {"w": w})
        return text, [(q, t, f"{w}! {a}") for q, t, a in turns]
    if x < 0.95:
        text = r.choice(["Talk like a pirate.", "You are a pirate.", "Speak like a pirate."])
        return text, [(q, t, f"Arr! {a} Arr!") for q, t, a in turns]
    text = r.choice(["Use only small letters.", "Write everything in lower case.", "Answer in lowercase letters."])
    return text, [(q, t, a.lower()) for q, t, a in turns]


def conversation(seed, long=False):
    """The conversation of a seed, as [(text, train)]; long: one in ten has many turns."""
    r = rng(seed)
    effort = r.choices(["low", "medium", "high"], [28, 57, 15])[0]
    if r.random() < 0.025:
        tools, pieces = world_tools.tool_use(r, effort)
        return [(message("system", system_text(r, effort, tools=True)) + message("developer", tools), False)] + pieces
    turns = long_talk(r) if long and r.random() < 0.1 else r.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0](r)
    developer = None
    if r.random() < 0.16:
        text, turns = instructed(r, turns)
        developer = "# Instructions\n\n" + text
    turns = [(typed(r, q), t, a) for q, t, a in turns]
    if effort == "medium" and r.random() < 0.6:         # a prompt without a system message counts as medium
        return render(None, developer, turns, effort)
    return render(system_text(r, effort), developer, turns, effort)


if __name__ == "__main__":
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    for s in range(first, first + (int(sys.argv[2]) if len(sys.argv) > 2 else 5)):
        print(f"--- seed {s}\n" + "".join(t for t, _ in conversation(s)))
