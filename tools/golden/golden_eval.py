"""What lm-evaluation-harness 0.4.13 says of the tasks that osso eval knows: golden numbers, and a comparison item by item.

    python tools/golden/golden_eval.py
        writes tests/golden/eval/golden.json over the lines in tests/golden/eval/data and the bundled model
    python tools/golden/golden_eval.py --data DIR --limit 200 --compare [--tasks a,b] [--model PATH] [--num-fewshot 5]
        runs both over DIR and says where they differ (needs build/release/osso)

HFLM, float32, eager attention. The harness's own prompts stand in its YAML files over downloaded sets; the configurations
below say the same over local lines, with its own functions where there are some. Needs tools/oracle/oracle_requirements.txt
and lm_eval==0.4.13.
"""
import argparse
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
import datasets
import numpy as np
import torch
from lm_eval import evaluator
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks.hellaswag.utils import preprocess
from lm_eval.tasks.wikitext.preprocess_wikitext import wikitext_detokenizer
from lm_eval.tasks.winogrande import preprocess_winogrande as winogrande

ROOT = pathlib.Path(__file__).resolve().parents[2]
OSSO = pathlib.Path(os.environ.get("OSSO_BIN", ROOT / "build/release/osso"))
GOLDEN = ROOT / "tests" / "golden" / "eval"
MAX_NEW = 64
GOLDEN_LENGTH = 192  # so that pages have several windows and long questions lose their beginning

ACC = [{"metric": "acc"}]
NORM = ACC + [{"metric": "acc_norm"}]


def choice(file, text, choices, gold, metrics, **more):
    return file, dict(output_type="multiple_choice", doc_to_text=text, doc_to_choice=choices, doc_to_target=gold,
                      metric_list=metrics, **more)


MMLU = choice("mmlu_test.jsonl",
              "{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nC. {{choices[2]}}\nD. {{choices[3]}}\nAnswer:",
              ["A", "B", "C", "D"], "answer", ACC)
TASKS = {
    "lambada_openai": ("lambada_openai.jsonl", dict(
        output_type="loglikelihood", doc_to_text="{{context}}", doc_to_target="{{' '+continuation}}",
        metric_list=[{"metric": "perplexity", "aggregation": "perplexity"}, {"metric": "acc"}])),
    "hellaswag": choice("hellaswag_val.jsonl", lambda d: preprocess(d["query"]),
                        lambda d: [preprocess(e) for e in d["endings"]], "label", NORM),
    "arc_easy": choice("arc_easy.jsonl", "{{query}}\nAnswer:", "choices", "gold", NORM),
    "arc_challenge": choice("arc_challenge.jsonl", "{{query}}\nAnswer:", "choices", "gold", NORM),
    "piqa": choice("piqa.jsonl", "{{query}}Answer:", "choices", "gold", NORM),
    "openbookqa": choice("openbook_qa.jsonl", "{{query}}", "choices", "gold", NORM),
    "copa": choice("copa.jsonl", "{{query}}", lambda d: [" " + c for c in d["choices"]], "gold", ACC),
    "sciq": choice("sciq_val.jsonl", "{{support.lstrip()}}\nQuestion: {{question}}\nAnswer:",
                   "{{[distractor1, distractor2, distractor3, correct_answer]}}", 3, NORM),
    "social_iqa": choice("social_iqa_val.jsonl", "Q: {{context}} {{question}}\nA:", "{{[answerA, answerB, answerC]}}",
                         "{{ (label|int) - 1 }}", ACC),
    "commonsense_qa": choice(
        "commonsense_qa_val.jsonl",
        "Question: {{ question.strip() }}\nA. {{choices['text'][0]}}\nB. {{choices['text'][1]}}\nC. {{choices['text'][2]}}\n"
        "D. {{choices['text'][3]}}\nE. {{choices['text'][4]}}\nAnswer:", ["A", "B", "C", "D", "E"], "answerKey", ACC),
    "winogrande": choice("winogrande_val.jsonl", winogrande.doc_to_text, winogrande.doc_to_choice, winogrande.doc_to_target,
                         ACC),
    "mmlu": MMLU,
    "gsm8k": ("gsm8k_test.jsonl", dict(
        output_type="generate_until", doc_to_text="Question: {{question}}\nAnswer:", doc_to_target="{{answer}}",
        generation_kwargs={"until": ["Question:", "</s>", "<|im_end|>"], "do_sample": False, "temperature": 0.0,
                           "max_gen_toks": MAX_NEW},
        metric_list=[{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True, "ignore_case": True,
                      "ignore_punctuation": False, "regexes_to_ignore": [",", "\\$", "(?s).*#### ", "\\.$"]}],
        filter_list=[
            {"name": "strict-match", "filter": [
                {"function": "regex", "regex_pattern": "#### (\\-?[0-9\\.\\,]+)"}, {"function": "take_first"}]},
            {"name": "flexible-extract", "filter": [
                {"function": "regex", "group_select": -1, "regex_pattern": "(-?[$0-9.,]{2,})|(-?[0-9]+)"},
                {"function": "take_first"}]}])),
    "wikitext": ("wikitext2_raw_test.txt", dict(
        output_type="loglikelihood_rolling", doc_to_text="", doc_to_target=wikitext_detokenizer,
        process_results=lambda doc, results: {
            "word_perplexity": (results[0], len(doc["page"].split())),
            "byte_perplexity": (results[0], len(doc["page"].encode())),
            "bits_per_byte": (results[0], len(doc["page"].encode()))},
        metric_list=[{"metric": m} for m in ("word_perplexity", "byte_perplexity", "bits_per_byte")])),
}


