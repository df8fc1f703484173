"""What the bundled model is measured by, beside `osso eval world`: python3 models/recipe/check_model.py [--model models/osso-small]

    bits per byte   with K = 1, 2, 4 experts a token, on conversations of held-out seeds (what the assistant writes) and,
                    with --documents FOLDER (corpus.py names its texts), on held-out TinyStories and fairy tales,
                    where the model before is to be beaten
    MXFP4           beside the same model in 32 bits (--f32 CHECKPOINT): at most 2 % more
    experts         how often each is chosen on these texts: 0.2 to 2.5 times its even share
    plots           of 300 free stories, drawn: none of more than 8 %
    first minute    tests/e2e/first_minute.jsonl: 56 of 60 likeliest answers, 52 of 60 drawn ones over five seeds

Exit status 1 where one of these bounds is not kept. --quick takes a tenth of the texts.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import compose
import corpus
import family_stories
import plots
from exchange import HELD_OUT

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPERTS = (1, 2, 4)
SEEDS = (1, 2, 3, 4, 5)
BEFORE = {"tinystories_subset": 1.1121, "fairytaleqa_stories": 1.8662}  # the model before (hash 94e8bfb28fceebdb), all held-out texts
kept = True


def osso(a, *args):
    command = [a.osso, *map(str, args)]
    out = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if out.returncode:
        sys.exit(f"{' '.join(command)}\n{out.stderr}")
    return out.stdout


def tell(line, good=None):
    """A line, and whether its bound is kept (None: it has none)."""
    global kept
    kept = kept and good is not False
    print(line + {None: "", True: "  (kept)", False: "  (NOT KEPT)"}[good], flush=True)


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def texts(a, folder):
    """{name: file of held-out texts, a line each}."""
    n = a.n // 10 if a.quick else a.n
    files = {"conversations": write(folder / "conversations.jsonl", (compose.conversation(HELD_OUT + i) for i in range(n)))}
    if a.documents:
        for name, (_, held) in corpus.load(a.documents).items():
            if name.startswith(("tiny", "fairy")):
                files[name] = write(folder / (name + ".jsonl"), [{"text": d} for whole in held for d in corpus.pieces(whole)][:n])
    return files


def bits(a, model, data):
    rows = json.loads(osso(a, "eval", "bpb", "-m", model, "--data", data, "--exact", "--experts", ",".join(map(str, EXPERTS)), "--json"))["experts"]
    return {r["experts_per_token"]: r["bits_per_byte"] for r in rows}


def check_bits(a, files):
    chosen = json.loads((pathlib.Path(a.model) / "config.json").read_text())["num_experts_per_tok"]
    for name, data in files.items():
        own = bits(a, a.model, data)
        falls = all(own[k] >= own[m] for k, m in zip(EXPERTS, EXPERTS[1:]))
        tell(f"bits per byte, {name}: " + ", ".join(f"{own[k]:.4f} (K = {k})" for k in EXPERTS), falls)
        if name in BEFORE and not a.quick:
            tell(f"    the model before: {BEFORE[name]:.4f}", own[chosen] < BEFORE[name])
        if a.f32:
            whole = bits(a, a.f32, data)[chosen]
            tell(f"    in 32 bits {whole:.4f}: MXFP4 takes {own[chosen] / whole - 1:+.2%}", own[chosen] <= 1.02 * whole)


def check_experts(a, files, folder):
    for name, data in files.items():
        n = sum(1 for _ in data.open(encoding="utf-8"))
        ids = folder / (name + ".ids.jsonl")
        ids.write_text(osso(a, "data", "show", "--data", data, "--val-data", data, "--validation", "--tokenizer", a.model, "--seq-len", 2047, "-n", min(n, a.n_routed)), encoding="utf-8")
        use = json.loads(osso(a, "inspect", "experts", "-m", a.model, "--data", ids, "--json"))
        even = len(use["rows"]) * use["chosen"] / use["n_experts"]
        shares = {(layer["layer"], e): load / even for layer in use["layers"] for e, load in enumerate(layer["load"])}
        low, high = min(shares, key=shares.get), max(shares, key=shares.get)
        tell(f"experts, {name}: from {shares[low]:.2f} (layer {low[0]}, expert {low[1]}) to {shares[high]:.2f} (layer {high[0]}, expert {high[1]}) of an even share",
             shares[low] >= 0.2 and shares[high] <= 2.5)


def right(a, *args):
    chat = json.loads(osso(a, "eval", "chat", "-m", a.model, "--data", ROOT / "tests/e2e/first_minute.jsonl", "--no-history", "--json", *args))["results"]["chat"]
    return round(chat["acc,none"] * chat["n"]), chat["n"]


def check_first_minute(a):
    good, n = right(a)
    tell(f"first minute, the likeliest answers: {good} of {n}", good >= 56 / 60 * n)
    drawn = [right(a, "--seed", seed)[0] for seed in SEEDS]
    tell(f"first minute, drawn with seeds {SEEDS}: {drawn}, {sum(drawn) / len(drawn):.1f} of {n} on average", sum(drawn) / len(drawn) >= 52 / 60 * n)


def fragments(plot):
    """What stands in every story of a plot, word for word."""
    return [p.strip(" .,!?\"").lower() for p in re.split(r"\[[^]]*\]|\{[^}]*\}|\^|[.!?]", plot.text) if len(p.split()) >= 3]


def plot_of(text):
    """The name of the plot that a story has most of; None where it has not a third of any."""
    share = {p.name: sum(part in text.lower() for part in fragments(p)) / len(fragments(p)) for p in plots.PLOTS}
    best = max(share, key=share.get)
    return best if share[best] >= 1 / 3 else None


def check_plots(a, folder, n):                          # of 100, chance alone would often bring one of twenty above 8
    ways = family_stories.FREE
    asked = write(folder / "free.jsonl", ({"messages": [{"role": "user", "content": ways[i % len(ways)]}], "pattern": "."} for i in range(n)))
    told = folder / "told.jsonl"
    osso(a, "eval", "chat", "-m", a.model, "--data", asked, "--no-history", "--seed", 1, "--samples", told)
    seen = collections.Counter(plot_of(json.loads(line)["pred"]) for line in told.read_text(encoding="utf-8").splitlines())
    unknown = seen.pop(None, 0)
    (name, most), *_ = seen.most_common(1) or [("none", 0)]
    tell(f"plots of {n} free stories: {len(seen)}; the most frequent ({name}) {most} times; {unknown} of no plot of plots.py", most <= 0.08 * n and unknown <= 0.08 * n)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", default=str(ROOT / "models/osso-small"))
    ap.add_argument("--osso", default=str(ROOT / "build/osso"), help="the program [build/osso]")
    ap.add_argument("--f32", help="the same model in 32 bits: the run's checkpoint, or an export of it")
    ap.add_argument("--documents", help="the folder of plain texts")
    ap.add_argument("-n", type=int, default=300, help="texts of each kind [300]")
    ap.add_argument("--n-routed", type=int, default=60, help="of these, in which experts are counted [60]")
    ap.add_argument("--quick", action="store_true")
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        files = texts(a, folder)
        check_bits(a, files)
        check_experts(a, files, folder)
        check_plots(a, folder, 30 if a.quick else 300)
        check_first_minute(a)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
