#!/usr/bin/env python3
"""osso eval: the numbers of lm-evaluation-harness (tests/golden/eval), files that are wrong, runs that are ended, pairs."""
import math
import re
import signal
import time

from evals import *

GOLDEN = ROOT / "tests/golden/eval"
SETTINGS = ("--exact", "-c", "192", "-n", "64")  # those of tools/golden/golden_eval.py


def run(*args, data=DATA, **more):
    threads = () if "-t" in args else ("-t", 1)  # two that wait for each other are slow on a busy machine
    return osso("eval", *args, *threads, "--data", data, "-m", bundled(), timeout=120, **more)


def report(*args, **more):
    result = run(*args, "--json", **more)
    assert result.code == 0, result
    return json.loads(result.text)


def near(a, b):
    return abs(a - b) <= 1e-4 * max(1, abs(a))


def compare_samples(golden, mine, tasks=None):
    mine = {(s["task"], s["doc_id"]): s for s in mine}
    assert len(golden) == len(mine), (len(golden), len(mine))
    for g in golden:
        m = mine[g["task"], g["doc_id"]]
        if "text" in g:
            assert m["text"] == g["text"], (g, m)
            continue
        ll = [sum(m["ll"])] if g["task"] == "wikitext" else m["ll"]
        assert len(ll) == len(g["ll"]) and all(map(near, g["ll"], ll)), (g, m)
        for key in ("greedy", "acc", "acc_norm"):
            assert key not in g or g[key] == m[key], (key, g, m)


def test_every_task_agrees_with_the_harness_item_by_item():
    golden = json.loads((GOLDEN / "golden.json").read_text())
    samples = TEMP / "all.jsonl"
    mine = report("all", *SETTINGS, "--samples", samples)
    compare_samples(golden["samples"], lines(samples))
    assert len({s["task"] for s in golden["samples"]}) == 14
    for task, scores in golden["results"].items():
        for field, value in scores.items():
            assert near(value, mine["results"][task][field]), (task, field, value, mine["results"][task])
    assert any("acc_norm_stderr,none" in s for s in mine["results"].values())
    assert mine["config"]["max_length"] == 192 and mine["config"]["exact"] is True
    assert mine["model"]["parameters"] > mine["model"]["active_parameters"] > 0 and len(mine["model"]["hash"]) == 16


def test_questions_that_come_first():
    golden = json.loads((GOLDEN / "golden.json").read_text())
    samples = TEMP / "shots.jsonl"
    report("mmlu", *SETTINGS, "--num-fewshot", 2, "--samples", samples)
    compare_samples(golden["mmlu_2_shot"], lines(samples))
    refuses(run("mmlu", "--num-fewshot", 3), 1, "mmlu_dev.jsonl", "old_maps", "--num-fewshot wants 3")
    refuses(run("copa", "--num-fewshot", 1), 2, "--num-fewshot", "copa")
    refuses(run("all", "--num-fewshot", 1), 2, "--num-fewshot", "no file of questions")  # nor do some tasks go without, unsaid


def test_company_and_threads_change_no_bit():
    files = []
    for i, (tasks, threads) in enumerate((("hellaswag", 1), ("copa,hellaswag,wikitext", 2), ("hellaswag,mmlu", 1))):
        files.append(TEMP / f"bits{i}.jsonl")
        report(tasks, "-c", 256, "-t", threads, "--samples", files[-1])
    texts = ["\n".join(x for x in f.read_text().splitlines() if '"hellaswag"' in x) for f in files]
    assert texts[0] and texts[0] == texts[1] == texts[2]


def test_tables_and_files_say_the_same():
    table = run("arc_easy", "--report", TEMP / "r.md")
    assert table.code == 0 and table.text.startswith("| task") and "acc_norm" in table.text, table
    assert (TEMP / "r.md").read_text() == table.text
    assert run("arc_easy", "--report", TEMP / "r.json").code == 0
    scores = json.loads((TEMP / "r.json").read_text())["results"]["arc_easy"]
    assert scores["n"] == 3 and f"{scores['acc,none']:.4f}" in table.text
    refuses(run("arc_easy", "--report", TEMP / "r.txt"), 2, "--report", ".json, .md or .html")


