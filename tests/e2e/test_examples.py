#!/usr/bin/env python3
"""The programs in examples/: built as a user of the library builds them, and what they print is what osso says."""
import math
import re

from harness import *
from test_generate import npy
from test_inspect import capture

VARIANT = os.environ.get("OSSO_VARIANT", "release")
PROGRAMS = ROOT / "build" / VARIANT / "examples"
SYSTEM = {"type": "system_content", "model_identity": "You are ChatGPT, a large language model trained by OpenAI.",
          "reasoning_effort": "Medium", "conversation_start_date": None, "knowledge_cutoff": "2024-06", "tools": None,
          "channel_config": {"valid_channels": ["analysis", "commentary", "final"], "channel_required": True}}
TEXT = "Once upon a time there was a fox."


def example(name, *args):
    made = subprocess.run(["make", "-s", "-C", ROOT, f"VARIANT={VARIANT}", f"build/{VARIANT}/examples/{name}"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert made.returncode == 0 and b"warning" not in made.stdout, made.stdout.decode()
    return Result(subprocess.run([PROGRAMS / name, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 timeout=60 * SLOW, env=environment()))


OTHER_DOORS = {"train": "osso/train.h", "inspect": "osso/inspect.h"}


def sources():
    return sorted(path.stem for path in (ROOT / "examples").glob("*.c"))


def test_examples_see_the_public_header_only():
    for name in sources():
        text = (ROOT / f"examples/{name}.c").read_text()
        mine = re.findall(r'#include (?:"|<(?=osso))([^">]+)', text)
        assert mine == [OTHER_DOORS.get(name, "osso/osso.h")], (name, mine)


def test_examples_explain_themselves():
    for name in sources():
        if name == "train":  # runs no model
            continue
        result = example(name)
        assert result.code == 2 and result.complaint.startswith(f"usage: {name} MODEL "), result
        result = example(name, "no-such-model", TEXT)
        assert result.code == 1 and result.complaint.startswith(f"{name}: ") and "no-such-model" in result.complaint, result


def test_chat_answers_as_osso_does():
    """Both turns: what osso generates after the same conversation."""
    turns = ["Hello", "Who are you?"]
    result = example("chat", bundled(), *turns)
    assert result.code == 0 and result.complaint == "", result
    lines = result.text.splitlines()
    assert lines[0::2] == [f"> {turn}" for turn in turns] and all(lines[1::2]), result
    messages = [{"role": "system", "content": [SYSTEM]}]
    for turn, answer in zip(turns, lines[1::2]):
        messages.append({"role": "user", "content": turn})
        (TEMP / "chat.json").write_text(json.dumps({"messages": messages}))
        prompt = osso("render", TEMP / "chat.json", "-m", bundled()).text.removesuffix("\n")
        whole = osso("generate", "-m", bundled(), "--special", "-p", prompt, "--temp", "0", "-n", "300")
        assert whole.text.split("final<|message|>")[-1] == answer + "\n", (answer, whole)
        messages.append({"role": "assistant", "channel": "final", "content": answer})


def test_score_is_what_the_logits_say():
    result = example("score", bundled(), TEXT)
    assert result.code == 0, result
    *lines, last = [line.split() for line in result.text.splitlines()]
    ids = osso("tokenize", "-m", bundled(), "-p", TEXT).text.split()
    assert [line[0] for line in lines] == ids[1:], result
    made = osso("logits", "-m", bundled(), "--ids", ",".join(ids), "-o", TEMP / "logits.npy")
    assert made.code == 0, made
    (n, vocab), values = npy(TEMP / "logits.npy")
    assert n == len(ids)
    total = 0
    for at, line in enumerate(lines):
        row = values[at * vocab:(at + 1) * vocab]
        expected = row[int(ids[at + 1])] - max(row) - math.log(sum(math.exp(x - max(row)) for x in row))
        assert abs(float(line[1]) - expected) < 1e-4, (line, expected)
        total += expected
    assert last[0] == "sum" and abs(float(last[1]) - total) < 1e-3, (last, total)


def test_taps_prints_a_norm_for_each_layer():
    result = example("taps", bundled(), TEXT)
    assert result.code == 0, result
    found = [re.fullmatch(r"layer +(\d+) +(\d+\.\d+)", line) for line in result.text.splitlines()]
    layers = json.loads(osso("info", bundled(), "--json").text)["architecture"]["layers"]
    assert [int(line[1]) for line in found] == list(range(layers)), result
    shown, _ = capture("taps.safetensors", "-p", TEXT, "--positions", "-1", "blocks.*.hook_resid_post")
    for layer, line in enumerate(found):  # what osso inspect writes of the same rows
        length = math.hypot(*shown[f"blocks.{layer}.hook_resid_post"][2])
        assert abs(float(line[2]) - length) < 0.01, (layer, line, length)


def test_inspect_switches_a_layer_off():
    assert len((ROOT / "examples/inspect.c").read_text().splitlines()) <= 40
    assert example("inspect").code == 2
    assert example("inspect", TEMP / "none", TEXT).code == 1
    plain, off = example("inspect", bundled(), TEXT), example("inspect", bundled(), TEXT, "1")
    a, b = ([float(line.split()[2]) for line in result.text.splitlines()] for result in (plain, off))
    assert plain.code == 0 and len(a) == len(b) and a[0] == b[0] and a[1] > 0 == b[1] and a[2:] != b[2:], (plain, off)


def test_train_trains_as_osso_does():
    from training import DATA, train
    assert example("train").code == 2
    result = example("train", TEMP / "none.npy", TEMP / "example-run", "20")
    assert result.code == 1 and result.complaint.startswith("train: ") and "none.npy" in result.complaint, result
    result = example("train", DATA, TEMP / "example-run", "20")
    assert result.code == 0 and [line.split(":")[0] for line in result.text.splitlines()] == ["step 10", "step 20"], result
    assert train(out=TEMP / "own-run", steps=20, batch_size=4, grad_accum=1, schedule=None, warmup_steps=None).code == 0
    one, two = (TEMP / name / "step-000020/model.safetensors" for name in ("example-run", "own-run"))
    assert one.read_bytes() == two.read_bytes()


def test_lens_ends_with_what_the_model_says():
    for text in ("Once upon a", TEXT, "The little dog"):
        result = example("lens", bundled(), text)
        assert result.code == 0, result
        lines = result.text.splitlines()
        layers = json.loads(osso("info", bundled(), "--json").text)["architecture"]["layers"]
        assert [line[:9] for line in lines] == [f"layer {i:3}" for i in range(layers)], result
        said = osso("generate", "-m", bundled(), "-p", text, "-n", "1", "--temp", "0", "--exact").text
        assert lines[-1][20:] == said.removesuffix("\n"), (lines[-1], said)
        ids = osso("tokenize", "-m", bundled(), "-p", text).text.split()
        made = osso("logits", "-m", bundled(), "--ids", ",".join(ids), "-o", TEMP / "lens.npy")
        (n, vocab), values = npy(TEMP / "lens.npy")
        assert made.code == 0 and abs(float(lines[-1][9:18]) - max(values[-vocab:])) < 0.05 * abs(max(values[-vocab:])), lines[-1]


if __name__ == "__main__":
    main(sys.modules[__name__])
