#!/usr/bin/env python3
"""osso train --block plain: Mixtral's layer and Llama's, in every verb; what is no such model, or cannot become one, is refused."""
from training import *


def test_every_verb_runs_it():
    for name, experts in (("mixtral", None), ("llama", 1)):
        out = TEMP / name
        done = train(block="plain", num_local_experts=experts, tokenizer=BUNDLED, vocab_size=8192, out=out, steps=2)
        assert done.code == 0, done
        config = json.loads((out / "step-000002/config.json").read_text())
        assert config["model_type"] == name and config["rope_theta"] == 10000, config
        head = header(out / "step-000002/model.safetensors")
        expert = "block_sparse_moe.experts.3.w2" if name == "mixtral" else "mlp.down_proj"
        assert head[f"model.layers.1.{expert}.weight"]["shape"] == [64, 64], head.keys()
        assert not any(word in key for key in head for word in ("bias", "sinks", "router")), head.keys()
        info = osso("info", "-m", out / "latest", "--json")
        assert info.code == 0 and json.loads(info.text)["architecture"]["name"] == name, info
        for kind in ("f32", "bf16"):
            done = osso("export", out / "latest", "-o", TEMP / f"{name}-{kind}", "--type", kind)
            assert done.code == 0, done
        made = {}
        for model in (out / "latest", TEMP / f"{name}-f32", TEMP / f"{name}-bf16"):
            for exact in ("--exact", ""):
                done = osso("logits", "-m", model, "--ids", "1,2,3,9", "-o", TEMP / "l.npy", *filter(None, [exact]))
                assert done.code == 0 and done.complaint == "", done
                made[model, exact] = (TEMP / "l.npy").read_bytes()
        assert made[out / "latest", "--exact"] == made[TEMP / f"{name}-f32", "--exact"] != made[TEMP / f"{name}-bf16", "--exact"]
        for verb in (("generate", "-p", "Once upon", "-n", 4), ("chat", "-p", "hello", "-n", 4), ("bench", "-p", 8, "-n", 4, "-r", 1)):
            done = osso(verb[0], "-m", TEMP / f"{name}-bf16", *verb[1:], timeout=60)
            assert done.code == 0 and not re.search(r"\bnan\b", done.text), (verb, done)  # a banana is none
            assert verb[0] != "bench" or name in done.text, done


def test_digits_do_not_depend_on_threads_or_checkpointing():
    expected = None
    for name, threads, more in (("p1", 1, {}), ("p3", 3, {"checkpointing": "true"})):
        assert train(threads=threads, block="plain", out=TEMP / name, steps=4, **more).code == 0
        made = log(TEMP / name), (TEMP / name / "step-000004/model.safetensors").read_bytes()
        expected = expected or made
        assert made == expected, name
    assert train("--resume", block="plain", out=TEMP / "p1", steps=6).code == 0 and len(log(TEMP / "p1")) == 6
    refuses(train("--resume", out=TEMP / "p1", steps=8), 2, "other shapes")


def test_what_it_has_no_place_for():
    assert train(block="plain", out=TEMP / "small", steps=1).code == 0
    model = TEMP / "small/step-000001"
    refuses(train(block="plain", out=TEMP / "x", qat_from_step=1), 1, "qat_from_step", "MXFP4")
    refuses(train(block="plain", out=TEMP / "x", sliding_window=4), 2, "sliding_window")
    refuses(train(init=model, preset=None, block="gpt_oss", out=TEMP / "x"), 2, "block: gpt_oss", "plain block")
    refuses(osso("export", model, "-o", TEMP / "x", "--type", "mxfp4"), 1, "MXFP4", "bf16 or f32")
    refuses(osso("convert", model, TEMP / "x.gguf", "--to", "gguf"), 1, "plain block", "osso export")
    refuses(osso("quantize", model, TEMP / "x.gguf", "--type", "q8_0"), 1, "plain block")
    refuses(osso("synth", "--preset", model / "config.json", TEMP / "x.gguf"), 1, "plain block")
    config = json.loads((model / "config.json").read_text())
    for key, value in (("rope_scaling", {"rope_type": "llama3", "factor": 8.0}), ("sliding_window", 4096), ("attention_bias", True),
                       ("hidden_act", "gelu")):
        (model / "config.json").write_text(json.dumps({**config, key: value}))
        refuses(osso("info", "-m", model), 1, "config.json", key, "plain form")
    (model / "config.json").write_text(json.dumps({**config, "num_local_experts": 5}))
    refuses(osso("info", "-m", model), 1, "[5, 64]")


def test_experts_that_do_not_fit_together():
    assert train(block="plain", out=TEMP / "odd", steps=1).code == 0
    assert osso("export", TEMP / "odd/latest", "-o", TEMP / "odd16", "--type", "bf16").code == 0
    path, name = TEMP / "odd16/model.safetensors", "model.layers.1.block_sparse_moe.experts.2.w1.weight"
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    for old, new, *words in ((f'"{name}"', f'"{name.replace("2.w1", "7.w1")}"', f"{name} is missing"),
                             ('[64,64]', '[4096] ', "[4096]", "[64, 64]"), ('"BF16"', '"F16" ', f"{name} is F16", "expert 0's is BF16")):
        head = data[8:8 + size].decode()
        at = head.index(f'"{name}"')
        at = head.index(old, at)
        head = head[:at] + new + head[at + len(old):]
        path.write_bytes(data[:8] + head.encode() + data[8 + size:])
        refuses(osso("info", "-m", TEMP / "odd16"), 1, *words)


if __name__ == "__main__":
    main(sys.modules[__name__])