def test_a_page_and_speed():
    page = TEMP / "page.html"
    result = run("arc_easy,performance", "-c", 160, "--report", page, "--json")
    assert result.code == 0, result
    speed, text = json.loads(result.text)["results"]["performance"], page.read_text()
    assert speed["n"] == 10 and speed["prompt_128_tokens_per_second,none"] > 0 and speed["generate_128_deviation"] >= 0, speed
    assert "prompt_256_tokens_per_second,none" not in speed and speed["kv_bytes"] > 0, speed  # does not fit into -c
    value = speed["prompt_128_tokens_per_second,none"]
    assert (f"{value:.4f}" if value < 1000 else f"{value:.6g}") in text
    assert text.startswith("<!DOCTYPE html>") and text.count("<svg") == 2 and "arc_easy" in text, text[:200]
    assert not re.search(r"<script|https?:|url\(|src=", text)  # by itself
    refuses(run("performance", "-c", 64), 2, "-c 160")
    refuses(osso("eval", "compare", "a", "b", "--report", page), 2, "--report")


def test_the_order_of_choices_changes_nothing():
    """A choice's log-likelihood is its own, wherever it stands; of equal ones the first is taken, as in the harness."""
    scores = []
    for turn in range(3):
        file, samples = TEMP / "turned.jsonl", TEMP / "turned_samples.jsonl"
        items = []
        for one in lines(DATA / "arc_easy.jsonl"):
            k = turn % len(one["choices"])
            items.append({"query": one["query"] + "\nAnswer:", "choices": one["choices"][k:] + one["choices"][:k],
                          "gold": (one["gold"] - k) % len(one["choices"])})
        file.write_text("".join(json.dumps(i) + "\n" for i in items))
        result = report("choice", "--samples", samples, data=file)["results"]["choice"]
        turned = [s["ll"][-turn:] + s["ll"][:-turn] if turn else s["ll"] for s in lines(samples)]
        scores.append(([result[k] for k in ("acc,none", "acc_norm,none", "n")], turned))
    assert scores[0] == scores[1] == scores[2], scores
    file.write_text('{"query": "a", "choices": [" b", " b", " b"], "gold": 1}\n')
    report("choice", "--samples", samples, data=file)
    assert lines(samples)[0]["pred"] == 0 and lines(samples)[0]["acc"] == 0


def test_lines_of_ones_own():
    file = TEMP / "own.jsonl"
    file.write_text('{"query": "Once upon a", "choices": ["time", "xylophone"], "gold": 0}\n\n'
                    '{"query": "", "choices": ["Once", "zzz", "q"], "gold": 0}\n')
    samples = TEMP / "own_samples.jsonl"
    assert report("choice", data=file)["results"]["choice"]["n"] == 2
    report("choice", "--samples", samples, data=file)
    assert [s["doc_id"] for s in lines(samples)] == [0, 2] and lines(samples)[0]["pred"] == 0
    file.write_text('{"context": "Once upon a", "continuation": " time"}\n{"context": "Once upon a ", "continuation": "time"}\n')
    result = report("continuation", "--samples", samples, data=file)["results"]["continuation"]
    first, second = lines(samples)
    assert first["ll"] == second["ll"] and first["greedy"] == [True] and result["acc,none"] == 1
    assert near(result["perplexity,none"], math.exp(-first["ll"][0]))


