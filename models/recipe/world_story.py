"""Stories of the world, the ways to ask for one, and questions about one."""
import re
from collections import Counter

import words as W
import world_plots as P1
import world_plots2 as P2
from world import World, expand

PLOTS = [P1.lost, P1.stuck_high, P1.cross_river, P1.afraid, P1.baking, P1.quarrel, P1.race, P1.strange_noise,
         P2.birthday, P2.storm_house, P2.lost_child, P2.garden, P2.greedy, P2.wish, P2.learn, P2.lonely,
         P2.treasure, P2.trick, P2.snow_day]
THEMES = {"friend": ["friendship", "being a good friend", "friends", "helping each other"], "journey": ["an adventure", "a journey", "a long way"],
          "brave": ["being brave", "courage", "a fear"], "share": ["sharing", "learning to share"], "kind": ["kindness", "being kind", "helping others"],
          "patience": ["patience", "growing a plant"], "practice": ["never giving up", "trying again", "learning something new"], "clever": ["a clever trick", "being clever"]}
OPENINGS = [
    "{Once upon a time|Once upon a time|Long ago|Once|Many years ago} there {was|lived} [Hintro] [in_place]. [trait]",
    "{Once upon a time|A long time ago|Once|Not so long ago}, [in_place], there {lived|was} [Hintro]. [trait]",
    "There {once was|was once} [Hintro] who lived [in_place]. [trait]",
    "^[in_place] lived [Hintro]. [trait]",
    "[Hintro] lived [in_place]. [trait]",
]
TRAIT = ["Everybody said that [H] was {very|the most} [Htrait].".replace("{very|the most}", "very"), "[H] was [Htrait], and {everybody knew it|[he] knew it}.",
         "[H] was very [Htrait].", "^[he] was a {very|} [Htrait] [Hnoun].", "If you had met [H], you would have said: What a [Htrait] [Hnoun]!"]
DAILY = ["Every morning [he] {sang a song|looked at the sky|said hello to the sun|counted the clouds}.", "^[he] liked {songs|stories|sunny days|rain|long walks} {and|, and most of all} [food].".replace("{and|, and most of all}", "and"),
         "^[he] {had a small bed and a big heart|was small, but [his] heart was big}.", "Everybody {in [place]|there} knew [him].", ""]
SAID = ["", "", "", "{And they all lived happily.|The end.|And that is the end of the story.|And that night [H] slept very well.|That was a good day.|And if you listen, you can still hear them laugh.}"]


class Story:
    def __init__(self, w, plot, paragraphs):
        self.world, self.plot, self.paragraphs = w, plot, paragraphs
        self.text = "\n\n".join(paragraphs)
        self.flat = " ".join(paragraphs)
        self.plan = w.say(plot.plan)
        self.clause = w.say(plot.clause)
        self.clause = self.clause[0].lower() + self.clause[1:]
        self.theme = plot.theme

    def facts(self):
        """(question, short answer, full answer) true in the story."""
        w, h = self.world, self.world.hero
        extra = [("Where did [Hname] live?", "^[in_place].", "[Hname] lived [in_place]."),
                 ("{Who|What} was [Hname]?", "A [Hnoun].", "[Hname] was a [Hnoun].")] if h.name else \
                [("Where did the [Hnoun] live?", "^[in_place].", "The [Hnoun] lived [in_place].")]
        if h.name:
            extra.append(("What was the name of the [Hnoun]?", "[Hname].", "The name of the [Hnoun] was [Hname]."))
            extra.append(("{Who is the story about|Who is this story about}?", "[Hfull].", "The story is about [Hfull]."))
        else:
            extra.append(("{Who is the story about|Who is this story about}?", "The [Hnoun].", "The story is about the [Hnoun]."))
        if w.friend.name and "[F" in str(self.plot.beats) + str(self.plot.plan):
            extra.append(("{Who|What} was [Fname]?", "A [fnoun].", "[Fname] was a [fnoun]."))
        return [tuple(map(w.say, f)) for f in self.plot.facts + self.r_sample(extra)]

    def r_sample(self, extra):
        return self.world.r.sample(extra, min(2, len(extra)))


def repeats(text, n=6):
    """How often the most frequent n-gram of words occurs."""
    words = re.findall(r"[\w']+", text.lower())
    grams = Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))
    return max(grams.values(), default=0)


def tell(r, plot=None, short=False, **want):
    """One story; `want` goes to World (hero, name, trait, friend, item, place)."""
    while True:
        w = World(r, **want)
        p = (plot or r.choice(PLOTS))(w)
        if p is None or (want.get("item") and "[item]" not in "".join(p.beats) or want.get("friend") and w.friend.noun != want["friend"]):
            plot = None if r.random() < 0.3 else plot
            continue
        if want.get("item"):
            w.env["item"] = want["item"]
        if w.hero.trait in ("lonely", "happy") and not want.get("trait"):
            w.hero.trait = w.env["Htrait"] = "kind"
        trait = r.choice(TRAIT) if want.get("trait") or r.random() < 0.5 else r.choice(DAILY)
        if p.theme == "brave" and w.hero.trait == "brave":
            trait = r.choice(DAILY)
        first = w.say(r.choice(OPENINGS).replace("[trait]", trait))
        paras = [w.say(b) for b in p.beats]
        end = r.choice(SAID)
        paras[-1] = w.say(paras[-1] + " " + end)
        if short:
            paras = [" ".join(paras)]
        paras[0] = first + " " + paras[0] if r.random() < 0.6 else first + "\n\n" + paras[0]
        s = Story(w, p, paras)
        n = len(s.flat.split())
        if 50 < n < 200 and repeats(s.flat) <= 1 and "[" not in s.flat and (not want.get("item") or s.flat.count(want["item"]) > 2):
            return s


