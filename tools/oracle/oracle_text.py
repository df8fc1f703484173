#!/usr/bin/env python3
"""Compares osso's tokenizer with tiktoken: ids of random mixed-script strings, of real texts, of every code point
in several surroundings; then speed, alternating, on one thread.

usage: oracle_text.py --ranks o200k_base.tiktoken [--strings N] [--data FOLDER] [--code-points] [--speed]
(needs tiktoken 0.14 and numpy; the library is build/release/libosso.so)
"""
import argparse
import base64
import ctypes
import os
import random
import sys
import time

import numpy as np
import tiktoken

PATTERN = "|".join([
    r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
    r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
    r"""\p{N}{1,3}""", r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""", r"""\s*[\r\n]+""", r"""\s+(?!\S)""", r"""\s+"""])


def load_tiktoken(ranks_path):
    with open(ranks_path, "rb") as f:
        ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, f.read().splitlines())}
    return tiktoken.Encoding("o200k", pat_str=PATTERN, mergeable_ranks=ranks,
                             special_tokens={"<|endoftext|>": 199999})


class Ids(ctypes.Structure):
    _fields_ = [("data", ctypes.POINTER(ctypes.c_int32)), ("len", ctypes.c_size_t), ("cap", ctypes.c_size_t)]


class Osso:
    def __init__(self, path="build/release/libosso.so"):
        self.lib = ctypes.CDLL(os.path.abspath(path))
        self.error = ctypes.create_string_buffer(512)
        self.tokenizer = ctypes.c_void_p()
        started = time.perf_counter()
        assert self.lib.osso_tokenizer_builtin(ctypes.byref(self.tokenizer), self.error) == 0, self.error.value
        self.open_ms = (time.perf_counter() - started) * 1e3
        self.ids = Ids()

    def encode(self, data):
        """The ids of UTF-8 bytes, valid until the next call."""
        self.ids.len = 0
        status = self.lib.osso_tokenizer_encode(self.tokenizer, data, ctypes.c_size_t(len(data)), 0,
                                                ctypes.byref(self.ids), self.error)
        assert status == 0, self.error.value
        if not self.ids.len:
            return np.empty(0, np.int32)
        return np.ctypeslib.as_array(self.ids.data, (self.ids.len,))


SAMPLES = [  # pieces of many scripts, and what tends to break tokenizers
    "the quick brown Fox JUMPS over TheLazyDog HTTPServer iPhone naïve café ÉCOLE straße ǅungla",
    "Привет мир МОСКВА Ёлка їжак Καλημέρα ΚΟΣΜΕ სახელი Հայաստան",
    "नमस्ते दुनिया हिन्दी বাংলা ਪੰਜਾਬੀ தமிழ் తెలుగు ಕನ್ನಡ മലയാളം සිංහල ไทยสวัสดี ລາວ ພາສາ မြန်မာ ខ្មែរ བོད་",
    "日本語テスト 漢字かな交じり文 カタカナ ー ｶﾀｶﾅ 你好世界 繁體中文 안녕하세요 세계",
    "مرحبا بالعالم السلام عَلَيْكُم שלום עולם שָׁלוֹם فارسی اردو",
    "አማርኛ ትግርኛ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ ⴰⵎⴰⵣⵉⵖ ߒߞߏ ꦗꦮ ᜊᜌ᜔ᜊᜌᜒᜈ᜔",
    "🙂🙃👩‍👩‍👧‍👦🏳️‍🌈👍🏽🇩🇪1️⃣ ✨💖 ☃️ ©®™ ½ ² ③ Ⅷ ٣٤ १२३ 〇 𝟘𝟙 𝐀𝐁𝖈 𐐀𐐨",
    "I'm WE'LL don't you'Re he'S it'ſ they'vE 'd 'tis o'clock ''s 'LLama can’t",
    "x=1;y+=2.5e-10//comment\n\tif (a<b && c>d) { return f(x)[0]; } /* ok */ #!/usr/bin/env\r\n\r\n  \n\n   end",
    "e\u0301a\u0308\u0304o\u0328 \u0301\u0302 a\u200db \u00a0\u2003\u3000\u2028\u2029\u0085\u1680\u200b\ufeff\u00ad",
    "0 12 345 6789 1,234,567.89 3.14159 0xFFee 1e10 ٪ ％ ‰ 50% $9.99 €5 ¥100 №7",
    "<|start|>assistant<|channel|>final<|message|>hi<|return|> <|endoftext|> http://a.b/c?d=e&f#g user@host ~/x \\n",
    "!!!??? ... --- *** === ((( ))) [[ ]] {{ }} <<>> ::: ;;; ``` ''' \"\"\" @@@ ### $$$ %%% ^^^ &&& ||| \\\\ ///",
    "\x00\x01\x07\x08\x0b\x0c\x1b\x7f\u0080\u009f\ufffd\uffff\U0010ffff\ue000\U000e0100\U000f0000",
]


def random_strings(rng, code_points):
    """Random strings for ever: characters, slices of samples, runs, and characters from anywhere in Unicode."""
    alphabets = [sorted(set(s)) for s in SAMPLES]
    mixed = sorted(set("".join(SAMPLES)))
    critical = list(" \n\r\t'/aAzZ09!.,ſʰʼªǅ中ا\u0301\u0903²½🙂") + ["'s", "'LL", "\r\n", "  "]
    while True:
        parts = []
        for _ in range(rng.randint(1, 6)):
            kind = rng.random()
            if kind < 0.30:
                sample = rng.choice(SAMPLES)
                at = rng.randrange(len(sample))
                parts.append(sample[at:at + rng.randint(1, 20)])
            elif kind < 0.50:
                parts.append("".join(rng.choices(rng.choice(alphabets), k=rng.randint(1, 12))))
            elif kind < 0.65:
                parts.append("".join(rng.choices(mixed, k=rng.randint(1, 10))))
            elif kind < 0.85:
                parts.append("".join(rng.choices(critical, k=rng.randint(1, 12))))
            elif kind < 0.93:
                parts.append(rng.choice(mixed) * rng.randint(1, 40))
            else:
                parts.append("".join(rng.choices(code_points, k=rng.randint(1, 6))))
        yield "".join(parts)


def same(osso, reference, text):
    expected = reference.encode_ordinary(text)
    got = osso.encode(text.encode())
    if len(got) == len(expected) and (got == np.asarray(expected, np.int32)).all():
        return True
    print(f"DIFFERENT: {text[:200]!r}\n  tiktoken {expected[:40]}\n  osso     {got[:40].tolist()}")
    return False


def check_strings(osso, reference, n, code_points):
    rng = random.Random(20)
    source = random_strings(rng, code_points)
    wrong = characters = 0
    for i in range(n):
        text = next(source)
        characters += len(text)
        wrong += not same(osso, reference, text)
        if wrong > 20:
            break
    print(f"random strings: {n} ({characters} characters), {wrong} differ")
    return wrong


def check_code_points(osso, reference, code_points):
    """Every code point alone and among all kinds of neighbours."""
    wrong = 0
    for c in code_points:
        text = f"{c} {c}{c}a{c}A{c}1{c}!{c}\n{c}a'{c}'s{c}\u0301{c}中{c}'{c}e \r{c}/x  {c}"
        wrong += not same(osso, reference, text)
        if wrong > 20:
            break
    print(f"code points: {len(code_points)} in 20 surroundings each, {wrong} differ")
    return wrong


def data_files(folder):
    for root, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            path = os.path.join(root, name)
            with open(path, "rb") as f:
                yield path, f.read()


def check_data(osso, reference, folder):
    wrong = files = size = 0
    for path, data in data_files(folder):
        wrong += not same(osso, reference, data.decode("utf-8", "replace"))
        files += 1
        size += len(data)
    print(f"texts: {files} files, {size} bytes, {wrong} differ")
    return wrong


def speed(osso, reference, name, text):
    data = text.encode()
    times = {"osso": [], "tiktoken": []}
    for _ in range(5):
        started = time.process_time()
        osso.encode(data)
        times["osso"].append(time.process_time() - started)
        started = time.process_time()
        reference.encode_ordinary(text)
        times["tiktoken"].append(time.process_time() - started)
    rate = {who: len(data) / min(t) / 1e6 for who, t in times.items()}
    print(f"{name:32} {len(data) / 1e6:6.1f} MB  osso {rate['osso']:6.1f} MB/s  tiktoken {rate['tiktoken']:5.1f} MB/s  "
          f"{rate['osso'] / rate['tiktoken']:5.1f} x", flush=True)
    return {who: min(t) for who, t in times.items()}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--ranks", required=True)
    p.add_argument("--strings", type=int, default=1_000_000)
    p.add_argument("--data")
    p.add_argument("--code-points", action="store_true")
    p.add_argument("--speed", action="store_true")
    p.add_argument("--library", default="build/release/libosso.so")
    a = p.parse_args()
    reference, osso = load_tiktoken(a.ranks), Osso(a.library)
    print(f"opened in {osso.open_ms:.1f} ms")
    code_points = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    wrong = 0
    if a.strings:
        wrong += check_strings(osso, reference, a.strings, code_points)
    if a.code_points:
        wrong += check_code_points(osso, reference, code_points)
    if a.data:
        wrong += check_data(osso, reference, a.data)
    if a.speed:
        rng = random.Random(3)
        for i, sample in enumerate(SAMPLES[:5]):  # synthetic: words of one group of scripts in random order
            words = sample.split()
            speed(osso, reference, f"words of sample {i}", " ".join(rng.choices(words, k=200_000)))
        if a.data:
            total = {}
            for path, data in data_files(a.data):
                if len(data) > 1_000_000:
                    took = speed(osso, reference, os.path.basename(path), data.decode("utf-8", "replace"))
                    total = {who: total.get(who, 0) + took[who] for who in took}
            print(f"all of these texts: {total['tiktoken'] / total['osso']:.2f} x tiktoken's speed")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
