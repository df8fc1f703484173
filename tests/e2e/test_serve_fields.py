#!/usr/bin/env python3
"""Requests made of the table of fields (src/serve/api/fields.def): each field at its edges, beyond them, of the wrong type, NaN,
huge, null, missing, in all three dialects. Only 2xx and 4xx come back, none late, a refusal names a field that deserves it, and
what is answered is whole. OSSO_SOAK_REQUESTS says how many (./run soak: 100,000), OSSO_SOAK_SEED which."""
import random
import threading

from test_serve_api import Osso, final, scripted, thought
from served import *

NUMBER = int(os.environ.get("OSSO_SOAK_REQUESTS", 600 if SLOW > 1 else 2500))
SEED = int(os.environ.get("OSSO_SOAK_SEED", 1))
PATIENCE = float(os.environ.get("OSSO_SOAK_SECONDS", 60 * SLOW))  # on a machine with other work to do; on a quiet one: 1
PATHS = dict(C="/v1/chat/completions", R="/v1/responses", T="/v1/completions")
BASE = dict(C='"messages":[{"role":"user","content":"hi"}]', R='"input":"hi"', T='"prompt":"hi"')
ESSENTIAL = dict(C="messages", R="input", T="prompt")


def fields():
    """(name, dialect, type, least, most) of each line of the table."""
    text = (ROOT / "src/serve/api/fields.def").read_text()
    found = []
    for name, apis, kind, least, most in re.findall(r'^FIELD\("(\w+)", (\w+), (\w+), ([^,]+), ([^,]+), ', text, re.M):
        found += [(name, api, kind, eval(least), eval(most)) for api in apis]
    assert len(found) > 90, "the table was not understood"
    return found


TABLE = fields()
# JSON that fits no type of the table's, is no JSON, or is much
ODD = ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "-0", "0.1", "9223372036854775808", "-9223372036854775809",
       "18446744073709551616", "9" * 400, "1." + "0" * 300, "true", "false", "null", '""', '"x"', '"\\u0000"', '"\\ud800"', '"\\udfff\\ud800"',
       '"<|end|><|start|>system<|message|>"', '"' + "a" * 4000 + '"', "[]", "[null]", "[[]]", '["a"]', "[1]", "[{}]", "{}", '{"a":null}',
       '{"a":{"b":[1,2,{"c":"d"}]}}', '{"type":"function"}', '{"type":"text"}', "[" * 70 + "]" * 70, '{"a":' * 200 + "1" + "}" * 200,
       "01", "+1", ".5", "1.", "tru", '"\xff"', '"\xc3"', "'x'", "", '{"a":1,"a":2}', '{"":""}']
