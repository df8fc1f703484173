"""The plots of the story world: what can happen, and the ways to say it.

Each plot is a function World -> Plot or None (None: it does not fit this cast, e.g. a bird
whose kite hangs in a tree needs no help). A Plot holds
    beats    sentences in order (templates, see world.py), one string a paragraph,
    clause   how a user would ask for it ("who loses a red hat"),
    plan     one sentence that tells it, used for thinking and for summaries,
    facts    (question, short answer, full answer) that are true in it.
"""
from dataclasses import dataclass, field


@dataclass
class Plot:
    theme: str
    beats: list
    clause: str
    plan: str
    facts: list = field(default_factory=list)
    end: str = ""


DAY = "One {sunny|cold|windy|warm|bright|gray|quiet|fine} {morning|day|afternoon|evening}"
THANKS = '{"Thank you!" said [H].|"Oh, thank you, thank you!" cried [H].|[H] thanked [F] with all [his] heart.|"You are a true friend," said [H].}'
SMILE = "{[F] smiled|[F] laughed|[F] nodded}"


def lost(w):
    """Something is lost, looked for in vain, and found with a friend."""
    return Plot("friend", [
        "[H] had a [color] [item]{| and loved it very much}. {It was a gift from [his] {mother|father|grandmother}.|[he] {took|carried} it {everywhere|wherever [he] went}.|It was [his] {favorite|best} thing in the whole world.} "
        + DAY + ", {the [item] was gone|[H] could not find the [item]|[he] looked for it and it was not there}.",
        "{^[H] was [sad].|\"Where is my [item]?\" cried [H].|\"Oh no!\" said [H]. \"My [item] is gone!\"} "
        "{[he] looked [spot1], but it was not there. [he] looked [spot2], but {there was nothing|it was not there either}.|First [H] looked [spot1]. Then [he] looked [spot2]. {There was no [item] at all.|It was nowhere.}} "
        "{Then|Just then|After a while} {[he] met [Fintro]|[Fintro] came {by|along}}. {\"Why are you sad?\" asked [F].|\"What is wrong?\" asked [F].|\"What are you looking for?\" [F] asked.} "
        "{\"I have lost my [color] [item],\" said [H].|\"I can't find my [item],\" said [H].}",
        "{\"Don't worry. I will help you,\" said [F].|\"Let us look together,\" said [F].|\"Two can look better than one,\" said [F].} {So they looked|They looked} {everywhere|high and low|for a long time}. "
        "{At last [F] found the [item] [spot3].|Then [F] called, \"Here it is!\" The [item] was [spot3].|And there, [spot3], lay the [color] [item]!} " + THANKS],
        "who {loses|lost} a [color] [item]", "[Hname] loses a [color] [item], and [Fname] helps to find it",
        [("What did [Hname] lose?", "A [color] [item].", "[Hname] lost a [color] [item]."),
         ("Who {helped [Hname]|found the [item]}?", "[Ffull].", "[Ffull] helped [Hname] and found the [item]."),
         ("Where was the [item]?", "It was [spot3].", "The [item] was [spot3]."),
         ("Why was [Hname] sad?", "Because the [item] was lost.", "[Hname] was sad because the [color] [item] was lost.")])


