"""What transformers makes of texts as vectors: golden numbers for osso embed.

    python tools/golden/golden_embed.py       (needs tools/oracle/oracle_requirements.txt)

writes tests/golden/embed/. vectors.npy: float32 [rows, hidden] of tests/golden/model/bf16-export, not normalized, for its first
1, 17 and 129 ids, each of layers 0, 1, 2 and the final norm, each pooled as mean, last and max, in this order. bundled.json: of
the bundled model's texts, normalized. float32, eager attention; the layers' outputs are taken by hooks, since the last of
transformers' hidden_states has been through the norm.
"""
import json
import pathlib

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import GptOssForCausalLM, Mxfp4Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
POOLS = {"mean": lambda x: x.mean(0), "last": lambda x: x[-1], "max": lambda x: x.max(0)}
TEXTS = ["Once upon a time", "The fox lives in the forest and eats berries.", "a",
         "A wetland is an area that is wet for all or part of the year. Wetlands are home to certain types of plants. " * 12]


@torch.no_grad()
def outputs(model, ids):
    """float64 [n, hidden] of each layer, and of the final norm."""
    seen = []
    hooks = [module.register_forward_hook(lambda m, a, out: seen.append(out[0] if isinstance(out, tuple) else out))
             for module in [*model.model.layers, model.model.norm]]
    model(input_ids=torch.tensor([ids]), use_cache=False)
    for hook in hooks:
        hook.remove()
    return [x.reshape(len(ids), -1).double().numpy() for x in seen]


def load(path, **more):
    return GptOssForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", **more).float().eval()


def main():
    folder = GOLDEN / "embed"
    folder.mkdir(exist_ok=True)
    tiny = GOLDEN / "model" / "bf16-export"
    ids = [int(i) for i in (tiny / "ids.txt").read_text().split(",")]
    model = load(tiny)
    rows = [pool(x) for n in (1, 17, 129) for x in outputs(model, ids[:n]) for pool in POOLS.values()]
    np.save(folder / "vectors.npy", np.array(rows, np.float32))
    bundled = ROOT / "models" / "osso-small"
    model, tokenizer = load(bundled, quantization_config=Mxfp4Config(dequantize=True)), Tokenizer.from_file(str(bundled / "tokenizer.json"))
    cases = []
    for text in TEXTS:
        layers = outputs(model, tokenizer.encode(text, add_special_tokens=False).ids)
        for layer, pool in (("last", "mean"), ("2", "last"), ("5", "max")):
            v = POOLS[pool](layers[-1] if layer == "last" else layers[int(layer)])
            v = v / np.sqrt((v * v).sum())
            cases.append({"text": text, "layer": layer, "pool": pool, "vector": [round(float(x), 7) for x in v]})
    (folder / "bundled.json").write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")


if __name__ == "__main__":
    main()
