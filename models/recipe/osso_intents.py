"""What newcomers want of osso, and the one sentence that says how. family_osso.py checks every name in it against the program.

HOW: an answer, and the things it does as they stand after "How do I": a way of saying it is put around them.
ASK: an answer, and whole questions that it answers; the last two of them are held out.
"""

HOW = {
    # ---- typed in a chat
    "Type /quit to leave.": ["leave", "quit", "exit", "stop this program", "end this chat", "close osso", "get out of here", "leave the chat"],
    "Type /help to see all commands.": ["see all commands", "find out what I can type", "get a list of the commands", "see the help", "learn the commands"],
    "Type /effort high and I think longer.": ["make you think longer", "make you think harder", "make you think more", "set the effort to high", "get better answers", "turn up the effort", "raise the effort"],
    "Type /effort low and I answer at once.": ["make you think less", "make you answer faster", "set the effort to low", "make you answer at once", "stop you from thinking so long", "lower the effort"],
    "Type /effort medium and I think a little.": ["set the effort to medium", "make you think a little", "get the normal effort back"],
    "Type /clear to begin anew.": ["begin a new chat", "forget this conversation", "start over", "clear the chat", "make you forget everything", "start a new conversation", "reset the chat", "delete the conversation"],
    "Type /undo to take the last message back.": ["undo my last message", "take my last message back", "take back what I said", "remove the last message", "undo the last question", "delete the last answer"],
    "Type /regen to get another answer.": ["get another answer", "make you answer again", "try the last question again", "get a new answer", "repeat the last question", "retry"],
    "Type /save and a file name to save the conversation.": ["save this conversation", "save the chat", "keep this conversation", "write the conversation to a file", "store this chat"],
    "Type /load and a file name to go on with a saved conversation.": ["load a conversation", "open a saved chat", "go on with a saved conversation", "load a saved chat", "get a saved conversation back"],
    "Type /read and a file name, and the file goes with your next message.": ["read a file", "show you a file", "give you a text file", "let you read a text", "send you a file", "ask about a file"],
    "Type /system and a text to give me instructions.": ["give you instructions", "change how you talk", "set a system message", "tell you how to behave", "make you talk like a pirate", "give you a role"],
    "Type /ctx to see how full the context is.": ["see how full the context is", "see how much room is left", "find out how long the conversation is", "see how much you can remember"],
    "Type /ctx and a number to make the context bigger.": ["make the context bigger", "get a larger context", "make you remember more", "change the size of the context", "get more context"],
    "Type /set temp and a number: more is wilder.": ["change the temperature", "make you more creative", "make your answers wilder", "set the temperature", "get wilder stories"],
    "Type /set temp 0 to get the same answer each time.": ["get the same answer each time", "make you less random", "turn off the randomness", "turn chance off", "make you boring"],
    "Type /set seed and a number to fix the seed.": ["set the seed", "fix the seed", "choose the seed", "change the seed"],
    "Type /set n-predict and a number to limit my answers.": ["limit the length of your answers", "make your answers shorter", "stop long answers", "limit your answers", "set how long answers may be"],
    "Type /set reasoning hide to hide my thoughts.": ["hide your thoughts", "hide the reasoning", "not see your thinking", "turn off your thoughts", "hide what you think"],
    "Type /set reasoning show to see my thoughts.": ["see your thoughts", "show the reasoning", "see what you think", "see your thinking", "show your thoughts"],
    "Type /set and a name to change an option.": ["change an option", "change a setting", "set an option", "change the settings"],
    "Type /tokens to see the ids of the conversation.": ["see the tokens", "see the token ids", "show the ids of this conversation", "look at the tokens"],
    "Type /raw to see the text that the model sees.": ["see the raw text", "see what the model sees", "see the whole prompt", "look at the raw prompt"],
    "Type /stats to see speed and memory.": ["see how fast you are", "see the speed", "see how much memory you use", "see the statistics", "measure your speed here"],
    "Type /tool and a text to give the result of a tool.": ["give the result of a tool", "answer a tool call", "send a tool result"],
    "Press Ctrl-C to stop an answer.": ["stop an answer", "interrupt you", "make you stop talking", "stop you while you write", "cut off an answer"],
    "End a line with \\ and it goes on.": ["type several lines", "write a message of two lines", "go on in a new line", "write more than one line"],
    # ---- started in a shell
    "Leave and start osso chat -m gpt-oss-20b.": ["load a bigger model", "use a better model", "use another model", "change the model", "run a larger model", "talk to a bigger model", "switch to another model", "chat with gpt-oss-20b",
                                               "use gpt-oss-20b", "open a different model"],
    "In a shell, type osso pull gpt-oss-20b.": ["download a model", "get a bigger model", "fetch a model", "download gpt-oss-20b", "get gpt-oss-20b", "pull a model"],
    "In a shell, type osso list.": ["see which models I have", "list the models", "see the models on this disk", "find the models on my disk", "see my models"],
    "In a shell, type osso rm and the name of the model.": ["delete a model", "remove a model", "free the disk of a model", "throw a model away"],
    "In a shell, type osso verify and the name of the model.": ["check a model's files", "verify a model", "see if a download is right", "test if a model is broken"],
    "In a shell, type osso info and the name of the model.": ["see what a model needs", "get information about a model", "see how big a model is", "find out what a model file holds"],
    "In a shell, type osso doctor.": ["see if my computer is fast enough", "check my machine", "find out what my computer can run", "see if a big model runs here", "see how much memory I need"],
    "In a shell, type osso serve.": ["start a server", "serve a model", "use osso over HTTP", "use osso with other programs", "get an API", "run osso as a server"],
    "In a shell, type osso generate and a text.": ["continue a text", "complete a text", "generate text without a chat", "let a model go on with my text"],
    "In a shell, type osso bench.": ["measure the speed of osso", "run a benchmark", "benchmark my machine", "find out how many tokens a second I get"],
    "In a shell, type osso eval and a task.": ["measure how good a model is", "evaluate a model", "score a model", "test how good a model is"],
    "In a shell, type osso train --config and a file.": ["train a model", "train my own model", "make my own model", "fine-tune a model", "teach a model"],
    "In a shell, type osso convert --to gguf with the model and the new file.": ["convert a model", "make a GGUF file", "convert a model to GGUF", "change the form of a model"],
    "In a shell, type osso quantize with the model and the new file.": ["make a model smaller", "quantize a model", "shrink a model", "compress a model"],
    "In a shell, type osso tokenize and a text.": ["see the tokens of a text", "turn a text into tokens", "tokenize a text", "count the tokens of a text"],
    "In a shell, type osso embed and a text.": ["get the vector of a text", "make embeddings", "embed a text", "turn a text into a vector"],
    "In a shell, type osso similarity and two texts.": ["compare two texts", "see how alike two texts are", "measure how similar two texts are"],
    "In a shell, type osso inspect hooks.": ["look inside a model", "see the values inside a model", "inspect a model", "look at the layers"],
    "In a shell, type osso tokenizer train and your files.": ["train a tokenizer", "make my own tokenizer", "learn a tokenizer"],
    "In a shell, type osso export with a checkpoint.": ["export a checkpoint", "give my trained model away", "export what I have trained"],
    "Start osso chat --continue to go on with the last conversation.": ["go on with the last conversation", "continue yesterday's chat", "get the last chat back", "go on where I stopped"],
    "Start osso chat --no-history to keep nothing.": ["chat without a history", "keep my chats off the disk", "keep nothing of the chat", "turn off the history"],
    "Start osso with --threads and a number.": ["use more threads", "set the number of threads", "use fewer CPUs", "choose how many threads you use"],
    "Start osso chat --markdown off to see plain text.": ["turn off Markdown", "see plain text", "get answers without formatting"],
}