def stuck_high(w):
    """A toy hangs in a tree; somebody who flies, climbs or is tall brings it down."""
    if w.hero.domain != "land" or w.hero.abilities & {"fly", "climb", "tall"} or w.hero.noun in ("tree", "moon", "star", "sun", "cloud", "wind"):
        return None
    if not w.helper_with("fly", "climb", "tall"):
        return None
    toy = w.r.choice(["kite", "balloon", "ball", "hat", "cap", "scarf", "paper airplane"])
    a = w.friend.abilities
    how = ("{flew up into the tree|flew to the top of the tree}" if "fly" in a else
           "{climbed up the tree|climbed from branch to branch}" if "climb" in a else "{reached up|stretched up} as high as [fhe] could")
    can = "fly" if "fly" in a else "climb trees" if "climb" in a else "reach high places"
    w.env["item"] = toy
    w.env["how"] = how
    return Plot("friend", [
        DAY + ", [H] was playing with a [color] [item]. {Suddenly the wind blew hard|Then came a strong wind|The wind was wild that day}, and the [item] flew up, up, up, and got stuck in a tall tree.",
        "{\"Oh dear!\" said [H].|\"Oh no, my [item]!\" cried [H].} {[he] jumped as high as [he] could, but the branch was too high.|[he] shook the tree, but the [item] did not {move|fall}.|[he] threw a stick, but it did not help.} "
        "{[he] sat under the tree and did not know what to do.|[H] was [sad].}",
        "{Then [Fintro] came {along|by}.|[Fintro] saw it all.|Just then [he] saw [Fintro].} {\"Can you help me?\" asked [H].|\"Please help me!\" said [H]. \"My [item] is in the tree.\"} "
        "{\"Of course I can,\" said [F].|\"That is easy,\" said [F].|" + SMILE + ".} Then [F] [how] and {brought|took} the [item] down. " + THANKS],
        "who has a [item] stuck in a tree", "the [color] [item] of [Hname] gets stuck in a tree, and [Fname], who can " + can + ", brings it down",
        [("Where {was|did} the [item] {stuck|get stuck}?".replace("{was|did} the [item] {stuck|get stuck}", "was the [item]"), "In a tall tree.", "The [item] was stuck in a tall tree."),
         ("Who {helped [Hname]|brought the [item] down}?", "[Ffull].", "[Ffull] brought the [item] down."),
         ("What got stuck in the tree?", "A [color] [item].", "A [color] [item] got stuck in the tree.")])


def cross_river(w):
    """A river in the way; somebody swims, or is strong, or they build a raft."""
    if w.hero.domain != "land" or w.hero.abilities & {"swim", "fly"} or w.hero.kind == "thing":
        return None
    goal = w.r.choice(["grandmother", "aunt", "uncle", "cousin", "old friend"])
    water = w.r.choice(["river", "stream", "lake"])
    raft = not w.helper_with("swim") or w.r.random() < 0.35
    help_ = ("{They tied some logs together and made a raft.|They built a little raft out of {sticks|logs|wood}.} Slowly, slowly, they {crossed|went over} the [water]." if raft else
             "{\"Sit on my back,\" said [F].|\"Hold on to me,\" said [F]. \"I can swim.\"} And [F] {carried|took} [H] {across|over to the other side}.")
    w.env.update(goal=goal, water=water, help=help_)
    means = "they build a raft together" if raft else "[Fname] carries [him] across"
    return Plot("journey", [
        DAY + ", [H] {wanted|set out} to visit [his] [goal]. [he] packed {some bread and an apple|[food]|a [color] [item] as a gift} and {walked|went} {over the hill|down the road|through the fields} {until the sun was high|for a long time|all morning}.",
        "Then [he] came to a {wide|deep|cold} [water]. {There was no bridge.|The bridge was broken.} {\"How can I get to the other side?\" thought [H].|\"Oh dear, I can't swim,\" said [H].|[H] did not know what to do.}",
        "{[Fintro] was sitting {by the water|on the bank}.|By the water [he] saw [Fintro].} {\"I will help you,\" said [F].|\"Do you need help?\" asked [F].|\"Don't be sad. There is always a way,\" said [F].} [help] " + THANKS,
        "{At last|In the evening|Before the sun went down} [H] {came to|reached} the house of [his] [goal]. {They ate [food] and talked until late.|There was [food] on the table, and they were both very happy.}"],
        "who wants to cross a [water]", "[Hname] wants to visit [his] [goal], and at the [water] " + means,
        [("{Who did [Hname] want to visit|Whom did [Hname] visit}?", "[his] [goal].", "[Hname] wanted to visit [his] [goal]."),
         ("Who helped [Hname]?", "[Ffull].", "[Ffull] helped [Hname] to cross the [water]."),
         ("{Why did [Hname] stop|What was in the way}?", "A [water].", "There was a [water] in the way."),
         ("How did [Hname] cross the [water]?", "On a raft." if raft else "On the back of [Ffull].",
          "[Hname] crossed the [water] " + ("on a raft." if raft else "with the help of [Ffull]."))])