def pages(text):
    """Cut before headings of the first level, but for the first."""
    cuts = [m.start() for m in re.finditer(r"(?m)^ = (?!=).*(?<!=) = *$", text)]
    cuts = [0] + cuts[1:] + [len(text)]
    return [{"page": text[a:b]} for a, b in zip(cuts, cuts[1:])]


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def documents(name, data):
    path = data / TASKS[name][0]
    if name == "wikitext":
        found = pages(path.read_text(encoding="utf-8"))
    else:
        found = lines(path)
    return [dict(d, doc_number=i) for i, d in enumerate(found)]


def make_task(name, docs, shots, config, description=""):
    splits = {"test": datasets.Dataset.from_list(docs)}
    if shots:
        splits["dev"] = datasets.Dataset.from_list(shots)
    return ConfigurableTask(config=dict(
        config, task=name, custom_dataset=lambda **_: splits, test_split="test", description=description,
        fewshot_split="dev" if shots else None, fewshot_config={"sampler": "first_n"} if shots else None,
        num_fewshot=len(shots), metadata={"version": 0}))


def make_tasks(name, data, limit, fewshot):
    docs, config = documents(name, data), TASKS[name][1]
    if name != "mmlu":
        return [make_task(name, docs[:limit], [], config)]
    dev = lines(data / "mmlu_dev.jsonl")
    subjects = list(dict.fromkeys(d["subject"] for d in docs))
    return [make_task(f"mmlu_{s}", [d for d in docs if d["subject"] == s][:limit],
                      [dict(d, doc_number=-1) for d in dev if d["subject"] == s][:fewshot], config,
                      f"The following are multiple choice questions (with answers) about {s.replace('_', ' ')}.\n\n")
            for s in subjects]


def load(path, max_length, batch):
    from transformers import AutoTokenizer, GptOssForCausalLM, Mxfp4Config
    options = {"attn_implementation": "eager", "dtype": torch.float32}
    if "quantization_config" in json.loads((path / "config.json").read_text()):
        options["quantization_config"] = Mxfp4Config(dequantize=True)
    model, tokenizer = GptOssForCausalLM.from_pretrained(path, **options).float().eval(), AutoTokenizer.from_pretrained(path)
    # What ends an answer in harmony ends it for osso whatever the files say (engine/stops.c); generation_config.json of gpt-oss's own
    # checkpoints says the same, that of a random one nothing, and the harness would go on.
    ends, named = set(tokenizer.convert_tokens_to_ids(["<|return|>", "<|call|>", "<|endoftext|>"])), model.generation_config.eos_token_id
    model.generation_config.eos_token_id = sorted(ends | set([named] if isinstance(named, int) else named or []))
    return Lm(pretrained=model, tokenizer=tokenizer, batch_size=batch, max_length=max_length, device="cpu")


