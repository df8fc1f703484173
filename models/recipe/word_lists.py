"""The words that family_words.py asks about, and the ways of asking (the last two of a list are never trained on)."""

# of each kind of thing the first N are what "name N" gets; (one, many): words
LISTS = {
    ("animal", "animals"): "cat dog cow horse pig sheep duck hen".split(),
    ("color", "colors"): "red blue green yellow black white brown pink".split(),
    ("fruit", "fruits"): "apple pear plum lemon banana cherry grape orange".split(),
    ("vegetable", "vegetables"): "carrot onion potato bean pea corn tomato pumpkin".split(),
    ("bird", "birds"): "owl crow robin eagle duck swan goose parrot".split(),
    ("insect", "insects"): "bee ant fly wasp moth beetle cricket butterfly".split(),
    ("toy", "toys"): "ball doll kite train drum top puzzle puppet".split(),
    ("thing to wear", "things to wear"): "hat coat shoe sock shirt dress scarf glove".split(),
    ("tool", "tools"): "hammer saw nail rope axe shovel ladder brush".split(),
    ("part of the body", "parts of the body"): "head arm leg hand foot nose ear mouth".split(),
    ("thing in a kitchen", "things in a kitchen"): "cup spoon fork knife plate pot pan bowl".split(),
    ("flower", "flowers"): "rose tulip daisy lily violet poppy orchid sunflower".split(),
    ("tree", "trees"): "oak pine birch maple willow elm palm apple".split(),
    ("thing in the sky", "things in the sky"): "sun moon star cloud bird plane rain wind".split(),
    ("drink", "drinks"): "water milk tea juice coffee cocoa lemonade soda".split(),
    ("thing in a house", "things in a house"): "door window bed chair table lamp wall roof".split(),
}
# short words: these are spelled, counted and sorted
SPELLED = """cat dog cow pig hen fox owl bee ant bear fish frog bird duck mouse horse sheep goat lion wolf
red blue green black white brown pink apple pear plum lemon corn bean hat coat shoe sock cup spoon fork
plate bowl bed door chair table lamp book ball doll kite drum bell key ring box bag rope boat ship car
bus train wheel sun moon star cloud rain snow wind tree leaf rose grass seed stone sand lake sea hill
road house farm king queen boy girl man baby hand foot head nose ear eye milk bread egg cake honey water
big small old new happy sad fast slow hot cold good day night one two ten""".split()
LONG = """butterfly elephant strawberry umbrella mountain princess sunflower kangaroo crocodile blueberry lighthouse
snowflake hedgehog grandmother sandcastle airplane dinosaur raindrop astronaut playground chocolate breakfast
classroom afternoon""".split()
# words that are only said again, or put in another order
OTHER = """wall roof window garden bridge river forest village castle tower city island beach valley
candle mirror pencil paper letter picture clock basket bottle blanket pillow button ribbon needle
feather shell whistle violin song music story secret wish gift
winter summer spring morning evening friend mother father sister brother teacher doctor farmer
baker sailor fairy giant dragon robot rabbit kitten puppy tiger monkey
turtle snail spider whale squirrel parrot eagle swan goose carrot onion potato
pumpkin cookie butter cheese sugar soup pie jam nut berry cherry grape
jump run walk swim climb sing dance laugh smile sleep read write draw
soft loud quiet dark round tall short long kind brave funny tired hungry yellow orange purple""".split()
CAPITALS = SPELLED[:60]                                 # as whole words in capitals

REPEAT = ["Repeat: {w}", "Say {w}.", "Repeat this: {w}", "Repeat after me: {w}", "Say this: {w}", "Please repeat: {w}", "Say the words: {w}",
          "Repeat the words: {w}", "Write this: {w}", "Echo: {w}", "Copy this: {w}", "Please say this again: {w}", "Now repeat this for me: {w}"]
SPELL = ["Spell {w}.", "Spell the word {w}.", "How do you spell {w}?", "How is {w} spelled?", "Can you spell {w}?", "Please spell {w}.", "spell {w}",
         "How do I spell {w}?", "Spell {w} for me.", "Could you spell the word {w}?", "What is the spelling of {w}?"]
