"""Makes tests/compat/loglikelihood.json: 100 items, each a context, a continuation and what lm-evaluation-harness's own `hf`
backend says of the bundled model in float32: the continuation's log-likelihood, and whether every token of it is the likeliest.

    python tools/golden/golden_loglikelihood.py      (needs tools/oracle/oracle_requirements.txt and "lm_eval[hf]==0.4.13")

Each of the 50 prompts of tests/e2e/prompts.txt is asked twice: with what the model goes on with by itself, which is mostly likely, and
with a sentence out of place. Contexts differ in length: every fifth begins with the prompts before it, past the window of the sliding
layers."""
import json
import pathlib

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, AutoTokenizer, Mxfp4Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "models/osso-small"
ODD = [" The moon is made of cheese.", " no no no", " A dog named Max lived in a big house.", "\n\n17 * 3 = 51", " Zürich, 北京 🙂"]


@torch.no_grad()
def main():
    model = AutoModelForCausalLM.from_pretrained(MODEL, quantization_config=Mxfp4Config(dequantize=True), dtype=torch.float32,
                                                 attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    lm = HFLM(pretrained=model, tokenizer=tokenizer, device="cpu", batch_size=1, max_length=2048)
    prompts = (ROOT / "tests/e2e/prompts.txt").read_text().split("\n")[:50]
    items = []
    for i, prompt in enumerate(prompts):
        context = prompt if i % 5 else "\n".join(prompts[max(0, i - 15):i + 1])
        ids = torch.tensor([tokenizer(context, add_special_tokens=False)["input_ids"]])
        said = model.generate(ids, max_new_tokens=4 + i % 20, do_sample=False, pad_token_id=0)[0, ids.shape[1]:]
        own = tokenizer.decode(said, skip_special_tokens=True) or " I"
        items += [(context, own), (context, ODD[i % 5])]
    asked = [Instance("loglikelihood", {}, item, n) for n, item in enumerate(items)]
    rows = [[*item, round(ll, 6), bool(greedy)] for item, (ll, greedy) in zip(items, lm.loglikelihood(asked))]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (ROOT / "tests/compat/loglikelihood.json").write_text(f"[\n{lines}\n]\n")
    print(f"{len(rows)} items, {sum(row[3] for row in rows)} greedy, log-likelihoods {min(r[2] for r in rows)} to {max(r[2] for r in rows)}")


if __name__ == "__main__":
    main()