ASK = {
    "Osso is a program that runs and trains gpt-oss models.": ["What is osso?", "What does osso do?", "What is osso for?", "Tell me what osso is.", "What is this program?", "What can osso do?", "Explain osso.", "What program is this?", "Can you tell me what osso is?",
                                                              "I want to know what osso is."],
    "Osso is written in C.": ["In which language is osso written?", "What language is osso written in?", "Is osso written in C?", "What is osso written in?", "Which programming language is osso made with?", "Tell me the language of osso.",
                              "Is osso made in Python?", "In what language was osso written?"],
    "Osso runs gpt-oss-20b, gpt-oss-120b and smaller models of their kind.": ["Which models does osso run?", "What models can osso run?", "Which models can I use?", "What models are there?", "Tell me which models osso runs.", "Which models work with osso?",
                                                                              "What kind of models does osso run?", "Can you tell me which models osso runs?"],
    "Yes, osso runs without the internet.": ["Does osso need the internet?", "Can I use osso offline?", "Does osso work without the internet?", "Do you need the internet?", "Can osso run offline?", "Is osso offline?", "Do I need the internet for osso?",
                                              "Does osso run without the internet?"],
    "No, osso needs no GPU.": ["Does osso need a GPU?", "Do I need a GPU?", "Do I need a graphics card?", "Must I have a GPU?", "Does osso want a graphics card?", "Is a GPU needed?", "Do you need a GPU?", "Does osso run only on a GPU?"],
    "Yes, osso is free.": ["Is osso free?", "Does osso cost nothing?", "Can I use osso for free?", "Is osso open source?", "Is osso free software?", "Can I use osso at no cost?", "Is this program free?", "May I use osso for free?"],
    "A token is a small piece of text.": ["What is a token?", "What are tokens?", "Tell me what a token is.", "What does token mean?", "Explain what a token is.", "Do you know what a token is?", "Can you tell me what a token is?", "I want to know what a token is."],
    "A language model is a program that guesses the next word.": ["What is a language model?", "What does a language model do?", "Tell me what a language model is.", "What is an LLM?", "How does a language model work?", "Explain what a language model is.",
                                                                  "Can you tell me what a language model is?", "I want to know what a language model is."],
    "The context is all that a model sees of a conversation.": ["What is the context?", "What does context mean?", "Tell me what the context is.", "What is a context?", "Explain the context.", "Do you know what the context is?", "Can you tell me what the context is?",
                                                                "I want to know what the context is."],
    "A prompt is the text that a model reads first.": ["What is a prompt?", "What does prompt mean?", "Tell me what a prompt is.", "Explain what a prompt is.", "What are prompts?", "Do you know what a prompt is?", "Can you tell me what a prompt is?",
                                                       "I want to know what a prompt is."],
    "Effort says how long I think: low, medium or high.": ["What is the effort?", "What does effort mean?", "What is reasoning effort?", "Which efforts are there?", "Tell me what the effort is.", "Explain the effort.", "Can you tell me what the effort is?",
                                                           "I want to know what the effort is."],
    "Gpt-oss is a family of open models from OpenAI.": ["What is gpt-oss?", "Who made gpt-oss?", "Tell me what gpt-oss is.", "What does gpt-oss mean?", "Do you know gpt-oss?", "Explain gpt-oss.", "Can you tell me what gpt-oss is?", "I want to know what gpt-oss is."],
    "An expert is a part of a model that works on some of the tokens.": ["What is an expert?", "What are experts?", "Tell me what an expert is.", "What does an expert of a model do?", "Explain what an expert is.", "What is a mixture of experts?",
                                                                         "Can you tell me what an expert is?", "I want to know what an expert is."],
}

# names that are asked for one by one ("What does /undo do?"); what they do comes from the program's own help
VERBS_ASKED = "chat generate tokenize info pull list verify rm doctor convert quantize bench eval embed similarity serve train export".split()
OPTIONS_ASKED = "model ctx-size threads system reasoning-effort reasoning markdown wrap date no-history continue n-predict seed temp top-k top-p min-p".split()

# where the help's own first words do not stand by themselves
SAYS = {"/help": "the list of all commands", "/raw": "the text of the conversation as the model sees it", "osso verify": "see whether a model's files are right", "--model": "the model to run", "/quit": "leave the chat",
        "osso doctor": "see what this machine can run", "osso list": "list the models on this disk", "osso tokenize": "turn a text into token ids"}
