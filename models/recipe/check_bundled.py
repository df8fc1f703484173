"""Checks the bundled model: python3 models/recipe/check_bundled.py [--model models/osso-small]

The prompts of tests/e2e/prompts.txt at the shipped sampling settings, through transformers or, with
--osso PROGRAM, through the engine itself:
    well formed   at least 48 of 50 answers are [analysis] final and end in <|return|>
    words         at least 95 % of the words of the answers occur in the training text
    repetition    no 6-gram of words more than twice in one answer
and bits per byte on text that was never trained on: held-out stories (models/recipe/corpus.py) and
conversations of held-out worlds (seed >= 2^31; all text, and only what the assistant writes).
"""
import argparse
import json
import math
import os
import re
import subprocess
import sys
from collections import Counter

import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer, Mxfp4Config

import corpus
import world_chat
import world_mini
from world import rng
from world_story import repeats

WELL = re.compile(r"(?:<\|channel\|>analysis<\|message\|>(?:(?!<\|).)*<\|end\|><\|start\|>assistant)?<\|channel\|>final<\|message\|>((?:(?!<\|).)+)<\|return\|>", re.S)


def render(prompt, effort, date):
    system = f"{world_chat.SYSTEM}\nCurrent date: {date}\n\nReasoning: {effort}\n\n{world_chat.CHANNELS}"
    return world_chat.message("system", system) + world_chat.message("user", prompt) + "<|start|>assistant"


@torch.no_grad()
def answers(model, tok, prompts, a):
    """Sampled texts, all prompts in one batch, special tokens kept, cut after the first stop."""
    tok.padding_side = "left"
    batch = tok([render(p, a.effort, a.date) for p in prompts], return_tensors="pt", padding=True, add_special_tokens=False)
    torch.manual_seed(a.seed)
    out = model.generate(input_ids=batch.input_ids, attention_mask=batch.attention_mask, max_new_tokens=a.max_tokens)
    texts = tok.batch_decode(out[:, batch.input_ids.shape[1]:], skip_special_tokens=False)
    return [re.sub(r"(<\|return\|>|<\|call\|>|<\|endoftext\|>).*", r"\1", t, flags=re.S) for t in texts]


def osso_answers(prompts, a):
    """The same through `osso generate --chat --json`, one prompt at a time."""
    texts = []
    for i, p in enumerate(prompts):
        out = subprocess.run([a.osso, "generate", "--chat", "--json", "--top-logprobs", "0", "-m", a.model, "-t", "1", "-s", str(1000 * a.seed + i), "-n", str(a.max_tokens),
                              "--reasoning-effort", a.effort, "--date", a.date, "-p", p], capture_output=True, check=True)
        texts.append("".join(t["text"] for t in json.loads(out.stdout)["tokens"]))
    return texts