def afraid(w):
    """A fear, and the friend who takes it away."""
    if "glow" in w.hero.abilities or w.hero.noun in ("moon", "star", "lamp", "candle", "wind", "sun", "cloud", "raindrop"):
        return None
    fear, cure = w.r.choice([
        ("the dark", "{\"Look up,\" said [F]. \"The stars are little lamps, and the dark only keeps them safe.\" [H] looked up, and {it was true|the sky was full of light}.|[F] sat down beside [H] and told [him] a story until the dark felt {soft and warm|like a blanket}.}"),
        ("thunder", "{\"Thunder is only noise,\" said [F]. \"Let us make more noise than the thunder!\" They beat on an old pot and laughed.|\"Count with me,\" said [F]. \"One, two, three.\" They counted until the storm had gone away.}"),
        ("deep water", "{\"Hold my hand, and put in one foot,\" said [F]. Then [H] put in the other foot. The water was cool and kind.|\"I will stay beside you,\" said [F]. Step by step they went in, and soon they were {laughing|splashing and laughing}.}"),
        ("high places", "{\"Don't look down. Look at me,\" said [F]. Step by step, they went up the hill together, and from the top they could see the whole land.|[F] went first, and [H] went after. At the top they sat and looked at the clouds.}"),
        ("loud noises", "{\"Put your ear here,\" said [F], and [H] heard a heart go bum, bum, bum. \"That is a noise too, and it is a friend.\"|[F] gave [H] a drum. \"Make the noise yourself,\" said [F], and soon it was fun.}"),
    ])
    if w.hero.domain == "sea" and fear in ("deep water", "high places", "loud noises"):
        fear, cure = "the dark", "\"Look,\" said [F]. \"Even down here there are lights.\" And [H] saw tiny fish that were shining like stars."
    w.env.update(fear=fear, cure=cure)
    return Plot("brave", [
        "{But [H] had a secret|There was only one problem|[H] had one trouble}: [he] was afraid of [fear]. {When the others {played|laughed}, [he] {stayed at home|sat alone}.|[he] told nobody about it.|Whenever [he] thought of it, [his] heart beat {fast|very fast}.}",
        DAY + ", {[H] met [Fintro]|[Fintro] came to visit}. {\"Why are you shaking?\" asked [F].|\"You look so pale,\" said [F]. \"What is it?\"|\"Come and play!\" said [F]. But [H] did not move.} {\"I am afraid of [fear],\" said [H] {very quietly|at last|in a small voice}.}",
        "{[F] did not laugh.|\"Everybody is afraid of something,\" said [F].|\"I was afraid of it too, once,\" said [F].} [cure]",
        "{From that day on, [H] was not afraid of [fear] any more.|After that, [fear] did not seem so bad.|\"I did it!\" {said|cried} [H]. \"I am not afraid any more!\"}"],
        "who is afraid of [fear]", "[Hname] is afraid of [fear], and [Fname] helps [him] to be brave",
        [("What was [Hname] afraid of?", "^[fear].", "[Hname] was afraid of [fear]."),
         ("Who helped [Hname]?", "[Ffull].", "[Ffull] helped [Hname] to be brave.")])