ASK = ["{Tell|Please tell} me a {|||short |little |new |nice |bedtime |good |sweet } story about [x].", "Tell me a story about [x].", "Tell me a story about [x]{, please|}{.|!}",
       "{Can|Could|Will|Would} you {please |}tell me a {|short |little |bedtime |fun } story about [x]?", "{Write|Make up|Give me|Create} a {|short |little |nice } story about [x].",
       "I {want|would like} {a story|to hear a story|to read a story} about [x]{, please|}.", "{A story|Story} about [x]{, please|}.", "Do you know a story about [x]?",
       "How about a story about [x]?", "[x]. {Tell me a story.|A story, please.}", "write me a story about [x]", "{Tell me|Tell us} {about|something about} [x]{ in a story|}."]
ASK_ANY = ["Tell me a {|short |bedtime |nice |little |new |good }story{| please|, please}.", "{Can|Could|Will} you tell me a {|short |bedtime |good }story?", "{Write|Make up} a {|short }story{ for me|}.",
           "I want {a story|to hear a story}.", "{A|Another} story, please.", "{Do you know|Do you have} {a|any} {story|stories}?", "Story time!", "Tell me {something|something nice|anything}.",
           "I am bored. Tell me a story.", "I can't sleep. Tell me a story."]
AGAIN = ["{Tell me another|Another} {one|story}{ please|, please|}.", "{One more|Again|More}{, please|}!", "Now {tell me|} {one|a story} about [x].", "{Can you tell|Tell} me {one|another story|a story} about [x]{?|.}", "{And|What about} one about [x]?"]


def subject(r, s):
    """A way to name what the story is to be about, given the told story."""
    w = s.world
    h = w.hero
    a = "a " + h.noun
    forms = [a] * 8 + [f"a {h.size or 'little'} {h.noun}"] * 2 + [f"{a} {s.clause}"] * 4
    if h.name:
        forms += [f"{a} {r.choice(['named', 'called'])} {h.name}"] * 3 + [f"{h.name} the {h.noun}"]
    if w.friend.noun in s.flat and s.plot.plan.count("[F"):
        forms += [f"{a} and a {w.friend.noun}"] * 3
    if w.place[1] in s.flat:
        forms += [f"{a} {w.place[0]}"]
    forms += [r.choice(THEMES[s.theme])] * 2 + [f"{a} and {r.choice(THEMES[s.theme])}"]
    return expand(r, r.choice(forms), {}, sentence=False)


def story_turn(r, again=False, **want):
    """(question, thoughts, answer, story): one request for a story and its answer."""
    x, any_ = r.random(), r.random() < (0.4 if again else 0.1)
    if any_:                                            # no wish: no odd heroes either
        x = 1
    if x < 0.16 and not want:                           # names and things the tables do not have
        want["hero"] = invented(r)
    elif x < 0.26 and not want:
        want["item"] = W.noun(r.choice(W.ITEMS))
    elif x < 0.40 and not want:
        want["trait"] = r.choice(W.TRAITS)
    short = r.random() < 0.15
    s = tell(r, short=short, **want)
    if any_:
        ask, about = expand(r, r.choice(AGAIN[:2] if again else ASK_ANY), {}), "a story"
    else:
        about = subject(r, s)
        if "item" in want:
            about = r.choice([f"a {want['item']}", f"a {s.world.color} {want['item']}", f"a {s.world.hero.noun} and a {want['item']}"])
        if "trait" in want:
            about = f"a {want['trait']} {s.world.hero.noun}"
        about = expand(r, about, {}, sentence=False)
        ask = expand(r, r.choice(AGAIN[2:] if again else ASK), {"x": about})
        about = "a story about " + about
    plan = s.plan[0].upper() + s.plan[1:] + "."
    think = [expand(r, r.choice([f"The user wants {about}.", f"The user asks for {about}."]), {}), plan,
             r.choice(["I will tell it in simple words.", "I will give it a good end.", "It should be short and kind.", "The end should be happy."])]
    return ask, think, s.text, s


def invented(r):
    """A word to be a hero: rarely used nouns, or one made up on the spot."""
    if r.random() < 0.45:
        return r.choice(["z", "bl", "gr", "m", "p", "sn", "w", "fl", "k", "tr", "b", "d"]) + r.choice("aeiou") + r.choice(["bb", "zz", "mp", "gg", "rn", "lt", "nd", "pp"]) + r.choice(["le", "er", "o", "in", "y", "it", "us"])
    return r.choice("""computer phone sofa hamburger pizza potato tomato lemon banana orange strawberry cheese sandwich cactus whistle
ladder hammer nail window table garden gate fence sword shield cannon planet comet rainbow volcano iceberg glacier
waterfall cave tower library museum hospital school teapot kettle fork knife plate mug fridge oven toaster radio
television camera guitar trumpet flute bagpipe skateboard scooter helicopter submarine spaceship satellite alien vampire
zombie mummy werewolf goblin ogre phoenix griffin centaur goldfish jellyfish lobster squid walrus polar~bear reindeer
hamster gerbil ferret weasel stork pelican peacock ostrich flamingo woodpecker hummingbird pigeon turkey llama alpaca
buffalo bison leopard cheetah jaguar panther gorilla chimpanzee sloth armadillo porcupine crocodile alligator chameleon
grasshopper cricket beetle wasp moth dragonfly worm mosquito scientist lawyer judge policeman fireman postman nurse
dentist dancer actor writer poet soldier captain thief spy detective magician princess hunter""".split()).replace("~", " ")