FIRST = ["What is the first letter of {w}?", "What letter does {w} begin with?", "Which letter does {w} start with?", "First letter of {w}?",
         "With which letter does {w} begin?", "What does {w} start with?", "Tell me the first letter of {w}.", "What is the first letter in {w}?",
         "What is the first letter of the word {w}?", "Say the first letter of {w}.", "Which letter comes first in {w}?"]
LAST = ["What is the last letter of {w}?", "What letter does {w} end with?", "Which letter does {w} end with?", "Last letter of {w}?",
        "With which letter does {w} end?", "What does {w} end with?", "Tell me the last letter of {w}.", "What is the last letter in {w}?",
        "What is the last letter of the word {w}?", "Say the last letter of {w}.", "Which letter comes last in {w}?"]
LETTERS = ["How many letters are in {w}?", "How many letters does {w} have?", "How many letters are in the word {w}?", "How many letters has {w}?",
           "Count the letters of {w}.", "Count the letters in {w}.", "How long is the word {w}?", "What is the number of letters in {w}?",
           "Tell me how many letters {w} has.", "How many letters do you count in {w}?"]
CAPITAL = ["Write {w} in capital letters.", "Write {w} in capitals.", "Put {w} in capital letters.", "{w} in capital letters, please", "Write {w} in big letters.",
           "What is {w} in capital letters?", "Show me {w} in capitals.", "Please write {w} in capitals.", "Can you write {w} in capital letters?",
           "How does {w} look in capitals?"]
SORT = ["Sort these words: {w}", "Sort {w}.", "Put these words in order: {w}", "Put these words in alphabetical order: {w}", "Sort {w} by the alphabet.",
        "Sort the words {w}.", "Alphabetical order: {w}", "Please sort these words: {w}", "Order these words by the alphabet: {w}", "Can you sort {w}?",
        "Arrange these words by the alphabet: {w}"]
REVERSE = ["Say these in reverse order: {w}", "Reverse this list: {w}", "Say these words backwards, last one first: {w}", "Reverse the list {w}.",
           "Turn this list around: {w}", "Write these words in reverse order: {w}", "Put this list in reverse order: {w}", "Reverse: {w}",
           "Give me this list from the end to the start: {w}", "Please reverse the order of these: {w}", "Say this list the other way around: {w}"]
LONGEST = ["Which word is longest: {w}?", "Which of these words is the longest: {w}?", "What is the longest word: {w}?", "Which is the longest word: {w}?",
           "Find the longest word: {w}", "Longest word: {w}?", "Tell me the longest word: {w}", "Of {w}, which word is the longest?",
           "Which word has the most letters: {w}?", "Pick the longest word: {w}"]
SHORTEST = ["Which word is shortest: {w}?", "Which of these words is the shortest: {w}?", "What is the shortest word: {w}?", "Which is the shortest word: {w}?",
            "Find the shortest word: {w}", "Shortest word: {w}?", "Tell me the shortest word: {w}", "Of {w}, which word is the shortest?",
            "Which word has the fewest letters: {w}?", "Pick the shortest word: {w}"]
NAME = ["Name {n} {t}.", "List {n} {t}.", "Tell me {n} {t}.", "Give me {n} {t}.", "Can you name {n} {t}?", "Say {n} {t}.", "Write {n} {t}.",
        "Please name {n} {t}.", "Do you know {n} {t}?", "Show me a list of {n} {t}.", "I need {n} {t}.", "Could you list {n} {t}?", "What are {n} {t}?"]
SENTENCES = ["the {a} {x} sits by the {y}", "my {x} is {a}", "the {x} and the {y} are {a}", "I see a {a} {x}", "the {x} has a {y}", "a {a} {x} is in the {y}",
             "there is a {x} under the {y}", "the {x} is not {a}", "we like the {a} {x}", "the {x} runs to the {y}"]
SIMPLE = "big small old new happy sad red blue green black white brown warm soft loud quiet kind brave funny yellow".split()

# how numbers are written out, from 0 on
NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty""".split()
