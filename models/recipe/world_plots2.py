"""More plots of the story world (see world_plots.py for what a plot is)."""
from world_plots import DAY, Plot


def birthday(w):
    """Everybody seems to have forgotten the birthday; they have not."""
    return Plot("friend", [
        "It was the birthday of [Hname]. {[he] woke up early and smiled.|[he] jumped out of bed.} But {nobody came|nobody said a word about it|nobody sang a song}. [H] went to see [Fintro]. {\"Good morning,\" said [F]. \"I am busy today.\"|\"I have no time today,\" said [F], and went away.}",
        "{\"They all forgot me,\" thought [H].|\"Nobody remembers my birthday,\" said [H].} [he] {walked around alone all day|sat [spot1] and was {sad|lonely}}. {In the evening|When the sun went down|At last} [he] went home {slowly|with [his] head down}.",
        "{But when [he] opened the door, there was light everywhere!|And then, what a surprise!} \"{Happy birthday|Surprise}!\" {cried|called|shouted} all [his] friends. {[F] had made a big cake|There was [food] and music}, and [F] gave [him] a [color] [item]. {\"We did not forget you,\" said [F].|\"We were busy because of you,\" said [F], and laughed.}",
        "{It was the best birthday of all.|[H] laughed and danced until midnight.|[H] was so happy that [he] could not speak.}"],
        "who has a birthday", "[Hname] thinks that everybody forgot [his] birthday, but [Fname] and the others have a surprise",
        [("What day was it?", "The birthday of [Hname].", "It was the birthday of [Hname]."),
         ("What did [Fname] give to [Hname]?", "A [color] [item].", "[Fname] gave [Hname] a [color] [item]."),
         ("Why was [Hname] sad?", "[he] thought that everybody forgot the birthday.", "[Hname] was sad because [he] thought that everybody forgot the birthday.")])


def storm_house(w):
    """A storm breaks the home; friends build a new one."""
    if w.hero.kind == "thing":
        return None
    stuff = w.r.choice(["wood", "stones", "straw", "leaves"] if w.hero.domain == "land" else ["shells", "stones", "seaweed"])
    w.env["stuff"] = stuff
    return Plot("friend", [
        "[H] had a {little|nice|cozy} {house|home}, and [he] liked it very much. One night {a big storm came|there was a terrible storm}. The wind {roared|howled} and {shook|pulled at} {the roof|the walls}. In the morning {the house was gone|there was no house any more|nothing was left of the house}.",
        "{\"Where shall I live now?\" {said|cried} [H].|[H] sat down and cried.|[H] looked at it and could not say a word.} {[Fintro] heard it and came at once.|Then [Fintro] came along.} {\"Don't cry,\" said [F]. \"We will build a new one.\"|\"You can stay with me,\" said [F], \"and tomorrow we build.\"}",
        "{The next day|Early in the morning} they began. [F] {brought|carried} [stuff], and [H] {made the walls|put everything together}. [Rintro] came too and {made the roof|helped with the door|sang so that the work was easy}. {By evening|After three days|After a week} the new {house|home} was ready.",
        "{It was even better than the old one.|It was small, but it was strong.} {\"This house is made of [stuff] and friends,\" said [H].|\"Come in, all of you!\" said [H], and they had a big party.|[H] was never afraid of a storm again.}"],
        "who loses a house in a storm", "a storm breaks the house of [Hname], and [Fname] helps to build a new one",
        [("What happened to the house?", "A storm broke it.", "A storm broke the house of [Hname]."),
         ("Who helped [Hname]?", "[Ffull].", "[Ffull] helped [Hname] to build a new house."),
         ("What did they build?", "A new house.", "They built a new house out of [stuff].")])


