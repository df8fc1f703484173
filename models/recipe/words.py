"""Word tables of the story world (models/recipe/world.py): who can appear, where, with what.

Only data and the smallest helpers live here, so that the size of the world can be
seen, and grown, in one place.
"""

# animal: (noun, domain, abilities, home, food, sound or None)
ANIMALS = [(n, d, set(a.split()), h, f, s) for n, d, a, h, f, s in [
    ("fox", "land", "dig", "a den", "berries", "yips"),
    ("rabbit", "land", "dig", "a burrow", "carrots", None),
    ("bear", "land", "strong climb", "a cave", "honey", "growls"),
    ("mouse", "land", "small", "a hole", "cheese", "squeaks"),
    ("cat", "land", "climb", "a basket", "fish", "meows"),
    ("dog", "land", "dig", "a kennel", "bones", "barks"),
    ("puppy", "land", "dig", "a basket", "bones", "barks"),
    ("kitten", "land", "climb", "a basket", "milk", "meows"),
    ("owl", "land", "fly", "a hollow tree", "seeds", "hoots"),
    ("crow", "land", "fly", "a nest", "corn", "caws"),
    ("sparrow", "land", "fly", "a nest", "seeds", "chirps"),
    ("robin", "land", "fly", "a nest", "worms", "sings"),
    ("eagle", "land", "fly", "a nest", "fish", "screams"),
    ("parrot", "land", "fly", "a nest", "nuts", "talks"),
    ("duck", "land", "swim fly", "a nest", "bread", "quacks"),
    ("goose", "land", "swim fly", "a nest", "grass", "honks"),
    ("swan", "land", "swim fly", "a nest", "grass", None),
    ("hen", "land", "", "a coop", "corn", "clucks"),
    ("rooster", "land", "", "a coop", "corn", "crows"),
    ("chick", "land", "small", "a coop", "corn", "cheeps"),
    ("pig", "land", "dig", "a pen", "apples", "oinks"),
    ("cow", "land", "strong", "a barn", "grass", "moos"),
    ("horse", "land", "strong", "a stable", "hay", "neighs"),
    ("pony", "land", "strong", "a stable", "hay", "neighs"),
    ("donkey", "land", "strong", "a stable", "hay", "brays"),
    ("sheep", "land", "", "a fold", "grass", "baas"),
    ("lamb", "land", "small", "a fold", "grass", "baas"),
    ("goat", "land", "climb", "a pen", "leaves", "bleats"),
    ("squirrel", "land", "climb", "a tree", "nuts", "chatters"),
    ("hedgehog", "land", "small", "a pile of leaves", "worms", None),
    ("badger", "land", "dig strong", "a burrow", "roots", None),
    ("mole", "land", "dig", "a tunnel", "worms", None),
    ("beaver", "land", "swim", "a lodge", "bark", None),
    ("otter", "land", "swim", "a river bank", "fish", None),
    ("frog", "land", "swim", "a pond", "flies", "croaks"),
    ("toad", "land", "swim", "a garden", "flies", "croaks"),
    ("turtle", "land", "swim", "a pond", "leaves", None),
    ("snail", "land", "small", "a shell", "leaves", None),
    ("snake", "land", "climb", "a hole", "eggs", "hisses"),
    ("lizard", "land", "climb", "a wall", "flies", None),
    ("wolf", "land", "strong", "a den", "meat", "howls"),
    ("deer", "land", "", "a forest", "grass", None),
    ("moose", "land", "strong", "a forest", "leaves", None),
    ("raccoon", "land", "climb", "a hollow tree", "eggs", None),
    ("skunk", "land", "dig", "a burrow", "berries", None),
    ("bat", "land", "fly", "a cave", "fruit", "squeaks"),
    ("bee", "land", "fly small", "a hive", "nectar", "buzzes"),
    ("ant", "land", "small", "an anthill", "crumbs", None),
    ("butterfly", "land", "fly small", "a garden", "nectar", None),
    ("ladybug", "land", "fly small", "a leaf", "tiny bugs", None),
    ("firefly", "land", "fly small glow", "a meadow", "nectar", None),
    ("spider", "land", "climb small", "a web", "flies", None),
    ("caterpillar", "land", "small climb", "a leaf", "leaves", None),
    ("lion", "land", "strong", "a den", "meat", "roars"),
    ("tiger", "land", "strong climb", "a jungle", "meat", "roars"),
    ("elephant", "land", "strong tall", "a jungle", "leaves", "trumpets"),
    ("giraffe", "land", "tall", "a wide plain", "leaves", None),
    ("monkey", "land", "climb", "a tall tree", "bananas", "chatters"),
    ("zebra", "land", "", "a wide plain", "grass", None),
    ("hippo", "land", "swim strong", "a river", "grass", None),
    ("camel", "land", "strong", "a desert", "leaves", None),
    ("kangaroo", "land", "", "a wide plain", "grass", None),
    ("koala", "land", "climb", "a tall tree", "leaves", None),
    ("panda", "land", "climb", "a forest", "bamboo", None),
    ("penguin", "sea", "swim", "the ice", "fish", None),
    ("seal", "sea", "swim", "the ice", "fish", "barks"),
    ("whale", "sea", "swim strong", "the deep sea", "tiny shrimps", "sings"),
    ("dolphin", "sea", "swim", "the sea", "fish", "clicks"),
    ("fish", "sea", "swim", "a pond", "tiny plants", None),
    ("crab", "sea", "swim", "a rock pool", "seaweed", None),
    ("octopus", "sea", "swim", "a sea cave", "crabs", None),
    ("shark", "sea", "swim strong", "the sea", "fish", None),
    ("dragon", "land", "fly strong glow", "a cave", "roasted apples", "roars"),
    ("dinosaur", "land", "strong tall", "a valley", "leaves", "roars"),
    ("unicorn", "land", "strong", "a meadow", "clover", None),
]]

