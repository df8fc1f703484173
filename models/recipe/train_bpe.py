"""Trains the small byte-level BPE of the bundled model: python3 models/recipe/train_bpe.py --out DIR

Same form as o200k_harmony, only smaller: the o200k split pattern, all 256 bytes first (same order),
then the learned tokens, then the 21 special tokens under their usual names. As in the big one,
`merges` lists EVERY split of a token into two tokens, ordered by result, so that an engine which
merges by the id of the result and one which follows the list give the same ids.
"""
import argparse
import json
import os
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import corpus
import world_chat

PATTERN = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
SPECIALS = ["<|startoftext|>", "<|endoftext|>", "<|reserved_200000|>", "<|reserved_200001|>", "<|return|>", "<|constrain|>",
            "<|reserved_200004|>", "<|channel|>", "<|start|>", "<|end|>", "<|message|>", "<|reserved_200009|>", "<|reserved_200010|>",
            "<|reserved_200011|>", "<|call|>", "<|reserved_200013|>", "<|reserved_200014|>", "<|reserved_200015|>",
            "<|reserved_200016|>", "<|reserved_200017|>", "<|endofprompt|>"]


def pre_tokenizer():
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def texts(data, n):
    """What to learn merges from: conversations without their fixed frame, and the stories."""
    for seed in range(n):
        for text, train in world_chat.conversation(seed):
            if train or seed % 10 == 0:
                yield from (p for p in text.replace("<|", "\0").replace("|>", "\0").split("\0") if p)
    docs = corpus.load(data)
    yield from docs["tinystories_subset"][0]
    random.seed(1)
    for name in ("fairytaleqa_stories", "children_standardebooks"):
        for d in random.sample(docs[name][0], 60):
            yield d[:8000]


def all_splits(vocab):
    """Every (left, right) whose join is a token, ordered by (result, left, right)."""
    merges = []
    for token, i in vocab.items():
        for k in range(1, len(token)):
            a, b = token[:k], token[k:]
            if a in vocab and b in vocab:
                merges.append((i, vocab[a], vocab[b], a, b))
    return [(a, b) for *_, a, b in sorted(merges)]


def build(vocab):
    t = Tokenizer(models.BPE(vocab=vocab, merges=all_splits(vocab), fuse_unk=False, byte_fallback=False))
    t.pre_tokenizer = pre_tokenizer()
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIALS])
    return t


def learn(data, size, n):
    """Learned vocabulary; tokens that their own bytes do not lead to are dropped and ids closed up."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizer()
    spare = 60
    t.train_from_iterator(texts(data, n), trainers.BpeTrainer(
        vocab_size=size - len(SPECIALS) + spare, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), min_frequency=2, show_progress=False))
    order = [w for w, _ in sorted(t.get_vocab().items(), key=lambda x: x[1])]
    while True:
        order = order[:size - len(SPECIALS) + spare]
        bpe = models.BPE(vocab={w: i for i, w in enumerate(order)}, merges=all_splits({w: i for i, w in enumerate(order)}))
        lost = [w for w in order if len(bpe.tokenize(w)) != 1]
        if not lost:
            return {w: i for i, w in enumerate(order[:size - len(SPECIALS)])}
        order = [w for w in order if w not in set(lost)]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", default="../shared/data/train")
    ap.add_argument("--out", required=True)
    ap.add_argument("--size", type=int, default=4096)
    ap.add_argument("--conversations", type=int, default=8000)
    a = ap.parse_args()
    t = build(learn(a.data, a.size, a.conversations))
    os.makedirs(a.out, exist_ok=True)
    t.save(os.path.join(a.out, "tokenizer.json"))
    special = {k: v for k, v in (("bos_token", "<|startoftext|>"), ("eos_token", "<|return|>"), ("pad_token", "<|endoftext|>"))}
    with open(os.path.join(a.out, "tokenizer_config.json"), "w") as f:
        json.dump({**special, "model_max_length": 2048, "model_input_names": ["input_ids", "attention_mask"], "clean_up_tokenization_spaces": False,
                   "tokenizer_class": "PreTrainedTokenizerFast"}, f, indent=2)
    with open(os.path.join(a.out, "special_tokens_map.json"), "w") as f:
        json.dump(special, f, indent=2)
    sample = "".join(x for x, _ in world_chat.conversation(12345))
    ids = t.encode(sample).ids
    print(t.get_vocab_size(), "tokens;", len(sample.encode()) / len(ids), "bytes per token;", t.decode(ids, skip_special_tokens=False) == sample)


if __name__ == "__main__":
    main()