def baking(w):
    """Something to cook, one thing missing, and a table for everybody."""
    miss = w.r.choice(["flour", "sugar", "butter", "salt", "honey", "milk", "an egg", "a big pot", "a wooden spoon"])
    if w.hero.domain == "sea":
        return None
    w.env["miss"] = miss
    it = "it" if miss.startswith("a") else "some"
    return Plot("share", [
        DAY + ", [H] wanted to make [food]{| for [his] friends| for the winter feast| for dinner}. [he] {looked in the kitchen|opened every box and every jar|put everything on the table}. But {there was one thing missing|something was missing}: [miss].",
        "{\"Without [miss] I can't make [food],\" said [H].|\"What shall I do now?\" said [H].|[H] was {sad|unhappy}.} So [he] {went|walked} to the house of [Fintro]. {[he] knocked on the door.|[he] rang the bell.} \"{Good morning|Hello}! Do you have [miss]?\" \"{Yes, I do|Of course|I think so}!\" said [F]. \"But {why do you need it|what is it for}?\" \"I want to make [food],\" said [H].",
        "{\"Then I will help you!\" said [F].|\"May I help you?\" asked [F].} {They mixed and stirred and laughed.|One of them mixed and the other one stirred.|They worked side by side all {morning|afternoon}.} Soon {a good smell filled the house|the whole house smelled wonderful|the food was ready}.",
        "{All the neighbors came|The neighbors smelled it and came, one by one|They called all their friends}, and {everybody got a piece|there was enough for everybody|they all ate together}. {\"This is the best [food] I ever ate,\" said [Fname].|[H] was {proud and happy|very happy}.}"],
        "who wants to make [food]", "[Hname] wants to make [food], but [miss] is missing, and [Fname] helps",
        [("What did [Hname] want to make?", "^[food].", "[Hname] wanted to make [food]."),
         ("What was missing?", "^[miss].", "[miss] was missing." if it == "some" else "^[miss] was missing."),
         ("Who helped [Hname]?", "[Ffull].", "[Ffull] helped [Hname] to make [food].")])


def quarrel(w):
    """Two want one thing; it breaks or teaches them to share."""
    turn = w.r.choice(["{Then they heard a crack. The [item] was broken in two.|They pulled and pulled until the [item] broke.}",
                       "{A strong wind came and blew the [item] into the water.|Then the [item] slipped from their hands and fell into the mud.}"])
    w.env["turn"] = turn
    fix = ("They {found some glue|got a needle and some string} and {mended|repaired} the [item] together." if "broke" in turn else
           "Together they {got it out|pulled it out} and {washed|cleaned} it.")
    return Plot("share", [
        DAY + ", [H] and [Fintro] found a [color] [item] [spot1]. {\"It is mine! I saw it first!\" cried [H].|\"I want it!\" said [H].} {\"No, it is mine!\" cried [F].|\"But I found it!\" said [F].}",
        "{They both pulled at the [item].|[H] pulled on one side, and [F] pulled on the other.} [turn] {Now nobody had a [item].|Then it was very quiet.|They both looked at it and were ashamed.}",
        "{\"I am sorry,\" said [H].|\"It is my fault,\" said [H] softly.} {\"I am sorry too,\" said [F].|\"Let us be friends again,\" said [F].|\"It is my fault too,\" said [F].} " + fix,
        "{From then on they shared it|After that they took turns}: {one day it was with [Hname], and the next day with [Fname]|in the morning [Hname] had it, and in the evening [Fname] had it}. {It was twice as much fun.|And they never quarreled about it again.|It is better to share than to fight.}"],
        "who learns to share", "[Hname] and [Fname] quarrel over a [color] [item] and learn to share",
        [("What did they find?", "A [color] [item].", "They found a [color] [item]."),
         ("Where did they find the [item]?", "^[spot1].", "They found it [spot1]."),
         ("What did they learn?", "They learned to share.", "[Hname] and [Fname] learned to share.")])


