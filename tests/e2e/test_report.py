#!/usr/bin/env python3
"""The pages of osso inspect --report, without a browser (./run pages opens them in one): they hold the numbers that --json prints,
allow their own script alone, ask nobody, and what tokens spell is text in them, whatever it is."""
import base64
import hashlib
import re

import planted
import tiny_chat
from harness import *

HOSTILE = ["</script><script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "\u202eevil\u2028", "<!--<script>", "\\\"&amp;'"]


def model():
    if not (TEMP / "hostile" / "config.json").exists():
        tiny_chat.make(TEMP / "hostile", words=tiny_chat.WORDS + HOSTILE)
    ids = tiny_chat.tokenizer(tiny_chat.WORDS + HOSTILE)[1]
    return TEMP / "hostile", ",".join(str(ids[w]) for w in HOSTILE) + ",192,128,10,34"  # bytes that are no UTF-8, a line end, a quote


def allowed(page, kind):
    return base64.b64decode(re.search(kind + r"-src 'sha256-([^']+)'", page)[1])


def look(verb, *args, where=None):
    """(the JSON, the pictures), and what every page must be."""
    file, plain = TEMP / "page.html", osso("inspect", verb, "-m", where or model()[0], *args, "--json")
    result = osso("inspect", verb, "-m", where or model()[0], *args, "--json", "--report", file)
    assert result.code == 0 and plain.out == result.out, (result, plain)
    page = file.read_text()
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1]
    script = re.findall(r"<script>(.*?)</script>", page, re.S)
    style = re.findall(r"<style>(.*?)</style>", page, re.S)
    assert page.startswith("<!DOCTYPE html>") and "default-src 'none'" in page and len(script) == 1 and len(style) == 1
    assert hashlib.sha256(script[0].encode()).digest() == allowed(page, "script") and hashlib.sha256(style[0].encode()).digest() == allowed(page, "style")
    rest = page.replace(script[0], "").replace(data, "").replace(style[0], "")
    assert page.count("<script") == 2 and page.count("</script") == 2 and not re.search(r"<(img|link|iframe|a)\b|\son\w+=|style=|src=|href=|https?:", rest)
    assert not re.search(r"https?:|url\(|@import|innerHTML|insertAdjacent|document\.write|eval\(", script[0] + style[0])
    assert not re.search("[<>&\u202a-\u202e\u2028\u2029\x00-\x08]", data), data[:400]
    return json.loads(result.text), json.loads(data)


def near(a, b):
    assert (a is None and b is None) or abs(a - b) <= 6e-4 * max(1e-9, abs(b)), (a, b)


def test_lens():
    said, figures = look("lens", "--ids", model()[1])
    (one,) = figures
    layers, places = len(one["rows"]), len(one["columns"])
    assert places == len(said["ids"]) and layers * places == len(said["records"]) and one["kind"] == "map"
    for at, record in enumerate(said["records"]):
        column, row = divmod(at, layers)
        near(one["slices"][0]["values"][row * places + column], record["probability"])
        near(one["slices"][2]["values"][row * places + column], record["kl"])
        assert one["slices"][1]["values"][row * places + column] == record["rank"]
        top = one["tops"][2 * at * one["top"]:2 * (at + 1) * one["top"]]
        for i, token in enumerate(record["top"][:one["top"]]):
            near(top[2 * i + 1], token["probability"])
    assert "0 </script><script>alert(1)</script>" in one["columns"] and "2 [U+202E]evil[U+2028]" in one["columns"], one["columns"]
    assert one["columns"][-2:] == ["7 \\n", '8 "'] and one["columns"][-3] == "6 \ufffd", one["columns"]
    for component in ("head", "expert"):
        said, (one,) = look("lens", "--ids", model()[1], "--component", component)
        assert len(one["rows"]) * places == len(said["records"]) and component in one["slices"][-1]["name"] + one["rows"][0]


def test_residual():
    said, figures = look("residual", "--ids", model()[1], "--positions", "0,-1", "--exact")
    bars, layers, streams = figures
    assert [f["kind"] for f in figures] == ["bars", "map", "bars"] and len(bars["slices"]) == len(layers["slices"]) == 2
    for i, target in enumerate(said["targets"]):
        terms = [t for t in said["terms"] if t["position"] == target["position"]]
        assert abs(sum(row[1] for row in bars["slices"][i]["rows"]) - target["sum"]) < 1e-2 * max(1, abs(target["sum"]))
        near(bars["slices"][i]["rows"][0][1], max((t["attribution"] for t in terms), key=abs))
        rest = sum(t["attribution"] for t in terms if t["kind"] != "embedding")
        assert abs(sum(v for v in layers["slices"][i]["values"] if v is not None) - rest) < 1e-2 * max(1, abs(rest))
        near(streams["slices"][i]["rows"][-1][1], [s for s in said["streams"] if s["position"] == target["position"]][-1]["norm"])