def lost_child(w):
    """A small one has lost the way; the hero takes it home."""
    if w.hero.noun in ("baby",) or (w.hero.kind == "thing" and w.r.random() < .5):
        return None
    clue = w.r.choice(["a river that sings", "a tree with a red door", "a white stone", "three tall trees", "an old bell"] if w.hero.domain == "land"
                      else ["a rock like a chair", "an old ship", "a garden of shells"])
    w.env["clue"] = clue
    return Plot("kind", [
        DAY + ", [H] was {on the way home|out for a walk|looking for something to eat}. {Suddenly [he] heard somebody cry.|Then [he] heard a small sound.} {[spot1], there was [Fintro].|It was [Fintro]. [fhe] was sitting [spot1].} {\"Why are you crying?\" asked [H].|\"What happened?\" [he] asked.}",
        "{\"I am lost,\" said [F]. \"I can't find my way home.\"|\"I went too far, and now I can't find my mother,\" said [F].} {\"What is near your home?\" asked [H].|\"Tell me what your home looks like,\" said [H].} {[F] thought for a while.|[F] dried [fhis] eyes.} \"There is [clue],\" [fhe] said.",
        "{\"Then come with me,\" said [H]. \"We will find it.\"|\"I will not leave you alone,\" said [H].} They {went|looked} {here and there|to the left and to the right|far and wide}. {They asked [Rintro], who showed them the way.|[H] asked everybody on the way.} {At last|Just before dark} they {found|saw} [clue].",
        "{\"That is my home!\" cried [F].|\"Mother!\" cried [F] and ran as fast as [fhe] could.} {The mother of [Fname] hugged them both.|The mother was so happy that she cried.} {\"Thank you, [Hname],\" said the mother. \"You have a good heart.\"|She gave [Hname] [food], and they all ate together.}"],
        "who {finds|helps} a lost [fnoun]", "[Hname] finds [Fname], who is lost, and brings [fhim] home",
        [("Who was lost?", "[Ffull].", "[Ffull] was lost."),
         ("Why was [Fname] crying?", "[fhe] was lost.", "[Fname] was crying because [fhe] was lost."),
         ("What was near the home of [Fname]?", "^[clue].", "Near the home of [Fname] there was [clue].")])


def garden(w):
    """A seed, patience, and something that grows."""
    if w.hero.domain == "sea" or w.hero.noun in ("seed", "acorn"):
        return None
    plant = w.r.choice(["sunflower", "pumpkin", "rose", "apple tree", "bean", "carrot", "cherry tree", "tulip"])
    w.env["plant"] = plant
    return Plot("patience", [
        DAY + ", [H] {found|got} a {tiny|small|little} seed. {\"What will it be?\" [he] asked.|\"I will plant it,\" said [H].} [he] {dug a hole|made a hole in the ground}, put the seed in, and gave it some water. Then [he] {waited|sat down to wait}. {Nothing happened.|But nothing came up.}",
        "The next day [he] {looked again|came back}, and there was still nothing. {\"My seed is bad,\" said [H].|\"It does not want to grow,\" said [H]{ sadly|}.|[H] wanted to dig it up.} {[Fintro] {said|came by and said}: \"Wait. Good things take time.\"|But [Fintro] said, \"Give it water, give it sun, and wait.\"}",
        "So [H] waited. {[he] gave it water every morning and sang to it every evening.|It rained, and then the sun came out. Every day [he] took good care of it.} {After two weeks|One morning|At last} there was a {tiny|small} green leaf! {It grew and grew and grew.|Day by day it grew {taller|bigger}.}",
        "{In summer|When summer came|After some time} it was a {big|beautiful|wonderful} [plant]. {Everybody came to see it.|\"It was worth the wait,\" said [H].|\"You were right,\" said [H] to [Fname]. \"Good things take time.\"}"],
        "who plants a seed", "[Hname] plants a seed and learns to wait until it is a big [plant]",
        [("What did [Hname] plant?", "A seed.", "[Hname] planted a small seed."),
         ("What did the seed become?", "A [plant].", "The seed became a [plant]."),
         ("What did [Hname] learn?", "To wait.", "[Hname] learned that good things take time.")])


def greedy(w):
    """One who will not share learns why sharing is good."""
    food = w.r.choice(["apples", "berries", "nuts", "cookies", "pears", "cherries", "carrots", "plums"])
    if w.hero.domain == "sea":
        return None
    w.env["many"] = food
    return Plot("share", [
        DAY + ", [H] found a basket full of [many]. {\"They are all mine!\" [he] said.|\"I will eat them all by myself,\" [he] said.} {[Fintro] came by|Then [Fintro] came} and {asked, \"May I have one?\"|said, \"I am so hungry. Please give me one.\"} {\"No!\" said [H].|\"Find your own [many],\" said [H].} {So [F] went away hungry.|[F] went away without a word.}",
        "[H] ate and ate{| until the basket was empty|, one after the other}. {But then [his] belly began to hurt.|Soon [his] belly hurt so much that [he] could not move.} {\"Help! Help!\" cried [H].|\"Ow, ow, ow!\" cried [H].} {And who came|And who heard it}? It was [F].",
        "{[F] was not angry.|[F] could have walked away, but [fhe] did not.} [fhe] {made some tea|brought some warm water} and sat with [H] {all night|until [he] felt better}. {\"Why are you so kind to me?\" asked [H].|\"I was not kind to you,\" said [H]. \"Why do you help me?\"} {\"Because you need it,\" said [F].|\"That is what friends do,\" said [F].}",
        "{The next day|When [he] was well again,} [H] {found more [many]|filled the basket again} and {gave the biggest ones to [Fname]|shared everything with [Fname]}. {\"They taste better when we eat together,\" said [H].|From then on [he] always shared.}"],
        "who does not want to share", "[Hname] eats all the [many] alone, feels sick, and learns from [Fname] to share",
        [("What did [Hname] find?", "A basket full of [many].", "[Hname] found a basket full of [many]."),
         ("Why did [Hname] feel sick?", "[he] ate too many [many].", "[Hname] felt sick because [he] ate too many [many]."),
         ("Who helped [Hname]?", "[Ffull].", "[Ffull] helped [Hname]."),
         ("What did [Hname] learn?", "To share.", "[Hname] learned to share.")])


