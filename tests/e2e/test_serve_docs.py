#!/usr/bin/env python3
"""docs/serve.md against the server: its curl lines are run, its tables are what the program has. UPDATE=1 writes the table of fields."""
import shutil

from test_serve_api import *

for name in [n for n in globals() if n.startswith("test_")]:
    del globals()[name]  # those run in their own script

PAGE = ROOT / "docs/serve.md"
MARK = re.compile(r"(<!-- fields: .*? -->\n).*?(<!-- /fields -->)", re.S)


def section(title):
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    assert found, f"docs/serve.md has no section {title}"
    return found[1]


def rows(text):
    """The cells of each row of the tables in a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if not set(line) <= set("|-")]


def kind(schema):
    """A type and its limits in words."""
    types = {"boolean": "true, false", "integer": "integer", "number": "number", "string": "text", "array": "list", "object": "object"}
    of = [schema] if "type" in schema else schema["anyOf"]
    words = [types[t] for s in of for t in ([s["type"]] if isinstance(s["type"], str) else s["type"]) if t != "null"]
    low, high = (schema.get(k, schema.get(l)) for k, l in (("minimum", "minItems"), ("maximum", "maxItems")))
    span = f", {low:,} to {high:,}" if None not in (low, high) else f", at least {low:,}" if low is not None else f", at most {high:,}" if high else ""
    return " or ".join(words) + span


def table(schemas):
    apis = dict(C="Chat", R="Response", T="Completion")
    bodies = {a: schemas[name + "Request"]["properties"] for a, name in apis.items()}
    order = [m for m in re.findall(r'^FIELD\("(\w+)"', (ROOT / "src/serve/api/fields.def").read_text(), re.M)]
    made = []
    for name in order:
        for a in (a for a in apis if name in bodies[a]):
            row = [name, a, kind(bodies[a][name]), bodies[a][name]["description"]]
            same = next((m for m in made if m[0] == row[0] and m[2:] == row[2:]), None)
            if same and a not in same[1]:
                same[1] += a
            elif not same:
                made.append(row)
    assert {m[0] for m in made} == set(order) and all(name in order for b in bodies.values() for name in b)
    lines = "".join(f"| `{n}` | {' '.join(a)} | {k} | {text} |\n".replace("\\|", "|") for n, a, k, text in made)
    return "| field | of | type | what it does |\n|---|---|---|---|\n" + lines


def test_fields():
    with scripted(dict(text="x")) as s:
        made = table(s.good("/openapi.json")["components"]["schemas"])
    found = MARK.search(PAGE.read_text())
    assert found, "docs/serve.md has no place for the fields"
    if os.environ.get("UPDATE"):
        PAGE.write_text(MARK.sub(lambda m: m[1] + "\n" + made + "\n" + m[2], PAGE.read_text()))
    assert MARK.sub(lambda m: m[1] + "\n" + made + "\n" + m[2], PAGE.read_text()) == PAGE.read_text(), \
        "docs/serve.md's fields are not those of fields.def: UPDATE=1 tests/e2e/test_serve_docs.py test_fields"


def wrong(value, schema, doc, at="answer"):
    """What of JSON Schema /openapi.json uses, or None."""
    if "$ref" in schema:
        return wrong(value, doc["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], doc, at)
    types = dict(object=dict, array=list, string=str, integer=int, number=(int, float), boolean=bool, null=type(None))
    allowed = schema.get("type", [])
    allowed = [allowed] if isinstance(allowed, str) else allowed
    if allowed and not any(isinstance(value, types[t]) for t in allowed):
        return f"{at} is no {allowed}: {value!r}"
    if "const" in schema and value != schema["const"] or "enum" in schema and value not in schema["enum"]:
        return f"{at}: {value!r}"
    if "anyOf" in schema and all(wrong(value, s, doc, at) for s in schema["anyOf"]):
        return f"{at} is none of {schema['anyOf']}: {value!r}"
    if isinstance(value, dict):
        missing = [k for k in schema.get("required", []) if k not in value]
        inner = [wrong(value[k], s, doc, f"{at}.{k}") for k, s in schema.get("properties", {}).items() if k in value]
        return f"{at} has no {missing}" if missing else next(filter(None, inner), None)
    if isinstance(value, list):
        return next(filter(None, (wrong(v, schema.get("items", {}), doc, f"{at}[{i}]") for i, v in enumerate(value))), None)
    return None


def test_openapi():
    """It has every route, and what comes back is what it says."""
    there = re.findall(r'^ROUTE\((\w+), "([^"]+)"', (ROOT / "src/serve/routes.def").read_text(), re.M)
    shaped, fields = (set(re.findall(rf'^{word}\("(\w+)"', (ROOT / "src/serve" / path).read_text(), re.M))
                      for word, path in (("FIELD_SHAPE", "shapes.def"), ("FIELD", "api/fields.def")))
    assert shaped and shaped <= fields, shaped - fields
    call = "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|>"
    with scripted(dict(match="weather", text=call), dict(text=thought("Hm.") + final("Hello."))) as s:
        doc = s.good("/openapi.json")
        assert {(m.upper(), p) for p, of in doc["paths"].items() for m in of} == set(there)
        refs = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(doc)))
        assert refs == set(doc["components"]["schemas"]), refs ^ set(doc["components"]["schemas"])
        message, tools = [dict(role="user", content="weather")], [dict(type="function", function=dict(name="f"))]
        bodies = {"/v1/chat/completions": [dict(messages=message, tools=tools), dict(messages=[dict(message[0], content="x")], n=2, logprobs=True)],
                  "/v1/responses": [dict(input="x"), dict(input="weather", tools=[dict(type="function", name="f")])], "/v1/completions": [dict(prompt=["x", "y"], max_tokens=3)],
                  "/v1/responses/input_tokens": [dict(input="x")], "/apply-template": [dict(messages=message)],
                  "/tokenize": [dict(content="x y", with_pieces=True)], "/detokenize": [dict(tokens=[1, 2])]}
        for method, path in sorted(there, key=lambda r: r[0] == "DELETE"):
            answers = doc["paths"][path][method.lower()]["responses"]
            (kind, told), = [(k, v) for k, v in answers["200"]["content"].items() if k != "text/event-stream"]
            id = s.good("/v1/models")["data"][0]["id"] if "models" in path else s.good("/v1/responses", dict(input="x"))["id"]
            for body in bodies[path] if method == "POST" else [None]:
                a = s.ask(method, path.replace("{id}", id), body=b"" if body is None else json.dumps(body).encode(), headers=[("Content-Type", "application/json")])
                assert a.status == 200 and a.headers["content-type"].startswith(kind), (path, a)
                if told:
                    why = wrong(json.loads(a.body), told["schema"], doc)
                    assert not why, (path, why, a)
                if body is not None:
                    why = wrong(body, doc["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"], doc, "body")
                    assert not why, (path, why)


def test_routes():
    there = re.findall(r'^ROUTE\((\w+), "([^"]+)", (\w+)', (ROOT / "src/serve/routes.def").read_text(), re.M)
    told = [row[0].strip("`").split(" ") + [row[1]] for row in rows(section("Routes"))[1:]]
    assert {(m, p) for m, p, _ in there} == {(m, p) for m, p, _ in told}
    for method, path, key in there:
        text = next(t for m, p, t in told if (m, p) == (method, path))
        assert ("needs no key" in text) == (key == "PUBLIC"), (path, text)


def test_options():
    """Those of serve's own section of --help, with their defaults."""
    text = osso("serve", "--help").text
    own = text[text.index("\nServing\n"):text.index("\n\n", text.index("\nServing\n") + 2)]
    told = section("Options")
    for name in re.findall(r"--[a-z-]+", own):
        assert f"`{name}`" in told, f"docs/serve.md says nothing of {name}"
    for name in re.findall(r"`(--[a-z-]+)`", told):
        assert name in text, f"{name} is no option of serve"
    defaults = {m[1]: m[2] for m in re.finditer(r"(--[a-z-]+) (?:N|SIZE|SECONDS)\s[^\[]*\[([^\]]+)\]", own)}
    for row in rows(told)[1:]:
        for name in re.findall(r"--[a-z-]+", row[0]):
            assert name not in defaults or defaults[name] in row[2], (name, defaults[name], row)


