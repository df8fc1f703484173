"""What the tokenizer is learned from, and a check of it: python3 models/recipe/tokenizer_text.py TOKENIZER.json WORDS.txt

A sample of the training text as harmony renders it, then the words of the world, each again and again: a word that occurs
seldom would else be two tokens, and a model this small copies and says whole words far better than pieces.
"""
import collections
import json
import re
import sys

import tools_tables as T

OFTEN = 40                                              # so often a word must occur in the sample to be made a token
BOOST = 700                                             # so often each is written on top
TYPES = {"integer": "number"}


def declared(t):
    """A function as the developer message shows it."""
    f = t["function"]
    out = [f"// {f['description']}"] if "description" in f else []
    out.append(f"type {f['name']} = (_: {{")
    required = f["parameters"].get("required", [])
    for p, s in f["parameters"]["properties"].items():
        out += [f"// {s['description']}"] if "description" in s else []
        kind = " | ".join(json.dumps(v) for v in s["enum"]) if "enum" in s else TYPES.get(s["type"], s["type"])
        out.append(f"{p}{'' if p in required else '?'}: {kind},")
    return "\n".join(out + ["}) => any;", ""])


def rendered(c):
    """A conversation as text, its special tokens left out: what BPE cuts into pieces."""
    out = [f"system\nYou are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\n" + (f"Current date: {c['date']}\n" if "date" in c else "") +
           f"\nReasoning: {c['reasoning_effort']}\n\n# Valid channels: analysis, commentary, final. Channel must be included for every message."]
    if "tools" in c:
        out += ["\nCalls to these tools must go to the commentary channel: 'functions'.\ndeveloper\n# Tools\n\n## functions\n\nnamespace functions {\n", *map(declared, c["tools"]), "} // namespace functions"]
    names = {}
    for m in c["messages"]:
        for t in m.get("tool_calls", ()):
            names[t["id"]] = t["function"]["name"]
            out += ["assistant\n", "commentary", f" to=functions.{t['function']['name']} ", "json", t["function"]["arguments"]]
        if m["role"] == "tool":
            out += [f"functions.{names[m['tool_call_id']]} to=assistant\ncommentary"]
        if m["role"] == "developer":
            out += ["developer", "# Instructions\n"]
        if m.get("thinking"):
            out += ["analysis", m["thinking"]]
        if m.get("content"):
            out += ["user" if m["role"] == "user" else "final", m["content"]]
    return "\n".join(out) + "\n"


def words_of(sample):
    """Words that the world has, in the form they have behind a blank, the most frequent first."""
    count = collections.Counter()
    for text in sample:
        count.update(re.findall(r"(?<=[ \"(])[A-Za-z][a-z]+(?![a-z_])", text))
    return [w for w, n in sorted(count.items(), key=lambda x: (-x[1], x[0])) if n >= OFTEN]


def name_parts():
    """Pieces of functions' names: ".get", "_weather"."""
    verbs = T.LOOK_VERBS + T.DO_VERBS + [v for s in T.SUMS.values() for v in s[0]]
    nouns = [p for n in list(T.LOOK_NOUNS) + T.DO_NOUNS for p in n.split("_")] + [p.strip("_") for p in T.SUM_NOUNS if p]
    return ["." + v for v in verbs] + ["_" + n for n in sorted(set(nouns))]


def write(path, sample, documents):
    """Writes the text; returns how many words are to be tokens. Beside it, PATH.words, these words."""
    words = words_of(sample)
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(sample) + "\n" + "\n".join(documents) + "\n")
        for w in words:
            f.write((" " + w) * BOOST + "\n")
        for p in name_parts():
            f.write((" x" + p) * 2 * BOOST + "\n")
    with open(path + ".words", "w", encoding="utf-8") as f:
        f.write("".join(w + "\n" for w in words))
    return len(words)


def check(tokenizer, words):
    with open(tokenizer, encoding="utf-8") as f:
        vocab = json.load(f)["model"]["vocab"]
    with open(words, encoding="utf-8") as f:
        words = f.read().split()
    missing = [w for w in words if "\u0120" + w not in vocab] + [p for p in name_parts() if p not in vocab]
    print(f"{len(missing)} of {len(words) + len(name_parts())} words are no token of their own: {' '.join(missing[:200])}")
    return len(missing)


if __name__ == "__main__":
    sys.exit(1 if check(sys.argv[1], sys.argv[2]) else 0)