def test_conversations():
    """The small model says the same to the same: what it says is a line's expectation here, or is not."""
    file, samples = TEMP / "chat.jsonl", TEMP / "chat_samples.jsonl"
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
    asks = [{"messages": [{"role": "user", "content": "Hello"}], "family": "words", "effort": "low", "date": "2027-03-04", "pattern": "."},
            {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}], "none_of": ["zzzz"]},
            {"messages": [{"role": "user", "content": "How is the weather in Paris?"}], "tools": [tool], "family": "tools",
             "call": {"name": "get_weather", "arguments": {"city": "Paris"}}}]
    file.write_text("".join(json.dumps(a) + "\n" for a in asks))
    both = report("chat", "-n", 64, "--exact", "--samples", samples, data=file)["results"]
    said = lines(samples)
    assert both["chat"]["n"] == 3 and both["chat_tools"]["n"] == both["chat_words"]["n"] == 1, both
    for one in said:  # as osso generate --chat says it, to the byte
        assert one["acc"] in (0, 1) and one["well_formed"] in (0, 1) and one["text"].startswith("<|channel|>"), one
    alone = osso("generate", "--chat", "-t", 1, "-m", bundled(), "--exact", "--temp", 0, "-n", 64, "--date", "2027-03-04", "--reasoning-effort", "low", "Hello")
    assert alone.code == 0 and alone.text.strip() == said[0]["pred"].strip(), (alone, said[0])
    # the same expectations, turned: what was said is right, and what was not is wrong
    asks[0]["answer"] = said[0]["pred"].upper() + " ."
    del asks[0]["pattern"]
    asks[1]["none_of"] = [said[1]["pred"][:5].lower()]
    called = '"arguments"' in said[2]["pred"]
    if called:
        asks[2]["call"] = {k: v.replace("functions.", "") if k == "name" else v for k, v in json.loads(said[2]["pred"]).items()}
    file.write_text("".join(json.dumps(a) + "\n" for a in asks))
    report("chat", "-n", 64, "--exact", "--samples", samples, data=file)
    assert [s["acc"] for s in lines(samples)] == [1, 0, int(called)], lines(samples)
    file.write_text(json.dumps(asks[0]) + "\n" + json.dumps(dict(asks[1], tools=[{"type": "web_search"}])) + "\n")
    refuses(run("chat", data=file), 1, "line 2", "web_search")
    refuses(run("chat", "-n", 64, "-c", 70, data=file), 1, "line 1", "-c")
    sanity = osso("eval", "sanity", "-m", bundled(), "-t", 1, "-n", 32, "--json", timeout=60)
    assert sanity.code == 0 and json.loads(sanity.text)["results"]["sanity"]["n"] == 4, sanity


def test_questions_in_harmony():
    plain, samples = TEMP / "plain.jsonl", TEMP / "harmony.jsonl"
    report("copa,gsm8k", "-n", 16, "--exact", "--samples", plain)
    result = report("copa,gsm8k", "-n", 16, "--exact", "--chat", "--samples", samples)
    assert result["config"]["chat"] is True and "acc,none" not in result["results"]["copa"], result
    assert result["results"]["copa"]["acc,chat"] >= 0 and "exact_match,chat-strict" in result["results"]["gsm8k"], result
    assert all(a["ll"] != b["ll"] for a, b in zip(lines(plain), lines(samples)) if "ll" in a)
    # by hand: the prompt, the header of the answer, the choice without its blank
    ask, one = lines(DATA / "copa.jsonl")[0], lines(samples)[0]
    message = {"messages": [{"role": "user", "content": ask["query"]}]}
    prompt = osso("render", "--from", "chat", "-m", bundled(), "-", stdin=json.dumps(message)).text.rstrip("\n") + "<|channel|>final<|message|>"
    ids = osso("tokenize", "-m", bundled(), "--special", "-p", prompt + ask["choices"][0]).text.split()
    cut = len(osso("tokenize", "-m", bundled(), "--special", "-p", prompt).text.split())
    out = TEMP / "chat.npy"
    assert osso("logits", "-m", bundled(), "-t", 1, "--exact", "--ids", ",".join(ids), "-o", out).code == 0
    rows = log_probabilities(out)
    ll = sum(rows[i - 1][int(ids[i])] for i in range(cut, len(ids)))
    assert near(ll, one["ll"][0]), (ll, one)
    refuses(run("wikitext", "--chat"), 2, "--chat", "wikitext")


