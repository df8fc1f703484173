"""More ways to ask, for the stretch whose flag is --final: what is asked stays, how it is asked varies.

The tables have eight to sixteen ways of asking a thing, and a model that saw only these knows them as they stand: the one of
step 11,500 answered 99 of 100 two-digit sums asked in a way that was trained, and 47 in one that was not. So a way is said in
other words: by rules that hold for any sentence (a request becomes a wish, a question goes into a sentence, something polite stands
before it) and by the words of MORE. What is held out stays so: reword() gives nothing that holds a held-out way of the same thing.
"""
import re

# more ways of what begins with this way in its table
MORE = {
    "What is {a} + {b}?": ["Work out {a} + {b}.", "Work this out: {a} + {b}", "Can you work out {a} + {b}?", "Give me {a} + {b}.", "Say what {a} + {b} is.", "Solve {a} + {b}.", "Do {a} + {b}.", "I need {a} + {b}.", "{a} + {b} makes what?",
                           "What does {a} + {b} make?", "The sum: {a} + {b}", "Now {a} + {b}.", "And {a} + {b}?", "Find {a} + {b}."],
    "What is {a} - {b}?": ["Work out {a} - {b}.", "Work this out: {a} - {b}", "Can you work out {a} - {b}?", "Give me {a} - {b}.", "Say what {a} - {b} is.", "Solve {a} - {b}.", "Do {a} - {b}.", "I need {a} - {b}.", "{a} - {b} makes what?",
                           "What does {a} - {b} make?", "How much is left: {a} - {b}?", "Now {a} - {b}.", "And {a} - {b}?", "Find {a} - {b}."],
    "What is {a} plus {b}?": ["Add {b} to {a}.", "Say what {a} plus {b} is.", "Give me {a} plus {b}.", "I have {a} and add {b}. What is it?", "What is it if I add {a} and {b}?", "Work out {a} plus {b}.", "{a} and {b} make what?", "What will {a} plus {b} be?"],
    "What is {a} minus {b}?": ["Take {b} from {a}.", "Take {b} away from {a}.", "Give me {a} minus {b}.", "I have {a} and take away {b}. What is left?", "Work out {a} minus {b}.", "What remains of {a} minus {b}?", "What will {a} minus {b} be?"],
    "Count down from {a}.": ["Count backwards: {a}", "Count backwards and begin with {a}.", "Begin at {a} and count backwards.", "From {a}, count backwards.", "Count from {a} down to 1.", "Go from {a} back to 1.", "Say the numbers backwards from {a}.",
                             "Starting at {a}, count down."],
    "Count from {a} to {b}.": ["Start with {a} and go to {b}.", "Count on from {a} until {b}.", "Go from {a} to {b}.", "Begin at {a} and go up to {b}.", "All numbers from {a} to {b}, please."],
    "Which is bigger, {a} or {b}?": ["{a} and {b}: which is bigger?", "Between {a} and {b}, which is bigger?", "Of the numbers {a} and {b}, which is larger?", "Say which is bigger, {a} or {b}.", "Which of {a} and {b} is the bigger one?", "Give me the bigger one: {a} or {b}."],
    "Which is smaller, {a} or {b}?": ["{a} and {b}: which is smaller?", "Between {a} and {b}, which is smaller?", "Of the numbers {a} and {b}, which is less?", "Say which is smaller, {a} or {b}.", "Which of {a} and {b} is the smaller one?", "Give me the smaller one: {a} or {b}."],
    "Sort these words: {w}": ["Can you put these in order: {w}?", "Can you sort these words: {w}?", "Bring these words in order: {w}", "Arrange these: {w}", "Which order do these have: {w}?", "Let us sort {w}.", "In alphabetical order: {w}", "By the alphabet: {w}"],
    "Say these in reverse order: {w}": ["The other way around: {w}", "Say these the other way round: {w}", "Turn the order around: {w}", "Please turn this list around: {w}", "From the last to the first: {w}", "Can you reverse this? {w}", "Please say backwards: {w}"],
    "Which word is longest: {w}?": ["Which one has most letters: {w}?", "The word with the most letters: {w}", "Which has more letters: {w}?", "Say the longest: {w}", "Choose the longest word: {w}"],
    "Which word is shortest: {w}?": ["Which one has fewest letters: {w}?", "The word with the fewest letters: {w}", "Which has fewer letters: {w}?", "Say the shortest: {w}", "Choose the shortest word: {w}"],
    "Write {w} in capital letters.": ["How do you write {w} in capitals?", "How is {w} in capital letters?", "Let me see {w} in capitals.", "{w} in capitals", "Give me {w} in capital letters.", "Say {w} in big letters."],
    "Name {n} {t}.": ["What would be {n} {t}?", "Which {n} {t} do you know?", "Write down {n} {t}.", "Think of {n} {t}.", "Find {n} {t}.", "{n} {t}, please.", "Tell me the names of {n} {t}."],
    "What is the last letter of {w}?": ["Give me the last letter of {w}.", "The last letter of {w}?", "Say with which letter {w} ends.", "At the end of {w} is which letter?"],
    "What is the {n}{f}?": ["I want the {n}{f}.", "Let me know the {n}{f}.", "Could you find the {n}{f}?", "Look for the {n}{f}.", "Find out the {n}{f}.", "I want to know the {n}{f}.", "Do you know the {n}{f}?", "Give me the {n}{f}.",
                            "I ask for the {n}{f}.", "Help me find the {n}{f}.", "What would the {n} be{f}?", "May I know the {n}{f}?"],
    "{V} the {n}{f}.": ["Will you {v} the {n}{f}?", "I would like you to {v} the {n}{f}.", "Try to {v} the {n}{f}.", "You can {v} the {n}{f} now.", "It is time to {v} the {n}{f}.", "Go and {v} the {n}{f}.", "Let us {v} the {n}{f}.",
                         "{V} the {n}{f} for me.", "My wish: {v} the {n}{f}."],
    "Who is {p}?": ["Say who {p} is.", "Do you know who {p} is?", "I ask you who {p} is.", "What sort of person is {p}?", "Who could {p} be?", "I want to know who {p} is.", "Have you met {p}?"],
    "How many people live in {k}?": ["How many towns does {k} have?", "How many rivers are in {k}?", "How many houses are in {k}?", "Number of people in {k}?", "How many schools are in {k}?", "How high is {k}?", "Who is the queen of {k}?"],
    "What is {th}?": ["What does {t} mean?", "What do you mean by {t}?", "Can you say what {th} is?", "Give me the meaning of {t}.", "The word {t}: what does it mean?", "Say something about {th}.", "What is the use of {t}?"],
    "What is the capital of {l}?": ["Say the capital of {l}.", "Which city is the capital of {l}?", "Do you know the capital of {l}?", "I want to know the capital of {l}.", "Name the capital of {l}."],
    "Write a program in {g}.": ["Give me some {g} code.", "I need {g} code.", "Some lines of {g}, please.", "Show me {g}.", "Make me a small {g} program.", "Do you write {g}?", "Can you code in {g}?"],
    "Sort {a}, {b}, {c}.": ["Bring {a}, {b} and {c} in order.", "{a}, {b}, {c}: put them in order.", "Which order do {a}, {b} and {c} have?", "Can you put {a}, {b} and {c} in order?", "From small to big: {a}, {b}, {c}", "Let us sort {a}, {b} and {c}.",
                            "Smallest first: {a}, {b}, {c}", "Please sort these: {a}, {b}, {c}"],
    "Sort {a}, {b}, {c} from biggest to smallest.": ["Bring {a}, {b} and {c} in order, biggest first.", "{a}, {b}, {c}: from big to small.", "From big to small: {a}, {b}, {c}", "Biggest first: {a}, {b}, {c}", "Can you put {a}, {b} and {c} in order, the biggest first?"],
    "What is the opposite of {x}?": ["{x} is the opposite of what?", "What opposite does {x} have?", "Which word is the opposite of {x}?", "{x}: what is the opposite?", "Name the opposite of {x}."],
}
CARRIERS = ["Tell me {w}.", "Please tell me {w}.", "I want to know {w}.", "Do you know {w}?", "Say {w}.", "I would like to know {w}.", "I wonder {w}.", "Could you say {w}?", "Let me know {w}.", "Can you tell me {w}?",
            "I need to know {w}.", "Could you tell me {w}?", "Find out {w}."]
