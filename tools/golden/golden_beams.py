"""Makes tests/golden/beams/NAME.txt: what transformers' beam search finds on golden models (tests/golden/model/NAME).

    python tools/golden/golden_beams.py      (needs tools/oracle/oracle_requirements.txt)

A case is a line "beams penalty max_tokens", one "n id..." with the ids that end a text, one "n id..." with the prompt,
and a line for each beam, best first: "score n id...". Some ids that beams without ends pass through are ends, so that
texts end early, at different lengths. Float32, eager attention.
"""
import pathlib
import sys

import torch
from transformers import GptOssForCausalLM

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
MODELS = ["f32-gguf"]


def search(model, prompt, beams, penalty, most, ends):
    found = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), do_sample=False,
                           num_beams=beams, num_return_sequences=beams, length_penalty=penalty, max_new_tokens=most,
                           eos_token_id=ends or None, pad_token_id=0, output_scores=True, return_dict_in_generate=True)
    rows = []
    for i, ids in enumerate(found.sequences.tolist()):
        ids = ids[len(prompt):]
        end = next((k + 1 for k, t in enumerate(ids) if t in ends), len(ids))
        score = float(found.sequences_scores[i]) if beams > 1 else 0.0
        rows.append((score, ids[:end]))
    return rows


def main():
    for name in MODELS:
        folder = GOLDEN / "model" / name
        model = GptOssForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        model.generation_config.eos_token_id = None
        ids = [int(i) for i in (folder / "ids.txt").read_text().split(",")]
        lines = []
        row = lambda xs: " ".join(map(str, [len(xs), *xs]))
        for beams in (1, 3, 5):
            for case, (penalty, most) in enumerate([(1.0, 24), (0.0, 40), (2.0, 16)]):
                prompt = ids[7 * case:7 * case + 20]
                free = search(model, prompt, beams, penalty, most, [])
                ends = [] if case == 2 else sorted({free[0][1][4], free[-1][1][9]})
                lines += [f"{beams} {penalty} {most}", row(ends), row(prompt)]
                lines += [f"{score:.6f} {row(got)}" for score, got in search(model, prompt, beams, penalty, most, ends)]
        (GOLDEN / "beams" / f"{name}.txt").write_text("\n".join(lines) + "\n")
        print(name, len(lines), "lines")


if __name__ == "__main__":
    sys.exit(main())
