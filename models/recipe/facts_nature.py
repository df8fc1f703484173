"""The world's tables: colors, animals, plants, what things are. Each fact stands here once.

A row is one line or one entry before a comma; family_facts.py says how each table is asked and answered.
"""


def entries(text, mark=","):
    """The entries of a table that is written as one text: stripped, in order, empty ones left out."""
    return [e.strip() for e in text.replace("\n", " " if mark != "\n" else "\n").split(mark) if e.strip()]


COLORS = {
    "red": """an apple, a strawberry, a tomato, a cherry, blood, a rose, a ladybug, a heart, a raspberry, ketchup, a brick,
        a lobster""",
    "blue": "the sky, the sea, the ocean, a lake, a blueberry, a bluebird, a blue whale",
    "green": """grass, a frog, a leaf, a cucumber, a pea, a crocodile, a lime, lettuce, spinach, a cactus, a caterpillar, a turtle, broccoli, a grasshopper, a Christmas tree, a lizard, an avocado, a snake, a parrot""",
    "yellow": """the sun, a lemon, a banana, butter, cheese, corn, a chick, a duckling, a sunflower, mustard, hay, a star,
        a dandelion, a pineapple, a lion, a giraffe""",
    "white": """snow, milk, a cloud, salt, sugar, flour, a swan, a polar bear, a snowman, a ghost, rice, an egg, paper, cream, a daisy,
        a sheep, a goose, a bone, popcorn, a lamb, a rabbit, the moon""",
    "black": """coal, the night, a raven, a crow, a panther, a tire, pepper, an ant, a spider, a bat, a blackbird, a beetle, a mole,
        a gorilla""",
    "brown": """chocolate, wood, a bear, a nut, coffee, bread, mud, a potato, a monkey, an acorn, a sparrow, a beaver, a squirrel, a deer, a camel, a kangaroo, a cookie, a hedgehog, an eagle, an owl, a horse""",
    "gray": "an elephant, a mouse, a wolf, a donkey, a rock, fog, a rat, a dolphin, a hippo, a stone, smoke, a koala, a pigeon, a shark",
    "orange": "a carrot, a pumpkin, an orange, a goldfish, a tiger, a fox",
    "pink": "a pig, a flamingo, a tongue",
    "purple": "a plum, lavender, a grape, an eggplant",
    "black and white": "a zebra, a panda, a penguin, a skunk, a soccer ball",
    "golden": "a crown, honey",
}

# Animals that certainly cannot swim; of those that neither table names nobody is asked.
NO_SWIMMERS = "giraffe gorilla hen rooster sparrow canary parrot pigeon bee butterfly moth wasp fly snail worm tortoise".split()

