"""The plots of the stories: each a table row, told with whoever and whatever is asked for.

[H] is the hero, [he] [him] [his] the hero's pronouns, [F] the friend and [a_F] the friend as first met, [T] the thing and
[a_T] the thing as first met ("a red ball"), [P] the place, [s1] to [s3] spots, [food] something to eat. A fact is
(questions, answer, words of the sentence that proves it); the last way to ask a question is held out.
"""
from dataclasses import dataclass


@dataclass
class Plot:
    name: str
    topic: str                                          # "a story about ...": asked for by what happens
    shown: str                                          # the pattern by which a story of this topic is known
    text: str
    plan: str                                           # what happens, in one sentence
    facts: list


WHO_HELPED = ["Who helped [H]?", "Who was it that helped [H]?", "Which friend helped [H]?", "Who gave help to [H]?"]

PLOTS = [
    Plot("lost", "something lost", "gone|lost|look",
         "[H] had [a_T], but one day it was gone. [H] looked [s1]. No [T]! [H] looked [s2]. No [T]! Then [a_F] came by. \"{Don't be sad|Don't cry}, I will help you,\" said [F]. "
         "They looked [s3], and there {it was|was the [T]}! \"Thank you!\" said [H].",
         "[H] loses [a_T], and [F] helps [him] to find it.",
         [(["What did [H] lose?", "What was lost?", "What was gone?", "Which thing did [H] lose?"], "^[a_T].", "it was gone"),
          (["Where was the [T]?", "Where did they find the [T]?", "In which place did they find the [T]?"], "^[s3].", "[s3], and"),
          (WHO_HELPED, "^[F].", "came by")]),
    Plot("stuck", "something stuck in a tree", "tree",
         "One {windy|sunny} day, [H] was playing with [a_T]. Up, up it went, and then it was stuck in a tall tree. [H] jumped, but the tree was too high. \"What can I do?\" said [H]. "
         "Then [a_F] came along. [F] climbed up the tree and brought the [T] down. \"You are a good friend,\" said [H].",
         "[H]'s [T] is stuck in a tree, and [F] brings it down.",
         [(["What was stuck in the tree?", "What got stuck?", "Which thing was in the tree?"], "^[a_T].", "playing with"),
          (["Who climbed up the tree?", "Who brought the [T] down?", "Who got the [T] out of the tree?"], "^[F].", "climbed up"),
          (["Where was the [T]?", "Where was the [T] stuck?", "Where did the [T] get stuck?"], "In a tall tree.", "stuck in a tall tree")]),
    Plot("river", "a journey", "river|raft",
         "One morning, [H] wanted to bring [a_T] to [his] {grandmother|uncle|aunt}. [H] walked and walked and came to a {wide|deep} river. There was no bridge. By the water sat [a_F]. "
         "\"Let us build a raft,\" said [F]. They took some wood, made a raft and {crossed the river|went over the river}. The [T] {stayed|was} dry, and [H] was glad.",
         "[H] brings [a_T] over a river on a raft, with the help of [F].",
         [(["What did [H] want to bring?", "What did [H] bring?", "What did [H] carry?"], "^[a_T].", "to bring"),
          (["How did they cross the river?", "What did they build?", "What did they make?"], "A raft.", "made a raft"),
          (["Who sat by the water?", "Who wanted to build a raft?", "Who was sitting by the water?"], "^[F].", "By the water sat")]),
    Plot("dark", "the dark", "dark",
         "[H] was afraid of the dark. Every night [he] {hid under the bed|lay awake}. One evening, [a_F] came to visit and brought [a_T]. \"Hold this,\" said [F]. \"Now you are not alone.\" "
         "[H] held the [T] and looked up. The stars were like little lamps. \"The dark is {soft|beautiful},\" said [H], and [he] was not afraid any more.",
         "[H] is afraid of the dark, and [F] helps [him] to be brave.",
         [(["What was [H] afraid of?", "Of what was [H] afraid?", "What did [H] fear?"], "The dark.", "afraid of the dark"),
          (["What did [F] bring?", "What did [H] hold?", "What did [F] bring to [H]?"], "^[a_T].", "brought"),
          (["Who came to visit?", "Who visited [H]?", "Who came to see [H]?"], "^[F].", "came to visit")]),
    Plot("gift", "a birthday", "birthday",
         "It was the birthday of [a_F], and [H] had no gift. [H] thought {for a long time|all morning}. Then [he] sat down and made [a_T]. It was not perfect, but it was made with love. "
         "\"Happy birthday!\" said [H]. [F] looked at the [T] and smiled. \"This is the best gift of all,\" said [F].",
         "[H] makes [a_T] for the birthday of [F].",
         [(["What did [H] make?", "What was the gift?", "Which gift did [H] make?"], "^[a_T].", "made [a_T]"),
          (["Whose birthday was it?", "Who had a birthday?", "Who was the gift for?"], "^[F].", "It was the birthday"),
          (["What did [H] give to [F]?", "What did [F] get?", "Which gift did [F] get?"], "^[a_T].", "made [a_T]")]),
    Plot("share", "sharing", "share|turns",
         "One day, [H] and [a_F] found [a_T] [s1]. \"It is mine!\" cried [H]. \"No, it is mine!\" cried [F]. They pulled and pulled, and the [T] {fell into the mud|fell down with a bump}. "
         "\"I am sorry,\" said [H]. \"I am sorry too,\" said [F]. \"Let us share it.\" Now they take turns, and {it is twice as much fun|nobody is angry any more}.",
         "[H] and [F] find [a_T] and learn to share it.",
         [(["What did they find?", "What did [H] and [F] find?", "Which thing did they find?"], "^[a_T].", "found"),
          (["Where did they find the [T]?", "Where was the [T]?", "In which place was the [T]?"], "^[s1].", "[s1]"),
          (["What did they learn?", "What did [H] and [F] learn?", "What do we learn from it?"], "To share.", "Let us share it")]),
    Plot("race", "a race", "race",
         "There was a big race, and the prize was [a_T]. [H] ran {very fast|like the wind} and was first. But behind [him], [a_F] fell and began to cry. [H] stopped and turned around. "
         "\"Come, we will go together,\" said [H]. Hand in hand they came in last. But everybody cheered, and they both got the [T].",
         "[H] stops in a race to help [F], who fell.",
         [(["What was the prize?", "What could they win?", "Which prize was there?"], "^[a_T].", "the prize was"),
          (["Who fell?", "Who began to cry?", "Who fell in the race?"], "^[F].", "fell and began"),
          (["Why did [H] stop?", "Why did [H] turn around?", "For what reason did [H] stop?"], "To help [F].", "go together")]),
    Plot("noise", "a strange noise", "noise",
         "One night, [H] heard a strange noise. {Tap, tap, tap!|Bump, bump, bump!} \"Is it a monster?\" thought [H]. [H] was afraid, but [he] opened the door. Outside stood [a_F] with [a_T]. "
         "\"I am sorry,\" said [F]. \"It is so cold tonight.\" \"Come in!\" said [H] and laughed. \"{You are a funny monster|What a nice monster you are}!\"",
         "[H] hears a strange noise at night, and it is only [F].",
         [(["What did [H] hear?", "What did [H] hear at night?", "Which sound did [H] hear?"], "A strange noise.", "a strange noise"),
          (["Who made the noise?", "Who stood outside?", "Who was at the door?"], "^[F].", "Outside stood"),
          (["What did [F] have?", "What did [F] bring?", "What was [F] holding?"], "^[a_T].", "Outside stood")]),
    Plot("storm", "a storm", "storm",
         "One day a great storm came. The wind blew away the house of [a_F], and only [a_T] was left. \"Now I have no home,\" said [F]. \"Come and live with me,\" said [H]. "
         "They {ate|shared} some [food] and listened to the rain. The next day they built a new house, {with a red door|with two windows}, and put the [T] inside.",
         "After a storm, [H] helps [F] to build a new house.",
         [(["What came one day?", "What blew the house away?", "Which weather came?"], "A great storm.", "a great storm"),
          (["What was left?", "What was left after the storm?", "Which thing did the storm leave?"], "^[a_T].", "was left"),
          (["What did they eat?", "What did [H] and [F] eat?", "Which food did they have?"], "^[food].", "some [food]"),
          (["Whose house was blown away?", "Who lost the house?", "Whose home was gone?"], "^[F].", "blew away")]),
    Plot("child", "a lost child", "mother",
         "One evening, [H] heard somebody cry [s1]. It was [a_F], all alone. \"I can't find my mother,\" said [F]. \"Take my hand,\" said [H]. They walked {over the hill|down the road} and called, until a light came near. "
         "It was the mother! She was so happy that she gave [H] [a_T].",
         "[H] finds [F], who is lost, and they look for the mother.",
         [(["Who was crying?", "Who was lost?", "Who was all alone?"], "^[F].", "all alone"),
          (["What did the mother give to [H]?", "What did [H] get?", "Which thing did [H] get from the mother?"], "^[a_T].", "gave [H]"),
          (["Where did [H] hear somebody cry?", "Where was [F]?", "In which place was [F]?"], "^[s1].", "[s1]")]),
    Plot("treasure", "a treasure", "treasure",
         "One day, [H] found an old map [s1]. \"It shows a treasure!\" said [H]. ^[a_F] wanted to come too. They {walked and walked|looked everywhere} and dug a deep hole [s2]. There was a box, and in the box was [a_T]. "
         "\"It is not gold,\" said [F]. \"But we found it together,\" said [H], \"and that is better than gold.\"",
         "[H] and [F] look for a treasure and find [a_T].",
         [(["What was in the box?", "What did they find in the box?", "Which thing was in the box?"], "^[a_T].", "in the box was"),
          (["What did [H] find [s1]?", "What did [H] find first?", "What showed the treasure?"], "An old map.", "an old map"),
          (["Where did they dig?", "Where was the box?", "In which place did they dig?"], "^[s2].", "[s2]"),
          (["Who came too?", "Who wanted to come too?", "Who went with [H]?"], "^[F].", "wanted to come")]),
    Plot("wish", "a wish", "wish",
         "One night, a star fell from the sky. \"You have one wish,\" said the star. [H] wanted [a_T] more than anything. But then [he] saw [a_F], who was {sick|very sad}. \"I wish that my friend is well again,\" said [H]. "
         "And so it was. \"That was a good wish,\" said the star, and {in the morning|the next day} the [T] lay by the door.",
         "[H] wants [a_T], but gives the wish to [F].",
         [(["What did [H] want?", "What did [H] want first?", "Which thing did [H] want?"], "^[a_T].", "wanted"),
          (["What fell from the sky?", "Who said that there was one wish?", "What came down from the sky?"], "A star.", "a star fell"),
          (["Who got the wish?", "Whom did [H] help?", "For whom was the wish?"], "^[F].", "saw")]),
    Plot("lonely", "a new friend", "friend",
         "[H] had no friends. Every day [he] sat [s1] and played alone with [a_T]. One day, [a_F] stopped and watched. \"May I play too?\" asked [F]. [H] was shy, but [he] {nodded|said yes}. "
         "They played {all day|until the moon came up}. \"Will you come again tomorrow?\" asked [H]. \"Of course,\" said [F]. \"We are friends now.\"",
         "[H] is lonely and finds a friend in [F].",
         [(["Where did [H] sit?", "Where did [H] play?", "In which place did [H] sit?"], "^[s1].", "[s1]"),
          (["What did [H] play with?", "What did [H] have?", "With what did [H] play?"], "^[a_T].", "played alone"),
          (["Who wanted to play too?", "Who asked to play?", "Who stopped and watched?"], "^[F].", "stopped and watched")]),
    Plot("learn", "learning something new", "learn|try",
         "[H] wanted to learn to [skill]. ^[he] tried on Monday, and it did not work. ^[he] tried on Tuesday, and it did not work. \"I will never learn it,\" said [H]. Then [a_F] said, \"Try again, I will help you.\" "
         "[H] tried again and again, and on Sunday [he] could do it! [F] gave [him] [a_T] as a prize.",
         "[H] learns to [skill] with the help of [F].",
         [(["What did [H] want to learn?", "What did [H] learn?", "Which thing did [H] learn?"], "To [skill].", "to learn to [skill]"),
          (["What was the prize?", "What did [F] give to [H]?", "Which prize did [H] get?"], "^[a_T].", "as a prize"),
          (WHO_HELPED, "^[F].", "Try again")]),
    Plot("thief", "a thief", "took",
         "[H] had a beautiful [cT]. One night, somebody took it. In the morning, [H] saw small {feet marks|steps} in the sand and went after them. They ended [s1], and there sat [a_F] with the [T]. "
         "\"I am sorry,\" said [F]. \"It was so {pretty|shiny}.\" \"Next time just ask me,\" said [H]. And [F] gave it back.",
         "[F] takes the [T] of [H], is sorry and gives it back.",
         [(["Who took the [T]?", "Who was the thief?", "Who had the [T]?"], "^[F].", "there sat"),
          (["What did somebody take?", "What was taken?", "Which thing did somebody take?"], "^[a_T].", "beautiful"),
          (["Where did the steps end?", "Where was the [T]?", "Where did [H] find the [T]?"], "^[s1].", "[s1]")]),
    Plot("snow", "snow", "snow",
         "One morning, everything was white with snow. \"Let us make a snowman!\" said [H]. ^[a_F] came to help. They rolled a big ball and a small ball. \"Something is missing,\" said [F]. "
         "So [H] ran home and brought [a_T] for the snowman. It {looked so funny|was so nice} that {they laughed and laughed|everybody had to laugh}.",
         "[H] and [F] make a snowman and give him [a_T].",
         [(["What did they make?", "What did [H] and [F] make?", "What did they make in the snow?"], "A snowman.", "a snowman"),
          (["What did [H] bring?", "What did the snowman get?", "Which thing did the snowman get?"], "^[a_T].", "for the snowman"),
          (["Who came to help?", "Who helped [H]?", "Which friend came?"], "^[F].", "came to help")]),
    Plot("baking", "baking", "bake",
         "[H] wanted to bake [food], but there was no {flour|sugar|butter} in the house. So [he] went to [a_F]. \"I will give you some,\" said [F], \"if I may have your [cT].\" [H] was sad, but [he] said yes. "
         "Then [F] laughed. \"Keep your [T],\" said [F]. \"I only want to eat with you.\" And they baked {all morning|together}.",
         "[H] wants to bake [food], and [F] helps [him].",
         [(["What did [H] want to bake?", "What did [H] bake?", "Which food did [H] want to bake?"], "^[food].", "to bake [food]"),
          (WHO_HELPED, "^[F].", "went to"),
          (["What did [F] want first?", "What did [F] ask for?", "Which thing did [F] want to have?"], "^[a_T].", "your [cT]")]),
    Plot("broken", "something broken", "broke",
         "[H] had [a_T] that [he] loved very much. But one day it fell down and broke. [H] cried and cried. ^[a_F] heard it and came in. \"I can mend it,\" said [F]. \"{I need some glue and a little time|It needs some string and a little time}.\" "
         "{In the evening|After an hour} the [T] was whole again. \"It is even better than before!\" said [H].",
         "[H]'s [T] breaks, and [F] mends it.",
         [(["What broke?", "What was broken?", "Which thing broke?"], "^[a_T].", "loved very much"),
          (["Who mended the [T]?", "Who mended it?", "Who made the [T] whole again?"], "^[F].", "came in"),
          (["Why did [H] cry?", "Why was [H] sad?", "For what reason did [H] cry?"], "Because the [T] broke.", "and broke")]),
    Plot("sick", "a sick friend", "sick|ill",
         "^[a_F] was sick and had to stay in bed. \"I know what will help,\" said [H]. ^[he] cooked some [food], took [a_T] and went to see [F]. {They talked and laughed|They told each other stories}. "
         "The next day, [F] was well again. \"Was it the food or the [T]?\" asked [H]. \"It was you,\" said [F].",
         "[F] is sick, and [H] comes with [food] and [a_T].",
         [(["Who was sick?", "Who had to stay in bed?", "Who was ill?"], "^[F].", "was sick"),
          (["What did [H] cook?", "What did [H] cook for [F]?", "Which food did [H] cook?"], "^[food].", "cooked some"),
          (["What did [H] take along?", "What did [H] bring?", "Which thing did [H] take?"], "^[a_T].", "took")]),
    Plot("magic", "magic", "magic",
         "One day, [H] found [a_T] [s1]. \"Hello,\" said the [T]. \"I am magic!\" [H] {could not believe it|was very surprised}. \"Then bring me a friend,\" said [H]. The [T] began to shine, and there stood [a_F]! "
         "\"Hello,\" said [F]. \"I was looking for a friend too.\" {The magic was over, but the friend stayed|The [T] never spoke again, but nobody minded}.",
         "[H] finds a magic [T], and it brings [F].",
         [(["What did [H] find?", "What was magic?", "Which thing was magic?"], "^[a_T].", "found"),
          (["Where did [H] find the [T]?", "Where was the [T]?", "In which place was the [T]?"], "^[s1].", "[s1]"),
          (["Who came by magic?", "Who stood there?", "Whom did the magic bring?"], "^[F].", "there stood")]),
]
SKILLS = "swim sing dance read whistle skate climb".split()

