"""Rooms, deeds, reasons: what the small texts of scenes.py are made of."""
import word_lists
from facts_world import DAYS

ROOMS = """kitchen garden house school barn forest park bedroom bathroom market shop castle cave boat tower church library field
street bakery stable cellar hall office""".split()
SPOTS = """under the table|on the chair|behind the door|in the box|on the roof|under the bed|near the river|in the basket|next to the tree|
on the wall|by the window|in the tree|under the bridge|on the bed|at the lake|on the hill""".replace("\n", "").split("|")
GOALS = [f"to the {p}" for p in ROOMS + "lake river beach hill village bridge station farm".split()]
FOODS = "apples pears plums cherries nuts cookies eggs carrots berries bananas grapes cakes potatoes tomatoes lemons".split()
NUMBERS = word_lists.NUMBERS[2:13]
TIMES = [f"on {d}" for d in DAYS] + "in the morning|at noon|in the afternoon|in the evening|at night|in spring|in summer|in autumn|in winter".split("|")
JOBS = "baker teacher doctor farmer painter sailor cook gardener singer tailor nurse pilot king queen driver fisherman".split()
PETS = "cat dog horse bird rabbit fish cow pig goat mouse duck sheep".split()
OWN = "ball kite hat drum lantern bell book key flute spoon cup basket umbrella blanket coin ring map doll bottle balloon box candle clock pencil flag cake apple pear car boat lamp bag".split()
# (now, past, plain form, objects)
DEEDS = [("eats", "ate", "eat", "an apple|a pear|some soup|a cake|some bread|an egg|a cookie|some cheese"), ("reads", "read", "read", "a book|a letter|a story|a map"),
         ("paints", "painted", "paint", "a house|a door|a tree|a picture|a boat"), ("buys", "bought", "buy", "a hat|a lamp|some milk|a coat|a book|some flowers"),
         ("finds", "found", "find", "a coin|a key|a ring|a feather|a shell|an old map"), ("makes", "made", "make", "a kite|a chair|some soup|a cake|a basket|a snowman"),
         ("sees", "saw", "see", "a fox|a bird|a rainbow|a star|a big ship|a rabbit"), ("sings", "sang", "sing", "a song|an old song"), ("cleans", "cleaned", "clean", "the kitchen|the window|the car|the floor"),
         ("drinks", "drank", "drink", "some milk|some water|some tea|some juice"), ("likes", "liked", "like", "apples|cats|music|dogs|books|cheese|the sea|snow"),
         ("brings", "brought", "bring", "a letter|some wood|a lamp|some water|a cake"), ("draws", "drew", "draw", "a cat|a tree|a boat|a horse|the moon")]
WHY = [("sad", "[he] lost [his] [x]"), ("sad", "[his] [x] is broken"), ("happy", "it is [his] birthday"), ("tired", "[he] ran all day"), ("hungry", "[he] had no breakfast"),
       ("angry", "somebody took [his] [x]"), ("afraid", "it is dark"), ("cold", "[he] has no coat"), ("proud", "[he] won the race"), ("late", "[he] missed the bus"),
       ("wet", "it is raining"), ("thirsty", "the sun is hot"), ("happy", "a friend came to visit"), ("sick", "[he] ate too many [food]"), ("sad", "[his] friend went away"),
       ("happy", "[he] found a [x]"), ("tired", "[he] worked all night"), ("glad", "the sun is shining"), ("proud", "[he] made a [x]"), ("happy", "[he] got a [x]")]
WHY_DO = [("cries", "[his] [x] is broken"), ("runs", "[he] is late"), ("laughs", "the [x] is so funny"), ("stays at home", "it is raining"), ("sings", "[he] is happy"),
          ("hides", "[he] is afraid"), ("goes to bed", "[he] is tired"), ("takes an umbrella", "it is raining"), ("opens the window", "it is hot"), ("wears a coat", "it is cold"),
          ("waits", "the bus is late"), ("smiles", "[he] found [his] [x]")]
DO = {"cries": "cry", "runs": "run", "laughs": "laugh", "stays at home": "stay at home", "sings": "sing", "hides": "hide", "goes to bed": "go to bed", "waits": "wait",
      "takes an umbrella": "take an umbrella", "opens the window": "open the window", "wears a coat": "wear a coat", "smiles": "smile"}
COMPARE = [("taller", "tallest", "shortest"), ("older", "oldest", "youngest"), ("faster", "fastest", "slowest"), ("bigger", "biggest", "smallest"),
           ("stronger", "strongest", "weakest"), ("heavier", "heaviest", "lightest")]
# verbs of where somebody is: as said, as asked, and as asked with the verb itself
STAY = [("is", "is", "")] * 3 + [("was", "was", ""), ("sits", "is", "does sit"), ("sleeps", "is", "does sleep"), ("waits", "is", "does wait"), ("plays", "is", "does play"),
        ("works", "is", "does work"), ("sat", "was", "did sit"), ("slept", "was", "did sleep"), ("stood", "was", "did stand"), ("waited", "was", "did wait")]