# person: (noun, sex or "", domain, abilities)
PEOPLE = [(n, s, d, set(a.split())) for n, s, d, a in [
    ("girl", "f", "land", "climb"), ("boy", "m", "land", "climb"),
    ("king", "m", "land", ""), ("queen", "f", "land", ""),
    ("prince", "m", "land", ""), ("princess", "f", "land", ""),
    ("farmer", "", "land", "strong dig"), ("baker", "", "land", ""),
    ("sailor", "", "land", "swim"), ("pirate", "", "land", "swim"),
    ("wizard", "m", "land", "glow"), ("witch", "f", "land", "fly glow"),
    ("knight", "", "land", "strong"), ("fisherman", "m", "land", "swim"),
    ("teacher", "", "land", ""), ("doctor", "", "land", ""),
    ("tailor", "", "land", ""), ("painter", "", "land", ""),
    ("gardener", "", "land", "dig"), ("shepherd", "", "land", ""),
    ("miller", "", "land", "strong"), ("blacksmith", "", "land", "strong"),
    ("carpenter", "", "land", "tall"), ("woodcutter", "", "land", "strong climb"),
    ("grandmother", "f", "land", ""), ("grandfather", "m", "land", ""),
    ("old man", "m", "land", ""), ("old woman", "f", "land", ""),
    ("giant", "m", "land", "strong tall"), ("fairy", "f", "land", "fly small glow"),
    ("elf", "", "land", "climb small"), ("dwarf", "m", "land", "dig"),
    ("troll", "m", "land", "strong"), ("mermaid", "f", "sea", "swim"),
    ("ghost", "", "land", "fly glow"), ("monster", "", "land", "strong"),
    ("robot", "", "land", "strong tall"), ("clown", "", "land", ""),
    ("cook", "", "land", ""), ("singer", "", "land", ""),
    ("explorer", "", "land", "climb"), ("astronaut", "", "land", ""),
    ("inventor", "", "land", ""), ("student", "", "land", ""),
    ("twin", "", "land", "climb"), ("baby", "", "land", "small"),
]]