# (what is asked for, the last sentence, how it is known)
ENDINGS = [
    ("a party", "That evening they had a big party.", "party"), ("a song", "Then they sang a song together.", "sang|song"),
    ("a hug", "They gave each other a big hug.", "hug"), ("a dance", "And they had a dance under the stars.", "danc"),
    ("a rainbow", "Then a rainbow came out over [P].", "rainbow"), ("a cake", "In the end they ate a big cake.", "cake"),
    ("a picnic", "Then they had a picnic [in_P].", "picnic"), ("everybody asleep", "Soon everybody was asleep.", "asleep"),
    ("a laugh", "And they had a good laugh.", "laugh"), ("a long walk", "Then they went for a long walk.", "walk"),
    ("a game", "Then they played a game together.", "game"), ("a happy ending", "And they were happy ever after.", "happy ever after"),
]
NEXT = [                                                # what is told when the user says "go on"; the ending follows
    "The next day, [H] and [F] met again [in_P]. They played with the [T] until it was dark.",
    "After that, [H] put the [T] in a safe place. [F] came to visit every day, and they had [food].",
    "A week later, [H] gave the [T] to [F]. \"It is yours now,\" said [H], and [F] was very proud.",
    "In the morning, [H] and [F] took the [T] and went far away from [P]. They saw the wide world and came home again.",
    "Then winter came [in_P]. [H] and [F] sat by the fire with the [T] and told each other stories.",
    "Many people heard of it and came to see the [T]. [H] and [F] told everybody how it had been.",
]
