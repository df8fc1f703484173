"""Tables of the family of function calls: what functions are called, what they take, what they give back."""

from facts_world import DAYS
from cast import ANIMALS, ITEMS
from word_lists import LISTS

# A function that looks something up: verb_noun, and its result is a value of the noun's kind.
LOOK_VERBS = "get find show read check fetch query load".split()
# noun: what its value looks like (a name in RESULTS)
LOOK_NOUNS = {
    "weather": "weather", "temperature": "number", "price": "number", "time": "clock", "size": "size", "color": "color", "weight": "number",
    "height": "number", "length": "number", "age": "number", "address": "place", "score": "number", "speed": "number", "distance": "number",
    "date": "day", "status": "state", "level": "number", "owner": "name", "author": "name", "winner": "name", "teacher": "name", "title": "thing",
    "balance": "number", "population": "number", "menu": "thing", "capital": "city", "current_weather": "weather", "next_train": "clock",
    "best_price": "number", "last_score": "number", "home_town": "city", "favorite_color": "color", "open_hours": "number", "job": "thing",
}
# A function that does something: verb_noun.
DO_VERBS = "open close start stop send buy sell make move clean cook draw paint play save delete wash fix bring order build book lock hide share print copy plant cut fill".split()
DO_NOUNS = ("door window light song letter cake box car bike boat train garden room picture clock lamp bed chair table house bridge kite ball doll drum "
            "bell book map hat coat shirt soup bread pizza tree flower fence tent ticket note file email message card list page table_lamp toy_car").split()
# operation: verbs, signs and words for it, the sum
SUMS = {
    "add": (["add", "sum", "plus"], ["plus", "and", "+"], lambda a, b: a + b),
    "subtract": (["subtract", "minus"], ["minus", "minus", "-"], lambda a, b: a - b),
    "multiply": (["multiply", "times"], ["times", "times", "*"], lambda a, b: a * b),
}
SUM_NOUNS = ["", "_numbers", "_values", "_two", "_integers", "_amounts"]
SUM_PARAMS = [("a", "b"), ("x", "y"), ("first", "second"), ("left", "right"), ("n", "m"), ("num1", "num2"), ("one", "two"), ("p", "q"), ("start", "end"), ("i", "j")]
ABOUT_SUM = {"add": ["Adds two numbers.", "Adds.", "Gives the sum."], "subtract": ["Subtracts the second number.", "Subtracts.", "Gives the difference."],
             "multiply": ["Multiplies two numbers.", "Multiplies.", "Gives the product."]}

CITIES = ("Paris London Rome Berlin Tokyo Madrid Oslo Vienna Cairo Boston Chicago Lima Dublin Lisbon Prague Munich Hamburg Zurich Athens Warsaw "
          "Moscow Delhi Sydney Toronto Seoul Milan Venice Geneva Helsinki Stockholm").split()
NAMES = "Anna Ben Mia Tom Lily Max Lucy Sam Emma Leo Nora Jack Ella Tim Rosa Finn Lena Paul Sara Otto Ruby Hugo Clara Noah Ida Oscar Molly Peter Zoe Adam".split()
COLORS = LISTS["color", "colors"] + ["purple", "orange", "gray"]
THINGS = ("cats dogs birds horses trains ships stars bread soup apples flowers trees rivers castles dragons robots kites boats bikes bears foxes owls "
          "rabbits fish cakes songs clocks drums maps hats shoes balls games books rain snow wind").split()
WORDS = ("good morning night happy birthday see you soon thank dear friend the dinner is ready come home please wait for me hello little red big blue "
         "train late today we are here new old door open cat dog sun moon").split()
WEATHER = "sunny rainy cloudy windy snowy foggy clear stormy".split()
STATES = "ready open closed full empty late new broken".split()
SIZES = ["small", "medium", "large"]
PLACES = ["Park Street", "King Street", "Main Street", "Mill Road", "High Street", "Garden Road", "River Street", "Church Road"]