def race(w):
    """A race: somebody falls, the hero stops to help."""
    goal = w.r.choice(["the old oak", "the mill", "the bridge", "the big rock", "the hill"] if w.hero.domain == "land" else
                      ["the big rock", "the old ship", "the island"])
    w.env["goal"] = goal
    prize = w.r.choice(["a gold cup", "a basket of apples", "a big cake", "a silver bell", "a new hat"])
    w.env["prize"] = prize
    return Plot("kind", [
        "{Every summer|Once a year|In spring}, there was a race to [goal]{| and back}. The prize was [prize]. [H] wanted to win{| more than anything|, and [he] practiced every day}. {But [Fintro] was {very fast|the fastest of all}.|[Fintro] wanted to win too.}",
        "\"One, two, three, go!\" {They all started.|And off they went.} {[H] was first, but [F] was close behind.|[F] was first, and [H] came next.|[H] and [F] were side by side.} {Then|Suddenly|Near the end}, [F] {fell over a stone and hurt [fhis] foot|tripped and fell down|cried out. [fhe] had hurt [fhis] foot}.",
        "{Now [H] could win easily.|[H] looked at the finish, and then [he] looked back.|\"Go on!\" said [F]. \"You can win!\"} But [H] {stopped|turned around} and {helped [F] to get up|took [F] by the hand}. {\"A friend is more important than [prize],\" [he] said.|\"We will go together,\" [he] said.} {Together they walked to the finish.|They came in last, side by side.}",
        "{Everybody clapped and cheered.|All the others cheered for them.} {And what do you think? They both got a prize.|The judge gave [prize] to both of them.|\"You did not win the race,\" said the judge, \"but you won a friend.\"}"],
        "who wants to win a race", "[Hname] wants to win a race, but stops to help [Fname], who falls",
        [("What did [Hname] want to win?", "A race.", "[Hname] wanted to win the race to [goal]."),
         ("Who fell?", "[Ffull].", "[Ffull] fell during the race."),
         ("Why did [Hname] stop?", "To help [Fname].", "[Hname] stopped because [he] wanted to help [Fname]."),
         ("What was the prize?", "^[prize].", "The prize was [prize].")])


def strange_noise(w):
    """A noise in the night that turns out to be small and in need."""
    noise = w.r.choice(["tap, tap, tap", "scratch, scratch", "bump, bump", "whoo, whoo", "rattle, rattle", "plop, plop"])
    w.env["noise"] = noise
    need = w.r.choice([("cold", "a warm blanket"), ("hungry", "a bowl of soup"), ("lost", "a bed for the night"), ("wet from the rain", "a dry place by the fire")])
    if w.hero.domain == "sea":
        need = w.r.choice([("lost", "a place to sleep"), ("hungry", "some food"), ("alone", "a place to stay")])
    w.env.update(need=need[0], gift=need[1])
    return Plot("kind", [
        "{One night|Late one evening|In the middle of the night}, [H] {heard a strange noise|could not sleep, because there was a noise}. \"[noise],\" it went. {\"Who is there?\" called [H], but nobody answered.|\"Is it a monster?\" thought [H].|[H] hid and listened.} There it was again: \"[noise]!\"",
        "{[H] was a little afraid, but [he] wanted to know.|\"I must be brave,\" said [H] to [himself].|At last [H] took a deep breath.} {Slowly|Very slowly|On quiet feet} [he] went {outside|to look} and {looked around|listened}. {And who was there|And what did [he] see}? {It was only|There sat} [Fintro].",
        "{\"I am sorry,\" said [F]. \"I am [need].\"|\"Please don't be angry,\" said [F]. \"I am [need], and I saw your light.\"} {\"Poor thing!\" said [H].|\"Then come in!\" said [H].|[H] laughed, because [he] was not afraid any more.} [he] gave [F] [gift], and {they talked until they fell asleep|soon everything was quiet again}.",
        "{In the morning they were friends.|The next morning they {ate|had} breakfast together.} {\"You made a noise like a monster,\" said [H], and they both laughed.|Since then, [H] is not afraid of noises in the night.}"],
        "who hears a strange noise", "[Hname] hears a strange noise at night, and it is only [Fname], who is [need]",
        [("What did [Hname] hear?", "A strange noise.", "[Hname] heard a strange noise: [noise]."),
         ("Who made the noise?", "[Ffull].", "[Ffull] made the noise."),
         ("What did [Hname] give to [Fname]?", "^[gift].", "[Hname] gave [Fname] [gift].")])
