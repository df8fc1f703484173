#!/usr/bin/env python3
"""osso train from the command line: settings, the log's contract, checkpoints, resume after kills, faults, exports."""
import math
import shutil

from training import *

KEYS = ["step", "loss", "balance_loss", "z_loss", "grad_norm", "lr", "tokens", "targets", "seconds", "max_load", "dead_experts", "skipped"]
YAML = "YAML: libyaml" in osso("--version").text


def test_settings_read_back_equal():
    if not YAML:
        raise Skip("built without libyaml")
    (TEMP / "a.yaml").write_text("anything:\n  preset: small\n  lr: 3e-4\n  max_seq_length: 128\n  gradient_checkpointing: true\n"
                                 "  experts_per_token: [1, 2, 4]\n  device: cpu\nother:\n  bf16: true\n  reasoning_effort: medium\n"
                                 "  data:\n    - a.txt\n    - {path: \"b c.txt\", weight: 2, split: blank}\n  sample_prompt: \"a: \\\"b\\\"\"\n")
    first = osso("train", "--config", TEMP / "a.yaml", "--print-config", "--lr", "1e-5")
    assert first.code == 0 and first.complaint.count("no effect here") == 1 and "line of the prompt" in first.complaint, first
    for line in ("lr: 1e-05", "seq_len: 128", "checkpointing: true", "experts_per_token: [1, 2, 4]", 'dtype: "bf16"',
                 '{path: "b c.txt", weight: 2.0, split: "blank"}'):
        assert line in first.text, (line, first)
    (TEMP / "b.yaml").write_text(first.text)
    again = osso("train", "--config", TEMP / "b.yaml", "--print-config")
    assert again.code == 0 and again.text == first.text, again


def test_settings_that_make_no_sense():
    cases = [("lr: fast\n", "c.yaml:1", "lr", "'fast'"), ("a:\n  stepz: 3\n", "c.yaml:2", "stepz", "did you mean steps"),
             ("batch_size: 0\n", "batch_size", "from 1"), ("bits: 8\n", "bits", "4 bits"), ("quantize_attention: true\n", "16 bits"),
             ("steps: 3\nepochs: 2\n", "c.yaml:2", "steps is given too"), ("lr: 1\nlr: 2\n", "given twice"), ("- a\n", "mapping"),
             ("a: [\n", "c.yaml:2", "no YAML"), ("schedule: cosin\n", "constant|cosine"), ("beta1: .nan\n", "beta1"),
             ("data:\n  - {path: x, weight: 0}\n", "c.yaml:2", "weight")]
    for text, *words in cases if YAML else []:
        (TEMP / "c.yaml").write_text(text)
        refuses(osso("train", "--config", TEMP / "c.yaml", "--print-config"), (1, 2), *words)
    refuses(train(out=TEMP / "x", steps=None), 2, "steps, epochs or max_tokens")
    refuses(train(out=TEMP / "x", preset="tiny"), 2, "tiny", "nano small base")
    refuses(train(out=TEMP / "x", lr="-1"), 2, "--lr", "'-1'")
    refuses(train(), 2, "out")
    refuses(train(out=TEMP / "x", optimizer="sgd"), 2, "adamw|muon")
    refuses(train(out=TEMP / "x", optimizer="adamw|muon"), 2, "'adamw|muon'")
    refuses(train(out=TEMP / "x", seq_len=16), 2, "25 ids")
    refuses(train(out=TEMP / "x", data_ids=TEMP / "none.npy"), 1, "none.npy")
    refuses(train(out=TEMP / "x", vocab_size=40), 2, "id ", "the model knows 0 to 39")
    refuses(train(out=TEMP / "x", hidden_size=65, head_dim=33), 1, "head_dim is odd")
    refuses(train(out=TEMP / "x", moments="bf16", beta2="0.981"), 2, "beta2: 0.981", "at most 0.98")
    refuses(train("--dry-run", moments="bf16", beta2="0.999", optimizer="muon"), 2, "beta2: 0.999")
    refuses(train(out=TEMP / "x", qat_from_step=3, intermediate_size=48), 1, "qat_from_step", "64 and 48 inputs")
    (TEMP / "half.npy").write_bytes(DATA.read_bytes()[:-5])
    refuses(train(out=TEMP / "x", data_ids=TEMP / "half.npy"), 1, "cut off")
    refuses(train(out=TEMP / "x", data_ids=BUNDLED / "config.json"), 1, "no file of NumPy's")


