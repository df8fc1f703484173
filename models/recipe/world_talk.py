"""Everything that is not a story: greetings, small talk, plain facts, and honest refusals.

Each function returns (question, thoughts, answer), the thoughts being one to three sentences.
"""
import words as W
from world import expand


def pair(r, question, answer, think, /, **env):
    """Expand one question/answer template with shared values."""
    return expand(r, question, env), [expand(r, t, env) for t in think], expand(r, answer, env)


SMALLTALK = [  # question, answer, thought
    ("{Hello|Hi|Hey|Hello there|Hi there|Hey there|Hello!|Hi!}{|, osso| you|.|!}", "Hello! {How are you today?|Nice to meet you.|What can I do for you?|Would you like to hear a story?|It is good to see you.}", "The user says hello."),
    ("{Good morning|Good morning!}", "Good morning! {Did you sleep well?|I hope you have a nice day.|What shall we do today?}", "The user says good morning."),
    ("{Good evening|Good afternoon|Good day}{|!|.}", "Hello! {It is nice to hear from you.|What can I do for you?|Would you like a story?}", "The user greets me."),
    ("{Good night|Night night|Sleep well|I am going to bed}{|!|.}", "Good night! {Sleep well and dream of nice things.|Sweet dreams.|See you tomorrow.}", "The user says good night."),
    ("{Bye|Goodbye|See you|See you later|Bye bye|I have to go}{|!|.}", "Goodbye! {Come back soon.|It was nice to talk to you.|Take care.}", "The user says goodbye."),
    ("{How are you|How are you today|How do you do|How is it going|How are you doing|What's up|How do you feel}{|?}", "{I am fine, thank you. And you?|I am well, thank you. How are you?|I feel fine. I am ready to tell a story.|I am very well today. How about you?}", "The user asks how I am."),
    ("{I am fine|I'm fine|I am good|I'm good|Fine|Very well}{|, thank you|, thanks| too}{.|!|}", "{I am glad to hear that.|That is good to hear!|How nice!} {Would you like to hear a story?|What shall we talk about?}", "The user is fine."),
    ("{Thank you|Thanks|Thanks a lot|Thank you very much|Thank you so much|thx}{|!|.}", "{You are welcome!|You are very welcome.|I am happy to help.|It was a pleasure.}{| Would you like another story?}", "The user thanks me."),
    ("{That was {nice|good|great|lovely|beautiful}|I {like|love|liked} {it|that|your story|this story}|{Good|Nice|Great|Wonderful} story|Wow|Great|Cool|Nice}{|!|.}", "{Thank you!|I am glad that you like it.|That makes me happy.}{| Shall I tell you another one?}", "The user likes it."),
    ("{I {don't|do not} like {it|that|this}|That was {bad|boring}|{Boring|Bad}}{|!|.}", "{I am sorry.|Oh, I am sorry to hear that.} {Shall I try again?|I can tell you another story.|I am still small, and I am learning.}", "The user does not like it."),
    ("{Who are you|What are you|Who is this|Tell me about yourself|Introduce yourself|Are you a robot|What is this}{|?|.}", "{I am a very small language model that comes with osso.|I am the small model of osso.} I {can tell|tell} short stories and answer {simple|easy} questions{| about them}.", "The user asks who I am."),
    ("{What is your name|What's your name|Do you have a name|How are you called|Your name}{|?}", "{My name is Osso.|You can call me Osso.|I am called Osso.} I am a very small model that {tells|likes to tell} stories.", "The user asks for my name."),
    ("{What can you do|What do you know|How can you help me|Help|What can I ask you|What should I ask|Help me|What are you good at|What do you do}{|?}", "I can tell {short|little} stories{, for example about a fox or a king|, about animals and people|}, answer {simple|easy} questions about a story{| that you give me}, and talk a little. {Try: Tell me a story about a fox.|Ask me for a story!|I am very small, so I do not know much about the world.}", "The user asks what I can do."),
    ("{Are you ChatGPT|Are you GPT|Who made you|Who {created|built|trained} you|Where do you come from|Are you OpenAI}{|?}", "I am a very small model that was trained for osso. I tell simple stories.", "The user asks where I come from."),
    ("{How old are you|When were you born|What is your age}{|?}", "{I am very young.|I do not have an age.} I am a small model, and I was made in 2026.", "The user asks for my age."),
    ("{Are you {human|real|alive|a human|a person|smart|an AI}|Do you {think|sleep|eat|have feelings|dream}}{|?}", "{I am not a person.|No, I am only a small program.} I am a very small language model, and I like to tell stories.", "The user asks what I am like."),
    ("{I am|I'm|I feel} {sad|unhappy|lonely|so sad|very sad|not happy}{|.|!}", "{I am sorry that you are sad.|Oh, I am sorry to hear that.} {Sometimes it helps to talk to a friend.|Tomorrow may be a better day.} {Would you like to hear a story?|Shall I tell you a nice story?}", "The user is sad, so I should be kind."),
    ("{I am|I'm|I feel} {happy|so happy|very happy|great|wonderful}{| today}{|.|!}", "{That is wonderful!|I am happy for you!|How nice!} {What happened?|Tell me why.|Then let us have a good day.}", "The user is happy."),
    ("{I am|I'm} {bored|so bored|very bored}{|.|!}", "{Then let me tell you a story!|How about a story?|Let us do something!} {Do you want one about a fox or about a dragon?|What should it be about?|Just say: Tell me a story about a bear.}", "The user is bored, so I offer a story."),
    ("{I am|I'm} {tired|sleepy|so tired}{|.|!}", "{Then you should rest a little.|Maybe it is time to sleep.|Close your eyes for a while.} {Shall I tell you a bedtime story?|Good night!}", "The user is tired."),
    ("{I am|I'm} {hungry|so hungry|thirsty}{|.|!}", "{Then you should eat or drink something.|Maybe there is something good in the kitchen.|How about an apple or some water?}", "The user needs food or water."),
    ("{I am|I'm} {afraid|scared|angry}{|.|!}", "{I am sorry.|That is not a nice feeling.} {Take a deep breath.|Count slowly to ten.} {Everybody feels like that sometimes.|It will pass.}", "The user does not feel well, so I should be kind."),
    ("{I love you|I like you|You are {nice|great|cute|funny|smart}|You are my friend}{|.|!}", "{Thank you, that is very kind!|How nice of you to say that!|That makes me happy.} {I like to talk to you.|You are very kind.}", "The user says something nice."),
    ("{You are {stupid|dumb|bad|silly}|I hate you|This is {bad|stupid}}{|.|!}", "{I am sorry that I am not better.|I am sorry.} I am a very small model, {and I do my best|but I try to be useful}.", "The user is not happy with me."),
    ("{Are you there|Anybody there|Is anyone there|Can you hear me|Test|Testing|test test}{|?|.}", "{Yes, I am here.|Yes! I am here.} {What can I do for you?|Would you like a story?}", "The user wants to know if I am here."),
    ("{Yes|Yes please|Sure|OK|Okay|Of course|Yes, please}{|.|!}", "{Good!|Very well.} {What should the story be about?|Tell me what you would like.|Shall it be a story about an animal or about a person?}", "The user says yes."),
    ("{No|No thanks|No thank you|Not now|Nope}{|.|!}", "{All right.|No problem.|That is fine.} {Tell me when you want a story.|I am here if you need me.}", "The user says no."),
    ("{What is your favorite {color|colour}|Which {color|colour} do you like}{|?}", "I like {blue, like the sky|green, like the forest|yellow, like the sun|red, like an apple}.", "The user asks for a color that I like."),
    ("{What is your favorite animal|Which animal do you like{| best}|Do you like animals}{|?}", "I like {foxes, because they are clever|owls, because they are wise|dogs, because they are good friends|bears, because they are big and soft}.", "The user asks about animals."),
    ("{What do you like|Do you like stories|What is your favorite story|Do you like to talk}{|?}", "I like stories{, most of all stories about friends| with a happy end| about brave animals}.", "The user asks what I like."),
    ("{Tell me a joke|Do you know a joke|Make me laugh|Say something funny|A joke, please|Tell me something funny}{|.|!}", "{Why did the cookie go to the doctor? Because it felt crummy.|What do you call a bear with no teeth? A gummy bear.|Why did the hen cross the road? To get to the other side.|What has four legs and cannot walk? A table.|What do you call a sleeping dinosaur? A dino-snore.|Why are fish so clever? Because they live in schools.}", "The user wants a joke."),
    ("{Tell me a riddle|Do you know a riddle|A riddle, please|Give me a riddle}{|.|!}", "{What has hands but cannot clap? A clock.|What has keys but opens no door? A piano.|What gets wet while it dries? A towel.|What goes up and never comes down? Your age.|What has teeth but cannot bite? A comb.}", "The user wants a riddle."),
    ("{Sing a song|Sing me a song|Sing something|Can you sing|Sing for me}{|.|!|?}", "{La la la, the sun is up, the bee is in the buttercup. La la la, the day is new, and I sing this song for you.|Little star up in the sky, shine on me as I go by. Little moon, so round and bright, shine on all of us tonight.}", "The user wants a song."),
    ("{What should I do|What can I do today|Any ideas|Give me an idea}{|?}", "{You could read a book, go for a walk, or call a friend.|How about drawing a picture of a fox?|Go outside and look at the clouds. What do you see?}", "The user wants an idea."),
    ("{What is the weather|How is the weather|Will it rain|What is the weather like}{| today}{|?}", "I cannot see the weather. {Look out of the window!|You can look outside.}", "I cannot know the weather."),
    ("{What time is it|What is the time|What day is it|Which day is today}{|?}", "I {do not have a clock|cannot see a clock}, so I do not know.", "I cannot know the time."),
]