# animal | what it is | legs | flies? swims? (f, s or -) | what it eats | where it lives | its young | its sound; - where there is nothing to say
ANIMALS = """
dog|mammal|four|s|meat|in a doghouse|puppy|barks
cat|mammal|four|s|mice|in a house|kitten|meows
cow|mammal|four|-|grass|in a barn|calf|moos
horse|mammal|four|s|hay|in a stable|foal|neighs
pig|mammal|four|s|corn|in a pigsty|piglet|oinks
sheep|mammal|four|-|grass|in a meadow|lamb|bleats
goat|mammal|four|-|leaves|on a farm|kid|bleats
donkey|mammal|four|-|hay|in a stable|foal|brays
mouse|mammal|four|-|cheese|in a hole|pup|squeaks
rat|mammal|four|s|scraps|in a hole|pup|squeaks
rabbit|mammal|four|-|carrots|in a burrow|bunny|-
hare|mammal|four|-|grass|in a field|-|-
fox|mammal|four|-|mice|in a den|cub|barks
wolf|mammal|four|s|meat|in a den|pup|howls
bear|mammal|four|s|honey|in a cave|cub|growls
polar bear|mammal|four|s|seals|on the ice|cub|growls
lion|mammal|four|-|meat|on the plains|cub|roars
tiger|mammal|four|s|meat|in the jungle|cub|roars
leopard|mammal|four|-|meat|in the jungle|cub|growls
cheetah|mammal|four|-|meat|on the plains|cub|purrs
elephant|mammal|four|s|leaves|on the plains|calf|trumpets
giraffe|mammal|four|-|leaves|on the plains|calf|-
zebra|mammal|four|-|grass|on the plains|foal|-
hippo|mammal|four|s|grass|in a river|calf|grunts
rhino|mammal|four|-|grass|on the plains|calf|grunts
camel|mammal|four|-|thorns|in the desert|calf|-
deer|mammal|four|s|grass|in the forest|fawn|-
moose|mammal|four|s|leaves|in the forest|calf|-
kangaroo|mammal|two|s|grass|in Australia|joey|-
koala|mammal|four|-|leaves|in a tree|joey|-
panda|mammal|four|-|bamboo|in the forest|cub|-
monkey|mammal|two|-|bananas|in the jungle|-|chatters
gorilla|mammal|two|-|leaves|in the jungle|-|grunts
squirrel|mammal|four|-|nuts|in a tree|kit|chatters
beaver|mammal|four|s|bark|in a dam|kit|-
otter|mammal|four|s|fish|in a river|pup|-
hedgehog|mammal|four|-|insects|in a garden|-|snuffles
mole|mammal|four|-|worms|under the ground|pup|-
badger|mammal|four|-|worms|in a burrow|cub|-
bat|mammal|two|f|insects|in a cave|pup|squeaks
hamster|mammal|four|-|seeds|in a cage|pup|squeaks
skunk|mammal|four|-|insects|in the forest|kit|-
raccoon|mammal|four|s|scraps|in a tree|kit|-
llama|mammal|four|-|grass|in the mountains|-|hums
seal|mammal|no|s|fish|in the sea|pup|barks
walrus|mammal|no|s|clams|in the sea|calf|-
whale|mammal|no|s|krill|in the sea|calf|sings
dolphin|mammal|no|s|fish|in the sea|calf|clicks
hen|bird|two|-|corn|in a coop|chick|clucks
rooster|bird|two|-|corn|on a farm|chick|crows
duck|bird|two|fs|bread|on a pond|duckling|quacks
goose|bird|two|fs|grass|on a farm|gosling|honks
swan|bird|two|fs|plants|on a lake|-|hisses
turkey|bird|two|-|seeds|on a farm|-|gobbles
owl|bird|two|f|mice|in a tree|-|hoots
eagle|bird|two|f|fish|in the mountains|-|screams
hawk|bird|two|f|mice|in a tree|chick|screams
crow|bird|two|f|seeds|in a nest|chick|caws
raven|bird|two|f|meat|in a nest|chick|caws
sparrow|bird|two|f|seeds|in a nest|chick|chirps
robin|bird|two|f|worms|in a nest|chick|sings
pigeon|bird|two|f|seeds|in the city|-|coos
dove|bird|two|f|seeds|in a nest|chick|coos
parrot|bird|two|f|fruit|in the jungle|chick|talks
canary|bird|two|f|seeds|in a cage|chick|sings
seagull|bird|two|fs|fish|by the sea|chick|screams
stork|bird|two|f|frogs|in a nest|chick|-
flamingo|bird|two|f|shrimps|on a lake|chick|-
peacock|bird|two|f|seeds|in a park|chick|screams
woodpecker|bird|two|f|insects|in a tree|chick|pecks
penguin|bird|two|s|fish|on the ice|chick|-
ostrich|bird|two|-|plants|on the plains|chick|-
frog|amphibian|four|s|flies|in a pond|tadpole|croaks
toad|amphibian|four|s|insects|in a garden|tadpole|croaks
snake|reptile|no|s|mice|in the grass|hatchling|hisses
lizard|reptile|four|-|insects|under a stone|hatchling|-
crocodile|reptile|four|s|meat|in a river|hatchling|-
turtle|reptile|four|s|plants|in the sea|hatchling|-
tortoise|reptile|four|-|leaves|in a garden|hatchling|-
shark|fish|no|s|fish|in the sea|pup|-
goldfish|fish|no|s|flakes|in a bowl|-|-
salmon|fish|no|s|insects|in a river|-|-
bee|insect|six|f|nectar|in a hive|-|buzzes
wasp|insect|six|f|fruit|in a nest|-|buzzes
fly|insect|six|f|sugar|in a house|-|buzzes
mosquito|insect|six|f|blood|by a pond|-|buzzes
ant|insect|six|-|crumbs|in an anthill|-|-
butterfly|insect|six|f|nectar|in a meadow|caterpillar|-
moth|insect|six|f|nectar|in the dark|caterpillar|-
ladybug|insect|six|f|lice|on a leaf|-|-
beetle|insect|six|f|leaves|under a stone|-|-
grasshopper|insect|six|f|grass|in a meadow|-|chirps
cricket|insect|six|-|grass|in a field|-|chirps
dragonfly|insect|six|f|flies|by a pond|-|-
spider|arachnid|eight|-|flies|in a web|-|-
crab|crustacean|ten|-|fish|on the beach|-|-
lobster|crustacean|ten|s|fish|in the sea|-|-
snail|mollusk|no|-|leaves|in a shell|-|-
octopus|mollusk|no|s|crabs|in the sea|-|-
worm|worm|no|-|soil|under the ground|-|-
"""