def test_what_is_wrong_is_named():
    cases = [
        ("choice", "{", "line 1"),
        ("choice", '{"query": "a", "choices": ["b"], "gold": 0}\nnothing', "line 2"),
        ("choice", "[1]", "line 1", "object"),
        ("choice", '{"choices": ["b"], "gold": 0}', "line 1", "'query'"),
        ("choice", '{"query": "a", "gold": 0}', "line 1", "'choices'"),
        ("choice", '{"query": "a", "choices": [], "gold": 0}', "line 1", "'choices'", "0 entries"),
        ("choice", '{"query": "a", "choices": ["b", 3], "gold": 0}', "line 1", "'choices'", "entry 1"),
        ("choice", '{"query": "a", "choices": ["b", ""], "gold": 0}', "line 1", "'choices'", "empty"),
        ("choice", '{"query": "a", "choices": ["b", "c"], "gold": 2}', "line 1", "'gold'", "0 to 1"),
        ("choice", '{"query": "a", "choices": ["b", "c"], "gold": "0"}', "line 1", "'gold'"),
        ("choice", '{"query": "a", "choices": ["b", "c"], "gold": -1}', "line 1", "'gold'"),
        ("continuation", '{"context": "a", "continuation": ""}', "line 1", "'continuation'"),
        ("continuation", '{"context": "a"}', "line 1", "'continuation'"),
        ("continuation", json.dumps({"context": "a", "continuation": "many words " * 50}), "line 1", "continuation of"),
        ("winogrande", '{"sentence": "no blank", "option1": "a", "option2": "b", "answer": "1"}', "line 1", "'sentence'"),
        ("winogrande", '{"sentence": "a _", "option1": "a", "option2": "b", "answer": "3"}', "line 1", "'answer'"),
        ("commonsense_qa", '{"question": "a", "choices": {"text": ["b"]}, "answerKey": "A"}', "line 1", "list of 5"),
        ("mmlu", '{"subject": "s", "question": "q", "choices": ["a", "b", "c", "d"], "answer": 4}', "line 1", "answer"),
        ("choice", "\n\n", "no items"),
    ]
    file = TEMP / "wrong.jsonl"
    for task, text, *words in cases:
        file.write_text(text)
        refuses(run(task, "-c", "64", data=file), 1, "wrong.jsonl", *words)
    file.write_text("")
    assert run("choice", data=file).code == 1
    assert run("choice", data=TEMP / "nowhere.jsonl").code == 1
    refuses(run("hellaswagg"), 2, "no task 'hellaswagg'")
    refuses(run("copa,copa"), 2, "twice")
    refuses(run("copa,"), 2, "no task ''")
    refuses(osso("eval", "copa", "-m", bundled()), 2, "copa", "--data")
    refuses(osso("eval", "all", "-m", bundled()), 2, "--data")
    for line in ('{"messages": [], "answer": "a"}', '{"messages": [{"role": "user", "content": "a"}]}'):
        file.write_text(line)
        refuses(run("chat", data=file), 1, "line 1", "messages" if "[]" in line else "'answer'")
    refuses(run("copa", "--prefix-id", 99999), 2, "prefix")
    refuses(run("copa", "mmlu"), 2, "'mmlu'")


def test_a_run_that_is_ended_goes_on():
    folder = TEMP / "many"
    folder.mkdir()
    rows = [line for line in (DATA / "hellaswag_val.jsonl").read_text().splitlines()] * 60
    (folder / "hellaswag_val.jsonl").write_text("\n".join(rows) + "\n")
    whole, parts = TEMP / "whole.jsonl", TEMP / "parts.jsonl"
    expected = report("hellaswag", "--samples", whole, data=folder)["results"]
    partial = pathlib.Path(str(parts) + ".partial")
    command = [OSSO, "eval", "hellaswag", "--data", folder, "-m", bundled(), "--json", "--samples", parts]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, env=environment())
    while process.poll() is None and (not partial.exists() or partial.read_bytes().count(b"\n") < 20):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    out = process.communicate()[0]
    assert not parts.exists() and out == b"" and partial.exists()
    kept = partial.read_bytes()
    partial.write_bytes(kept[:-7])  # and the last line is torn
    # Other settings, another model's words, another file: not the same run.
    refuses(run("hellaswag", "--exact", "--samples", parts, data=folder), 1, "parts.jsonl.partial", "another setting")
    (folder / "hellaswag_val.jsonl").write_text("\n".join(rows[1:]) + "\n")
    refuses(run("hellaswag", "--samples", parts, data=folder), 1, "hellaswag_val.jsonl", "has changed")
    (folder / "hellaswag_val.jsonl").write_text("\n".join(rows) + "\n")
    assert report("hellaswag", "--samples", parts, data=folder)["results"] == expected
    assert parts.read_bytes() == whole.read_bytes() and not partial.exists()
    # It had not begun again: what was kept is what was taken.
    marked = kept.splitlines()
    one = json.loads(marked[1])
    one["ll"] = [-1.0, -2.0, -3.0, -4.0]
    partial.write_bytes(b"\n".join([marked[0], json.dumps(one).encode()]) + b"\n")
    report("hellaswag", "--samples", parts, data=folder)
    assert [s["ll"] for s in lines(parts) if s["doc_id"] == one["doc_id"]] == [[-1, -2, -3, -4]]


