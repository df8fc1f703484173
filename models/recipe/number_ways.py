"""The ways in which people ask for numbers, by kind; the last two of a list are never trained on (exchange.Ask.phrase)."""

# "words" may have numbers in words, "signs" not; held-out questions take the last two of both
WAYS = {
    "+": {"signs": ["What is {a} + {b}?", "{a} + {b}", "{a}+{b}=", "{a} + {b} = ?", "{a}+{b}", "What's {a}+{b}?", "Calculate {a} + {b}.",
                    "How much is {a} + {b}?", "{a} + {b} is what?", "{a} + {b} =", "Tell me {a} + {b}.", "Please work out {a} + {b}."],
          "words": ["What is {a} plus {b}?", "{a} plus {b}", "How much is {a} plus {b}?", "What is the sum of {a} and {b}?", "Add {a} and {b}.",
                    "What do {a} and {b} make?", "What is {a} and {b}?", "Can you add {a} and {b}?", "How much are {a} and {b}?",
                    "What do I get for {a} plus {b}?", "Please add {a} and {b}."]},
    "-": {"signs": ["What is {a} - {b}?", "{a} - {b}", "{a}-{b}=", "{a} - {b} = ?", "{a}-{b}", "What's {a}-{b}?", "Calculate {a} - {b}.",
                    "How much is {a} - {b}?", "{a} - {b} is what?", "{a} - {b} =", "Tell me {a} - {b}.", "Please work out {a} - {b}."],
          "words": ["What is {a} minus {b}?", "{a} minus {b}", "How much is {a} minus {b}?", "What is {a} take away {b}?", "{a} take away {b}",
                    "What is {a} less {b}?", "Can you tell me {a} minus {b}?", "What is left of {a} minus {b}?",
                    "What do I get for {a} minus {b}?", "Please say what {a} minus {b} is."]},
    "x": {"signs": ["What is {a} x {b}?", "{a} x {b}", "{a}*{b}", "{a} x {b} = ?", "{a} * {b} =", "What's {a}x{b}?", "Calculate {a} x {b}.",
                    "How much is {a} x {b}?", "What is {a} * {b}?", "{a}x{b}=", "Tell me {a} x {b}.", "Please work out {a} x {b}."],
          "words": ["What is {a} times {b}?", "{a} times {b}", "How much is {a} times {b}?", "Multiply {a} by {b}.", "Multiply {a} and {b}.",
                    "What is the product of {a} and {b}?", "Can you tell me {a} times {b}?", "What is {a} multiplied by {b}?",
                    "What do I get for {a} times {b}?", "Please say what {a} times {b} is."]},
}
STEPS = ["Show me how to work out {s}.", "Work out {s} step by step.", "{s} step by step", "How do you work out {s}?", "What is {s}? Show your work.",
         "Explain {s}.", "Show the steps of {s}.", "How do I do {s}?", "Solve {s} and show the steps.", "Do {s} slowly.",
         "Please explain {s} step by step.", "Show me the work for {s}."]
STEPS_OF_SEVERAL = ["Work these out step by step: {s}", "Show the steps of {s}.", "Do these step by step: {s}", "Work out {s} and show your work.",
                    "Explain these sums: {s}", "Show me how to do these: {s}", "Please show the work for each: {s}", "Go step by step through {s}."]
SEVERAL = ["What is {s}?", "{s}", "Do these sums: {s}", "Work out {s}.", "Solve these: {s}", "How much is {s}?", "Give me the answers: {s}", "Please do these: {s}"]
ROWS = ["Say the {a} times table.", "What is the table of {a}?", "Count by {a}s.", "{a} times table", "Write the {a} times table.", "Tell me the table of {a}.",
        "Show me the {a} times table.", "Give me the table of {a}.", "I want to hear the {a} times table."]

COUNT_TO = ["Count to {b}.", "Count from 1 to {b}.", "Can you count to {b}?", "Please count to {b}.", "Count up to {b}.", "Say the numbers from 1 to {b}.",
            "Write the numbers from 1 to {b}.", "Count from one to {b}.", "Say the numbers up to {b}.", "Could you count to {b} for me?",
            "I want you to count to {b}."]
COUNT_FROM = ["Count from {a} to {b}.", "Can you count from {a} to {b}?", "Say the numbers from {a} to {b}.", "Please count from {a} to {b}.",
              "Write the numbers from {a} to {b}.", "Start at {a} and count to {b}.", "List the numbers from {a} to {b}.", "Begin with {a} and count to {b}.",
              "I want you to count from {a} to {b}."]
