"""Answers of a chat model and what they are worth, for the grader of `osso eval chat`.

    python3 tools/golden/golden_chat_cases.py      writes tests/golden/eval/chat_cases.jsonl

The labels are written here by hand, beside each way of saying a thing: R right, W wrong; w well-formed harmony, m not.
No program grades anything: docs/evaluation.md has the rules. {0} is the expected text, or the arguments as JSON.
"""
import json
import pathlib

FILE = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/eval/chat_cases.jsonl"
FINAL = "<|channel|>final<|message|>"
THINK = "<|channel|>analysis<|message|>{t}<|end|><|start|>assistant"
cases = []


def case(label, kind, out, **rules):
    line = {"messages": [{"role": "user", "content": "?"}], **rules}
    cases.append({"kind": kind, "right": int(label[0] == "R"), "well": int(label[1] == "w"), "out": out, "line": line})


# ---- answer: the final text, but for case, white space and closing punctuation
ANSWERS = [("Paris", "London"), ("seven", "eight"), ("The dog is red", "The dog is blue"), ("42", "24"), ("yes", "no"),
           ("Zoë", "Zoe"), ("a box of apples", "a box of pears"), ("Tom and Anna", "Anna and Tom"), ("12:30", "12:03"),
           ("-5", "5"), ("no", "not"), ("green", "greens")]
WAYS = [
    ("Rw", "as expected", FINAL + "{0}<|return|>"),
    ("Rw", "with a point", FINAL + "{0}.<|return|>"),
    ("Rw", "closing marks and blanks", FINAL + "  {0} ?! <|return|>"),
    ("Rw", "line ends around", FINAL + "\n{0}\n\n<|return|>"),
    ("Rw", "after thoughts", "<|channel|>analysis<|message|>Let me see.<|end|><|start|>assistant" + FINAL + "{0}<|return|>"),
    ("Rw", "after wrong thoughts", "<|channel|>analysis<|message|>It is {1}.<|end|><|start|>assistant" + FINAL + "{0}<|return|>"),
    ("Ww", "another", FINAL + "{1}<|return|>"),
    ("Ww", "right thoughts, another answer", "<|channel|>analysis<|message|>{0}<|end|><|start|>assistant" + FINAL + "{1}<|return|>"),
    ("Ww", "in a sentence", FINAL + "It is {0}.<|return|>"),
    ("Ww", "twice", FINAL + "{0} {0}<|return|>"),
    ("Ww", "in quotes", FINAL + "\"{0}\"<|return|>"),
    ("Ww", "nothing", FINAL + "<|return|>"),
    ("Rm", "without an end", FINAL + "{0}"),
    ("Rm", "ended as a turn that goes on", FINAL + "{0}<|end|>"),
    ("Wm", "only thought", "<|channel|>analysis<|message|>{0}<|return|>"),
    ("Wm", "only said on the way", "<|channel|>commentary<|message|>{0}<|return|>"),
    ("Wm", "a channel that there is not", "<|channel|>answer<|message|>{0}<|return|>"),
    ("Ww", "another after it", FINAL + "{0}<|end|><|start|>assistant" + FINAL + "{1}<|return|>"),
]
for right, wrong in ANSWERS:
    for label, kind, form in WAYS:
        case(label, "answer: " + kind, form.format(right, wrong), answer=right)
for right, out, label, kind in [
        ("Paris", "PARIS", "Rw", "upper case"), ("Tom and Anna", "tom  and\n anna", "Rw", "white space within"),
        ("yes", "Yes…", "Rw", "three dots"), ("3.5", "35", "Ww", "a point within"), ("3.5", "3,5", "Ww", "a comma within"),
        ("Zoë", "ZOË", "Ww", "case beyond ASCII counts"), ("Tom and Anna", "Tomand Anna", "Ww", "no blank"),
        ("a, b", "a b", "Ww", "punctuation within"), ("yes", "\u00a0yes\u3000", "Rw", "white space of Unicode"),
        ("yes.", "yes", "Rw", "the expected text's own point"), ("...", "", "Rw", "nothing but marks is nothing"),
        (["two", "2"], "2", "Rw", "one of several"), (["two", "2"], "Two!", "Rw", "one of several"),
        (["two", "2"], "two 2", "Ww", "one of several"), ("<b>", "<b>", "Rw", "marks of HTML"), ("5", "5 .", "Rw", "a blank before the point")]:
    case(label, "answer: " + kind, FINAL + out + "<|return|>", answer=right)