# things that can be the hero of a story
THING_HEROES = """boat train kite clock lamp teapot star moon cloud tree snowman teddy bear|doll car
book shoe balloon umbrella key stone spoon candle bell button drum toy soldier|flower sunflower acorn leaf
raindrop snowflake lighthouse bus tractor bicycle chair broom pencil pumpkin apple cookie cake hat
sock mitten box bottle coin mirror house windmill bridge rocket airplane truck puppet piano violin
mushroom seed rose feather pebble sun wind river blanket pillow cup door ship wagon sandcastle""".replace("teddy bear|", "teddy_bear ").replace("toy soldier|", "toy_soldier ").split()

# things to own, lose, find, share: all singular and countable
ITEMS = """ball kite hat drum scarf lantern bell book key button ribbon whistle flute spoon cup basket
umbrella blanket mitten shoe boat box coin ring necklace crown mirror map feather shell stone marble top
doll puppet wagon bucket brush bottle balloon teapot pillow cap coat bag bow cart stick candle clock
trumpet pencil flag toy train|rope ladder broom violin""".replace("toy train|", "toy_train ").split()

COLORS = "red blue green yellow white black brown orange purple pink golden silver".split()
PLAIN_COLORS = "red blue green yellow white black brown orange purple pink".split()
SIZES = "small big tiny large long round shiny old new pretty".split()
TRAITS = ["brave", "shy", "kind", "clever", "curious", "lazy", "gentle", "cheerful", "quiet", "hungry",
          "lonely", "funny", "busy", "proud", "careful", "friendly", "sleepy", "greedy", "grumpy", "happy"]

BOYS = """Max Tom Ben Sam Leo Jack Tim Finn Oscar Rusty Milo Felix Hugo Otto Bruno Toby Charlie Henry Oliver
George Peter Paul Jacob Noah Lucas Adam Simon Victor Walter Barney Gus Ned Rolf Pip Alfie Archie Teddy Ollie
Basil Jasper Monty Percy Rufus Boris Casper Dexter Edgar Fred Harry Ivan""".split()
GIRLS = """Mia Lily Anna Sara Ella Lucy Rosie Daisy Molly Emma Clara Nora Ruby Poppy Hazel Ivy Olive Luna
Bella Coco Tilly Penny Greta Heidi Ida Jenny Kate Lola Maya Nina Pearl Sophie Tess Vera Wendy Zoe Amy Betty
Cora Dora Eva Fern Gigi Holly Jane Lila Mabel Nell Polly Willow""".split()

# place: (where phrase, name, domain)
PLACES = [
    ("in a quiet forest", "the forest", "land"), ("in a small village", "the village", "land"),
    ("on a little farm", "the farm", "land"), ("near a blue lake", "the lake", "land"),
    ("at the foot of a tall mountain", "the mountain", "land"), ("in a green valley", "the valley", "land"),
    ("beside a wide river", "the river", "land"), ("in a sunny meadow", "the meadow", "land"),
    ("at the edge of a dark wood", "the wood", "land"), ("in an old castle", "the castle", "land"),
    ("in a busy town", "the town", "land"), ("on a small island", "the island", "land"),
    ("in a garden full of flowers", "the garden", "land"), ("in a little house on a hill", "the hill", "land"),
    ("by the sea", "the beach", "land"), ("in a warm jungle", "the jungle", "land"),
    ("near an old bridge", "the bridge", "land"), ("in a land of snow", "the snowy land", "land"),
    ("at the end of a long road", "the road", "land"), ("next to a big apple tree", "the apple tree", "land"),
    ("in the deep blue sea", "the sea", "sea"), ("in a quiet bay", "the bay", "sea"),
    ("near a bright coral reef", "the reef", "sea"), ("by a rocky shore", "the shore", "sea"),
]
SPOTS = {
    "land": ["under a bush", "behind a big rock", "in the long grass", "near the pond", "by the old gate",
             "under the bridge", "inside a hollow log", "behind the barn", "next to the well", "under a pile of leaves",
             "in the ditch", "beside the path", "among the flowers", "under an apple tree", "on top of a wall"],
    "sea": ["behind the rocks", "under a big shell", "in the seaweed", "near an old ship", "inside a cave",
            "under a flat stone", "beside a starfish", "in a rock pool"],
}
CHILDREN_FOOD = ["apple pie", "carrot soup", "honey cake", "warm bread", "berry jam", "pumpkin soup",
                 "nut cake", "plum cake", "mushroom soup", "pancakes", "vegetable stew", "cheese pie"]

