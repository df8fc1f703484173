"""Who, what and where of the stories and texts: tables, and the small template language that both are written in.

Template language: {a|b|c} picks one (nested allowed, an empty branch too), [key] is a value, ^ makes the next letter a
capital. Words are few and simple on purpose: what is asked for is copied, and copying is learned from words that are
often seen.
"""
import re

BOYS = """Max Tom Ben Sam Leo Jack Tim Finn Oscar Rusty Milo Felix Hugo Otto Bruno Toby Charlie Henry Oliver George Peter Paul
Jacob Noah Lucas Adam Simon Victor Walter Barney Gus Ned Pip Alfie Archie Teddy Basil Jasper Rufus Boris Casper Edgar Fred
Harry Ivan Bob John James David Daniel Mark Luke Nick Mike Alex Joe Bill Emil Theo Anton Omar Rex Kevin Eric Robin""".split()
GIRLS = """Mia Lily Anna Sara Ella Lucy Rosie Daisy Molly Emma Clara Nora Ruby Poppy Hazel Ivy Olive Luna Bella Coco Tilly
Penny Greta Heidi Ida Jenny Kate Lola Maya Nina Pearl Sophie Tess Vera Wendy Zoe Amy Betty Cora Dora Eva Fern Holly Jane
Lila Mabel Nell Polly Willow Alice Mary Maria Laura Julia Lena Sally Susan Grace Rose Ruth Linda Carol Elsa Marta Lisa""".split()
SYLLABLES = "ba be bo da do fi ga ja ka ki la li lo ma mi mo na ni no pa po ra ri ro sa ta ti to va za zo".split()

# who stories are about, and who comes by; all of them walk and talk
ANIMALS = """fox rabbit bear mouse cat dog puppy kitten owl crow duck goose hen pig cow horse pony donkey sheep lamb goat
squirrel hedgehog badger mole beaver frog turtle wolf deer bee ant butterfly lion tiger elephant giraffe monkey zebra camel
kangaroo panda penguin dragon dinosaur unicorn parrot snail spider""".split()
PEOPLE = """girl boy king queen prince princess farmer baker sailor pirate wizard witch knight teacher doctor painter gardener
shepherd giant fairy cook""".split()
OTHERS = "robot snowman doll star cloud boat train ghost monster".split()
HEROES = ANIMALS + PEOPLE + OTHERS
FEMALE = "girl queen princess witch fairy hen cow doll".split()
MALE = "boy king prince wizard giant snowman".split()
TRAITS = "brave shy kind clever curious lazy hungry lonely funny proud sleepy happy little small young old".split()

ITEMS = """ball kite hat drum lantern bell book key button whistle flute spoon cup basket umbrella blanket shoe coin ring crown
mirror map feather shell stone doll bucket bottle balloon pillow coat bag box candle clock pencil flag ladder broom cake apple
lamp scarf""".split()
COLORS = "red blue green yellow white black brown orange purple pink".split()
PLACES = [(a, a.split(" ", 1)[1]) for a in """in the forest|in the village|on the farm|in the garden|in the castle|in the town|on the island|
in the jungle|in the mountains|in the valley|in the meadow|in the desert|by the sea|by the lake|by the river|on the hill|in the city|
near the bridge|in the park|on the beach|at the school|in the cave""".replace("\n", "").split("|")]
SPOTS = """under a bush|behind a rock|in the grass|near the pond|by the old gate|under the bed|behind the door|inside a log|next to the well|
under the leaves|beside the path|under a tree|on top of a wall|behind the house|in a box""".replace("\n", "").split("|")
FOODS = "apple pie|carrot soup|honey cake|warm bread|plum cake|pancakes|cheese|cookies".split("|")

CHOICE = re.compile(r"\{([^{}]*)\}")
KEY = re.compile(r"\[(\w+)\]")
AN = re.compile(r"\b([Aa]) (?=(?!uni|use|one\b|once)[aeiou])")
UP = re.compile(r"\^(\W*)(\w)")


def fill(r, text, env):
    """One reading of a template: choices are drawn, keys are filled in, a becomes an before a vowel."""
    for _ in range(2):                                  # values may hold choices and keys themselves
        while "{" in text:
            text = CHOICE.sub(lambda m: r.choice(m[1].split("|")), text)
        text = KEY.sub(lambda m: env[m[1]], text)
        if "{" not in text and "[" not in text:
            break
    text = AN.sub(r"\1n ", " ".join(text.split(" ")))
    return UP.sub(lambda m: m[1] + m[2].upper(), text)


def cap(text):
    return text[:1].upper() + text[1:]


def a(noun):
    return ("an " if noun[0] in "aeio" or noun.startswith("umb") else "a ") + noun


def invented(r):
    """A name that no table has, now and then: names are read, not known."""
    return "".join(r.choice(SYLLABLES) for _ in range(r.choice((2, 2, 3)))).capitalize()


def name(r, sex=None, invent=0.05):
    """(name, m or f)"""
    sex = sex or r.choice("mf")
    if r.random() < invent:
        return invented(r), sex
    return r.choice(BOYS if sex == "m" else GIRLS), sex


def words():
    """Every word of the tables, for the tokenizer's text."""
    lists = (BOYS, GIRLS, HEROES, TRAITS, ITEMS, COLORS, [w for p, _ in PLACES for w in p.split()],
             [w for s in SPOTS + FOODS for w in s.split()])
    return list(dict.fromkeys(w for one in lists for w in one))