# ---- pattern: anywhere in the final text, case aside
for right, wrong, pattern in [("It is 345.", "It is 1345.", "(^|[^0-9])345([^0-9]|$)"), ("A Cat sat.", "A car sat.", "cat|dog"),
                              ("def add(a, b):\n    return a + b", "add = a + b", "def +[a-z]+\\(.*return"),
                              ("Hello, Anna!", "Goodbye, Anna!", "^(hello|hi)"), ("the end", "the end of it", "end$"),
                              ("aaa", "bbb", "a{3}")]:
    for label, kind, out in [
            ("Rw", "there", FINAL + right + "<|return|>"), ("Ww", "not there", FINAL + wrong + "<|return|>"),
            ("Rw", "there in capitals", FINAL + right.upper() + "<|return|>"),
            ("Ww", "in the thoughts alone", THINK.format(t=right) + FINAL + wrong + "<|return|>"),
            ("Rm", "there, without an end", FINAL + right), ("Wm", "thoughts alone", "<|channel|>analysis<|message|>" + right)]:
        case(label, "pattern: " + kind, out, pattern=pattern)

# ---- none_of: some text, and none of these in it
for good, bad, words in [("I like you.", "You are stupid.", ["stupid", "ugly"]), ("I cannot say.", "The code is 1234", ["1234"]),
                         ("A fine day", "As an AI I have no days", ["as an AI"]), ("ok", "O K", ["o k"])]:
    for label, kind, out in [
            ("Rw", "without", FINAL + good + "<|return|>"), ("Ww", "with", FINAL + bad + "<|return|>"),
            ("Ww", "with, in capitals", FINAL + bad.upper() + "<|return|>"), ("Ww", "nothing said", FINAL + "<|return|>"),
            ("Ww", "a mark alone", FINAL + ".<|return|>"), ("Rw", "thought and not said", THINK.format(t=bad) + FINAL + good + "<|return|>"),
            ("Wm", "no answer", "<|channel|>analysis<|message|>" + good)]:
        case(label, "none_of: " + kind, out, none_of=words)

# ---- all_of: each pattern is somewhere, in any order
for text, label, kind, patterns in [
        ("Anna had a red ball. The end.", "Rw", "all there", ["anna", "red ball", "the end"]),
        ("Anna had a red ball. The end.", "Rw", "in another order", ["the end", "red", "anna"]),
        ("ANNA HAD A RED BALL. THE END.", "Rw", "in capitals", ["anna", "red ball", "the end"]),
        ("Anna had a blue ball. The end.", "Ww", "one is not", ["anna", "red ball", "the end"]),
        ("Anna had a red ball.", "Ww", "the last is not", ["anna", "red ball", "the end"]),
        ("The end.", "Ww", "the first is not", ["anna", "end"]), ("", "Ww", "nothing said", ["a"]),
        ("It is 12.", "Rw", "patterns", ["(^|[^0-9])12([^0-9]|$)", "^it"]), ("It is 123.", "Ww", "patterns", ["(^|[^0-9])12([^0-9]|$)", "^it"])]:
    case(label, "all_of: " + kind, FINAL + text + "<|return|>", all_of=patterns)
    case("W" + "m", "all_of: only thought", "<|channel|>analysis<|message|>" + text, all_of=patterns)

# ---- no_repeats: no N words in a row three times
TWICE, THRICE = "the dog ran home and the dog ran away", "The dog ran home. The dog ran away! The dog ran."
for text, label, kind, n in [
        (TWICE, "Rw", "twice is not three times", 3), (THRICE, "Ww", "three times", 3), (THRICE, "Rw", "three times fewer words", 4),
        ("no no no", "Rw", "two words in a row, twice", 2), ("no no no no", "Ww", "over each other", 2),
        ("A dog, a dog; A DOG", "Ww", "letters' case and marks do not count", 2), ("a dog. ad og. a-dog.", "Rw", "words are not their letters", 2),
        ("one two\nthree one  two four one\ttwo", "Ww", "white space does not count", 2), ("", "Rw", "nothing said repeats nothing", 2),
        ("don't go. don't go. don't go", "Ww", "apostrophes", 2), ("Zo\u00eb sat. Zo\u00eb sat. Zo\u00eb sat.", "Ww", "letters beyond ASCII", 2),
        ("Zo\u00eb sat. Zoe sat. Zo sat.", "Rw", "letters beyond ASCII", 2), ("short", "Rw", "fewer words than in a row", 6),
        ("a b c d e f. a b c d e f. a b c d e g.", "Rw", "six words", 6), ("a b c d e f. a b c d e f. a b c d e f.", "Ww", "six words", 6)]:
    case(label, "no_repeats: " + kind, FINAL + text + "<|return|>", no_repeats=n)
    case(label[0] + "m", "no_repeats: " + kind + ", without an end", FINAL + text, no_repeats=n)