def test_attention():
    said, (heads, patterns) = look("attention", "--ids", model()[1], "--patterns")
    assert len(heads["rows"]) * len(heads["columns"]) == len(said["heads"]) == len(patterns["slices"])
    for at, head in enumerate(said["heads"]):
        near(heads["slices"][0]["values"][at], head["previous"])
        near(heads["slices"][6]["values"][at], head["entropy"])
        n = len(said["ids"])
        for q, row in enumerate(head["pattern"]):
            for k in range(n):
                near(patterns["slices"][at]["values"][q * n + k], row[k] if k <= q else None)


def test_experts():
    said, figures = look("experts", "--ids", model()[1], "--effect")
    load, text, effects = figures[:3]
    n = said["n_experts"]
    for at, layer in enumerate(said["layers"]):
        for e in range(n):
            near(load["slices"][0]["values"][at * n + e], layer["load"][e] / len(said["rows"]))
        picks = text["slices"][at]["picks"]
        assert picks[::2] == [e for row in layer["experts"] for e in row]
    assert text["tokens"][1] == '"><img src=x onerror=alert(1)>' and len(text["tokens"]) == len(said["ids"])
    near(effects["slices"][0]["rows"][0][1], said["effects"][0]["kl"])
    assert "KL" in load["slices"][-1]["name"] and load["rows"] == [f"layer {x['layer']}" for x in said["layers"]]


def test_patch():
    where, texts = planted.head(TEMP / "planted", 3, 1, 2), ["--clean", "The good friend greets The", "--corrupted", "The friend friend greets The"]
    for component in ("resid_post", "z"):
        said, (one,) = look("patch", *texts, "--answer", "Hello", "--wrong", "The", "--component", component, where=where)
        places = len(one["columns"])
        assert one["rows"] == ["layer 0", "layer 1", "layer 2"] and one["columns"][1] == "1  friend" and places == len(said["corrupted_ids"])
        for record in said["records"]:
            at = record["layer"] * places + record["position"]
            near(one["slices"][0 if record["head"] is None else 1 + record["head"]]["values"][at], record["share"])
            assert abs(one["slices"][0]["values"][at]) >= abs(record["share"]) * 0.999
    said, (one,) = look("patch", *texts, "--answer", "Hello", "--wrong", "The", "--component", "z", "--ablate", "zero", "--at-once", where=where)
    assert one["columns"] == [f"head {h}" for h in range(4)] and "lost" in one["slices"][0]["name"]
    for record in said["records"]:
        near(one["slices"][0]["values"][record["layer"] * 4 + record["head"]], record["share"])


def test_large_pages_are_coarser():
    for verb, more in (("lens", []), ("attention", ["--patterns"])):
        result = osso("inspect", verb, "-m", model()[0], "--repeat", 256, *more, "--report", TEMP / "large.html")
        page = TEMP / "large.html"
        assert result.code == 0 and page.stat().st_size < 3e6, (verb, result, page.stat().st_size)
    figure = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.S)[1])[1]
    assert "Drawn coarser" in figure["note"] and len(figure["rows"]) == len(figure["columns"]) < 256, figure["note"]
    assert max(v for v in figure["slices"][0]["values"] if v is not None) <= 1 and " to " in figure["rows"][0]


def test_refused():
    refuses(osso("inspect", "lens", "-m", model()[0], "--ids", "65", "--report", TEMP / "page.txt"), 2, "--report", ".html")
    refuses(osso("inspect", "patch", "-m", model()[0], "--clean", "a", "--corrupted", "b", "--answer", "65", "--wrong", "66", "--component", "z", "--report", "p"), 2, ".html")
    result = osso("inspect", "lens", "-m", model()[0], "--ids", "65", "--report", TEMP / "none" / "page.html")
    assert result.code == 1 and "none" in result.complaint, result
    result = osso("inspect", "attention", "-m", model()[0], "--ids", ",".join(["65"] * 200), "--max-bytes", "2M", "--patterns", "--report", TEMP / "p.html")
    assert result.code == 2 and "--report" in result.complaint and "--max-bytes" in result.complaint and not (TEMP / "p.html").exists(), result


if __name__ == "__main__":
    main(sys.modules[__name__])