COUNT_DOWN = ["Count down from {a}.", "Count down from {a} to 1.", "Count backwards from {a}.", "Can you count down from {a}?", "Count back from {a} to 1.",
              "Please count down from {a}.", "Say the numbers from {a} down to 1.", "Start at {a} and count down.", "Do a countdown from {a}.",
              "I want you to count down from {a}.", "Count backwards, starting at {a}."]
NEIGHBOURS = {
    "after": ["What comes after {n}?", "What number comes after {n}?", "Which number comes after {n}?", "What is the next number after {n}?",
              "What is one more than {n}?", "Which number follows {n}?", "Say the number after {n}.", "What is next after {n}?", "I say {n}. What comes next?",
              "Tell me the number after {n}.", "What number is right after {n}?"],
    "before": ["What comes before {n}?", "What number comes before {n}?", "Which number comes before {n}?", "Which number is before {n}?",
               "What is one less than {n}?", "Say the number before {n}.", "What is the number before {n}?", "Which number is just before {n}?",
               "Tell me the number before {n}.", "What number is right before {n}?"],
    "even": ["What is the next even number after {n}?", "Which even number comes after {n}?", "What even number comes next after {n}?",
             "Next even number after {n}?", "Say the next even number after {n}.", "What is the first even number after {n}?",
             "After {n}, what is the next even number?", "Give me the next even number after {n}.", "Tell me the even number that comes after {n}.",
             "Which is the next even number after {n}?"],
    "odd or even": ["Is {n} odd or even?", "Is {n} even or odd?", "Is the number {n} odd or even?", "{n}: odd or even?", "Is {n} an odd or an even number?",
                    "Odd or even: {n}?", "Tell me if {n} is odd or even.", "What is {n}, odd or even?", "Is {n} an even or an odd number?",
                    "Say if {n} is even or odd."],
}
COMPARE = {
    "bigger": ["Which is bigger, {a} or {b}?", "Which number is bigger, {a} or {b}?", "What is bigger, {a} or {b}?", "What is more, {a} or {b}?",
               "Which is larger, {a} or {b}?", "{a} or {b}, which is bigger?", "Is {a} or {b} bigger?", "Which is more: {a} or {b}?",
               "Which one is greater, {a} or {b}?", "Tell me which is bigger: {a} or {b}.", "Of {a} and {b}, which is bigger?"],
    "smaller": ["Which is smaller, {a} or {b}?", "Which number is smaller, {a} or {b}?", "What is smaller, {a} or {b}?", "What is less, {a} or {b}?",
                "{a} or {b}, which is smaller?", "Is {a} or {b} smaller?", "Which is less: {a} or {b}?", "Which one is smaller, {a} or {b}?",
                "Tell me which is smaller: {a} or {b}.", "Of {a} and {b}, which is smaller?"],
    "is bigger": ["Is {a} bigger than {b}?", "Is {a} more than {b}?", "Is {a} larger than {b}?", "Is {a} greater than {b}?", "{a} is bigger than {b}, right?",
                  "Is the number {a} bigger than {b}?", "Would you say {a} is bigger than {b}?", "Tell me, is {a} bigger than {b}?", "Do you think {a} is bigger than {b}?"],
    "is smaller": ["Is {a} smaller than {b}?", "Is {a} less than {b}?", "{a} is smaller than {b}, right?", "Is the number {a} smaller than {b}?",
                   "Would you say {a} is smaller than {b}?", "Tell me, is {a} smaller than {b}?", "Do you think {a} is smaller than {b}?"],
}
ORDER_UP = ["Sort {a}, {b}, {c}.", "Put {a}, {b} and {c} in order.", "Sort these numbers: {a}, {b}, {c}", "Sort the numbers {a}, {b} and {c} from small to big.",
            "Order these numbers: {a}, {b}, {c}", "Put these numbers in order: {a}, {b}, {c}", "Sort {a}, {b}, {c} from smallest to biggest.",
            "Arrange {a}, {b} and {c} from smallest to biggest.", "Sort {a} {b} {c}", "Please put {a}, {b} and {c} in order, smallest first.",
            "Can you sort {a}, {b} and {c}?"]