def test_validations_are_bounded():
    """Some of the documents, spread over all; Ctrl-C does not wait for the rest."""
    wide = [[(7 * r + i * (r % 5 + 1)) % 50 for i in range(25)] for r in range(20000)]
    many = npy(TEMP / "many.npy", wide)
    few = npy(TEMP / "few.npy", [wide[done * 1000 + i] for done in range(0, 20, 3) for i in range(min(3, 20 - done))])  # three to a micro-batch
    losses = [log(out)[-1]["val_loss"] for out, settings in ((TEMP / "of_many", {"val_ids": many, "eval_docs": 20}), (TEMP / "of_few", {"val_ids": few}))
              if train(out=out, steps=1, eval_every=1, **settings).code == 0]
    assert len(losses) == 2 and math.isclose(*losses, rel_tol=1e-12), losses
    out = TEMP / "ended"
    process = start(out, steps=20, val_ids=many, eval_docs=0, eval_every=1)
    while process.poll() is None and not ((out / "log.jsonl").exists() and '"step":1,' in (out / "log.jsonl").read_text()):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60 * SLOW)[1].decode()
    assert process.returncode == 130 and (out / "latest").read_text() == "step-000001\n" and len(log(out)) == 1, said


def test_log_keeps_its_contract():
    out = TEMP / "log"
    done = train(out=out, val_ids=VAL, eval_every=5, save_every=5, keep=1)
    assert done.code == 0, done
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    steps, vals = [line for line in lines if "loss" in line], [line for line in lines if "val_loss" in line]
    assert [line["step"] for line in steps] == list(range(1, 13)) and all(list(line) == KEYS for line in steps)
    assert [line["step"] for line in vals] == [5, 10, 12] and all(list(line) == ["step", "val_loss", "val_bpb"] for line in vals)
    for line in steps:  # linear: 3 steps up, then down to 0 at the last
        t = line["step"]
        assert math.isclose(line["lr"], 3e-3 * (t / 3 if t <= 3 else 1 - (t - 3) / 9), rel_tol=1e-8, abs_tol=1e-12), line
        assert line["tokens"] == line["targets"] == 3 * 2 * 24 and line["skipped"] == 0 and 1 <= line["max_load"] <= 4
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.5
    assert (out / "latest").read_text() == "step-000012\n" == (out / "best").read_text()
    assert sorted(path.name for path in out.glob("step-*")) == ["step-000012"]
    assert (out / "loss.svg").read_text().startswith("<svg")
    made = osso("logits", "-m", out / "best", "--ids", "1,2,3", "-o", TEMP / "l.npy", "--exact")
    assert made.code == 0, made
    refuses(train(out=out), 2, "holds a run already")
    refuses(train("--resume", out=out, hidden_size=32), 2, "other shapes")


def test_threads_and_checkpointing_give_equal_digits():
    expected = None
    for name, threads, more in (("t1", 1, {}), ("t2", 2, {}), ("t3", 3, {}), ("tc", 2, {"checkpointing": "true"})):
        done = train(threads=threads, out=TEMP / name, steps=6, **more)
        assert done.code == 0, done
        weights = (TEMP / name / "step-000006/model.safetensors").read_bytes()
        expected = expected or (log(TEMP / name), weights)
        assert (log(TEMP / name), weights) == expected, name


def test_bf16_is_near_f32_and_another():
    settings = {"steps": 6, "threads": 2}
    done = train(out=TEMP / "b", dtype="bf16", **settings)
    assert done.code == 0 and train(out=TEMP / "f", **settings).code == 0, done
    pairs = [(a["loss"], b["loss"]) for a, b in zip(log(TEMP / "b"), log(TEMP / "f"))]
    assert len(pairs) == 6 and all(0 < abs(a - b) < 0.05 for a, b in pairs), pairs


def test_killed_runs_go_on_with_the_same_digits():
    draw = random.Random(7)
    settings = {"steps": 30, "save_every": 4, "val_ids": VAL, "eval_every": 6, "experts_per_token": "1,2"}
    began = time.monotonic()
    process = start(TEMP / "straight", **settings)
    process.communicate(timeout=300)
    survive(TEMP / "killed", 4, draw, (time.monotonic() - began) * 0.8, **settings)
    assert log(TEMP / "straight") == log(TEMP / "killed")
    one, two = (TEMP / name / "step-000030/model.safetensors" for name in ("straight", "killed"))
    assert one.read_bytes() == two.read_bytes()