def test_metrics():
    with scripted(dict(text=final("x"))) as s:
        s.chat("hello")
        there = set(re.findall(r"^# TYPE (osso:\w+)", s.ask("GET", "/metrics").body.decode(), re.M))
    told = set(re.findall(r"`(osso:\w+)`", section("Metrics")))
    assert there == told, (there - told, told - there)


def test_curl():
    bundled()
    if not shutil.which("curl"):
        raise Skip("no curl")
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    readme = re.findall(r"^curl .*?(?=^\S|\Z)", re.search(r"^## Serve\n(.*?)(?=^## )", (ROOT / "README.md").read_text(), re.M | re.S)[1], re.M | re.S)
    commands = [c for b in blocks for c in re.split(r"\n(?=curl )", b.strip())] + [c.split("```")[0].strip() for c in readme]
    assert len(commands) >= 11 and all(c.startswith("curl ") for c in commands), commands
    with Osso() as s:
        for command in commands:
            done = subprocess.run(["bash", "-c", "set -e\n" + command.replace("127.0.0.1:8080", f"127.0.0.1:{s.port}").replace("curl ", "curl --fail-with-body ", 1)],
                                  stdout=subprocess.PIPE, timeout=60 * SLOW, env=environment())
            out = done.stdout.decode()
            assert done.returncode == 0 and out, (command, done, out)
            if "/metrics" in command:
                assert "osso:slots_busy" in out
            elif '"stream": true' in command:
                assert out.endswith("data: [DONE]\n\n") and '"usage":{' in out, out
            else:
                answer = json.loads(out)
                assert "error" not in answer or answer["error"] is None, answer
                assert not answer.get("choices") or answer["choices"][0].get("text") or answer["choices"][0]["message"]["content"], answer
        assert s.metric('osso:http_requests_total{status="4xx"}') == 0


def test_python():
    """The page's Python is Python."""
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S):
        compile(block, "docs/serve.md", "exec")


if __name__ == "__main__":
    main(sys.modules[__name__])