WISHES = ["Please {w}.", "Can you {w}?", "Could you {w}?", "Would you {w}?", "I want you to {w}.", "{W}, please.", "Now {w}.", "Will you {w}?", "Try to {w}.", "I would like you to {w}.", "Now please {w}.", "Will you please {w}?",
          "Let me see you {w}.", "{W} for me."]
WHETHER = ["I think that {w}. Is that right?", "Do you think that {w}?", "{W}: is that right?", "{W}: yes or no?", "Is it right that {w}?", "Can you say if {w}?", "I want to know whether {w}.", "Could it be that {w}?", "Tell me if {w}.",
           "{W}. True or not?", "Do you know if {w}?", "I believe that {w}. Am I right?", "Tell me whether {w}."]
BEFORE = ["Tell me: ", "Please answer: ", "I have a question: ", "Tell me this: ", "Now tell me: ", "One question: ", "And now: ", "Say: ", "Do you know this? ", "Can you say this? ", "A question: ", "Next question: ", "My question is: ", "Hello! ", "Well, ", "Now, "]
SPOKEN = ["Well, ", "Hello! ", "Oh, ", "Hm, ", "So, "]
AFTER = [" Please tell me.", " Do you know?", " Please answer.", " Can you say it?", " I want to know.", " Thank you."]
VERBS = set("""add arrange ask begin calculate continue count define describe do explain find give go help know let list make multiply name order please put read repeat reverse say show solve sort
spell start sum summarize tell translate try turn write work""".split())
SUBJECT = re.compile(r"(Is|Are|Was|Can) ((?:an? |the )?(?:\{\w+\}|[A-Z][a-z]+|the \w+)) (.+)\?$")
WHERE = re.compile(r"(Where|How old) (is|are|was) ((?:an? |the )?(?:\{\w+\}|[\w' ]+?))( now| first| at first| before that| in the end)?\?$")
ASKED = re.compile(r"(?:Who|What|Which|How many) (?!(?:do|does|did|is|are|can|would)\b(?!.*\bof\b))[^?:.]+\?$")
SAYS = [(re.compile(a), b) for a, b in [
    (r"^Where (is|are|was) (.+)\?$", [r"In what place \1 \2?", r"At which place \1 \2?", r"What place \1 \2 in?", r"On or in what \1 \2?"]),
    (r"^Where (did|does) (.+)\?$", [r"What place \1 \2 to?", r"At what place \1 \2?"]),
    (r"^Who (has|had|is|was|put|gave|took|got) (.+)\?$", [r"Say who \1 \2.", r"Which one \1 \2?", r"What is the name of the one who \1 \2?", r"Who of all \1 \2?", r"Do you know who \1 \2?", r"And who is it who \1 \2?"]),
    (r"^Why (is|was) (\S+|[Tt]he \w+) (.+)\?$", [r"For what reason \1 \2 \3?", r"How come \2 \1 \3?", r"What is it that makes \2 \3?", r"\2 \1 \3. Why?", r"Why would \2 be \3?"]),
    (r"^What (does|did) (.+) (have|get|find|make|see|eat)\?$", [r"What thing \1 \2 \3?", r"What is the thing that \2 \3?", r"\2 \1 \3 what?"]),
    (r"^What colou?r is (.+)\?$", [r"Of what color is \1?", r"The color of \1?", r"What color has \1?", r"How is \1 colored?"]),
    (r"^How old is (.+)\?$", [r"What age has \1?", r"How many years is \1?", r"The age of \1?"]),
    (r"^What is (.+) called\?$", [r"How do they call \1?", r"What name has \1?", r"The name of \1?"]),
]]


