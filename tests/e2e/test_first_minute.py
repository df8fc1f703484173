#!/usr/bin/env python3
"""first_minute.jsonl: what newcomers type in their first minute, and what is right. The goal is 56 of 60; the model that ships
has all of them (temperature 0), and no later one may have fewer than 58.

It is asked as soon as it is the model that osso's own trainer made (hidden 256), or, whatever it is, the model that
OSSO_FIRST_MINUTE names when this script is run by itself. What the file calls right is tested with answers written here, always.
"""
import re

from harness import *

FILE = ROOT / "tests/e2e/first_minute.jsonl"
FLOOR, GOAL = 58, 56

# question: (right answers, wrong ones); the wrong ones of the first four are what the model before this one said
SAID = {
    "What color is the sky?": (["The sky is blue.", "Blue."], ["The sky is black.", "The sky is bluebell."]),
    "What is 3 + 4?": (["3 + 4 = 7.", "7", "It is seven."], ["3 plus 4 is 8.", "17.", "3 + 4 = 71"]),
    "What is the opposite of big?": (["The opposite of big is small.", "little"], ["The opposite of big is big."]),
    "Count to 10.": (["1, 2, 3, 4, 5, 6, 7, 8, 9, 10.", "1 2 3 4 5 6 7 8 9 10", "One, two, three, four, five, six, seven, eight, nine, ten."], ["1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12", "1, 2, 4, 5, 6, 7, 8, 9, 10", "10"]),
    "can penguins fly?": (["No, a penguin cannot fly.", "No."], ["I cannot do that.", "Yes, a penguin can fly.", "I do not know."]),
    "Is the sky green?": (["No, the sky is blue.", "No"], ["Yes, the sky is green.", "No, I am only a small program."]),
    "What is bigger, a mouse or an elephant?": (["An elephant is bigger than a mouse.", "An elephant."], ["A mouse is bigger than an elephant.", "A mouse."]),
    "what rhymes with cat?": (["Cat rhymes with hat.", "bat"], ["I do not know that.", "Cat rhymes with cat."]),
    "Spell cat.": (["c-a-t", "C, A, T.", "c a t"], ["cat", "c-t", "S-o-n-e."]),
    "What is the first letter of apple?": (["a", "The first letter of apple is a.", "A."], ["p", "The first letter of apple is p."]),
    "what's 7 times 8?": (["7 x 8 = 56.", "56"], ["7 - 8 = 7.", "560", "7 x 8 = 54."]),
    "How do I leave?": (["Type /quit to leave.", "/exit"], ["Type /help.", "S-o-n-e."]),
    "how do i load a bigger model?": (["Leave and start osso chat -m gpt-oss-20b."], ["Type /load and a file name."]),
    "What time is it?": (["I do not know that, because I have no clock."], ["It is ten o'clock."]),
    "What is my name?": (["Your name is Maria."], ["Your name is Mia.", "My name is Osso."]),
    "tell me a story about a dragon": (["Once there was a dragon named Fred. " + "He was happy and he had a friend. " * 6], ["A dragon.", "Once there was a fox. " * 20]),
    "Tell me a joke!": (["What has four legs and cannot walk? A table."], ["I do not know.", "Why?"]),
}


def lines():
    return [json.loads(line) for line in FILE.read_text().splitlines()]


def test_the_file():
    asked = lines()
    assert len(asked) == 60 and all(set(l) == {"messages", "effort", "family", "pattern"} for l in asked)
    assert len({json.dumps(l["messages"]) for l in asked}) == 60
    assert sum(len(l["messages"]) > 1 for l in asked) >= 6


def test_what_is_right():
    rules = {l["messages"][-1]["content"]: l["pattern"] for l in lines()}
    for question, (right, wrong) in SAID.items():
        for text in right + wrong:
            found = re.search(rules[question], text, re.I | re.S)
            assert bool(found) == (text in right), (question, text, rules[question])


def test_the_first_minute():
    path = os.environ.get("OSSO_FIRST_MINUTE")
    if not path:
        path = bundled()
        if json.loads((pathlib.Path(path) / "config.json").read_text())["hidden_size"] < 256:
            raise Skip("the model that ships is not yet the one that osso train made; OSSO_FIRST_MINUTE=MODEL asks another")
    samples = TEMP / "first_minute.jsonl"
    result = osso("eval", "chat", "-m", path, "--data", FILE, "--json", "--samples", samples, timeout=120)
    assert result.code == 0, result
    right = round(60 * json.loads(result.text)["results"]["chat"]["acc,none"])
    wrong = [f"{q['messages'][-1]['content']} -> {s['pred'][:100]}" for q, s in zip(lines(), map(json.loads, samples.read_text().splitlines())) if not s["acc"]]
    assert right >= FLOOR and right == 60 - len(wrong), f"{right} of 60 (at least {FLOOR}, goal {GOAL})\n" + "\n".join(wrong)


if __name__ == "__main__":
    main(sys.modules[__name__])