ORDER_DOWN = ["Sort {a}, {b}, {c} from biggest to smallest.", "Put {a}, {b} and {c} in order, biggest first.", "Sort the numbers {a}, {b} and {c} from big to small.",
              "Order these numbers from biggest to smallest: {a}, {b}, {c}", "Sort these numbers, biggest first: {a}, {b}, {c}",
              "Arrange {a}, {b} and {c} from biggest to smallest.", "Please sort {a}, {b} and {c}, biggest first.", "Can you sort {a}, {b} and {c} from big to small?"]

# word sums: n a name, o another, A "3 apples", a and b the bare numbers, t "apples"
STORIES = {
    "more": ["{n} has {A} and gets {b} more. How many {t} does {n} have?", "{n} has {A}. {He} gets {b} more. How many {t} does {he} have now?",
             "{n} has {A}. {He} finds {b} more. How many does {he} have?", "{n} has {A} and buys {b} more. How many {t} does {he} have now?",
             "{n} has {A}. {o} gives {n} {b} more. How many {t} does {n} have now?", "If {n} has {A} and gets {b} more, how many {t} does {he} have?",
             "{n} had {A}. Then {he} got {b} more. How many {t} does {n} have?", "{n} has {A} and finds {b} more. How many {t} are there now?",
             "{n} has {A}. {He} picks up {b} more. How many {t} does {n} have now?", "First {n} has {A}, then {he} gets {b} more. How many {t} does {he} have?"],
    "less": ["{n} has {A} and gives {b} away. How many {t} does {n} have?", "{n} has {A}. {He} loses {b}. How many {t} does {he} have now?",
             "{n} has {A}. {He} gives {b} to {o}. How many {t} does {n} have left?", "{n} has {A} and loses {b}. How many {t} are left?",
             "If {n} has {A} and gives away {b}, how many {t} does {he} have?", "{n} had {A}. {He} sold {b}. How many {t} does {n} have now?",
             "{n} has {A}. {o} takes {b}. How many {t} does {n} have left?", "{n} has {A} and sells {b}. How many does {he} have left?",
             "{n} has {A}. {He} drops {b} of them. How many {t} does {n} have now?", "First {n} has {A}, then {he} gives {b} away. How many {t} does {he} have?"],
    "together": ["{n} has {A} and {o} has {B}. How many {t} do they have?", "{n} has {A}. {o} has {B}. How many {t} do they have together?",
                 "If {n} has {A} and {o} has {B}, how many {t} do they have?", "{n} has {A}, {o} has {B}. How many do they have together?",
                 "{n} found {A} and {o} found {B}. How many {t} do they have?", "{n} and {o} have {A} and {B}. How many {t} do they have?",
                 "{n} brings {A}, {o} brings {B}. How many {t} do they have?", "How many {t} do {n} and {o} have together, if {n} has {A} and {o} has {B}?"],
    "there": ["There are {a} red {t} and {b} blue {t}. How many {t} are there?", "There are {A} in the box. You put in {b} more. How many {t} are there?",
              "In a box are {A}, in a bag {b} more. How many {t} are there?", "There are {A} here and {B} there. How many {t} are there?",
              "I see {A} and then {b} more. How many {t} are there?", "On the table are {A}, under it {b} more. How many {t} are there?",
              "There are {a} big {t} and {b} small {t}. How many {t} are there?", "There are {A} and {b} more. How many {t} are there in all?"],
    "times": ["{n} has {a} boxes with {B} each. How many {t} does {n} have?", "{n} has {a} bags. In each bag are {B}. How many {t} does {he} have?",
              "If {n} has {a} boxes with {B} in each, how many {t} does {he} have?", "{n} buys {a} bags with {B} each. How many {t} does {he} have?",
              "{n} fills {a} boxes. Each has {B}. How many {t} does {n} have?", "{n} has {a} baskets with {B} each. How many {t} does {he} have?",
              "{n} carries {a} bags with {B} each. How many {t} does {n} have?", "{n} has {a} cups. Each holds {B}. How many {t} does {n} have?"],
}
SENSE = {"more": "{a} and {b} more.", "less": "{a}, then {b} fewer.", "together": "{a} and {b} together.", "there": "{a} and {b} together.",
         "times": "{a} times {b}."}
THINGS = """apple ball book shell stone button coin egg nut cookie flower pear plum star cake hat key marble pencil cup
carrot lemon kite ring candle spoon stick bell balloon card""".split()