# kind of parameter: (names, JSON type, how a request says it, values, what asking back calls it)
PARAMS = {
    "city": (["city", "town", "place", "location"], "string", [" in {v}"], CITIES),
    "from": (["from", "origin", "source"], "string", [" from {v}"], CITIES),
    "to": (["to", "goal", "target", "destination"], "string", [" to {v}"], CITIES),
    "person": (["name", "person", "friend", "user", "customer"], "string", [" for {v}"], NAMES),
    "with": (["partner", "helper", "guest"], "string", [" with {v}"], NAMES),
    "color": (["color", "paint", "shade"], "string", [" in {v}"], COLORS),
    "day": (["day", "date", "when"], "string", [" on {v}"], DAYS),
    "topic": (["query", "topic", "subject", "about", "search"], "string", [" about {v}"], THINGS),
    "text": (["text", "message", "words", "content"], "string", [' with the words "{v}"', ' saying "{v}"'], "text"),
    "days": (["days", "length_days", "num_days"], "number", [" for {v} days"], "number"),
    "minutes": (["minutes", "time_minutes", "duration"], "number", [" for {v} minutes"], "number"),
    "money": (["price", "budget", "cost", "max_price"], "number", [" for {v} dollars"], "number"),
    "count": (["count", "times", "amount", "repeat"], "number", [" {v} times"], "number"),
    "room": (["room", "room_number"], "number", [" in room {v}"], "number"),
    "page": (["page", "page_number"], "number", [" on page {v}"], "number"),
    "floor": (["floor", "floor_number"], "number", [" on floor {v}"], "number"),
    "id": (["id", "number", "item_id", "key"], "number", [" with number {v}", " number {v}"], "number"),
    "size": (["size", "how_big"], SIZES, [" in size {v}"], SIZES),
    "unit": (["unit", "units", "format"], ["celsius", "fahrenheit"], [" in {v}"], ["celsius", "fahrenheit"]),
    "speed": (["speed", "mode", "pace"], ["slow", "normal", "fast"], [" at {v} speed"], ["slow", "normal", "fast"]),
    "of": (["animal", "item", "thing", "object", "creature", "what", "noun", "word"], "string", [" of the {v}", " of a {v}", " of my {v}"],
           [v for v in ANIMALS + ITEMS if v[0] not in "aeiou"]),
    "flag": (["loud", "urgent", "private", "quick", "warm", "quiet", "secret", "safe"], "boolean", None, None),
}
# Names of parameters that programs use and this world's texts do not: they are copied letter by letter.
MORE_NAMES = ("country language currency airport passenger recipe engine symbol region code zip email phone hotel movie artist album team player category brand model volume device "
              "account username filename path url zone timezone expression question sentence animal_name start end guest_name first_name street order_id invoice max_results limit offset "
              "query_text keyword label channel server host port version title_text note_text size_of kind type value input option field column row entry record").split()
CONFLICTS = [{"city", "from"}, {"city", "to"}, {"city", "color", "unit", "room"}, {"person", "days", "minutes", "money"}, {"page", "floor", "day"}, {"with", "text"}, {"id", "count"}]
LOOK_KINDS = ["city", "city", "person", "from", "to", "topic", "day", "days", "room", "id", "page", "unit", "floor", "flag"]
DO_KINDS = ["city", "to", "person", "with", "color", "day", "topic", "text", "text", "minutes", "money", "count", "room", "page", "size", "speed", "flag", "id"]
ERRORS = ["not found", "no such city", "the door is locked", "no answer", "too many calls", "not allowed", "the file is missing", "out of stock", "time is over", "no money left"]

# How people ask; the last two are held out.
LOOK_WAYS = ["What is the {n}{f}?", "Get the {n}{f}.", "Tell me the {n}{f}.", "I need the {n}{f}.", "Please look up the {n}{f}.", "Can you tell me the {n}{f}?", "Show me the {n}{f}.",
             "Please {v} the {n}{f}.", "{V} the {n}{f}.", "What's the {n}{f}?", "I would like to know the {n}{f}.", "Please find out the {n}{f}."]
DO_WAYS = ["{V} the {n}{f}.", "Please {v} the {n}{f}.", "Can you {v} the {n}{f}?", "I want you to {v} the {n}{f}.", "Could you {v} the {n}{f}?", "{V} my {n}{f}.", "{V} this {n}{f}.",
           "Now {v} the {n}{f}.", "{V} the {n}{f}, please.", "I need you to {v} the {n}{f}.", "Would you {v} the {n}{f}?", "Help me: {v} the {n}{f}."]
SUM_WAYS = ["What is {a} {w} {b}?", "{a} {s} {b}", "What is {a} {s} {b}?", "How much is {a} {w} {b}?", "Please work out {a} {w} {b}.", "{a} {w} {b}", "Can you work out {a} {s} {b}?", "{a} {s} {b} =",
            "I need to know {a} {w} {b}.", "Tell me {a} {w} {b}.", "Do you know {a} {w} {b}?"]