def test_ctrl_c_saves_and_resumes():
    settings = {"steps": 4000, "save_every": 0}
    process = start(TEMP / "stopped", **settings)
    while not (TEMP / "stopped/log.jsonl").exists() or len(log(TEMP / "stopped")) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    for more in (), ("--resume",):
        refuses(train(*more, out=TEMP / "stopped", **settings), 2, "still going on")
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=120)
    assert process.returncode == 130 and b"--resume goes on" in complaint, complaint
    at = int((TEMP / "stopped/latest").read_text()[5:])
    assert 3 <= at < 4000 and len(log(TEMP / "stopped")) == at
    done = train("--resume", out=TEMP / "stopped", steps=at + 2, save_every=0)
    assert done.code == 0 and len(log(TEMP / "stopped")) == at + 2, done


def test_faults():
    done = train(out=TEMP / "nan", env={"OSSO_FAULT": "nan_grad@2,nan_grad@5"})
    lines = log(TEMP / "nan")
    assert done.code == 0 and [line["step"] for line in lines if line["skipped"]] == [2, 5], done
    assert lines[1]["grad_norm"] is None and lines[2]["loss"] > 0
    done = train(out=TEMP / "five", save_every=3, env={"OSSO_FAULT": "nan_grad@4+"})
    assert done.code == 1 and "fifth in a row" in done.complaint and len(log(TEMP / "five")) == 8, done
    assert (TEMP / "five/latest").read_text() == "step-000006\n"
    assert train(out=TEMP / "full", steps=3).code == 0
    done = train("--resume", out=TEMP / "full", steps=6, env={"OSSO_FAULT": "enospc@save"})
    assert done.code == 1 and "No space left" in done.complaint, done
    assert (TEMP / "full/latest").read_text() == "step-000003\n"
    assert train("--resume", out=TEMP / "full", steps=6).code == 0 and len(log(TEMP / "full")) == 6


def test_masks_patience_and_length():
    mask = npy(TEMP / "mask.npy", [[i % 3 == 0 for i in range(24)]] * 40, "|u1")
    done = train(out=TEMP / "mask", data_mask=mask, steps=None, epochs=1)
    lines = log(TEMP / "mask")
    assert done.code == 0 and len(lines) == 7 and lines[0]["targets"] == 6 * 8 and lines[0]["tokens"] == 6 * 24, done
    done = train(out=TEMP / "patience", val_ids=VAL, eval_every=1, patience=2, min_delta=100)
    assert done.code == 0 and "patience" in done.complaint and len(log(TEMP / "patience")) == 2 * 3, done
    done = train(out=f"{TEMP}/more//to/tokens/", steps=None, max_tokens=500)
    assert done.code == 0 and len(log(TEMP / "more/to/tokens")) == 4, done
    done = train(out=TEMP / "time", steps=1000000, max_minutes=0.01, save_every=0)
    seconds = sum(json.loads(line)["seconds"] for line in (TEMP / "time/log.jsonl").read_text().splitlines())
    assert done.code == 0 and "the time is over" in done.complaint and 0.2 < seconds < 10, (done, seconds)


def test_stop_at_is_a_place_in_a_run():
    done = train(out=TEMP / "whole", steps=6)
    for at in (2, 2, 5, 5, 9):                          # each twice: a script that is started again loses nothing
        part = train("--resume", out=TEMP / "stops", steps=6, stop_at=at)
        assert part.code == 0 and ("stop_at" in part.complaint) == (at < 6) and len(log(TEMP / "stops")) == min(at, 6), (at, part)
    assert done.code == 0 and log(TEMP / "stops") == log(TEMP / "whole")
    refuses(train(out=TEMP / "nowhere", stop_at=0), 2, "stop-at")


def back_to(out, step):
    """Takes away what a run saved after this step, as if it had been killed there."""
    for path in out.glob("step-*"):
        if int(path.name[5:]) > step:
            shutil.rmtree(path)
    (out / "latest").write_text(f"step-{step:06d}\n")