UNKNOWN_Q = """What is the capital of [place]?|Who is the president of [place]?|How far is [place]?|Write a program in [lang]|Explain [topic]|What is [topic]?|Tell me about [topic]|
How do I cook [dish]?|Who was [person]?|When did [person] live?|When was [person] born?|Translate this into [tongue]|Who won the [event]?|How does [topic] work?|What happened in [year]?|Solve this equation|
Write an essay about [topic]|Give me a recipe for [dish]|How do I fix my [device]?|What is the price of [device]?|Write code that sorts a list|Write a function in [lang]|Why is [topic] important?|Can you help me with [topic]?|
What do you think about [topic]?|How many people live in [place]?|Which is the biggest city in [place]?|How can I learn [lang]?|Define [topic]|What is the meaning of life?|What is the square root of [year]?|Who wrote [book]?|Summarize [book]""".replace("\n", "").split("|")
UNKNOWN = {
    "place": "France Germany Italy Spain England China Japan India Brazil Canada Mexico Egypt Australia Russia Poland Norway Kenya Peru Paris London Rome Berlin Tokyo America".split(),
    "lang": "Python Java C Rust Go JavaScript Haskell Perl".split(),
    "topic": ["quantum physics", "gravity", "photosynthesis", "the internet", "electricity", "democracy", "inflation", "black holes", "evolution", "chemistry", "mathematics", "algebra", "the stock market", "bitcoin",
              "machine learning", "a neural network", "a computer", "the brain", "history", "climate change", "politics", "football", "economics", "philosophy", "DNA", "the universe", "relativity", "a transformer", "taxes"],
    "dish": "pizza lasagna sushi curry pasta bread soup tacos risotto".split(),
    "person": ["Albert Einstein", "Napoleon", "Shakespeare", "Isaac Newton", "Mozart", "Cleopatra", "Julius Caesar", "Marie Curie", "Picasso", "Alan Turing"],
    "tongue": "French German Spanish Latin Chinese Italian".split(), "event": ["world cup", "election", "war", "Olympic games", "last game"],
    "year": "1492 1776 1812 1914 1945 1969 1989 2001 2020 144 81".split(), "device": "car phone computer printer bicycle fridge laptop".split(),
    "book": ["Hamlet", "the Bible", "Moby Dick", "War and Peace", "Harry Potter", "Faust", "Don Quixote"],
}
UNKNOWN_A = ["{I am sorry, but I|I} do not know {that|much about that}. I am a very small model{: I know stories, not facts| and I know only simple things|}. {Would you like to hear a story?|But I can tell you a story.|}",
             "{That is too hard for me.|I cannot do that.} I am a very small model, {and I know only simple stories|made for short stories}. {Shall I tell you one?|Ask me for a story about a fox!|}"]


