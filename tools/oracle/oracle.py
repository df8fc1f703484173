"""Checks the built engine against transformers on fresh random models, and on the model that ships with the repository.

    ./run oracle [N] [--seed S] [--binary build/osso] [--forms gguf,original] [--models models/osso-small] [--keep DIR]

makes N random tiny gpt-oss models (every sixth with more than 4,096 tokens), runs

    osso logits -m MODEL --ids ids.txt --exact -o out.npy

on the Hugging Face folder, and on the same values as GGUF and as original/ where those can say them, and asks for
|difference| <= 1e-4 * max(1, max |logit|) at every position. The bundled model, when it is there, is checked at 1, 127, 128,
129 and 300 tokens and at its full context. The seed is printed; the same seed gives the same cases. Prompts on which a
rounding error could change a choice of experts are drawn again, so every failure is the engine's. Exit status 1 on failure,
and the failing case's folder is kept. Needs tools/oracle/oracle_requirements.txt.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

import numpy as np
import torch

from tiny_gguf import write_gguf, write_original
from tiny_model import draw, draw_ids, random_spec, transformers_logits, transformers_model, write_hf, write_ids
from tiny_reference import inverse_frequencies_f64, margins

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TOLERANCE = 1e-4
SURE = 2e-5, 4          # what tiny_reference.margins must say: differences below the first, router gap above the second


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, ok, line):
        self.passed, self.failed = self.passed + ok, self.failed + (not ok)
        print(("ok    " if ok else "FAIL  ") + line, flush=True)


def run_cases(cases, wanted, place):
    """Runs (name, function) pairs, those that are wanted or all, and removes their folder; exits 1 if one raised."""
    failed = 0
    with torch.no_grad():
        for name, case in cases:
            if wanted and name not in wanted:
                continue
            print(name)
            try:
                case()
            except Exception as e:
                failed += 1
                print(f"  FAILED: {type(e).__name__}: {e}")
    shutil.rmtree(place, ignore_errors=True)
    print("all equal" if not failed else f"{failed} failed")
    sys.exit(failed > 0)


def engine_logits(binary, model, ids, folder):
    """(logits or None, what went wrong)"""
    ids_path, out = os.path.join(folder, "ids.txt"), os.path.join(folder, "out.npy")
    write_ids(ids_path, ids)
    if os.path.exists(out):
        os.remove(out)
    command = [binary, "logits", "-m", model, "--ids", ids_path, "--exact", "-o", out]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    except subprocess.TimeoutExpired:
        return None, "ran longer than 30 minutes"
    if done.returncode != 0:
        return None, f"exit status {done.returncode}: {done.stderr.strip()[-400:]}"
    if not os.path.exists(out):
        return None, "wrote no file"
    return np.load(out, allow_pickle=False), ""


def compare(got, want):
    """(ok, what to print)"""
    if got.shape != want.shape or got.dtype != np.float32:
        return False, f"is {got.dtype} {got.shape}, not float32 {want.shape}"
    unit = max(1.0, float(np.abs(want).max()))
    rows = np.nan_to_num(np.abs(got.astype(np.float64) - want), nan=np.inf).max(1) / unit
    worst = int(rows.argmax())
    line = f"max difference {rows[worst]:.1e} of {unit:.1f} at position {worst}"
    bad = np.flatnonzero(rows > TOLERANCE)
    if len(bad):
        line += f"; {len(bad)} of {len(rows)} positions beyond {TOLERANCE:g}, the first is {bad[0]}"
    return not len(bad), line


def describe(spec):
    rope = "default yarn" if spec.rope is None else spec.rope["rope_type"]
    if spec.rope and rope == "yarn":
        rope += f"x{spec.rope['factor']:.0f}/{spec.rope['original_max_position_embeddings']} truncate {spec.rope.get('truncate', 'absent')}"
    experts = "mxfp4" if spec.experts_store == "mxfp4" else "dense"
    return (f"{spec.n_ids} tokens, {spec.layers} layers {spec.layer_types or 'alternating'} window {spec.window}, "
            f"{spec.hidden}/{spec.inter}, heads {spec.heads}/{spec.kv_heads}x{spec.head_dim}, experts {spec.top_k} of {spec.experts} "
            f"{experts}, {'q8_0 as ' if spec.q8 else ''}{spec.store}, {rope} ({spec.rope_key}), theta {spec.theta:.0f}, "
            f"eps {spec.eps:g}, alpha {spec.alpha or 'absent'}, limit {spec.limit:g}{', tied' if spec.tied else ''}"
            f"{f', {spec.shards} shards' if spec.shards > 1 else ''}")


def sure_case(spec, folder):
    """(spec, state, packed, ids, logits) of the first seed whose logits do not hang on a rounding error."""
    for attempt in range(40):
        spec = replace(spec, seed=spec.seed + attempt)
        state, packed = draw(spec)
        ids = draw_ids(spec)
        shutil.rmtree(folder, ignore_errors=True)
        write_hf(spec, folder, state, packed)
        model = transformers_model(folder, state)
        logits = transformers_logits(model, ids)
        w, _ = inverse_frequencies_f64(spec.head_dim, spec.theta, model.config.rope_parameters)
        *apart, gap = margins(model, state, ids, logits, None, w)
        if max(apart) < SURE[0] and gap > SURE[1]:
            return spec, state, packed, ids, logits
    raise SystemExit(f"no usable seed for: {describe(spec)}")


def random_cases(args, tally, keep):
    for i in range(args.cases):
        rng = np.random.default_rng([args.seed, i])
        spec = random_spec(rng, f"case{i}", long=i % 6 == 5)
        folder = os.path.join(keep, spec.name)
        spec, state, packed, ids, want = sure_case(spec, folder)
        forms = {"": folder}
        if spec.gguf:
            forms["gguf"] = os.path.join(folder, "model.gguf")
            write_gguf(spec, forms["gguf"], state, packed)
        if spec.original:
            forms["original/"] = os.path.join(folder, "original")
            write_original(spec, forms["original/"], state, packed)
        run_dir = os.path.join(keep, spec.name + "-run")
        os.makedirs(run_dir, exist_ok=True)
        failed_before, first = tally.failed, None
        for form, path in forms.items():
            if form and form.rstrip("/") not in args.forms:
                continue
            got, error = engine_logits(args.binary, path, ids, run_dir)
            ok, line = (False, error) if got is None else compare(got, want)
            if form and ok and first is not None and not spec.q8 and got.tobytes() != first.tobytes():
                ok, line = False, f"bits differ from the Hugging Face folder's ({line})"
            first = got if not form else first
            tally.add(ok, f"case {i} {form + ': ' if form else ''}{line}" + ("" if form else f"  [{describe(spec)}]"))
        if tally.failed == failed_before:
            shutil.rmtree(folder)
            shutil.rmtree(run_dir)


def bundled_model(args, tally, keep):
    from transformers import GptOssForCausalLM, Mxfp4Config
    if not os.path.exists(os.path.join(args.models, "config.json")):
        print(f"      no bundled model at {os.path.relpath(args.models)}: not checked")
        return
    with open(os.path.join(args.models, "config.json")) as f:
        settings = json.load(f)
    options = {"attn_implementation": "eager", "experts_implementation": "eager", "dtype": torch.float32}
    if "quantization_config" in settings:
        options["quantization_config"] = Mxfp4Config(dequantize=True)
    model = GptOssForCausalLM.from_pretrained(args.models, **options).float().eval()
    state = {name: x.float() for name, x in model.state_dict().items()}
    context = min(settings["max_position_embeddings"], args.max_context)
    if context < settings["max_position_embeddings"]:
        print(f"      the bundled model's context of {settings['max_position_embeddings']} is checked up to {context} (--max-context)")
    w, _ = inverse_frequencies_f64(model.config.head_dim, model.config.rope_parameters["rope_theta"], model.config.rope_parameters)
    for attempt in range(12):
        ids = np.random.default_rng([args.seed, 1_000_000 + attempt]).integers(0, settings["vocab_size"], context).tolist()
        want = transformers_logits(model, ids)
        *apart, gap = margins(model, state, ids, want, None, w)
        if max(apart) < SURE[0] and gap > SURE[1]:
            break
    else:
        print(f"      no prompt of {context} ids free of near-ties between experts; a failure below may be one (gap {gap:.1f})")
    for n in sorted({n for n in (1, 127, 128, 129, 300, context) if n <= context}):
        got, error = engine_logits(args.binary, args.models, ids[:n], keep)
        ok, line = (False, error) if got is None else compare(got, want[:n])
        tally.add(ok, f"bundled model, {n} tokens: {line}")


def main():
    p = argparse.ArgumentParser(prog="./run oracle", description="compare osso with transformers on random models")
    p.add_argument("cases", nargs="?", type=int, default=12, metavar="N", help="how many random models (12)")
    p.add_argument("--seed", type=int, default=None, help="of the random cases (the time, printed)")
    p.add_argument("--binary", default=os.path.join(ROOT, "build", "osso"))
    p.add_argument("--forms", default="gguf", help="other containers to run too (gguf,original; original/ is refused until osso reads it)")
    p.add_argument("--models", default=os.path.join(ROOT, "models", "osso-small"), help="the bundled model")
    p.add_argument("--max-context", type=int, default=8192, help="the longest prompt for the bundled model (8192)")
    p.add_argument("--keep", help="put the cases in this folder (a temporary one, removed when all pass)")
    args = p.parse_args()
    args.seed = int(time.time()) if args.seed is None else args.seed
    args.forms = args.forms.split(",")
    if not os.access(args.binary, os.X_OK):
        raise SystemExit(f"no program at {args.binary}: build first, or name it with --binary")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    keep = args.keep or tempfile.mkdtemp(prefix="osso-oracle-")
    os.makedirs(keep, exist_ok=True)
    print(f"oracle: seed {args.seed}, {args.cases} cases, transformers against {os.path.relpath(args.binary)}", flush=True)
    tally = Tally()
    random_cases(args, tally, keep)
    bundled_model(args, tally, keep)
    if tally.failed:
        print(f"failing cases are kept in {keep}")
    elif not args.keep:
        shutil.rmtree(keep)
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    import logging
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    main()