def test_pairs():
    a, b = TEMP / "a.jsonl", TEMP / "b.jsonl"
    report("hellaswag,arc_easy", "-c", 256, "--samples", a)
    same = osso("eval", "compare", a, a, "--json")
    for task in json.loads(same.text)["tasks"].values():
        for score in task.values():
            assert score["difference"] == 0 and score["wins"] == score["losses"] == 0, same
    # ten items of which b wins three and loses one: mean 0.2, deviation 0.632, half of the interval t(9) x 0.2
    a.write_text("".join(json.dumps({"task": "t", "doc_id": i, "acc": int(i in (0, 5, 6))}) + "\n" for i in range(11)))
    b.write_text("".join(json.dumps({"task": "t", "doc_id": i, "acc": int(i in (1, 2, 3, 5, 6))}) + "\n" for i in range(10)))
    result = json.loads(osso("eval", "compare", a, b, "--json").text)
    score = result["tasks"]["t"]["acc"]
    assert (score["wins"], score["losses"], score["n"], result["only_a"]) == (3, 1, 10, 1), result
    assert near(score["difference"], 0.2) and abs(score["high"] - 0.2 - 2.262 * 0.2) < 2e-3, score
    assert osso("eval", "compare", a, b, "--max-drop", 0).code == 0
    dropped = osso("eval", "compare", b, a, "--max-drop", 0.19)
    assert dropped.code == 1 and "t: acc is lower" in dropped.complaint and "B won" in dropped.text, dropped
    assert osso("eval", "compare", b, a, "--max-drop", 0.21).code == 0
    refuses(run("copa", "--max-drop", 0.1), 2, "--max-drop")
    assert "B won" in osso("eval", "compare", a, b).text
    b.write_text('{"task": "a\\u001b[2Jb", "doc_id": 1, "acc": 0}\n')  # a file's words are shown, not obeyed
    a.write_text(b.read_text().replace("0}", "1}"))
    table = osso("eval", "compare", a, b, "--max-drop", 0)
    assert table.code == 1 and "a?[2Jb" in table.text and "a?[2Jb: acc" in table.complaint and "\x1b" not in table.text + table.complaint, table
    b.write_text('{"task": "other", "doc_id": 1, "acc": 1}\n')
    refuses(osso("eval", "compare", a, b), 1, "no item in common")
    b.write_text('{"doc_id": 1}\n')
    refuses(osso("eval", "compare", a, b), 1, "line 1", "'task'")
    refuses(osso("eval", "compare", a), 2, "two files")


def test_perplexity_by_windows():
    text = TEMP / "ppl.txt"
    text.write_bytes((ROOT / "LICENSE").read_bytes()[:400])
    ids = list(map(int, osso("tokenize", "-m", bundled(), stdin=text.read_bytes()).text.split()))

    def ll(seen, targets):
        """Of the last `targets` of these ids, each after all before it."""
        out = TEMP / "ppl.npy"
        assert osso("logits", "-m", bundled(), "-t", 1, "--exact", "--ids", ",".join(map(str, seen[:-1])), "-o", out, timeout=60).code == 0
        return sum(row[i] for row, i in list(zip(log_probabilities(out), seen[1:]))[-targets:])

    def perplexity(*more):
        one = report("ppl", "--exact", "-c", 128, *more, data=text)
        return one["results"]["ppl"], one["config"]
    mine, config = perplexity("--window", 48, "--stride", 20)
    all_ids, total, done = [config["prefix_id"]] + ids, 0, 1
    for begin in range(0, len(all_ids), 20):
        end = min(begin + 49, len(all_ids))
        total += ll(all_ids[begin:end], end - done)
        done = end
        if end == len(all_ids):
            break
    assert mine["tokens"] == len(ids) and near(mine["token_perplexity,none"], math.exp(-total / len(ids))), (mine, total)
    assert near(mine["bits_per_byte,none"], -total / math.log(2) / 400) and config["stride"] == 20, (mine, config)
    mine, config = perplexity("--window", 32, "--rule", "llama")
    chunks = [ids[i:i + 32] for i in range(0, len(ids) - 31, 32)]
    assert len(chunks) > 2 and mine["tokens"] == 15 * len(chunks) and "bits_per_byte,none" not in mine, mine
    assert near(mine["token_perplexity,none"], math.exp(-sum(ll(c, 15) for c in chunks) / mine["tokens"])), mine
    whole = perplexity()[0]
    assert whole["token_perplexity,none"] == report("bpb", "--exact", "-c", 128, data=text)["results"]["bpb"]["token_perplexity,none"] or len(ids) > 128
    refuses(run("ppl", "-c", 64, "--window", 65, data=text), 2, "4 to 64")
    refuses(run("ppl", "-c", 64, "--window", 32, "--stride", 33, data=text), 2, "stride")
    refuses(run("ppl", "--rule", "llama", "-c", 2048, "--window", 2000, data=text), 1, "whole window")