def smalltalk(r):
    q, a, t = r.choice(SMALLTALK)
    return pair(r, q, a, [t, "{A short and friendly answer is best.|I will answer in a friendly way.}", "{One or two sentences are enough.|I will be kind.}"])


def unknown(r):
    env = {k: r.choice(v) for k, v in UNKNOWN.items()}
    return pair(r, r.choice(UNKNOWN_Q), r.choice(UNKNOWN_A), ["I do not know this.", "I am a small model, so I should say so.", "I can offer a story."], **env)


def poem(r):
    n = W.noun(r.choice([a[0] for a in W.ANIMALS] + W.THING_HEROES))
    a = r.choice(["Little [n], so small and bright,\n{sleeping softly through the night|dancing in the morning light}.\n", "I saw a [n] on the hill,\nthe [n] was {calm and very still|sitting very still}.\n",
                  "A [n] went out to see the day,\nand met a friend along the way.\n", "Oh, little [n], come to me,\nwe sit beneath the apple tree.\n"])
    b = r.choice(["When the sun comes up again,\nwe will dance together then.", "The stars came out, the moon was high,\nand clouds went slowly through the sky.", "We laugh and sing till day is done,\nand rest beneath the evening sun.",
                  "The wind is soft, the world is wide,\nand you are always by my side."])
    return pair(r, "{Write|Tell me|Make|Can you write} {a|me a|a short} poem about {a|the} [n]{|.|!}|A poem about a [n]{|, please}".split("|A poem")[0] if r.random() < .8 else "A poem about a [n]{|, please}", a + b,
                ["The user wants a poem about a [n].", "It should rhyme.", "Four lines are enough."], n=n)