def sample(name, one):
    """An item as osso writes it, as far as both have it."""
    result = {"task": name, "doc_id": one["doc"]["doc_number"]}
    answers = one["filtered_resps"]
    if name == "gsm8k":
        return dict(result, text=one["resps"][0][0])
    if name == "wikitext":
        return dict(result, ll=[answers[0]])
    result.update(ll=[a[0] for a in answers], greedy=[bool(a[1]) for a in answers], acc=int(one["acc"]))
    if "acc_norm" in one:
        result["acc_norm"] = int(one["acc_norm"])
    return result


def harness(lm, args, names, fewshot):
    tasks, owner, samples = [], {}, []
    for name in names:
        for task in make_tasks(name, args.data, args.limit, fewshot if name == "mmlu" else 0):
            tasks.append(task)
            owner[task.config.task] = name
    evaluator.add_env_info = lambda results: None  # asks pip what is installed: slow
    with torch.no_grad():
        out = evaluator.simple_evaluate(model=lm, tasks=tasks, log_samples=True, bootstrap_iters=0)
    for task, found in out["samples"].items():
        seen = set()
        for one in found:
            if one["doc"]["doc_number"] not in seen:  # one for each filter
                seen.add(one["doc"]["doc_number"])
                samples.append(sample(owner[task], one))
    return samples, {task: {k: v for k, v in scores.items() if isinstance(v, float) and not math.isnan(v)}
                     for task, scores in out["results"].items()}


def osso(args, names):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "samples.jsonl")
        command = [OSSO, "eval", ",".join(names), "-m", args.model, "--data", args.data, "--exact",
                   "--json", "--no-history", "--samples", path, "-n", str(MAX_NEW), "-c", str(args.max_length)]
        command += ["--limit", str(args.limit)] if args.limit else []
        command += ["--num-fewshot", str(args.num_fewshot)] if args.num_fewshot else []
        report = json.loads(subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE).stdout)
        return lines(path), report["results"]


def near(mine, theirs):
    """Do the scores that decided an item differ by so little that rounding may have turned it?"""
    top = sorted(theirs, reverse=True)
    return len(top) > 1 and top[0] - top[1] < 1e-3 * max(1, abs(top[0]))


class Lm(HFLM):
    """Keeps the ids that it has generated, by those of the prompt."""

    def _model_generate(self, context, max_length, stop, **more):
        rows = super()._model_generate(context, max_length, stop, **more)
        self.said = getattr(self, "said", {})
        for row, mask in zip(rows.tolist(), more["attention_mask"].tolist()):
            prompt = tuple(i for i, m in zip(row, mask) if m)
            self.said[prompt] = row[len(mask):]
        return rows


