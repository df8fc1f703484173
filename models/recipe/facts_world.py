"""The world's tables: time, numbers of things, people, places, words, and why. Each fact stands here once."""

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
MONTH_DAYS = "31 28 31 30 31 30 31 31 30 31 30 31".split()
SEASONS = "spring summer autumn winter".split()
SEASON_OF = "winter winter spring spring spring summer summer summer autumn autumn autumn winter".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()

# how many: what | of what, as "does a car have" or "are in a week" | number
COUNTS = """
days|are in a week|seven
months|are in a year|twelve
seasons|are in a year|four
days|are in a year|365
weeks|are in a year|52
weeks|are in a month|four
hours|are in a day|24
minutes|are in an hour|60
seconds|are in a minute|60
minutes|are in half an hour|30
years|are in a century|100
years|are in a decade|ten
letters|are in the alphabet|26
vowels|are in the alphabet|five
things|are in a dozen|twelve
things|are in a pair|two
planets|are in the solar system|eight
continents|are on Earth|seven
oceans|are on Earth|five
colors|are in the rainbow|seven
players|are in a soccer team|eleven
cents|are in a dollar|100
centimeters|are in a meter|100
meters|are in a kilometer|1000
grams|are in a kilogram|1000
children|are twins|two
children|are triplets|three
wheels|does a car have|four
wheels|does a bicycle have|two
wheels|does a tricycle have|three
wheels|does a wheelbarrow have|one
wheels|does a motorcycle have|two
legs|does a table have|four
legs|does a chair have|four
legs|does a stool have|three
legs|does a person have|two
eyes|does a person have|two
ears|does a person have|two
noses|does a person have|one
arms|does a person have|two
hands|does a person have|two
feet|does a person have|two
fingers|does a person have|ten
toes|does a person have|ten
hearts|does a person have|one
teeth|does a person have|32
knees|does a person have|two
fingers|does a hand have|five
toes|does a foot have|five
wings|does a bird have|two
wings|does a bee have|four
wings|does a plane have|two
arms|does an octopus have|eight
horns|does a unicorn have|one
trunks|does an elephant have|one
strings|does a guitar have|six
strings|does a violin have|four
keys|does a piano have|88
hands|does a clock have|two
sides|does a triangle have|three
sides|does a square have|four
sides|does a rectangle have|four
sides|does a pentagon have|five
sides|does a hexagon have|six
sides|does an octagon have|eight
sides|does a coin have|two
sides|does a die have|six
corners|does a triangle have|three
corners|does a square have|four
corners|does a rectangle have|four
corners|does a circle have|no
corners|does a cube have|eight
points|does a star have|five
lives|does a cat have|nine
"""

# job | what one who has it does | the same of "Who ...?", only where one job alone does it
JOBS = """
baker|bakes bread
teacher|teaches children
doctor|helps sick people
dentist|looks after teeth
farmer|grows food
fireman|puts out fires
policeman|catches thieves
pilot|flies a plane
sailor|sails a ship
driver|drives a car
cook|cooks meals
waiter|brings the food
butcher|sells meat
tailor|makes clothes
shoemaker|makes shoes
carpenter|makes tables
builder|builds houses
painter|paints pictures
writer|writes books
poet|writes poems
singer|sings songs
dancer|dances on a stage
musician|plays music
actor|plays in a theater
clown|makes people laugh
magician|does magic tricks
gardener|looks after a garden
fisherman|catches fish
hunter|hunts animals
shepherd|looks after sheep
miller|makes flour
blacksmith|makes horseshoes
postman|brings letters
judge|works in a court
soldier|guards a country
king|rules a kingdom
knight|fights dragons
nurse|cares for sick people
vet|helps sick animals
barber|cuts hair
plumber|repairs pipes
mechanic|repairs cars
astronaut|flies to space
scientist|makes experiments
librarian|works in a library
potter|makes pots
detective|solves crimes
student|learns at school
"""

