#!/usr/bin/env python3
"""A checkpoint of the run as the model that ships: python3 models/recipe/export_bundled.py CHECKPOINT [-o models/osso-small]

The weights by `osso quantize`: experts MXFP4, embedding and attention's matrices BF16; norms, router, sinks and biases stay F32.
(`osso export` keeps all but the experts F32, with which tokenizer and held-out questions are more than 15 MB.) Beside them config,
generation settings and tokenizer as transformers wants them. README.md and world.jsonl of the folder stay as they are.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 15_000_000                                      # of the whole folder
SAMPLING = {"temperature": 0.3, "top_p": 0.9}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def experts_a_token(checkpoint):
    """As the run's own settings say: a run that draws the number for each micro-batch writes the largest into its checkpoints."""
    settings = (checkpoint.parent / "config.yaml").read_text(encoding="utf-8")
    return int(re.search(r"^\s+num_experts_per_tok: (\d+)", settings, re.M)[1])


def write_texts(folder, checkpoint):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    ids = {t["content"]: t["id"] for t in json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]}
    names = {key: tokenizer[key] for key in ("bos_token", "eos_token", "pad_token")}
    config["num_experts_per_tok"] = config["experts_per_token"] = experts_a_token(checkpoint)
    config["dtype"], config["pad_token_id"] = "bfloat16", ids[names["pad_token"]]
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", {
        "bos_token_id": ids[names["bos_token"]], "pad_token_id": ids[names["pad_token"]], "do_sample": True, **SAMPLING,
        "eos_token_id": [ids[t] for t in ("<|return|>", "<|endoftext|>", "<|call|>")]})
    write_json(folder / "tokenizer_config.json", {**tokenizer, "model_max_length": config["max_position_embeddings"],
                                                  "model_input_names": ["input_ids", "attention_mask"]})
    write_json(folder / "special_tokens_map.json", names)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("checkpoint", type=pathlib.Path)
    p.add_argument("-o", "--out", type=pathlib.Path, default=ROOT / "models/osso-small")
    p.add_argument("--osso", default=os.environ.get("OSSO", str(ROOT / "build/osso")))
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=a.out.parent) as place:
        made = pathlib.Path(place, "model")
        subprocess.run([a.osso, "quantize", a.checkpoint, made, "--to", "hf", "--type", "bf16", "--type", "experts=mxfp4"],
                       check=True, stdout=subprocess.DEVNULL)
        write_texts(made, a.checkpoint)
        for file in made.iterdir():
            shutil.move(str(file), a.out / file.name)
    size = sum(f.stat().st_size for f in a.out.iterdir())
    print(f"{a.out}: {size:,} bytes of at most {LIMIT:,}")
    if size >= LIMIT:
        raise SystemExit(f"{a.out} is too large to ship: {size - LIMIT + 1:,} bytes must go")


if __name__ == "__main__":
    main()