def test_a_run_goes_on_in_the_other_type():
    """A checkpoint holds f32 whatever the products were: from the same one bf16 starts with other digits, close to f32's."""
    losses = {}
    for dtype in "f32", "bf16":
        out = TEMP / f"then-{dtype}"
        assert train(out=out, steps=6, stop_at=3).code == 0
        done = train("--resume", out=out, steps=6, dtype=dtype)
        assert done.code == 0, done
        losses[dtype] = [line["loss"] for line in log(out)]
    assert len(losses["bf16"]) == 6 and losses["bf16"][:3] == losses["f32"][:3], losses
    for a, b in zip(losses["f32"][3:], losses["bf16"][3:]):
        assert a != b and abs(a - b) < 0.01, losses


def test_another_optimizer_is_refused():
    assert train(out=TEMP / "kept", steps=2, moments="bf16", beta2="0.98").code == 0
    refuses(train("--resume", out=TEMP / "kept", optimizer="muon"), 2, "optimizer: adamw with moments: bf16", "optimizer: muon with moments: f32")
    assert train("--resume", out=TEMP / "kept", steps=3, moments="bf16", beta2="0.98").code == 0


def test_experts_as_mxfp4():
    settings = {"save_every": 4, "keep": 9, "val_ids": VAL, "eval_every": 3}
    late, never = TEMP / "late", TEMP / "never"
    assert train(out=late, qat_from_step=7, **settings).code == 0 and train(out=never, **settings).code == 0
    first, other = log(late), log(never)
    differ = [a["step"] for a, b in zip(first, other) if a != b]
    assert differ[0] == 7 and {7, 8, 9, 12} <= set(differ), differ  # from the step that was named, validation too
    for step in (4, 8):  # before and within
        back_to(late, step)
        done = train("--resume", out=late, qat_from_step=7, **settings)
        assert done.code == 0 and log(late) == first, (step, done)
    # what it learned is what its export gives: the loss of both, without another step in between
    done = osso("export", late / "latest", "-o", TEMP / "late4", "--type", "mxfp4")
    assert done.code == 0, done
    again = train(preset=None, init=TEMP / "late4", out=TEMP / "after", steps=1, lr="0", eval_every=1, val_ids=VAL, warmup_steps=0)
    assert again.code == 0 and log(TEMP / "after")[-1]["val_loss"] == first[-1]["val_loss"], again
    best = int((late / "best").read_text()[5:])
    assert best >= 7, best  # a better loss of other experts does not count
    done = train(out=TEMP / "past", qat_from_step=13)
    assert done.code == 0 and "nothing is quantized" in done.complaint, done
    if not YAML:
        return
    (TEMP / "q.yaml").write_text("quantization:\n  enable_quantization: true\n  bits: 4\n")
    last = train("--config", TEMP / "q.yaml", out=TEMP / "fifth")
    assert last.code == 0 and train(out=TEMP / "ten", qat_from_step=10).code == 0
    assert log(TEMP / "fifth") == log(TEMP / "ten") != log(TEMP / "past"), last
    (TEMP / "q.yaml").write_text("enable_quantization: true\nquantize_moe_weights: false\n")
    done = train("--config", TEMP / "q.yaml", out=TEMP / "nothing")
    assert done.code == 0 and "nothing is quantized" in done.complaint and log(TEMP / "nothing") == log(TEMP / "past"), done


def shown(*args):
    done = osso("data", "show", *args)
    assert done.code == 0, done
    return [json.loads(line) for line in done.text.splitlines()]


def test_the_documents_of_a_run_are_shown():
    if not YAML:
        raise Skip("built without libyaml")
    (TEMP / "some.txt").write_text("\n\n".join(f"story {i} of a cat" for i in range(60)))
    (TEMP / "docs.yaml").write_text(f"data: [{{path: {TEMP / 'some.txt'}, split: blank}}]\ntokenizer: {BUNDLED}\nseed: 5\nseq_len: 64\nmodel: {{preset: nano}}\n")
    same = ["--data", f"{TEMP / 'some.txt'}:blank", "--tokenizer", BUNDLED, "--seq-len", 64]
    first = shown("--config", TEMP / "docs.yaml", "-n", 5)
    assert len(first) == 5 and first == shown(*same, "--seed", 5, "-n", 5) != shown(*same, "--seed", 6, "-n", 5)
    assert shown("--config", TEMP / "docs.yaml", "--seed", 6, "-n", 5) == shown(*same, "--seed", 6, "-n", 5)
    held = shown("--config", TEMP / "docs.yaml", "--validation", "-n", 2)
    assert held == shown(*same, "--validation", "-n", 2) and held[0] not in shown("--config", TEMP / "docs.yaml", "-n", 50)
    mask = npy(TEMP / "show_mask.npy", [[i % 3 == 0 for i in range(24)]] * 40, "|u1")
    (TEMP / "ids.yaml").write_text(f"data_ids: {DATA}\ndata_mask: {mask}\n")
    ids = shown("--config", TEMP / "ids.yaml", "-n", 41)
    assert [d["ids"] for d in ids[:40]] == rows(40, 25, 1) and ids[40] == ids[0] and ids[0]["mask"] == [0] + [int(i % 3 == 0) for i in range(24)]
    (TEMP / "bare.yaml").write_text("preset: nano\n")
    refuses(osso("data", "show", "--config", TEMP / "bare.yaml"), 2, "no data; say data or data_ids")
    refuses(osso("data", "show", "--config", TEMP / "ids.yaml", "--validation"), 2, "no validation data")
    refuses(osso("data", "show", "--config", TEMP / "none.yaml"), 1, "none.yaml")