def wish(w):
    """A magic thing grants one wish; the hero gives it away."""
    need = w.r.choice([("was very sick", "that [F] gets well again", "well"), ("had no home", "for a warm little house for [F]", "at home"),
                       ("had nothing to eat", "for a table full of food for [F]", "full"), ("had lost [fhis] voice", "that [F] can sing again", "able to sing")])
    w.env.update(trouble=need[0], wishtext=need[1])
    thing = w.r.choice(["ring", "bottle", "stone", "shell", "lamp", "bell", "box", "key", "feather"])
    w.env["item"] = thing
    return Plot("kind", [
        DAY + ", [H] found a [color] [item] [spot1]. {When [he] touched it|When [he] picked it up}, it began to {shine|glow|talk}. {\"I am a magic [item],\" said a small voice. \"You have one wish.\"|\"Make a wish,\" said the [item]. \"But you have only one.\"}",
        "{One wish! [H] thought and thought.|[H] was so surprised that [he] could not speak.} {\"I could wish for gold, or for a castle,\" [he] said.|\"A big cake? A fast horse? A crown?\" [he] thought.} {Then [he] thought of|On the way home [he] met} [Fintro], who [trouble].",
        "{[H] did not think any longer.|Then [H] knew what to do.} {\"I wish [wishtext],\" [he] said.|[he] held the [item] and said, \"I wish [wishtext].\"} {There was a flash of light|The [item] shone like the sun|A warm wind blew}, and {so it was|it came true}. " "{[F] could not believe it.|[F] danced for joy.}",
        "{The [item] never spoke again, but [H] did not mind.|\"Why didn't you wish something for yourself?\" asked [F]. \"I did,\" said [H]. \"I wanted to see you smile.\"|A good heart is the best magic of all.}"],
        "who finds a magic [item]", "[Hname] finds a magic [item] with one wish and uses it to help [Fname]",
        [("What did [Hname] find?", "A magic [item].", "[Hname] found a [color] magic [item]."),
         ("How many wishes did [Hname] have?", "One.", "[Hname] had only one wish."),
         ("Who did [Hname] help?", "[Ffull].", "[Hname] helped [Ffull]."),
         ("Where was the [item]?", "^[spot1].", "The [item] was [spot1].")])


def learn(w):
    """Practice: it does not work the first time, nor the second."""
    skill = w.r.choice(["sing", "dance", "paint", "whistle", "read", "play the drum", "play the flute", "juggle", "count to a hundred", "tell stories"]
                       + (["swim", "ride a bicycle", "bake bread"] if w.hero.domain == "land" and "swim" not in w.hero.abilities else []))
    w.env["skill"] = skill
    return Plot("practice", [
        "{More than anything, [H] wanted to [skill].|[H] had a dream: [he] wanted to [skill].|There was one thing [H] could not do: [he] could not [skill].} {\"You will never learn it,\" said [Rintro].|[Rintro] laughed at [him].} {That hurt, but [H] did not give up.|[H] was sad, but [he] tried anyway.}",
        "{The first time, everything went wrong.|[he] tried once, and it was terrible.} {The second time was not much better.|[he] tried again, and it was only a little better.} {\"I can't do it,\" said [H].|\"It is too hard,\" [he] said.} Then [Fintro] {came by|said}: \"Nobody can do it at first. {Try a little every day|I will show you how}.\"" .replace("{came by|said}: ", "came and said, "),
        "So [H] {practiced|tried} every day, {in the morning and in the evening|in sun and in rain}. {[F] came and helped.|[F] always said, \"Once more!\"} {Slowly it got better.|After many days it was not so hard any more.}",
        "{And one day|In spring|At the summer feast} [H] {showed everybody how well [he] could [skill]|could [skill] better than anybody}. {Even [Rname] clapped.|\"I was wrong,\" said [Rname].} {\"I did not give up,\" said [H].|\"You only have to try again and again,\" said [H].}"],
        "who wants to {learn to|} [skill]", "[Hname] wants to [skill], and with the help of [Fname] and a lot of practice [he] learns it",
        [("What did [Hname] want to {learn|do}?", "^[he] wanted to [skill].", "[Hname] wanted to [skill]."),
         ("Who helped [Hname]?", "[Ffull].", "[Ffull] helped [Hname]."),
         ("Who laughed at [Hname]?" , "[Rfull].", "[Rfull] did not believe in [Hname].")][:2])