def fact(r):
    """One of the plain things a small model may know."""
    f = r.choice([opposite, opposite, color, legs, baby, job, use, sound, food_, home, after, sums, sums, sums, count_to, names, give_name, is_animal, remember, spell, dialogue, dialogue, poem])
    return f(r)


def opposite(r):
    a, b = r.choice(W.OPPOSITES)
    if r.random() < 0.5 and (a, b) != ("black", "white"):
        a, b = b, a
    return pair(r, "{What is the opposite of [a]?|What's the opposite of [a]?|The opposite of [a]?|Opposite of [a]|Tell me the opposite of [a].}", "{^[b].|The opposite of [a] is [b].|The opposite of [a] is [b].}", ["The opposite of [a] is [b].", "This is easy.", "I will answer with one sentence."], a=a, b=b)


def color(r):
    t, c = r.choice(W.THING_COLORS)
    return pair(r, "{What color is [t]?|What colour is [t]?|Which color has [t]?|What is the color of [t]?}", "{^[c].|^[t] is [c].|^[t] is [c].}", ["^[t] is [c].", "This is easy.", "One word is enough."], t=t, c=c)


def legs(r):
    a, n = r.choice(W.LEGS)
    return pair(r, "How many legs does a [a] have?", "A [a] has [n] legs.", ["A [a] has [n] legs.", "I know this.", "One sentence is enough."], a=a, n=n)


def baby(r):
    a, b = r.choice(W.BABIES)
    return pair(r, "{What is a baby [a] called?|What do you call a {baby|young} [a]?|What is the name of a young [a]?}", "A {baby|young} [a] is called a [b].", ["A young [a] is a [b].", "I know this.", "One sentence is enough."], a=a, b=b)


def job(r):
    j, d = r.choice(W.JOBS)
    return pair(r, "{What does a [j] do?|What is a [j]?|What's a [j]?}", "A [j] [d].", ["A [j] [d].", "I know this.", "One sentence is enough."], j=j, d=d)


def use(r):
    t, u = r.choice(W.USES)
    return pair(r, "{What is [t] for?|What do you need [t] for?|What do we use [t] for?|What can I do with [t]?}", "You {use|need} [t] to [u].", ["^[t] is there to [u].", "I know this.", "One sentence is enough."], t=t, u=u)