def test_two_models_side_by_side():
    text = TEMP / "text.txt"
    text.write_bytes((ROOT / "LICENSE").read_bytes()[:600])
    two = ("eval", "compare", bundled(), bundled(), "--data", text, "--exact", "-c", 64, "-t", 1)
    same = osso(*two, "--max-kld", 0, "--json", timeout=120)
    kl = json.loads(same.text)
    assert same.code == 0 and all(v == 0 for v in kl["kl"].values()) and kl["top1_agreement"] == 1, same
    fewer = osso(*two, "--experts", "2,1", "--max-kld", 0.001, "--json", timeout=120)
    kl = json.loads(fewer.text)
    assert fewer.code == 1 and "--max-kld" in fewer.complaint, fewer
    # the same from the logits of both, window by window
    ids = [kl["prefix_id"]] + list(map(int, osso("tokenize", "-m", bundled(), stdin=text.read_bytes()).text.split()))
    gaps, agree, sums, size = [], 0, [0, 0], kl["max_length"]
    assert kl["tokens"] == len(ids) - 1 > 2 * size, kl
    for done in range(0, len(ids) - 1, size):
        end = min(done + size, len(ids) - 1) + 1
        first = 0 if done == 0 else end - size - 1
        rows = []
        for k in (2, 1):
            out = TEMP / f"experts{k}.npy"
            fed = ",".join(map(str, ids[first:end - 1]))
            assert osso("logits", "-m", bundled(), "-t", 1, "--exact", "--experts-per-token", k, "--ids", fed, "-o", out, timeout=60).code == 0
            rows.append(log_probabilities(out)[done - first:])
        for i, (a, b) in enumerate(zip(*rows)):
            gaps.append(sum(math.exp(x) * (x - y) for x, y in zip(a, b)))
            agree += a.index(max(a)) == b.index(max(b))
            sums = [total + row[ids[done + 1 + i]] for total, row in zip(sums, (a, b))]
    gaps.sort()
    at = lambda q: (lambda x: gaps[int(x)] + (x - int(x)) * (gaps[min(int(x) + 1, len(gaps) - 1)] - gaps[int(x)]))(q * (len(gaps) - 1))
    expected = {"mean": sum(gaps) / len(gaps), "median": at(.5), "p99": at(.99), "p99_9": at(.999), "max": gaps[-1]}
    for name, value in expected.items():
        assert abs(kl["kl"][name] - value) <= 1e-5 * max(1, value), (name, value, kl)
    assert len(gaps) == kl["tokens"] and near(kl["top1_agreement"], agree / len(gaps)) and kl["kl"]["mean"] > 0.01, kl
    for name, total in zip("ab", sums):
        assert near(kl[name]["bits_per_byte"], -total / math.log(2) / kl["bytes"]), (name, total, kl)
    # and each by itself is what the task says
    assert near(report("bpb", "--exact", "-c", 64, data=text)["results"]["bpb"]["bits_per_byte,none"], kl["a"]["bits_per_byte"])
    rows = json.loads(run("bpb", "--exact", "-c", 64, "--experts", "2,1", "--json", data=text).text)["experts"]
    assert [r["experts_per_token"] for r in rows] == [2, 1], rows
    assert near(rows[0]["bits_per_byte"], kl["a"]["bits_per_byte"]) and near(rows[1]["bits_per_byte"], kl["b"]["bits_per_byte"]), (rows, kl)
    assert "experts a token" in run("bpb", "-c", 64, "--experts", "1", data=text).text
    refuses(osso(*two, "--experts", "2"), 2, "two numbers")
    refuses(osso(*two, "--limit", 2), 2, "--limit")
    refuses(run("copa", "--max-kld", 1), 2, "--max-kld")
    refuses(run("copa", "--experts", "1"), 2, "--experts")
    refuses(osso("eval", "compare", bundled(), tiny()[0], "--data", text), 1, "vocabulary")


main(sys.modules[__name__])
