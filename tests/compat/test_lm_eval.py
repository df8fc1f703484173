#!/usr/bin/env python3
"""lm-evaluation-harness's `local-completions` with token ids against `osso serve --exact` says what its own `hf` backend says of the
same model: loglikelihood.json (tools/golden/golden_loglikelihood.py)."""
import logging

from places import *

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
logging.disable(logging.WARNING)

from lm_eval.api.instance import Instance  # noqa: E402
from lm_eval.models.openai_completions import LocalCompletionsAPI  # noqa: E402

ITEMS = json.loads((HERE / "loglikelihood.json").read_text())


def ask(server, items, **more):
    lm = LocalCompletionsAPI(base_url=url(server) + "/v1/completions", model="any", tokenizer=bundled(), tokenizer_backend="huggingface",
                             tokenized_requests=True, **more)
    return lm.loglikelihood([Instance("loglikelihood", {}, tuple(item[:2]), n) for n, item in enumerate(items)], disable_tqdm=True)


def test_loglikelihoods():
    with Osso("--exact") as s:
        said = ask(s, ITEMS, batch_size=8, num_concurrent=4)
        assert len(said) == len(ITEMS) == 100
        far = [(item, got) for item, got in zip(ITEMS, said) if abs(item[2] - got[0]) > 1e-3 or item[3] != got[1]]
        print(f"largest difference: {max(abs(item[2] - got[0]) for item, got in zip(ITEMS, said)):.2g}")
        assert not far, far[:5]
        assert ask(s, ITEMS[:6], batch_size=1) == said[:6], "alone or beside others, the same bits"


def test_generation():
    """generate_until: texts end before the stop text."""
    with Osso("--exact") as s:
        lm = LocalCompletionsAPI(base_url=url(s) + "/v1/completions", model="any", tokenizer=bundled(), tokenizer_backend="huggingface",
                                 tokenized_requests=True, num_concurrent=2)
        asked = [Instance("generate_until", {}, (text, dict(until=["."], max_gen_toks=40)), n)
                 for n, text in enumerate(["Once upon a time", "Tell me a story about a fox."])]
        for text, instance in zip(lm.generate_until(asked, disable_tqdm=True), asked):
            assert text and "." not in text, (instance.args, text)


if __name__ == "__main__":
    main(sys.modules[__name__])