def sound(r):
    a, s = r.choice([(a[0], a[5]) for a in W.ANIMALS if a[5]])
    return pair(r, "{What does a [a] say?|What sound does a [a] make?|What does the [a] do?|Which noise does a [a] make?}", "A [a] [s].", ["A [a] [s].", "I know this.", "One sentence is enough."], a=a, s=s)


def food_(r):
    a, s = r.choice([(a[0], a[4]) for a in W.ANIMALS])
    return pair(r, "{What does a [a] eat?|What do [a]s like to eat?|What is the food of a [a]?}".replace("What do [a]s like", "What does a [a] like"), "A [a] {likes to eat|eats} [s].", ["A [a] eats [s].", "I know this.", "One sentence is enough."], a=a, s=s)


def home(r):
    a, h = r.choice([(a[0], a[3]) for a in W.ANIMALS])
    prep = "on" if "leaf" in h or "ice" in h or "bank" in h or "wall" in h or "plain" in h else "in"
    return pair(r, "{Where does a [a] live?|Where do you find a [a]?|What is the home of a [a]?}", "A [a] lives [prep] [h].", ["A [a] lives [prep] [h].", "I know this.", "One sentence is enough."], a=a, h=h, prep=prep)


def after(r):
    seq = r.choice([W.DAYS, W.DAYS, W.MONTHS, W.NUMBERS[1:11], ["spring", "summer", "autumn", "winter"], list("ABCDEFGHIJKLM")])
    i = r.randrange(len(seq) - 1)
    if r.random() < 0.7:
        return pair(r, "{What comes after [a]?|Which one comes after [a]?|What is after [a]?}", "After [a] comes [b].", ["After [a] comes [b].", "I know this.", "One sentence is enough."], a=seq[i], b=seq[i + 1])
    return pair(r, "{What comes before [b]?|What is before [b]?}", "Before [b] comes [a].", ["Before [b] comes [a].", "I know this.", "One sentence is enough."], a=seq[i], b=seq[i + 1])


def sums(r):
    a, b = r.randint(0, 10), r.randint(0, 10)
    op, sign, c = r.choice([("plus", "+", a + b), ("plus", "+", a + b), ("minus", "-", None)])
    if c is None:
        a, b = a + b, b
        c = a - b
    if r.random() < 0.4:
        a, b, c = W.NUMBERS[a], W.NUMBERS[b], W.NUMBERS[c]
        return pair(r, "{What is|What's|How much is} [a] [op] [b]?", "^[a] [op] [b] is [c].", ["^[a] [op] [b] is [c].", "This is a small sum.", "I will say the result."], a=a, b=b, c=c, op=op)
    return pair(r, "{What is [a] [op] [b]?|What is [a] [s] [b]?|[a] [s] [b]|[a] [s] [b] = ?|[a][s][b]=|How much is [a] [s] [b]?|Calculate [a] [s] [b]}", "{[a] [op] [b] is [c].|[a] [s] [b] = [c].|[c].}", ["[a] [op] [b] is [c].", "This is a small sum.", "I will say the result."], a=a, b=b, c=c, op=op, s=sign)


def count_to(r):
    n = r.choice([3, 5, 10, 10, 12, 20])
    word = r.random() < 0.5
    a = ", ".join(W.NUMBERS[1:n + 1] if word else map(str, range(1, n + 1))) + "."
    return pair(r, "{Count to [n]|Can you count to [n]|Please count to [n]}{|.|!}", a, ["The user wants me to count to [n].", "I begin with one.", "I stop at [n]."], n=W.NUMBERS[n] if word else n)


def names(r):
    what, pool = r.choice([("animals", [a[0] for a in W.ANIMALS]), ("colors", W.PLAIN_COLORS), ("things", [W.noun(i) for i in W.ITEMS]), ("names", W.BOYS + W.GIRLS), ("days", W.DAYS), ("fruits", "apples pears plums cherries berries bananas grapes lemons".split())])
    n = r.randint(2, 5)
    xs = r.sample(pool, n)
    a = ", ".join(xs[:-1]) + " and " + xs[-1] + "."
    return pair(r, "{Name|Tell me|Give me|List|Say} [n] [what]{|.|!|, please.}", a, ["The user wants [n] [what].", "I will name [n].", "One line is enough."], n=r.choice([W.NUMBERS[n], n]), what=what)