def lonely(w):
    """No friends yet; a small kindness makes the first one."""
    act = w.r.choice([("dropped a basket of apples", "picked up every apple"), ("could not carry a heavy bag", "carried the bag home"),
                      ("had a thorn in [fhis] foot", "pulled out the thorn"), ("was sitting in the rain", "held a big leaf over [fhim]"),
                      ("had lost [fhis] glasses", "looked until the glasses were found")])
    if w.hero.domain == "sea":
        act = w.r.choice([("was caught in a net", "cut the net"), ("was stuck under a stone", "pushed the stone away")])
    w.env.update(need=act[0], act=act[1])
    return Plot("friend", [
        "{But [H] had no friends.|But [H] was all alone.|There was nobody to play with.} {Every day [he] played alone|[he] talked to the {moon|stones|clouds}} and {wished for a friend|thought, \"If only I had one friend!\"}.",
        DAY + ", [H] {saw|met} [Fintro]. [F] [need]. {Nobody stopped to help.|All the others just {walked|went} by.} {But [H] stopped.|[H] did not wait.} [he] went {over|there} and [act].",
        "{\"That was very kind,\" said [F]. \"What is your name?\"|\"Thank you,\" said [F]. \"Who are you? I have never seen you before.\"} \"{I am [Hname]|My name is [Hname]},\" said [H]. {[he] was so shy that [he] looked at [his] feet.|\"I live here, all alone.\"} {\"Would you like to play with me?\" asked [F].|\"Will you be my friend?\" asked [F].}",
        "{That was the beginning.|[H] could not believe it.|\"Yes!\" cried [H].} {Now they play together every day.|Soon [F] brought [Rintro], and then there were three of them.} {[H] was never alone again.|And the [color] [item] that [H] had played with alone now belonged to all of them.}"],
        "who has no friends", "[Hname] is alone, helps [Fname], and finds a friend",
        [("Why was [Hname] {sad|lonely}?".replace("{sad|lonely}", "lonely"), "[he] had no friends.", "[Hname] was lonely because [he] had no friends."),
         ("Who became a friend of [Hname]?", "[Ffull].", "[Ffull] became a friend of [Hname]."),
         ("What did [Hname] do for [Fname]?", "[he] [act].", "[Hname] [act].")])


def treasure(w):
    """A map, a search, and what the treasure really is."""
    inside = w.r.choice(["a [color] [item]", "an old book of stories", "a letter from long ago", "golden coins", "a little silver bell", "a music box"])
    w.env["inside"] = inside
    return Plot("journey", [
        DAY + ", [H] found an old map{| in a bottle| [spot1]}. {There was a red cross on it.|A red cross showed the place of a treasure.} {\"A treasure!\" cried [H].|\"This must be a treasure,\" said [H].} [he] ran to [Fintro]. \"{Come with me|Let us look for it}!\" [he] said.",
        "They {followed the map|went} {over hills and through fields|for a whole day|past the old mill and over the bridge}.".replace("over hills and through fields", "far and wide") +
        " {[F] got tired, but [H] said, \"Just a little more!\"|[H] got tired, but [F] said, \"Just a little more!\"|Once they lost the way, and had to turn around.} At last they came to {the place with the red cross|the right place}. It was [spot2].",
        "{They began to dig.|They dug and dug.} {Knock! There was something hard.|Then they found something.} It was an old box. {They opened it slowly.|[H] opened it with shaking hands.} Inside was [inside].".replace("with shaking hands", "very carefully"),
        "{\"It is wonderful!\" said [F].|They looked at each other and laughed.} {\"But the best part was looking for it with you,\" said [H].|They shared the treasure, and the story of it, with everybody.|They kept the map, and sometimes they play that the treasure is still there.}"],
        "who {looks for|finds} a treasure", "[Hname] and [Fname] follow an old map to a treasure and find [inside]",
        [("What did [Hname] find?", "An old map.", "[Hname] found an old map."),
         ("Where was the treasure?", "^[spot2].", "The treasure was [spot2]."),
         ("What was in the box?", "^[inside].", "In the box there was [inside]."),
         ("Who went with [Hname]?", "[Ffull].", "[Ffull] went with [Hname].")])