def bare(text):
    return text.lower().rstrip(" .?!:")


def low(text):
    """As it goes on within a sentence: names, I and places to fill keep their letters."""
    first = text.split(" ", 1)[0]
    return text[0].lower() + text[1:] if first.lower() in VERBS or first in LOW else text


LOW = set("What Who Where When Why How Which Is Are Was Can Could Does Did Do Would Will The A An In On At Of Say And With Count Say".split())


def changed(r, way):
    """One other way to say it, by a rule that is drawn; the same way where the rule does not fit."""
    first, x = way.split(" ", 1)[0].lower(), r.random()
    if not way.endswith("?") and first not in VERBS:
        return r.choice(SPOKEN) + way if x < 0.3 else way
    if x < 0.15:
        return r.choice(BEFORE) + low(way)
    if x < 0.2 and way.endswith("?"):
        return way + r.choice(AFTER)
    if first in VERBS and first not in ("please", "let") and way.endswith((".", "}")) and ". " not in way:
        w = low(way).rstrip(".")
        return r.choice(WISHES).format(w="\0", W="\1").replace("\0", w).replace("\1", w[0].upper() + w[1:])
    if m := SUBJECT.match(way):
        w = f"{m[2]} {m[1].lower()} {m[3]}"
        return r.choice(WHETHER).format(w="\0", W="\1").replace("\0", w).replace("\1", w[0].upper() + w[1:])
    ways = [b for a, bs in SAYS if a.match(way) for b in [(a, b) for b in bs]]
    if ways and r.random() < 0.6:
        a, b = r.choice(ways)
        said = a.sub(b, way)
        return said[0].upper() + said[1:]
    if m := WHERE.match(way):
        w = f"{m[1].lower()} {m[3]} {m[2]}{m[4] or ''}"
    elif ASKED.match(way):
        w = low(way).rstrip("?")
    else:
        return r.choice(BEFORE) + low(way) if x < 0.5 else way
    return r.choice(CARRIERS).format(w="\0").replace("\0", w)


def reword(r, ways, held):
    """A way to ask, more often than not in other words; none that holds a held-out one."""
    way = r.choice(ways)
    if r.random() < 0.4 or way[0] in " ,.^[" or "[about]" in way or "[text]" in way or len(way) < 12:
        return way
    out = {bare(h) for h in held}
    for _ in range(6):
        more = MORE.get(ways[0])
        said = r.choice(more) if more and r.random() < 0.5 else changed(r, way)
        if said != way and not any(h in bare(said) for h in out):
            return said
    return way