# what a thing is; the first of each is what "Name a fruit" is answered with
CLASSES = {
    "fruit": "apple, banana, pear, cherry, lemon, orange, grape, plum, peach, strawberry, pineapple, mango, melon",
    "vegetable": "carrot, potato, onion, cabbage, cucumber, pea, bean, pumpkin, turnip, radish",
    "flower": "rose, tulip, daisy, lily, sunflower, violet, poppy, daffodil",
    "tree": "oak, pine, birch, willow, maple, palm",
    "tool": "hammer, saw, screwdriver, shovel, rake, axe, drill",
    "instrument": "piano, drum, guitar, violin, flute, trumpet, harp",
    "vehicle": "car, bus, truck, train, bicycle, tractor, van",
    "drink": "juice, tea, coffee, lemonade, milk, water",
    "metal": "iron, gold, silver, copper, tin",
    "planet": "Mars, Venus, Earth, Jupiter, Saturn, Mercury, Neptune, Uranus",
    "color": "blue, red, green, yellow, purple, brown, pink",
    "shape": "circle, square, triangle, rectangle, star",
    "sport": "soccer, tennis, swimming, basketball, golf, hockey",
    "toy": "doll, teddy bear, kite, ball, puzzle, top",
    "piece of furniture": "table, chair, bed, sofa, shelf, desk",
    "piece of clothing": "shirt, hat, coat, dress, sock, scarf, sweater",
}

OPPOSITES = """big small, hot cold, up down, in out, on off, day night, yes no, good bad, happy sad, fast slow, high low, young old, tall short, wet dry, open closed,
    light dark, hard soft, full empty, loud quiet, near far, left right, front back, first last, early late, black white, rich poor, strong weak, thick thin, clean dirty,
    deep shallow, wide narrow, sweet sour, true false, push pull, come go, give take, buy sell, start stop,
    win lose, love hate, laugh cry, sleep wake, find miss, ask answer, remember forget, rise fall, sit stand, throw catch,
    friend enemy, king queen, man woman, boy girl, brother sister, mother father, son daughter, teacher student,
    summer winter, morning evening, spring autumn, north south, east west, sun moon, land sea, top bottom, inside outside, over under,
    before after, always never, everything nothing, here there, more less, many few, same different,
    easy difficult, brave afraid, clever stupid, lazy busy, beautiful ugly, cheap expensive, safe dangerous, healthy sick, alive dead,
    angry calm, tired rested,
    peace war, success failure,
    add subtract, borrow lend,
    lock unlock, like dislike, hide show,
    forward backward"""
OPPOSITES_ONE_WAY = "new old, heavy light, little big, large small, glad sad, quick slow, shut open, begin end, pretty ugly, smart stupid, wrong right, live die, great small"
