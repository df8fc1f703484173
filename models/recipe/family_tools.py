"""The family of function calls: whole conversations with functions whose names and parameters are put together at random.

What is to be learned is copying, not names: which function fits, its name and its parameters stand in the developer message,
the values in the request. So pairs of words that make a name, names of parameters together, and values are split by a hash:
what is held out is never seen together in training.  python3 models/recipe/family_tools.py [seed [n]] prints some.
"""
import json
import sys
import zlib

import tools_tables as T
from exchange import HELD_OUT, Ask

RESULTS = {"weather": T.WEATHER, "color": T.COLORS, "day": T.DAYS, "name": T.NAMES, "city": T.CITIES, "thing": T.THINGS, "size": T.SIZES, "state": T.STATES, "place": T.PLACES}
FLAG_WAYS = {True: [" It must be {p}.", " Make it {p}.", " It should be {p}.", " I want it {p}."],
             False: [" It must not be {p}.", " Not {p}, please.", " It should not be {p}.", " I do not want it {p}."]}

STEPS = False                                           # calls are thought of step by step: what is asked for, which function that is, each value
TURNS = {"call": 46, "two": 18, "missing": 12, "no fit": 12, "plain": 12}
LENGTHS = (45, 38, 17)                                  # shares of conversations of one, two, three of these turns
WIDER = False                                           # functions that share their verb, and names of parameters that no text has


def held(text):
    """Is this name, or pair of names, one of those that only held-out conversations have? About a sixth is."""
    return zlib.crc32(text.encode()) % 6 == 0


def pick(ask, draw):
    """Draws until something has the side (held out or not) that is asked for."""
    while True:
        text, made = draw()
        if held(text) == ask.held:
            return made