# thing | what it is for, after "for"
USES = """
a spoon|eating soup
a fork|eating noodles
a knife|cutting
a cup|drinking tea
a glass|drinking water
a plate|putting food on
a pan|frying eggs
a pot|cooking soup
an oven|baking cakes
a fridge|keeping food cold
a pen|writing
a pencil|drawing
a brush|painting
a ruler|measuring
a book|reading
a lamp|giving light
a candle|giving light
a bed|sleeping
a chair|sitting
a table|eating at
a door|going in and out
a window|looking out
a key|opening locks
a hammer|hitting nails
a nail|hanging up pictures
a saw|cutting wood
an axe|chopping wood
a shovel|digging
a broom|sweeping the floor
a needle|sewing
scissors|cutting paper
glue|sticking things together
a rope|tying things
a ladder|climbing up
a bucket|carrying water
a basket|carrying apples
a box|keeping things
an umbrella|keeping off the rain
a coat|keeping warm
a hat|keeping the head warm
a blanket|keeping warm in bed
a pillow|resting the head
soap|washing hands
a towel|drying
a toothbrush|brushing teeth
a comb|combing hair
a mirror|looking at oneself
a clock|telling the time
a map|finding the way
a compass|finding north
a telescope|looking at stars
a camera|taking pictures
a phone|talking to people far away
a computer|working with data
a bell|ringing
a drum|making music
a ball|playing
a sled|sliding on snow
a boat|going on water
a plane|flying
a car|driving
a bicycle|riding
a bridge|crossing a river
a net|catching fish
a fence|keeping animals in
a bowl|eating cereal
a bottle|holding water
a thermometer|measuring heat
a tent|sleeping outdoors
"""

# what a thing is made of
MADE_OF = """bread flour, cheese milk, butter milk, a window glass, a bottle glass, a mirror glass, a book paper, a newspaper paper, a table wood, a pencil wood, a log wood, a shoe leather,
    a saddle leather, a sweater wool, a scarf wool, a shirt cotton, a sock cotton, a towel cotton, a tire rubber, an eraser rubber, a nail iron, a horseshoe iron, a brick clay, a pot clay, a ring gold, a crown gold,
    a fork metal, a coin metal, a key metal, a snowman snow, an igloo snow, a candle wax, a cloud water, rain water, wine grapes, jam fruit, juice fruit, chocolate cocoa,
    a cake flour, ice water, ketchup tomatoes, a castle stone, a wall stone, a sandcastle sand, a web silk, a nest twigs, a raft logs, a tent cloth, a flag cloth, a toothbrush plastic, a pancake flour"""

# what one does with a part of the body; what one wears on it
BODY = "eyes see, ears hear, nose smell, tongue taste, teeth bite, mouth speak, hands hold things, feet walk, fingers touch, brain think, lungs breathe, lips kiss, legs run, knees kneel, arms hug"
WORN = "feet shoes, hands gloves, head a hat, neck a scarf, legs trousers, finger a ring, wrist a watch, eyes glasses"

# how a thing is: the two words that are asked, and what is the first, what is the second
PROPERTIES = [
    ("hot", "cold", "fire, the sun, an oven, soup, tea", "ice, snow, winter, ice cream, a fridge"),
    ("soft", "hard", "a pillow, cotton, butter, wool", "a stone, iron, a brick, a diamond, a hammer"),
    ("wet", "dry", "water, rain, the sea, a river", "a desert, sand, straw"),
    ("sweet", "sour", "sugar, honey, chocolate, cake, jam", "a lemon, vinegar, a lime, a pickle"),
    ("fast", "slow", "a rocket, a cheetah, a plane", "a snail, a turtle"),
    ("loud", "quiet", "thunder, a drum, a trumpet", "a library, a whisper"),
    ("heavy", "light", "an elephant, lead, a truck, a whale", "a feather, a leaf, a balloon"),
    ("round", "flat", "a ball, a coin, a wheel, an orange, the moon", "a pancake, a sheet of paper, a plate"),
    ("sharp", "blunt", "a knife, a needle, a thorn", "a spoon, a ball, a pillow"),
    ("alive", "not alive", "a tree, a dog, a flower, a bird, a fish", "a stone, a table, a car, a book, a cloud"),
]

# ordered tables: what stands later is more; neighbours are not compared
ORDERS = {
    ("bigger", "smaller"): """an ant, a bee, a mouse, a frog, a rabbit, a cat, a dog, a sheep, a pig, a lion, a horse, an elephant, a house, a castle, a mountain, the moon, the Earth,
        the sun""",
    ("heavier", "lighter"): "a feather, a leaf, an egg, an apple, a book, a brick, a chair, a piano, a car, a truck, a train, a ship",
    ("faster", "slower"): "a snail, a turtle, a hen, a person, a bicycle, a horse, a car, a train, a plane, a rocket",
    ("taller", "shorter"): "a flower, a bush, a person, a giraffe, a house, a tree, a church, a skyscraper, a mountain",
    ("hotter", "colder"): "ice, water, tea, fire, lava, the sun",
    ("longer", "shorter"): "a second, a minute, an hour, a day, a week, a month, a year, a century",
}