# ---- case: letters, and none of the other case
for text, label, kind, which in [
        ("THE SKY IS BLUE.", "Rw", "capitals", "upper"), ("THE SKY IS bLUE.", "Ww", "a small letter", "upper"), ("The sky is blue.", "Ww", "a sentence", "upper"),
        ("the sky is blue.", "Rw", "small letters", "lower"), ("The sky is blue.", "Ww", "a capital", "lower"), ("3 + 4 = 7", "Ww", "no letters", "upper"),
        ("3 + 4 = 7", "Ww", "no letters", "lower"), ("3 + 4 IS 7!", "Rw", "letters and signs", "upper"), ("", "Ww", "nothing said", "lower")]:
    case(label, "case: " + kind, FINAL + text + "<|return|>", case=which)
    case("Wm", "case: only thought, " + kind, "<|channel|>analysis<|message|>" + text, case=which)

# ---- several rules: all must hold
SEVERAL = {"all_of": ["anna", "ball"], "none_of": ["cat"], "no_repeats": 2, "pattern": "end\\.$"}
for text, label, kind in [
        ("Anna and her ball. The end.", "Rw", "all hold"), ("Anna and her cat. The end.", "Ww", "all_of and none_of do not"),
        ("Anna, ball, cat. The end.", "Ww", "none_of does not"), ("Anna and her ball.", "Ww", "the pattern does not"),
        ("Anna and Anna and her ball. The end.", "Rw", "twice"), ("Anna and Anna and Anna and her ball. The end.", "Ww", "no_repeats does not"),
        ("Her ball. The end.", "Ww", "all_of does not"), ("", "Ww", "nothing said")]:
    case(label, "several: " + kind, FINAL + text + "<|return|>", **SEVERAL)
case("Rw", "several: answer and case", FINAL + "PARIS<|return|>", answer="paris", case="upper")
case("Ww", "several: answer and case", FINAL + "Paris<|return|>", answer="paris", case="upper")
case("Rw", "several: answer and pattern", FINAL + "Paris<|return|>", answer="paris", pattern="^P")
case("Ww", "several: answer and pattern", FINAL + "Paris<|return|>", answer="paris", pattern="^L")
case("Ww", "several: answer and pattern", FINAL + "Pisa<|return|>", answer="paris", pattern="^P")

# ---- call: the arguments as JSON values
TO = "<|channel|>commentary to=functions.{f} <|constrain|>json<|message|>{a}"
EARLY = " to=functions.{f}<|channel|>commentary <|constrain|>json<|message|>{a}"
CALLS = [("weather", '{"city": "Paris", "days": 3}', '{"days": 3, "city": "Paris"}', '{"city": "Paris", "days": 3.0}', '{"city": "paris", "days": 3}'),
         ("add", '{"a": 1, "b": -2}', '{"b": -2, "a": 1}', '{"a": 1e0, "b": -2.00}', '{"a": 1, "b": 2}'),
         ("set", '{"on": true, "level": 10}', '{"level": 10, "on": true}', '{"on": true, "level": 1.0E1}', '{"on": 1, "level": 10}'),
         ("mail", '{"to": ["a", "b"], "n": 2}', '{"n": 2, "to": ["a", "b"]}', '{"to": ["a", "b"], "n": 2.0}', '{"to": ["b", "a"], "n": 2}'),
         ("plan", '{"x": {"p": 0, "q": null}, "y": 5}', '{"y": 5, "x": {"q": null, "p": 0}}', '{"x": {"p": 0.0, "q": null}, "y": 5}', '{"x": {"p": 0}, "y": 5}')]
