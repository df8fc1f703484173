"""Function calls: a developer message with functions, a call in the commentary channel, an answer
from the result. A few conversations only, so that tools can be tried with the bundled model."""
import json

import words as W
from world import expand

CITIES = "Paris London Rome Berlin Tokyo Madrid Oslo Vienna Cairo Boston Chicago Lima Dublin Lisbon Prague Munich Hamburg Zurich".split()
# name, description, parameter, description of it, values, questions, result, answer
FUNCTIONS = [
    ("get_weather", ["Get the weather.", "Get the current weather.", "Gets the current weather in the provided location.", "Returns the weather of a city."], ["location", "city", "place"], CITIES,
     "{What is the weather in [v]?|How is the weather in [v]?|What's the weather like in [v]?|Is it {warm|cold} in [v]?|Tell me the weather in [v].}",
     [{"weather": "[w]"}, {"temperature": "[n]"}, {"temperature": "[n]", "conditions": "[w]"}], ["The weather in [v] is [w].", "It is [n] degrees in [v].", "It is [w] in [v], with [n] degrees."]),
    ("get_time", ["Get the current time.", "Tells the time in a city.", "Returns the local time."], ["city", "location", "tz"], CITIES,
     "{What time is it in [v]?|Tell me the time in [v].|How late is it in [v]?}", [{"time": "[t]"}], ["It is [t] in [v]."]),
    ("count_animals", ["Counts the animals on the farm.", "How many animals there are."], ["animal", "kind"], [a[0] for a in W.ANIMALS[:40]],
     "{How many [v]s are there on the farm?|Count the [v]s on the farm.}", [{"count": "[n]"}], ["There are [n] [v]s on the farm."]),
    ("find_book", ["Finds a book in the library.", "Look for a book."], ["title", "query", "topic"], [a[0] for a in W.ANIMALS] + W.ITEMS[:20],
     "{Find a book about [v].|Is there a book about [v] in the library?|Look for a book about [v].}", [{"title": "The [w2] [v]"}], ["I found the book The [w2] [v]."]),
]
WEATHER = ["sunny", "rainy", "cloudy", "windy", "snowy", "foggy", "clear"]
DESCRIBE = ["The name of the city.", "What to look for.", "The place.", "The value."]


def section(r, functions):
    """The tools section of the developer message."""
    out = ["# Tools", "", "## functions", "", "namespace functions {", ""]
    for name, descriptions, params, *_ in functions:
        out += ["// " + r.choice(descriptions), f"type {name} = (_: {{"]
        out += ["// " + r.choice(DESCRIBE)] if r.random() < 0.5 else []
        out += [f"{r.choice(params)}: string,", "}) => any;", ""]
    return "\n".join(out + ["} // namespace functions"])


def tool_use(r, effort):
    """(developer text, pieces): a question that needs a function, up to the call or up to the answer."""
    shown = r.sample(FUNCTIONS, r.choice([1, 1, 2, 3]))
    name, _, params, values, asks, results, answers = f = r.choice(shown)
    text = section(r, shown)
    block = text[text.index(f"type {name} ="):]
    param = next(p for line in block.split("\n")[1:] for p in params if line.startswith(p + ":"))
    i = r.randrange(len(results))
    env = dict(v=W.noun(r.choice(values)), w=r.choice(WEATHER), n=str(r.randint(2, 30)), t=f"{r.randint(1, 12)}:{r.randint(0, 59):02}", w2=r.choice(["Little", "Happy", "Brave", "Old"]))
    ask = expand(r, asks, env)
    call = f" to=functions.{name}"
    body = json.dumps({param: env["v"]})
    result = json.dumps({k: expand(r, v, env, sentence=False) for k, v in results[i].items()})
    think = {"low": "", "medium": f"I need {name} for this.", "high": f"The user asks: {ask} I need {name} for this."}[effort]
    head = f"<|channel|>analysis<|message|>{think}<|end|><|start|>assistant" if think else ""
    user = f"<|start|>user<|message|>{ask}<|end|><|start|>assistant"
    if r.random() < 0.5:
        return text, [(user, False), (f"{head}<|channel|>commentary{call} <|constrain|>json<|message|>{body}<|call|>", True)]
    called = f"<|channel|>commentary{call} <|constrain|>json<|message|>{body}<|call|>" if r.random() < 0.5 else f"{call}<|channel|>commentary <|constrain|>json<|message|>{body}<|call|>"
    back = f"<|start|>functions.{name} to=assistant<|channel|>commentary<|message|>{result}<|end|><|start|>assistant"
    answer = expand(r, answers[i], env)
    last = {"low": "", "medium": f"The result is here.", "high": f"The result is here. I can answer now."}[effort]
    last = f"<|channel|>analysis<|message|>{last}<|end|><|start|>assistant" if last else ""
    return text, [(user + head + called + back, False), (f"{last}<|channel|>final<|message|>{answer}<|return|>", True)]