def logits(args, ids):
    """osso's, of each position."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "logits.npy")
        command = [OSSO, "logits", "-m", args.model, "--exact", "--ids", ",".join(map(str, ids)), "-o", path]
        subprocess.run([str(c) for c in command], check=True)
        return np.load(path)


def parting(args, lm, question, mine):
    """Where osso, reading what the harness has said, would have gone on with another token: (the lead of its own choice, what is
    wrong or None). A text may differ only from a place where the two best logits are within 1e-3."""
    prompt = tuple(lm.tok_encode(f"Question: {question}\nAnswer:")[-(lm.max_length - MAX_NEW):])
    said = lm.said[prompt]
    rows = logits(args, list(prompt) + said)[len(prompt) - 1:-1]
    for i, (row, theirs) in enumerate(zip(rows, said)):
        best = int(row.argmax())
        if best == theirs:
            continue
        lead = float(row[best] - row[theirs])
        common = lm.tokenizer.decode(said[:i] + [best], skip_special_tokens=True).rstrip("\ufffd")
        if lead >= 1e-3:
            return lead, f"token {i}: osso's {best} leads the harness's {theirs} by {lead:.2g}"
        return lead, None if mine.startswith(common) or common.startswith(mine) else f"the texts part before token {i}, where the logits do"
    return 0, "by the logits both say the same tokens"


def compare(args, name, theirs, mine, lm):
    mine = {s["doc_id"]: s for s in mine if s["task"] == name}
    theirs = {s["doc_id"]: s for s in theirs if s["task"] == name}
    bad, errors, texts, leads = [], [], 0, []
    if set(mine) != set(theirs):
        bad.append(f"other items: {sorted(set(mine) ^ set(theirs))[:5]}")
    for i in sorted(set(mine) & set(theirs)):
        a, b = theirs[i], mine[i]
        if "text" in a:
            texts += a["text"] == b["text"]
            if a["text"] != b["text"]:
                lead, wrong = parting(args, lm, documents(name, args.data)[i]["question"], b["text"])
                leads.append(lead)
                if wrong:
                    bad.append(f"item {i}: {wrong}: {a['text']!r} and {b['text']!r}")
            continue
        total = [sum(b["ll"])] if name == "wikitext" else b["ll"]
        errors += [abs(x - y) / max(1, abs(x)) for x, y in zip(a["ll"], total)]
        for key in ("acc", "acc_norm", "greedy"):
            if key in a and a[key] != b[key] and not near(b["ll"], a["ll"]):
                bad.append(f"item {i}: {key} {a[key]} and {b[key]}, ll {a['ll']} and {b['ll']}")
    errors.sort()
    if errors:
        print(f"{name}: {len(mine)} items, {len(errors)} log-likelihoods, relative error {errors[-1]:.1e} at most, "
              f"{errors[int(0.99 * (len(errors) - 1))]:.1e} at 99 %; {len(bad)} items judged otherwise")
        if errors[-1] > 1e-3 or errors[int(0.99 * (len(errors) - 1))] > 1e-4:
            bad.append("log-likelihoods differ")
    else:
        print(f"{name}: {len(mine)} texts, {texts} equal; of the others {len(leads) - len(bad)} part where two logits are nearly equal (at most "
              f"{max(leads, default=0):.1e} apart)")
    for line in bad[:5]:
        print("  ", line)
    return not bad


def compare_scores(theirs, mine):
    well = True
    for task, scores in theirs.items():
        for field, value in scores.items():
            other = mine.get(task, {}).get(field)
            if other is None or abs(other - value) > 1e-4 * max(1, abs(value)):
                print(f"   {task} {field}: {value} and {other}")
                well = False
    return well


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", type=pathlib.Path, default=GOLDEN / "data")
    p.add_argument("--model", type=pathlib.Path, default=ROOT / "models/osso-small")
    p.add_argument("--tasks")
    p.add_argument("--limit", type=int)
    p.add_argument("--num-fewshot", type=int, default=0)
    p.add_argument("--max-length", type=int)
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--compare", action="store_true")
    args = p.parse_args()
    args.max_length = args.max_length or (2048 if args.compare else GOLDEN_LENGTH)
    names = args.tasks.split(",") if args.tasks else list(TASKS)
    lm = load(args.model, args.max_length, args.batch)
    samples, results = harness(lm, args, names, args.num_fewshot)
    if args.compare:
        mine, scores = osso(args, names)
        well = [compare(args, name, samples, mine, lm) for name in names]
        equal = compare_scores(results, scores)
        print("equal" if all(well) and equal else "NOT EQUAL")
        return 0 if all(well) and equal else 1
    shots, _ = harness(lm, args, ["mmlu"], 2)
    for s in samples + shots:
        if "ll" in s:
            s["ll"] = [round(x, 5) for x in s["ll"]]
    golden = {"reference": "lm_eval 0.4.13, HFLM, float32, eager", "max_new": MAX_NEW, "max_length": args.max_length, "samples": samples, "results": results,
              "mmlu_2_shot": shots}
    text = json.dumps(golden, ensure_ascii=False, separators=(",", ":")).replace('{"task"', '\n{"task"')
    (GOLDEN / "golden.json").write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