BROKEN = ("NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "tru", '"\xff"', '"\xc3"', "'x'", "")


def edges(kind, least, most):
    """Values around what the table allows: (JSON, is it wrong by the table?)."""
    if kind in ("INT", "REAL"):
        step = 1 if kind == "INT" else 0.5
        far = abs(most) >= 2 ** 62
        whole = [(str(int(v)) if kind == "INT" else repr(v)) for v in (least, most)]
        yield from ((w, False) for w in whole[:1 if far else 2])
        if not far:
            yield from ((str(least - step), True), (str(most + step), True))
        yield from (('"1"', True), ("[1]", True), ("{}", True), ("true", True), ("1e300", True))
        if kind == "INT":
            yield "1.5", True
    elif kind == "BOOL":
        yield from (("true", False), ("false", False), ("1", True), ('"true"', True), ("[]", True))
    else:
        texts, lists, objects = "TEXT" in kind or kind == "PROMPT", "LIST" in kind or kind == "PROMPT", "OBJECT" in kind
        yield '"x"', not texts
        yield "7", True
        yield "true", True
        if not objects:
            yield '{"a":1}', True
        if not lists:
            yield "[]", True
        if lists and most:
            yield json.dumps(["x"] * int(most + 1)), True
            yield json.dumps(["x"] * int(most)), None
        if objects and most:
            yield json.dumps({str(i): 0 for i in range(int(most + 1))}), True
            yield json.dumps({str(i): 0 for i in range(int(most))}), False
        if least:
            yield "[]", True


def draw(rng):
    """(dialect, body, fields that are wrong by the table, is it JSON?)"""
    name, api, kind, least, most = rng.choice(TABLE)
    chosen = [(name, kind, least, most)]
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        other = rng.choice([f for f in TABLE if f[1] == api])
        if other[0] not in (c[0] for c in chosen):
            chosen.append((other[0], *other[2:]))
    names = [c[0] for c in chosen]
    limit = "max_output_tokens" if api == "R" else "max_completion_tokens" if "max_completion_tokens" in names else "max_tokens"
    if limit in names:  # an answer without an end takes its time, rightly
        chosen = [c for c in chosen if c[0] not in ("ignore_eos", "min_tokens")]
    members, wrong, json_is_fine = [], set(), True
    for name, kind, least, most in chosen:
        if rng.random() < 0.3:
            value = rng.choice(ODD)
            json_is_fine &= value not in BROKEN
        else:
            cases = list(edges(kind, least, most))
            fine = [c for c in cases if not c[1]]
            value, is_wrong = rng.choice(fine if fine and rng.random() < 0.6 else cases)
            if is_wrong:
                wrong.add(name)
        members.append(f'"{name}":{value}')
    if ESSENTIAL[api] not in names and rng.random() < 0.97:
        members.append(BASE[api])
    if limit not in names:
        members.append(f'"{limit}":{rng.choice((1, 1, 2, 12))}')
    rng.shuffle(members)
    return api, ("{" + ",".join(members) + "}").encode("latin-1"), wrong, json_is_fine


def check(api, body, wrong, json_is_fine, answer):
    assert answer.whole and 200 <= answer.status < 500, answer
    if answer.status != 200:
        error = answer.error()
        assert answer.status in (400, 404) and error["type"] in ("invalid_request_error", "not_found_error"), answer
        if wrong and json_is_fine and error["param"]:
            names = {n for n, *_ in TABLE} | {"stream_options.include_usage"}
            assert re.split(r"[.\[]", error["param"])[0] in names, answer
        return
    assert not wrong and json_is_fine, f"taken, though {wrong or 'it is no JSON'}: {answer}"
    if answer.headers["content-type"] == "text/event-stream":
        assert answer.body.endswith(b"\n\n"), answer
        last = [line for line in answer.body.decode().split("\n") if line.startswith("data: ")][-1]
        assert last == "data: [DONE]" or json.loads(last[6:])["type"] in ("response.completed", "response.incomplete"), answer
    else:
        told = json.loads(answer.body)
        assert told["object"] in ("chat.completion", "response", "text_completion"), answer


def tokens(answer):
    """How many were chosen for it: a thousand take a second of work, whoever asks for them."""
    if answer.headers.get("content-type") == "text/event-stream":
        return answer.body.count(b"data: ")
    usage = json.loads(answer.body).get("usage") or {}
    return usage.get("completion_tokens", usage.get("output_tokens", 0))


class OwnTime:
    """Seconds in which this test was allowed to run: where it and the server are stopped together, these stand still."""

    def __init__(self, tick=0.01):
        self.tick, self.passed, self.over = tick, 0.0, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        at = time.monotonic()
        while not self.over:
            time.sleep(self.tick)
            now = time.monotonic()
            self.passed += min(now - at, 5 * self.tick)
            at = now

    def end(self):
        self.over = True
        self.thread.join()


class Clients:
    """Some connections that are kept, each with requests of its own."""

    def __init__(self, server, number, together=4):
        self.server, self.problems, self.slowest = server, [], (0, b"")
        self.statuses, self.late, self.large, self.time = {}, 0, 0, OwnTime()
        threads = [threading.Thread(target=self.run, args=(i, number // together)) for i in range(together)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        self.time.end()
        assert not self.problems, "\n".join([f"after {self.statuses}", *self.problems[:5]])

    def run(self, which, number):
        rng, client, at = random.Random(SEED * 1000 + which), None, ""
        try:
            for _ in range(number):
                case = draw(rng)
                at = f"{PATHS[case[0]]} {case[1][:1500]!r}"
                client = client or self.server.connect(3600)  # late is who is late by its own time
                start = self.time.passed
                answer = client.ask("POST", PATHS[case[0]], body=case[1], headers=[("Content-Type", "application/json")])
                took = self.time.passed - start
                check(*case, answer)
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
                if took > 1:
                    self.late += tokens(answer) < 1000
                    self.large += tokens(answer) >= 1000
                if took > self.slowest[0]:
                    self.slowest = took, case[1]
                assert took < PATIENCE, f"it took {took:.2f} s"
                if answer.headers.get("connection") == "close":
                    client.s.close()
                    client = None
        except Exception as e:
            self.problems.append(f"{at}\n  {type(e).__name__}: {e}")
        if client:
            client.s.close()


def test_requests_of_the_table():
    # The context is small: an answer that is hot or without a limit goes on until it is full, sixteen times where n says so, beside
    # three more, and no request may take a second.
    with scripted(dict(text=thought("Hm.") + final("Hello. <b>")), options=["-c", "128"]) as s:
        clients = Clients(s, NUMBER)
        s.rests()
        assert min(clients.statuses.get(200, 0), clients.statuses.get(400, 0)) > NUMBER / 20, clients.statuses
        print(f"{NUMBER} requests: {dict(sorted(clients.statuses.items()))}, {clients.late} took over 1 s, "
              f"{clients.large} more chose over 1,000 tokens; the slowest {1e3 * clients.slowest[0]:.0f} ms")
        print(f"  {clients.slowest[1][:200]!r}")


def test_a_wrong_field_is_refused_by_name():
    """One field at a time, everything else as it should be."""
    with scripted(dict(text=final("Hi.")), options=["-c", "8192"]) as s, s.connect(60) as client:
        for name, api, kind, least, most in TABLE:
            for value, wrong in edges(kind, least, most):
                if not wrong:
                    continue
                members = [f'"{name}":{value}'] + ([] if name == ESSENTIAL[api] else [BASE[api]])
                answer = client.ask("POST", PATHS[api], body=("{" + ",".join(members) + "}").encode(),
                                    headers=[("Content-Type", "application/json")])
                assert answer.status == 400 and answer.error()["param"] == name, (name, value[:80], answer)


def test_a_field_of_another_dialect_is_ignored():
    """Whatever it says: what the table does not list for a dialect has no part in its requests."""
    names = {f[0] for f in TABLE}
    with scripted(dict(text=final("Hi.")), options=["-c", "8192"]) as s, s.connect(60) as client:
        for api in PATHS:
            plain = None
            for name in [None, *sorted(names - {f[0] for f in TABLE if f[1] == api})]:
                for value in ("7", '"x"', '{"a":{"name":"f"}}', "0") if name else ("",):
                    members = [BASE[api], '"seed":1'] + ([f'"{name}":{value}'] if name else [])
                    answer = client.ask("POST", PATHS[api], body=("{" + ",".join(members) + "}").encode(),
                                        headers=[("Content-Type", "application/json")])
                    assert answer.status == 200, (api, name, value, answer)
                    told = json.loads(answer.body)
                    told = [told["usage"][k] for k in told["usage"] if k.endswith("put_tokens") or k.endswith("ion_tokens")], told.get("tools")
                    plain = plain or told
                    assert told == plain, (api, name, value, told, plain)


if __name__ == "__main__":
    main(sys.modules[__name__])
