#!/usr/bin/env python3
"""Every prefix is computed once: what osso serve says that it reused, against what it must have had, token by token."""
import random
import threading

from test_serve_api import GET, Osso, scripted
from served import *

ANSWER = [1000 + i for i in range(40)]  # what the script says, as ids


def together(jobs):
    """The results of functions that run at the same time."""
    results = [None] * len(jobs)

    def run(i):
        results[i] = jobs[i]()
    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(jobs))]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return results


class Trie:
    """What a key has had computed."""

    def __init__(self):
        self.root = {}

    def add(self, ids):
        node = self.root
        for i in ids:
            node = node.setdefault(i, {})

    def common(self, ids):
        node, n = self.root, 0
        while n < len(ids) and ids[n] in node:
            node, n = node[ids[n]], n + 1
        return n


def random_prompts(rng, number):
    """Paths in a tree: a new one leaves an old one anywhere, or ends within it."""
    paths = [[rng.randrange(190000) for _ in range(rng.randrange(1, 400))]]
    for _ in range(number):
        old = rng.choice(paths)
        cut = rng.choice((len(old), rng.randrange(len(old) + 1), len(old) // 128 * 128))
        path = old[:cut] + [rng.randrange(190000) for _ in range(rng.choice((0, 1, 2, rng.randrange(40), rng.randrange(60))))]
        if path:
            paths.append(path[:2500])
            yield path[:2500]


def test_a_tree_of_prefixes():
    """cached_tokens is the longest prefix that this key has had computed, less the one token whose logits are wanted."""
    keys = TEMP / "keys"
    keys.write_text("ann sk-ann\nbob sk-bob\n")
    rng, had = random.Random(5), {"sk-ann": Trie(), "sk-bob": Trie()}
    with scripted(dict(ids=ANSWER), options=["-c", "65536", "-np", "8", "--api-key-file", keys]) as s:
        for prompt in random_prompts(rng, 500 if SLOW == 1 else 60):
            key, most = rng.choice(list(had)), rng.choice((0, 1, 2, 30, 41))
            a = s.good("/v1/completions", dict(prompt=[prompt], max_tokens=most, temperature=0), key=key)["usage"]
            cached = a["prompt_tokens_details"]["cached_tokens"]
            if most == 0:  # no logits are wanted: nothing need be computed
                assert cached <= had[key].common(prompt), (cached, had[key].common(prompt))
                continue
            assert cached == min(had[key].common(prompt), len(prompt) - 1), (cached, had[key].common(prompt), len(prompt), most)
            had[key].add(prompt + ANSWER[:min(most, 41) - 1])
        assert s.metric("osso:replayed_tokens_total", headers=[("Authorization", "Bearer sk-ann")]) == 0


def computed(s, ask):
    """What the asking computes of prompts: (its result, tokens)."""
    before = s.metric("osso:prompt_tokens_computed_total")
    result = ask()
    s.rests()  # the last answer may be out before its tokens are counted
    return result, s.metric("osso:prompt_tokens_computed_total") - before


def test_the_same_prefix_at_once():
    """64 requests of 1,000 common and 20 own tokens, all at once: the common ones are computed once."""
    common = list(range(5000, 6000))
    for slots in ("64", "8"):
        with scripted(dict(ids=ANSWER[:4]), options=["-c", "4096", "-np", slots]) as s:
            asks = [lambda i=i: s.good("/v1/completions", dict(prompt=[common + list(range(20 * i, 20 * i + 20))], max_tokens=1)) for i in range(64)]
            _, n = computed(s, lambda: together(asks))
            assert n == 1000 + 64 * 20, (slots, n)
            s.rests()


def letters(s, text):
    """A text as ids, what messages say as single letters, which no encoder would choose."""
    ids, inside = [], False
    for piece in re.split(r"(<\|\w+\|>)", text):
        special = piece.startswith("<|")
        for c in piece if inside and not special else [piece]:
            ids += s.good("/tokenize", dict(content=c, parse_special=special))["tokens"]
        inside = piece == "<|message|>" or (inside and not special)
    return ids


def test_a_loop_of_odd_tokens():
    """20 calls, each thought and call in single letters: each request computes what follows the last sampled token (that
    one, too, was computed where it had been guessed: so nothing is guessed here)."""
    with scripted(dict(text="x"), options=["-c", "8192"]) as s:
        says = [letters(s, f"<|channel|>analysis<|message|>Step {i}.<|end|><|start|>assistant<|channel|>commentary to=functions.get"
                           f" <|constrain|>json<|message|>{{\"a\":  {i}}}<|call|>") for i in range(20)]
    rules = [dict(match=f"result {i}<|end|>", ids=says[i + 1]) for i in reversed(range(19))] + [dict(ids=says[0])]
    with scripted(*rules, options=["-c", "16384", "--draft", "off"]) as s:
        messages, before = [dict(role="user", content="go")], 0
        for i in range(20):
            a, n = computed(s, lambda: s.good("/v1/chat/completions", dict(messages=messages, tools=[GET], temperature=0)))
            m, usage = a["choices"][0]["message"], a["usage"]
            assert n == usage["prompt_tokens"] - before, (i, n, before, usage)
            assert m["tool_calls"][0]["function"]["arguments"] == f'{{"a":  {i}}}' and usage["completion_tokens"] == len(says[i]), (i, a)
            assert usage["prompt_tokens_details"]["cached_tokens"] == before, (i, before, usage)
            before = usage["prompt_tokens"] + usage["completion_tokens"] - 1
            messages += [m, dict(role="tool", tool_call_id=m["tool_calls"][0]["id"], content=f"result {i}")]
        assert s.metric("osso:replayed_tokens_total") == 0


def test_a_loop_of_the_other_api():
    """The same through stored responses and through items that the client sends back."""
    with scripted(dict(text="x"), options=["-c", "8192"]) as s:
        says = [letters(s, f"<|channel|>analysis<|message|>Step {i}.<|end|><|start|>assistant<|channel|>commentary to=functions.get"
                           f" <|constrain|>json<|message|>{{\"a\":  {i}}}<|call|>") for i in range(6)]
    rules = [dict(match=f"result {i}<|end|>", ids=says[i + 1]) for i in reversed(range(5))] + [dict(ids=says[0])]
    tool = dict(type="function", **GET["function"])
    for store in (True, False):
        with scripted(*rules, options=["-c", "16384"]) as s:
            items, earlier, before = [dict(role="user", content="go")], None, 0
            for i in range(6):
                a = s.good("/v1/responses", dict(input=items, tools=[tool], temperature=0, store=store, previous_response_id=earlier))
                call, usage = a["output"][-1], a["usage"]
                assert call["arguments"] == f'{{"a":  {i}}}', a
                assert usage["input_tokens_details"]["cached_tokens"] == before, (store, i, before, usage)
                before = usage["input_tokens"] + usage["output_tokens"] - 1
                result = dict(type="function_call_output", call_id=call["call_id"], output=f"result {i}")
                items, earlier = ([result], a["id"]) if store else (items + a["output"] + [result], None)


def test_behind_a_dropped_thought():
    """The thoughts of a turn that is over leave the prompt: what stands before them is not computed again."""
    with scripted(dict(text="x"), options=["-c", "8192"]) as s:
        ids = letters(s, "<|channel|>analysis<|message|>Well then.<|end|><|start|>assistant<|channel|>final<|message|>Noon, I think.")
    with scripted(dict(ids=ids), options=["-c", "8192"]) as s:
        messages = [dict(role="user", content="What time is it?")]
        for turn in range(4):
            a = s.good("/v1/chat/completions", dict(messages=messages, temperature=0))
            usage = a["usage"]
            if turn:  # behind the turn's <|start|>assistant<|channel|> stood "analysis", stands "final"
                assert usage["prompt_tokens_details"]["cached_tokens"] == before + 1, (turn, before, usage)
            before = usage["prompt_tokens"]
            messages += [a["choices"][0]["message"], dict(role="user", content=f"And now? {turn}")]
        assert s.metric("osso:replayed_tokens_total") == 0


def first_event(s, messages):
    """Seconds until a stream's first piece of an answer, and the answer."""
    with s.connect(60) as c:
        start = time.monotonic()
        c.send(request("POST", "/v1/chat/completions", headers=[("Content-Type", "application/json")],
                       body=json.dumps(dict(messages=messages, stream=True)).encode()))
        while not re.search(rb'"content":"[^"]', c.rest):
            assert c.more(), c.rest
        took = time.monotonic() - start
        while b"[DONE]" not in c.rest:
            assert c.more(), c.rest
        return took, b"".join(re.findall(rb'"content":"(.*?)"', c.rest)).decode()


def test_a_short_turn_on_a_long_conversation():
    """20 tokens behind 8,000 that were there before wait at most twice as long as 20 alone: only they are computed."""
    twenty = " ".join(["word"] * 20)
    says = dict(text="<|channel|>final<|message|>Well.")
    with scripted(dict(says, match="word", prefill_ms=5), says, options=["-c", "16384"]) as s:
        first_event(s, [dict(role="user", content="hello")])  # what stands before every message
        messages = [dict(role="user", content=" ".join(["long"] * 8000))]
        messages += [dict(role="assistant", content=first_event(s, messages)[1])]
        turns, fresh = [], []
        for i in range(5):
            (took, said), n = computed(s, lambda: first_event(s, [dict(role="user", content=f"{i}0 {twenty}")]))
            fresh.append((took, n))
            messages += [dict(role="user", content=f"{i}1 {twenty}")]
            (took, said), n = computed(s, lambda: first_event(s, messages))
            turns.append((took, n))
            messages += [dict(role="assistant", content=said)]
        assert said == "Well.", said
        assert s.metric("osso:replayed_tokens_total") == 0
        assert max(n for _, n in turns) <= max(n for _, n in fresh) + 8 < 50, (turns, fresh)
        assert min(turns)[0] <= 2 * min(fresh)[0], (turns, fresh)


def told(a):
    return a["choices"][0]["text"], a["choices"][0]["logprobs"]


def test_cached_answers_are_the_same():
    """Bit for bit what a server says that has computed nothing before: each choice and each of its alternatives."""
    bundled()
    rng = random.Random(9)
    prompts = [[i % 2000 for i in p[:700]] for p in random_prompts(rng, 24 if SLOW == 1 else 6)]
    asks = [dict(prompt=[p], max_tokens=12, seed=i, temperature=i % 2, logprobs=5) for i, p in enumerate(prompts)]
    with Osso("-c", "2048") as s:
        cached = [s.good("/v1/completions", a) for a in asks]
        assert sum(a["usage"]["prompt_tokens_details"]["cached_tokens"] for a in cached) > 500
    keys = TEMP / "keys-of-all"
    keys.write_text("".join(f"k{i} sk-{i}\n" for i in range(len(asks))))
    with Osso("-c", "2048", "--api-key-file", keys) as s:  # each key has computed nothing
        for i, (a, b) in enumerate(zip(asks, cached)):
            fresh = s.good("/v1/completions", a, key=f"sk-{i}")
            assert fresh["usage"]["prompt_tokens_details"]["cached_tokens"] == 0 and told(fresh) == told(b), i


PAGE_BYTES = 128 * 2 * 2 * 64 * 2 * 3  # of the bundled model: positions, K and V, heads, head_dim, 16 bits, layers of a group


def pages(s):
    """All pages of the pool."""
    text = s.ask("GET", "/metrics").body.decode()
    return sum(float(n) for n in re.findall(r"^osso:kv_pages\{.*\} (\S+)$", text, re.M))


def test_little_memory():
    """Pages for four contexts, and 64 requests at once that need twelve: all of them end, with the texts of alone."""
    bundled()
    number = 64 if SLOW == 1 else 12
    asks = [dict(prompt=[[(7 * i + k) % 2000 for k in range(60)]], max_tokens=200, seed=i, temperature=i % 2, ignore_eos=True, logprobs=0)
            for i in range(number)]
    with Osso("-c", "2048", "-np", "8") as s:
        alone = together([lambda a=a: s.good("/v1/completions", a) for a in asks[:8]])
        plenty = pages(s)
    with Osso("-c", "2048", "-np", "4") as s:
        four = pages(s)
    with Osso("-c", "2048", "-np", str(number), "--kv-memory", int(four * PAGE_BYTES)) as s:
        assert pages(s) == four < plenty, (pages(s), four, plenty)
        got = together([lambda a=a: s.good("/v1/completions", a) for a in asks])
        assert [told(a) for a in got[:8]] == [told(a) for a in alone]
        assert all(a["usage"]["completion_tokens"] == 200 for a in got)
        assert s.metric("osso:preemptions_total") > 0 or number < 64  # so few fit
        s.rests()


if __name__ == "__main__":
    main(sys.modules[__name__])