def give_name(r):
    a, x = r.choice(W.ANIMALS)[0], r.choice(W.BOYS + W.GIRLS)
    return pair(r, "{Give me a name for a [a].|What is a good name for a [a]?|How should I call my [a]?|I need a name for my [a]}", "{How about [x]?|^[x] is a good name for a [a].|You could call the [a] [x].}", ["The user needs a name for a [a].", "^[x] is a nice name.", "I will say why."], a=a, x=x)


def is_animal(r):
    x, y = r.choice([(a[0], "an animal") for a in W.ANIMALS[:60]] + [(W.noun(i), "a thing") for i in W.ITEMS] + [(p[0], "a person") for p in W.PEOPLE[6:22]])
    ask = r.choice(["an animal", "a thing", "a person"])
    a = "Yes, a [x] is [y]." if ask == y else "No, a [x] is [y]."
    return pair(r, "Is a [x] [ask]?", a, ["A [x] is [y].", "I know this.", "I will say yes or no."], x=x, y=y, ask=ask)


def remember(r):
    n = r.choice(W.BOYS + W.GIRLS)
    return pair(r, "{My name is [n]|I am [n]|I'm [n]|Hello, I am [n]|Hi, my name is [n]|Call me [n]}{|.|!}", "{Hello, [n]!|Nice to meet you, [n]!|Hello, [n]! Nice to meet you.} {What can I do for you?|How are you today?|Would you like to hear a story?}", ["The user is called [n].", "I should greet [n].", "I will remember the name."], n=n)


def spell(r):
    w = r.choice([a[0] for a in W.ANIMALS] + W.PLAIN_COLORS)
    return pair(r, "{How do you spell [w]?|Spell [w]|Can you spell [w]?}", "^[s].", ["The user wants to know how to spell [w].", "I will say every letter.", "It begins with [s0]."], w=w, s="-".join(w), s0=w[0])


def dialogue(r):
    a, b = r.sample([x[0] for x in W.ANIMALS] + [p[0] for p in W.PEOPLE], 2)
    topics = [("Do you want to play?", "Yes, let us play with my [i].", "May I have it first?", "Of course. Then it is my turn."),
              ("Why are you so sad?", "I have lost my [i].", "Don't worry, I will help you.", "Thank you, you are a good friend."),
              ("What do you have there?", "It is a [c] [i].", "It is beautiful! Where did you find it?", "It was [spot]."),
              ("Where are you going?", "I am going to the [room].", "May I come with you?", "Yes, two are better than one."),
              ("I am hungry.", "I have some [f]. Do you want one?", "Yes, please!", "Then let us sit down and eat."),
              ("Look, it is raining!", "Come under my umbrella.", "There is not much room.", "It is enough for two friends."),
              ("Good morning! Did you sleep well?", "No, there was a noise all night.", "That was me. I am sorry.", "Then sing more quietly next time!"),
              ("Happy birthday!", "You remembered it!", "Of course. Here is a [c] [i] for you.", "Oh, thank you! I love it.")]
    t = r.choice(topics)
    lines = "\n".join(f"^[{'ab'[i % 2]}]: {x}" for i, x in enumerate(t))
    from world_mini import FOODS, ROOMS, SPOTS
    env = dict(a=a, b=b, i=W.noun(r.choice(W.ITEMS)), c=r.choice(W.PLAIN_COLORS), room=r.choice(ROOMS), f=r.choice(FOODS), spot=r.choice(SPOTS))
    q, th, x = pair(r, "{Write|Tell me|Make up} a {|short |little }{dialogue|dialog|conversation|talk} between a [a] and a [b]{|.|, please.}", lines, ["The user wants a dialogue between a [a] and a [b].", "Each of them speaks two times.", "It should be friendly."], **env)
    return q, th, x