def question_score(a, n=100):
    """Questions about small held-out worlds, most likely answer: how many hold the right words."""
    worlds = [world_mini.mini(rng(world_chat.HELD_OUT + i)) for i in range(n)]
    command = [a.osso, "chat", "-m", a.model, "-t", "1", "--temp", "0", "--date", a.date, "-p"]
    good = 0
    for text, q, short, _ in worlds:
        out = subprocess.run(command + [text + " " + q], capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout.decode()
        good += short.lower().rstrip(".") in out.lower()
    print(f"questions about small held-out worlds: {good} of {n} answers hold the right words")


def known_words(data, n):
    words = Counter()
    for seed in range(n):
        words.update(re.findall(r"[a-z']+", "".join(t for t, _ in world_chat.conversation(seed)).lower()))
    for train, _ in corpus.load(data).values():
        for d in train:
            words.update(re.findall(r"[a-z']+", d.lower()))
    return words


def check_answers(prompts, texts, words, show):
    good, total, unknown, loops = 0, 0, [], 0
    for p, t in zip(prompts, texts):
        m = WELL.fullmatch(t)
        body = m.group(1) if m else re.sub(r"<\|[^|]*\|>", " ", t)
        found = re.findall(r"[a-z']+", body.lower())
        total += len(found)
        unknown += [w for w in found if w not in words]
        good += bool(m)
        loop = repeats(body) > 2
        loops += loop
        if show or not m or loop:
            print(f"> {p}\n{'' if m else 'NOT WELL FORMED '}{'LOOP ' if loop else ''}{t}\n")
    share = 1 - len(unknown) / max(1, total)
    print(f"well formed and ended {good} of {len(prompts)}; words known {share:.2%} of {total} {sorted(set(unknown))[:20]}; answers with a 6-gram more than twice: {loops}")
    return good >= 48 and share >= 0.95 and loops == 0


@torch.no_grad()
def bits(model, ids, weights, window=1024):
    """Sum of -log2 p over weighted tokens; the very first token is charged as uniform."""
    total = weights[0] * math.log2(model.config.vocab_size)
    for i in range(0, len(ids) - 1, window):
        x = torch.tensor([ids[i:i + window + 1]])
        nll = F.cross_entropy(model(input_ids=x[:, :-1]).logits[0].float(), x[0, 1:], reduction="none") / math.log(2)
        total += (nll * torch.tensor(weights[i + 1:i + window + 1])).sum().item()
    return total


def bits_per_byte(model, tok, documents):
    """documents: lists of (text, weight) pieces."""
    b = n = 0
    for pieces in documents:
        ids, weights = [], []
        for text, w in pieces:
            new = tok(text, add_special_tokens=False).input_ids
            ids, weights = ids + new, weights + [float(w)] * len(new)
            n += w * len(text.encode())
        b += bits(model, ids, weights)
    return b / n


def held_out_scores(model, tok, a):
    rows = {}
    for name, (_, held) in corpus.load(a.data).items():
        if name.startswith(("tiny", "fairy")):
            held = held[:a.documents]
            rows[f"{name} ({len(held)} documents)"] = [[(d, 1)] for d in held]
    worlds = [world_chat.conversation(world_chat.HELD_OUT + i) for i in range(a.documents)]
    rows[f"generated conversations ({len(worlds)}), all text"] = [[(t, 1) for t, _ in c] for c in worlds]
    rows["generated conversations, what the assistant writes"] = [[(t, int(w)) for t, w in c] for c in worlds]
    for name, docs in rows.items():
        print(f"bits per byte {bits_per_byte(model, tok, docs):.3f}  {name}", flush=True)


def main():
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--model", default=os.path.join(here, "models/osso-small"))
    ap.add_argument("--prompts", default=os.path.join(here, "tests/e2e/prompts.txt"))
    ap.add_argument("--data", default=os.path.join(here, "../shared/data/train"))
    ap.add_argument("--osso", help="the osso program; without it: transformers")
    ap.add_argument("--seeds", type=int, default=1, help="so many rounds of all prompts, with seeds from --seed on")
    ap.add_argument("--effort", default="medium")
    ap.add_argument("--date", default="2026-11-21")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--max-tokens", type=int, default=400)
    ap.add_argument("--documents", type=int, default=150, help="at most so many of each kind for bits per byte; 0: none")
    ap.add_argument("--show", action="store_true", help="print every answer")
    a = ap.parse_args()
    tok = AutoTokenizer.from_pretrained(a.model)
    model = AutoModelForCausalLM.from_pretrained(a.model, quantization_config=Mxfp4Config(dequantize=True), dtype=torch.float32).eval()
    prompts = [line.rstrip("\n") for line in open(a.prompts) if line.strip()]
    words, ok = known_words(a.data, 20000), True
    for a.seed in range(a.seed, a.seed + a.seeds):
        texts = osso_answers(prompts, a) if a.osso else answers(model, tok, prompts, a)
        ok = check_answers(prompts, texts, words, a.show) and ok
    if a.osso:
        question_score(a)
    if a.documents:
        held_out_scores(model, tok, a)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