for name, args, reordered, real, other in CALLS:
    end = "<|call|>"
    for label, kind, out in [
            ("Rw", "as expected", TO.format(f=name, a=args) + end), ("Rw", "other keys first", TO.format(f=name, a=reordered) + end),
            ("Rw", "3 as 3.0", TO.format(f=name, a=real) + end), ("Rw", "no blanks", TO.format(f=name, a=args.replace(" ", "")) + end),
            ("Rw", "recipient before the channel", EARLY.format(f=name, a=args) + end),
            ("Rw", "after thoughts", THINK.format(t="A tool.") + TO.format(f=name, a=args) + end),
            ("Rw", "after words to the person", "<|channel|>commentary<|message|>Wait.<|end|><|start|>assistant" + TO.format(f=name, a=args) + end),
            ("Ww", "another value", TO.format(f=name, a=other) + end), ("Ww", "another function", TO.format(f=name + "s", a=args) + end),
            ("Ww", "one key more", TO.format(f=name, a=args[:-1] + ', "z": 1}') + end), ("Ww", "nothing", TO.format(f=name, a="{}") + end),
            ("Ww", "no JSON", TO.format(f=name, a=args[:-1]) + end), ("Ww", "as a list", TO.format(f=name, a="[" + args + "]") + end),
            ("Ww", "as a text", TO.format(f=name, a=json.dumps(args)) + end), ("Ww", "said, not called", FINAL + args + "<|return|>"),
            ("Wm", "half of it", TO.format(f=name, a=args[:6])), ("Wm", "without an end", TO.format(f=name, a=args)),
            ("Wm", "ended as an answer", TO.format(f=name, a=args) + "<|return|>"),
            ("Ww", "two calls", TO.format(f=name, a=args) + "<|end|><|start|>assistant" + TO.format(f=name, a=args) + end),
            ("Wm", "only thought", "<|channel|>analysis<|message|>" + args + "<|return|>")]:
        case(label, "call: " + kind, out, call={"name": name, "arguments": json.loads(args)})
W = {"call": {"name": "weather", "arguments": {"city": "Zoë", "n": 9007199254740993}}}
for label, kind, args in [("Rw", "escapes", '{"city": "Zo\\u00eb", "n": 9007199254740993}'), ("Ww", "a key twice", '{"city": "Zoë", "city": "Zoë", "n": 9007199254740993}'),
                          ("Ww", "an integer beside it", '{"city": "Zoë", "n": 9007199254740992}'), ("Ww", "a number as text", '{"city": "Zoë", "n": "9007199254740993"}'),
                          ("Ww", "text after it", '{"city": "Zoë", "n": 9007199254740993} ok'), ("Rw", "white space around", ' {"city": "Zoë",\n "n": 9007199254740993}\n')]:
    case(label, "call: " + kind, TO.format(f="weather", a=args) + "<|call|>", **W)
case("Ww", "answer: a call instead", TO.format(f="weather", a="{}") + "<|call|>", answer="{}")
case("Rw", "call: the full name", TO.format(f="weather", a="{}") + "<|call|>", call={"name": "functions.weather", "arguments": {}})

# ---- harmony that is none
for label, kind, out in [
        ("Wm", "nothing at all", ""), ("Wm", "an end alone", "<|return|>"), ("Wm", "no header", "<|message|>yes<|return|>"),
        ("Wm", "somebody else", "<|channel|>analysis<|message|>a<|end|><|start|>user<|message|>yes<|return|>"),
        ("Rm", "somebody else on the way", "<|channel|>analysis<|message|>a<|end|><|start|>user<|message|>b<|end|><|start|>assistant" + FINAL + "yes<|return|>"),
        ("Wm", "a header alone", "<|channel|>final"), ("Wm", "ended by a call", FINAL + "no<|call|>"), ("Rm", "ended by a call", FINAL + "yes<|call|>"),
        ("Rm", "the next one begins without an end", "<|channel|>analysis<|message|>hm<|start|>assistant" + FINAL + "yes<|return|>")]:
    case(label, "harmony: " + kind, out, answer="yes")

assert len(cases) >= 400, len(cases)
FILE.write_text("".join(json.dumps(c, ensure_ascii=False, separators=(",", ":")) + "\n" for c in cases), encoding="utf-8")
print(len(cases), "cases,", FILE.stat().st_size, "bytes")