RHYMES = """cat hat bat mat rat, dog fog frog log, house mouse, tree bee knee key, sun run fun bun, moon spoon soon noon, star car jar far, night light kite bite, day play say way,
    boat coat goat, fish dish wish, bear chair hair pear, ring king sing wing, ball tall wall fall, cake lake snake make, bed red head bread, book cook look hook, box fox socks rocks,
    boy toy joy, rain train brain chain, snow go slow toe, nose rose hose, shoe blue two you,
    cold gold old told, pig big wig dig, mice rice ice nice,
    rock clock sock lock, bell well shell tell, whale tail snail mail, money honey funny sunny,
    sky fly pie my, kitten mitten"""

# plurals that are not the word with an s, and some that are
PLURALS = """mouse mice, child children, man men, woman women, foot feet, tooth teeth, goose geese, ox oxen, person people, sheep sheep, fish fish, deer deer, leaf leaves, wolf wolves,
    knife knives, wife wives, life lives, half halves, shelf shelves, loaf loaves, thief thieves, calf calves, baby babies, city cities, story stories, lady ladies, pony ponies, puppy puppies, berry berries,
    cherry cherries, fly flies, butterfly butterflies, family families, party parties, country countries, box boxes, fox foxes, bus buses, glass glasses, dress dresses, church churches,
    brush brushes, dish dishes, peach peaches, witch witches, potato potatoes, tomato tomatoes, hero heroes, echo echoes, cat cats, dog dogs, house houses, tree trees, book books, car cars, girl girls, boy boys,
    king kings, apple apples, egg eggs, bird birds, star stars, flower flowers, horse horses, cow cows, table tables, chair chairs, day days, key keys, toy toys, monkey monkeys, friend friends,
    hand hands, eye eyes, ship ships, song songs, snowman snowmen, fireman firemen"""

CAPITALS = """Europe: France Paris, Germany Berlin, Italy Rome, Spain Madrid, England London, Portugal Lisbon, Greece Athens, Austria Vienna, Poland Warsaw, Russia Moscow, Ireland Dublin, Scotland Edinburgh,
    Norway Oslo, Sweden Stockholm, Denmark Copenhagen, Finland Helsinki, Hungary Budapest, Belgium Brussels, Iceland Reykjavik, Ukraine Kyiv, Switzerland Bern, Croatia Zagreb, Romania Bucharest, Bulgaria Sofia, Serbia Belgrade,
    the_Netherlands Amsterdam, the_Czech_Republic Prague, Wales Cardiff;
    Asia: China Beijing, Japan Tokyo, India New_Delhi, Thailand Bangkok, Turkey Ankara, Iran Tehran, Israel Jerusalem, Vietnam Hanoi, South_Korea Seoul, Nepal Kathmandu, Indonesia Jakarta, the_Philippines Manila, Iraq Baghdad, Pakistan Islamabad;
    Africa: Egypt Cairo, Kenya Nairobi, Morocco Rabat, Nigeria Abuja, Ethiopia Addis_Ababa, Ghana Accra, Tunisia Tunis, Senegal Dakar;
    North America: Canada Ottawa, Mexico Mexico_City, the_United_States Washington, Cuba Havana, Jamaica Kingston;
    South America: Brazil Brasilia, Argentina Buenos_Aires, Peru Lima, Chile Santiago, Colombia Bogota;
    Oceania: Australia Canberra, New_Zealand Wellington"""

LANGUAGES = ["French", "German", "Spanish", "Italian", "Dutch"]
GREETINGS = """hello|bonjour|hallo|hola|ciao|hoi
goodbye|au revoir|tschuss|adios|arrivederci|tot ziens
thank you|merci|danke|gracias|grazie|dank je
good morning|bonjour|guten Morgen|buenos dias|buongiorno|goedemorgen
good night|bonne nuit|gute Nacht|buenas noches|buona notte|welterusten
yes|oui|ja|si|si|ja
no|non|nein|no|no|nee
please|s'il vous plait|bitte|por favor|per favore|alsjeblieft"""