OPPOSITES = [p.split("/") for p in """hot/cold big/small up/down day/night happy/sad fast/slow old/young tall/short
light/dark wet/dry open/closed full/empty hard/soft loud/quiet good/bad rich/poor long/short near/far high/low
early/late left/right inside/outside clean/dirty strong/weak heavy/light thick/thin sweet/sour first/last
front/back brave/afraid awake/asleep warm/cool begin/end laugh/cry give/take push/pull win/lose yes/no
black/white summer/winter morning/evening love/hate new/old easy/difficult wide/narrow""".split()]

THING_COLORS = [("the sky", "blue"), ("grass", "green"), ("snow", "white"), ("the sun", "yellow"), ("a banana", "yellow"),
                ("blood", "red"), ("coal", "black"), ("milk", "white"), ("a carrot", "orange"), ("a frog", "green"),
                ("an elephant", "gray"), ("a strawberry", "red"), ("chocolate", "brown"), ("a lemon", "yellow"),
                ("the sea", "blue"), ("a flamingo", "pink"), ("a leaf", "green"), ("a polar bear", "white"),
                ("a crow", "black"), ("an orange", "orange"), ("a tomato", "red"), ("a pumpkin", "orange"),
                ("the night sky", "black"), ("a cloud", "white"), ("a plum", "purple")]

LEGS = [("spider", "eight"), ("dog", "four"), ("cat", "four"), ("bird", "two"), ("hen", "two"), ("horse", "four"),
        ("cow", "four"), ("bee", "six"), ("ant", "six"), ("fish", "no"), ("snake", "no"), ("octopus", "no"),
        ("butterfly", "six"), ("sheep", "four"), ("fox", "four"), ("duck", "two"), ("rabbit", "four"), ("crab", "ten")]

BABIES = [("dog", "puppy"), ("cat", "kitten"), ("cow", "calf"), ("horse", "foal"), ("sheep", "lamb"), ("hen", "chick"),
          ("bear", "cub"), ("lion", "cub"), ("frog", "tadpole"), ("duck", "duckling"), ("goat", "kid"), ("pig", "piglet"),
          ("deer", "fawn"), ("goose", "gosling"), ("fox", "cub"), ("butterfly", "caterpillar")]

JOBS = [("baker", "bakes bread and cakes"), ("farmer", "grows food and takes care of animals"), ("teacher", "helps children learn"),
        ("doctor", "helps sick people get well"), ("sailor", "works on a ship"), ("tailor", "makes clothes"),
        ("painter", "paints pictures"), ("shepherd", "looks after sheep"), ("fisherman", "catches fish"),
        ("carpenter", "makes things from wood"), ("gardener", "takes care of plants"), ("king", "rules a land"),
        ("cook", "makes meals"), ("blacksmith", "makes things from iron"), ("miller", "grinds corn into flour"),
        ("knight", "wears armor and protects people"), ("singer", "sings songs"), ("pilot", "flies airplanes")]

USES = [("an umbrella", "stay dry in the rain"), ("a spoon", "eat soup"), ("a key", "open a lock"), ("a lamp", "see in the dark"),
        ("a bed", "sleep"), ("a clock", "tell the time"), ("a boat", "cross the water"), ("a broom", "sweep the floor"),
        ("a pencil", "write and draw"), ("a book", "read stories"), ("a map", "find the way"), ("a coat", "keep warm"),
        ("a ladder", "reach high places"), ("a needle", "sew"), ("a cup", "drink"), ("a knife", "cut bread"),
        ("a bell", "make a ringing sound"), ("a basket", "carry things"), ("a candle", "make light"), ("soap", "wash your hands")]

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty""".split()


def noun(word):
    """Spelling of a table entry: teddy_bear -> teddy bear."""
    return word.replace("_", " ")