def number(ask):
    most = ask.r.choice([9, 99, 99, 999])
    return pick(ask, lambda: (lambda n: (f"number {n}", n))(ask.r.randint(most // 10, most))) if most > 9 else ask.r.randint(1, 9)


def value(ask, kind):
    values = T.PARAMS[kind][3]
    if values == "number":
        return number(ask)
    if values == "text":
        return pick(ask, lambda: (lambda t: (t, t))(" ".join(ask.r.choice(T.WORDS) for _ in range(ask.r.randint(2, 4)))))
    return ask.r.choice(values)


class Function:
    """One function: how it is declared, how it is asked for and what it gives back."""

    def __init__(self, ask, what, verb=None):
        self.what, r = what, ask.r
        if what == "sum":
            self.op = r.choice(list(T.SUMS))
            self.name, self.params = pick(ask, lambda: self.draw_sum(r))
            self.key = self.op
            return
        verbs, nouns, kinds = (T.LOOK_VERBS, list(T.LOOK_NOUNS), T.LOOK_KINDS) if what == "look" else (T.DO_VERBS, T.DO_NOUNS, T.DO_KINDS)
        kinds = [*kinds, "of", "of"] if WIDER and what == "look" else kinds
        self.verb, self.noun = pick(ask, lambda: (lambda v, n: (f"{v}_{n}", (v, n)))(verb if verb in verbs else r.choice(verbs), r.choice(nouns)))
        self.name = f"{self.verb}_{self.noun}"
        self.key = self.noun if what == "look" else self.name
        self.params = pick(ask, lambda: self.draw_params(r, kinds)) if r.random() < 0.6 else self.draw_params(r, kinds, 1)[1]
        self.optional = r.random() < 0.15 and len(self.params) > 1

    def draw_sum(self, r):
        name, pair = r.choice(T.SUMS[self.op][0]) + r.choice(T.SUM_NOUNS), r.choice(T.SUM_PARAMS)
        return name + " ".join(pair), (name, [(p, "number") for p in pair])

    def draw_params(self, r, kinds, n=None):
        measured = self.noun.endswith(("weather", "temperature"))
        chosen, n = [], n or r.choice([2, 2, 3])
        while len(chosen) < n:
            k = r.choice(kinds)
            if k not in chosen and (k != "unit" or measured) and not any(k in c and c & set(chosen) for c in T.CONFLICTS):
                chosen.append(k)
        made = [(r.choice(T.PARAMS[k][0]), k) for k in chosen]
        if WIDER:
            others = r.sample(T.MORE_NAMES, n)
            made = [(o if k != "flag" and r.random() < 0.3 else p, k) for (p, k), o in zip(made, others)]
        return " ".join(sorted(p for p, _ in made)), made

    def schema(self, r):
        properties = {}
        for p, k in self.params:
            t = "number" if self.what == "sum" else T.PARAMS[k][1]
            properties[p] = {"type": "string", "enum": t} if isinstance(t, list) else {"type": r.choice(["number", "integer"]) if t == "number" else t}
            if r.random() < 0.12:
                properties[p]["description"] = f"The {p.replace('_', ' ')}."
        required = [p for p, _ in self.params][:len(self.params) - (self.what != "sum" and self.optional)]
        f = {"name": self.name, "parameters": {"type": "object", "properties": properties, "required": required}}
        if r.random() < 0.6:
            noun = "" if self.what == "sum" else self.noun.replace("_", " ")
            f = {"name": self.name, "description": r.choice(T.ABOUT_SUM[self.op] if self.what == "sum" else
                 [f"Gives the {noun}.", f"Looks up the {noun}."] if self.what == "look" else [f"{self.verb.capitalize()} the {noun}.", f"To {self.verb} the {noun}."]), **f}
        return {"type": "function", "function": f}

    def request(self, ask, without=None):
        """(what the user says, the arguments); without: a parameter whose value is not said."""
        if self.what == "sum":
            a, b = number(ask), number(ask)
            if self.op == "subtract" and a < b:
                a, b = b, a
            words = T.SUMS[self.op][1]
            text = ask.phrase(T.SUM_WAYS).format(a=a, b=b, w=words[0], s=words[2])
            return text, dict(zip([p for p, _ in self.params], (a, b)))
        said, behind, args = "", "", {}
        left_out = self.params[-1][0] if self.optional and ask.r.random() < 0.5 else without
        for p, k in self.params:
            if p == left_out:
                continue
            if k == "flag":
                args[p] = ask.r.random() < 0.5
                behind += ask.r.choice(FLAG_WAYS[args[p]]).format(p=p)
            else:
                args[p] = value(ask, k)
                said += ask.r.choice(T.PARAMS[k][2]).format(v=args[p])
        noun = self.noun.replace("_", " ")
        way = ask.phrase(T.LOOK_WAYS if self.what == "look" else T.DO_WAYS)
        return way.format(n=noun, v=self.verb, V=self.verb.capitalize(), f=said) + behind, args

    def result(self, ask, args):
        """(what the function gives back, what is told the user, words that must be told)"""
        r = ask.r
        if self.what == "sum":
            v = T.SUMS[self.op][2](*args.values())
            return r.choice([json.dumps({"result": v}), str(v), json.dumps({"value": v})]), f"The result is {v}.", [str(v)]
        if self.what == "look":
            noun, kind = self.noun.replace("_", " "), T.LOOK_NOUNS[self.noun]
            v = number(ask) if kind == "number" else f"{r.randint(1, 12)}:{r.randint(10, 59)}" if kind == "clock" else r.choice(RESULTS[kind])
            return r.choice([json.dumps({"result": v}), str(v), json.dumps({self.noun: v}), json.dumps({"ok": True, "value": v})]), f"The {noun} is {v}.", [str(v)]
        if r.random() < 0.4:
            return r.choice(['{"status": "done"}', '{"ok": true}', "done", "ok"]), "Done.", ["done"]
        key, v = r.choice([("id", number(ask)), ("number", number(ask)), ("code", r.choice(T.COLORS)), ("price", number(ask)), ("day", r.choice(T.DAYS)), ("helper", r.choice(T.NAMES))])
        return json.dumps({key: v}), f"Done. The {key} is {v}.", [str(v)]


def functions(ask):
    """One to four functions of which no two can be meant by the same request."""
    out, keys = [], set()
    n = ask.r.choices([1, 2, 3, 4], (15, 30, 30, 25) if WIDER else (25, 40, 25, 10))[0]
    verb = ask.r.choice(T.LOOK_VERBS + T.DO_VERBS + ["get"] * 12) if WIDER and ask.r.random() < 0.6 else None
    while len(out) < n:
        f = Function(ask, ask.r.choices(["look", "do", "sum"], (40, 42, 18))[0], verb)
        if f.key not in keys:
            keys.add(f.key)
            out.append(f)
    return out


class Talk:
    """A conversation that grows by turns; marks are the places where a held-out question can end, with what is right there."""

    def __init__(self, ask):
        self.ask, self.messages, self.marks, self.calls = ask, [], [], 0

    def user(self, text):
        self.messages.append({"role": "user", "content": text})

    def say(self, text, rule, think="", weight=2.0, kind=""):
        self.marks.append((len(self.messages), kind, rule))
        m = {"role": "assistant", "content": text, "weight": weight}
        self.messages.append({**m, "thinking": think} if think else m)

    def call(self, f, args, think, kind):
        self.calls += 1
        name = f"call_{self.calls}"
        self.marks.append((len(self.messages), kind, {"call": {"name": f.name, "arguments": args}}))
        m = {"role": "assistant", "tool_calls": [{"id": name, "type": "function", "function": {"name": f.name, "arguments": json.dumps(args, separators=(",", ":"))}}], "weight": 2.0}
        self.messages.append({**m, "thinking": think} if think else m)
        return name

    def result(self, name, text):
        self.messages.append({"role": "tool", "tool_call_id": name, "content": text})


def find(word):
    """The pattern that finds a word or number of a result in the answer."""
    return f"(^|[^A-Za-z0-9]){word}([^A-Za-z0-9]|$)"


def about(f):
    """What a request for it names."""
    noun = f.noun.replace("_", " ") if f.what != "sum" else ""
    return T.SUMS[f.op][1][0] if f.what == "sum" else f"{f.verb} {noun}" if f.what == "do" else noun


def values(args):
    return ", ".join(f"{p} is {json.dumps(v) if isinstance(v, bool) else v}" for p, v in args.items())


def think_call(ask, f, args):
    if ask.effort == "low":
        return ""
    if STEPS:
        return f"{about(f)}: {f.name}, {values(args)}."
    return f"I call {f.name}." if ask.effort == "medium" else f"I call {f.name}: {values(args)}."


def think_missing(ask, f, p, args):
    known = f"{values(args)}, " if args else ""
    text = f"{about(f)}: {f.name}, {known}{p} is missing." if STEPS else f"The {p.replace('_', ' ')} is missing."
    return text if ask.effort != "low" else ""


def think_no_fit(ask, funcs, wanted):
    text = f"{about(wanted)}: {', '.join(f'not {f.name}' for f in funcs)}." if STEPS else "No function does this."
    return text if ask.effort != "low" else ""


def turn_call(talk, f, kind="call", request=None):
    ask = talk.ask
    text, args = request or f.request(ask)
    if text:
        talk.user(text)
    name = talk.call(f, args, think_call(ask, f, args), kind)
    if ask.r.random() < 0.18:
        error = ask.r.choice(T.ERRORS)
        talk.result(name, ask.r.choice([json.dumps({"error": error}), f"error: {error}", json.dumps({"ok": False, "error": error})]))
        talk.say(f"That did not work: {error}.", {"all_of": [error, "did not work|error|fail|could not"]}, kind="error")
        return
    result, told, words = f.result(ask, args)
    talk.result(name, result)
    talk.say(told, {"all_of": [find(w) for w in words]}, kind="result")


def turn_two(talk, funcs):
    """Two calls in a row for one request."""
    ask = talk.ask
    f, g = (ask.r.sample(funcs, 2) if len(funcs) > 1 and ask.r.random() < 0.7 else [ask.r.choice(funcs)] * 2)
    (a, args_a), (b, args_b) = f.request(ask), g.request(ask)
    if args_a == args_b and f is g:
        return turn_call(talk, f, request=(a, args_a))
    first = a.rstrip(".")
    b = b.replace("Now ", "", 1)
    b = b if b.split()[0] == "I" else b[0].lower() + b[1:]
    talk.user(f"{first}. Then {b}" if a[-1] != "?" else f"{a} And then {b}")
    results = []
    for which, (h, args) in enumerate(((f, args_a), (g, args_b))):
        name = talk.call(h, args, think_call(ask, h, args) if which == 0 or STEPS else "", "first of two" if which == 0 else "second of two")
        results.append(h.result(ask, args))
        talk.result(name, results[-1][0])
    told = results[0][1] if results[0][1] == results[1][1] else f"{results[0][1]} {results[1][1]}"
    talk.say(told, {"all_of": [find(w) for r in results for w in r[2]]}, kind="result")


def turn_missing(talk, funcs):
    """A value is missing: asked back, and with the value the call follows."""
    ask = talk.ask
    able = [f for f in funcs if f.what != "sum" and not f.optional and any(k != "flag" for _, k in f.params)]
    if not able:
        return turn_call(talk, ask.r.choice(funcs))
    f = ask.r.choice(able)
    p, k = ask.r.choice([x for x in f.params if x[1] != "flag"])
    text, args = f.request(ask, without=p)
    talk.user(text)
    name = p.replace("_", " ")
    talk.say(f"Please tell me the {name}.", {"all_of": [name, "please|which|what|tell|need"]}, think_missing(ask, f, p, args), kind="missing")
    if ask.r.random() < 0.6:
        v = value(ask, k)
        args = {q: args[q] if q in args else v for q, _ in f.params}
        talk.user(ask.r.choice(["{v}", "{v}.", "{v}, please.", "The {p} is {v}.", "It is {v}."]).format(v=v, p=name))
        turn_call(talk, f, "call", (None, args))


def turn_no_fit(talk, funcs):
    """Something is asked for that none of the functions does."""
    ask = talk.ask
    keys = {f.key for f in funcs}
    while True:
        g = Function(ask, ask.r.choice(["look", "do"]))
        if g.key not in keys and not any(f.what != "sum" and (f.noun == g.noun) for f in funcs):
            break
    talk.user(g.request(ask)[0])
    talk.say("I have no function for that.", {"pattern": "no function|cannot|can't|can not|not able|do not know"}, think_no_fit(ask, funcs, g), kind="no fit")


def turn_plain(talk, plain):
    """A plain question: answered, whatever functions there are."""
    exchanges = plain(talk.ask)
    for e in exchanges[:1]:
        talk.user(e.user)
        talk.say(e.answer, {"none_of": ["no function"]}, e.think.get(talk.ask.effort, ""), kind="plain")


def draw(ask, plain=None, kind=None):
    """A conversation with functions. plain(ask) gives exchanges of other families, for questions that need no function."""
    funcs = functions(ask)
    talk = Talk(ask)
    talk.tools = [f.schema(ask.r) for f in funcs]
    turns = [kind] if kind else ask.r.choices(list(TURNS), list(TURNS.values()), k=ask.r.choices([1, 2, 3], LENGTHS)[0])
    for t in turns:
        if t == "two":
            turn_two(talk, funcs)
        elif t == "missing":
            turn_missing(talk, funcs)
        elif t == "no fit":
            turn_no_fit(talk, funcs)
        elif t == "plain" and plain:
            turn_plain(talk, plain)
        else:
            turn_call(talk, ask.r.choice(funcs))
    if not ask.held and talk.messages[-1]["role"] == "assistant" and len(turns) == 1 and ask.r.random() < 0.25:
        while "tool_calls" not in talk.messages[-1] and len(talk.messages) > 2:
            talk.messages.pop()                         # ends with the call: the last turn is short, and only the call is learned
        if "tool_calls" not in talk.messages[-1]:
            return draw(ask, plain, kind)
    return {"messages": talk.messages, "tools": talk.tools, "reasoning_effort": ask.effort, "marks": talk.marks}


def show(c):
    for t in c["tools"]:
        f = t["function"]
        print("  ", f["name"], json.dumps(f["parameters"]["properties"]), f.get("description", ""))
    for m in c["messages"]:
        print("  ", m["role"] + ":", m.get("thinking", "") and f"[{m['thinking']}]", m.get("content") or m["tool_calls"][0]["function"])
    print("  ", [(k, rule) for _, k, rule in c["marks"]][-1])


if __name__ == "__main__":
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    for s in range(first, first + (int(sys.argv[2]) if len(sys.argv) > 2 else 5)):
        ask = Ask(s)
        print(f"--- seed {s}, {ask.effort}" + (", held out" if s >= HELD_OUT else ""))
        show(draw(ask))
