#!/usr/bin/env python3
"""models/recipe/check_memorised.py: finds what was trained of what is asked."""
from harness import *

CHECK = ROOT / "models/recipe/check_memorised.py"
TEXT = "Tom has a red ball and Anna has a small blue kite."


def user(content):
    return {"role": "user", "content": content}


def called(name, arguments):
    return {"role": "assistant", "tool_calls": [{"function": {"name": name, "arguments": arguments}}]}


TRAINED = [{"messages": [user("What color is the sky?"), {"role": "assistant", "content": "The sky is blue."}, user(TEXT + "\nWho has the kite?"), {"role": "assistant", "content": "Anna."}]},
           {"messages": [user("Add 3 and 4."), called("add", '{"a": 3, "b": 4}'), {"role": "tool", "content": "7"}]}]
FREE = [{"messages": [user("Tell me what color the sky has."), ], "pattern": "blue", "family": "facts"},
        {"messages": [user("What color is the sky?"), {"role": "assistant", "content": "Blue."}, user("And the sea?")], "pattern": "blue", "family": "facts"},
        {"messages": [user("Add 4 and 3.")], "call": {"name": "add", "arguments": {"a": 4, "b": 3}}, "family": "tools"}]


def check(held_out, *more, trained=TRAINED):
    paths = []
    for name, lines in (("trained.jsonl", trained), ("held_out.jsonl", held_out)):
        paths.append(TEMP / name)
        paths[-1].write_text("".join(json.dumps(l) + "\n" for l in lines))
    return Result(subprocess.run([sys.executable, str(CHECK), *map(str, paths), *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60))


def test_what_was_not_trained_passes():
    result = check(FREE)
    assert result.code == 0 and "0 of 4 were trained" in result.text, result


def test_a_question_a_text_and_a_call_are_found():
    for line, kind in (({"messages": [user("what color is  the sky")], "pattern": "blue"}, "question"),
                       ({"messages": [user(TEXT.upper() + "\nWhat does Anna have?")], "pattern": "kite"}, "text"),
                       ({"messages": [user("Please add three and four.")], "call": {"name": "add", "arguments": {"b": 4, "a": 3}}}, "call")):
        result = check(FREE + [line])
        assert result.code == 1 and f", {kind}: " in result.text and "\n1 of " in result.text, (kind, result)


def test_grams_that_repeat():
    words = lambda seed: " ".join(f"w{seed * 7919 % 99991 + i}" for i in range(3000))
    for share, texts in ((100.0, [words(s) for s in range(4)]), (25.0, [words(1)] * 4)):
        result = check(FREE, "--ngrams", trained=[{"messages": [user(t)]} for t in texts])
        assert result.code == (0 if share > 50 else 1) and f"; {share:.1f}% of the word 8-grams are distinct" in result.text, result


def test_nothing_to_compare_is_no_success():
    assert check([]).code == 1 and check(FREE, trained=[]).code == 1


if __name__ == "__main__":
    main(sys.modules[__name__])
