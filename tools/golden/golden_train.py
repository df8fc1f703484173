"""Writes tests/golden/train: what PyTorch makes of the model of tests/golden/taps and a few documents.

    build/oracle/bin/python tools/golden/golden_train.py

documents.txt    a line each, ids separated by commas; id*weight: what it weighs as a target (1)
steps.txt        ten AdamW steps: loss, balance loss, z loss, norm of the gradients before clipping
muon.txt         the same with Muon for the matrices that decay but the router's, AdamW for the rest
gradients.txt    of the first step, a line for each tensor: name, layer, the largest and the norm of its gradient, then
                 index:value of some of its values
bf16_*.txt       the same of one step with dtype bf16, of tests/golden/model/f32-gguf (whose values are f32's, so that rounding
                 them shows): PyTorch rounds the factors of the same products. Documents on which it matters how a sum is
                 ordered, since a factor is close to a rounding, are drawn again (oracle_train.py)
"""
import os
import sys

import numpy as np
import torch
from safetensors.torch import load_file

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
from tiny_model import transformers_model, unpack_mxfp4
from oracle_train import apart
from train_reference import arena_tensors, documents, round_products, steps, write_documents

GOLDEN = os.path.join(HERE, "..", "..", "tests", "golden")
LENGTHS, TOP_K, BALANCE, Z, STEPS, GAP, VALUES = (33, 2, 14, 20), 2, 0.02, 0.001, 10, 1e-4, 12
BF16_LENGTHS, NOISE, NOISES, MOVED = (4, 2, 3, 5), 6e-7, 12, 1e-5


def read_state(path):
    """float32 tensors under transformers' names."""
    state = {}
    for name, x in load_file(path).items():
        if name.endswith("_blocks"):
            scales = load_file(path)[name[:-len("blocks")] + "scales"].numpy()
            state[name[:-len("_blocks")]] = torch.from_numpy(unpack_mxfp4(x.numpy(), scales)).transpose(1, 2).contiguous()
        elif not name.endswith("_scales"):
            state[name] = x.float()
    return state


def write_steps(path, lines):
    with open(path, "w") as f:
        f.writelines(" ".join(f"{x:.9g}" for x in line) + "\n" for line in lines)


def write_gradients(path, gradients, rng):
    with open(path, "w") as f:
        for name, x in arena_tensors(gradients).items():
            some = sorted(set(rng.integers(0, len(x), VALUES).tolist()) | {int(np.abs(x).argmax())})
            f.write(f"{name.replace('.', ' ')} {np.abs(x).max():.9g} {np.linalg.norm(x.astype(np.float64)):.9g} "
                    + " ".join(f"{i}:{x[i]:.9g}" for i in some) + "\n")


def write_bf16(folder):
    """The step with rounded factors."""
    source = os.path.join(GOLDEN, "model", "f32-gguf")
    state = read_state(os.path.join(source, "model.safetensors"))
    for seed in range(3000):
        torch.manual_seed(seed)
        docs = documents(np.random.default_rng(seed), 272, 270, BF16_LENGTHS)
        run = lambda noise: steps(round_products(transformers_model(source, state), noise), [docs[:2], docs[2:]], TOP_K, 0, BALANCE, Z)
        lines, gradients, gap = run(0.0)
        if gap > GAP and all(max(apart(gradients, run(NOISE)[1]).values()) < MOVED for _ in range(NOISES)):
            break
    else:
        raise SystemExit("no documents without a factor close to a rounding")
    write_documents(os.path.join(folder, "bf16_documents.txt"), docs)
    write_steps(os.path.join(folder, "bf16_steps.txt"), lines)
    write_gradients(os.path.join(folder, "bf16_gradients.txt"), gradients, np.random.default_rng(seed))
    f32 = steps(transformers_model(source, state), [docs[:2], docs[2:]], TOP_K, 0, BALANCE, Z)[1]
    print(f"bf16: seed {seed}, router gap {gap:.1e}, gradients of f32 are {min(apart(gradients, f32).values()):.1e} away at least")


def main():
    torch.set_num_threads(1)
    taps, folder = os.path.join(GOLDEN, "taps"), os.path.join(GOLDEN, "train")
    os.makedirs(folder, exist_ok=True)
    state = read_state(os.path.join(taps, "model.safetensors"))
    for seed in range(100):
        docs = documents(np.random.default_rng(seed), 64, 62, LENGTHS)
        batches = [docs[:2], docs[2:]]
        lines, gradients, gap = steps(transformers_model(taps, state), batches, TOP_K, STEPS, BALANCE, Z)
        muon, _, muon_gap = steps(transformers_model(taps, state), batches, TOP_K, STEPS, BALANCE, Z, muon=True)
        if min(gap, muon_gap) > GAP:
            break
    else:
        raise SystemExit("no documents without a close choice of experts")
    write_documents(os.path.join(folder, "documents.txt"), docs)
    for name, rows in (("steps.txt", lines), ("muon.txt", muon)):
        write_steps(os.path.join(folder, name), rows)
    write_gradients(os.path.join(folder, "gradients.txt"), gradients, np.random.default_rng(seed))
    write_bf16(folder)
    with open(os.path.join(folder, "README.md"), "w") as f:
        f.write("# Golden steps of training\n\nMade by `tools/golden/golden_train.py` with transformers 5.23.0 and torch 2.13.0 in "
                "float32; do not edit. Its head comment says what the files are: the model is that of `tests/golden/taps`, two batches "
                f"of two documents a step, balance {BALANCE}, z {Z}, AdamW with lr 1e-3, betas 0.9 and 0.95, eps 1e-8, weight decay "
                "0.1 and clipping at 1; Muon with momentum 0.95 in float32. No choice of experts is closer than 1e-4 in any step.\n\n"
                "`chats.jsonl` is made by `tools/oracle/oracle_data.py -n 40 --seed 7 --golden` with openai-harmony 0.0.8: "
                "conversations, their ids, and what each weighs.\n")
    print(f"seed {seed}, router gap {gap:.1e}, losses {lines[0][0]:.4f} to {lines[-1][0]:.4f}")


if __name__ == "__main__":
    main()