def test_a_model_that_cannot_fit_is_refused():
    result = train(out=TEMP / "big", preset="performance", seq_len=None, batch_size=1)
    refuses(result, 1, "GiB", "weights", "moments", "free")
    assert not (TEMP / "big").exists()
    shown = osso("train", "--preset", "base", "--dry-run", "--seq-len", 512, "--steps", 10, timeout=120)
    assert shown.code == 0 and "FLOP a token           31.0 M" in shown.text and "12.8 M" in shown.text, shown


def test_gradients_and_exports():
    done = train("--dump-grads", TEMP / "g.safetensors")
    assert done.code == 0, done
    head = header(TEMP / "g.safetensors")
    assert float(head["__metadata__"]["loss"]) > 5 and head["model.layers.0.mlp.experts.gate_up_proj"]["shape"] == [4, 64, 128]
    assert head["model.layers.1.self_attn.sinks"]["dtype"] == "F32"
    assert train(out=TEMP / "give", steps=2).code == 0
    made = {}
    for kind in ("f32", "bf16", "mxfp4"):
        left = TEMP / f"{kind}.tmp.0"  # by a run that was killed
        left.mkdir()
        (left / "chat_template.jinja").write_text("another model's")
        done = osso("export", TEMP / "give/latest", "-o", f"{TEMP / kind}/", "--type", kind)
        assert not left.exists() and not (TEMP / kind / "chat_template.jinja").exists()
        assert done.code == 0, done
        logits = osso("logits", "-m", TEMP / kind, "--ids", "1,2,3,9", "-o", TEMP / f"{kind}.npy", "--exact")
        assert logits.code == 0 and logits.complaint == "", logits
        made[kind] = (TEMP / f"{kind}.npy").read_bytes()
    osso("logits", "-m", TEMP / "give/latest", "--ids", "1,2,3,9", "-o", TEMP / "own.npy", "--exact")
    assert made["f32"] == (TEMP / "own.npy").read_bytes() != made["mxfp4"]
    assert header(TEMP / "mxfp4/model.safetensors")["model.layers.0.mlp.experts.down_proj_blocks"]["shape"] == [4, 64, 2, 16]
    refuses(osso("export", TEMP / "give/latest", "-o", TEMP / "f32"), 2, "exists")


def test_text_becomes_a_model_that_writes():
    words = random.Random(3)
    text = "\n".join(" ".join(words.choice(("the cat sat", "a dog ran", "it was big")) for _ in range(6)) + "." for _ in range(400))
    (TEMP / "text.txt").write_text(text)
    made = osso("tokenizer", "train", "-o", TEMP / "tok", "--vocab-size", 300, TEMP / "text.txt")
    assert made.code == 0, made
    done = osso("train", "--preset", "nano", "--tokenizer", TEMP / "tok", "--data", f"{TEMP / 'text.txt'}:line", "--seq-len", 64, "--batch-size", 8,
                "--steps", 40, "--lr", "1e-2", "--out", TEMP / "story", "--sample-every", 40, "--sample-prompt", "the", "-t", 2, timeout=120)
    assert done.code == 0 and "writes: the" in done.complaint and "bits per byte" in done.complaint, done
    vals = [line["val_bpb"] for line in log(TEMP / "story") if "val_bpb" in line]
    assert vals[-1] < 2, vals
    said = osso("generate", "-m", TEMP / "story/best", "-p", "the", "-n", 8, "--temp", 0)
    assert said.code == 0 and said.text.strip(), said


if __name__ == "__main__":
    main(sys.modules[__name__])