def trick(w):
    """A bully or trickster meets somebody clever."""
    if w.hero.domain == "sea" or w.hero.kind == "thing" or w.hero.noun in ("wolf", "fox", "tiger", "lion", "troll", "giant"):
        return None
    bad = w.r.choice(["wolf", "fox", "troll", "giant", "tiger"])
    w.env["bad"] = bad
    return Plot("clever", [
        DAY + ", [H] was {walking home|going to the market|picking berries}. Suddenly {a big [bad] jumped out|a hungry [bad] stood in the way}. {\"Now I will eat you!\" {said|growled} the [bad].|\"I have not eaten for three days,\" said the [bad]. \"You look good!\"}",
        "[H] was {afraid|frightened}, but [he] thought {quickly|fast}. {\"I am so small,\" said [H]. \"But I know where there is a big pot of [food].\"|\"Don't eat me now,\" said [H]. \"First let me show you where the big pot of [food] is.\"} {\"Where is it?\" asked the [bad].|The [bad] licked his lips. \"Where?\" he asked.}",
        "{\"Down there, in the well,\" said [H].|\"Look into this deep hole,\" said [H].} The [bad] {looked down|bent over}, and {he saw the moon in the water|it was dark and deep}. {\"I see it!\" he cried, and jumped.|\"I can't see it,\" he said, and leaned over more and more.} {Splash!|Bump!} {Down he fell.|In he went.}",
        "{By the time he got out, [H] was safe at home.|[H] ran home and locked the door.} {There [he] told it all to [Fintro], and they laughed and laughed.|\"A clever head is better than big teeth,\" said [Fintro].} {The [bad] was never seen there again.|And the [bad] never came back.}"],
        "who meets a [bad]", "[Hname] meets a hungry [bad] and gets away with a clever trick",
        [("Who wanted to eat [Hname]?", "A [bad].", "A [bad] wanted to eat [Hname]."),
         ("How did [Hname] get away?", "With a clever trick.", "[Hname] got away with a clever trick: the [bad] fell down."),
         ("What happened to the [bad]?", "He fell down.", "The [bad] fell down and never came back.")])


def snow_day(w):
    """Making something together on a day off."""
    if w.hero.domain == "sea" or w.hero.noun in ("snowman", "snowflake"):
        return None
    what, how = w.r.choice([("snowman", "rolled three big balls of snow"), ("sandcastle", "filled the bucket with wet sand"),
                            ("tree house", "carried boards up into the tree"), ("little boat", "cut and painted the wood"),
                            ("kite", "cut the paper and tied the string"), ("swing", "tied a rope to a strong branch")])
    w.env.update(what=what, how=how)
    return Plot("friend", [
        "{" + DAY + "|On the first day of the holidays}, [H] {was bored|had nothing to do}. \"{What can I do|I am so bored},\" [he] {asked|said}.".replace('"{What can I do|I am so bored}," [he] {asked|said}.', '"I am so bored," [he] said.') +
        " Then [Fintro] came and said, \"Let us make a [what]!\" {\"Yes!\" cried [H].|[H] jumped up at once.}",
        "They [how]. {It was hard work.|It took a long time.|They worked all day.} {Once it fell down, and they had to start again.|Once they almost gave up.} {[Rintro] saw them and helped.|[Rintro] came along and asked, \"May I help?\"} {With three it was {easy|easier}.|And now they were three.}",
        "{When it was ready, they {stepped back and looked|looked at it for a long time}.|In the evening the [what] was ready.} {\"It is the best [what] in the world,\" said [H].|\"It has my [color] [item] on top,\" said [H] proudly.} {They drank hot chocolate and were {tired and happy|very happy}.|All of them were tired, but nobody was bored.}"],
        "who makes a [what]", "[Hname] is bored, and then [he] and [Fname] make a [what] together",
        [("What did they make?", "A [what].", "They made a [what]."),
         ("Who had the idea?", "[Ffull].", "[Ffull] had the idea to make a [what]."),
         ("Who helped them?", "[Rfull].", "[Rfull] helped them.")])
