/* chat.h: what the files of the verb chat share: verb_chat.c (the loop), chat_line.c (typing), chat_turn.c (answering),
 * chat_loop.c (calls of tools between), chat_commands.c, chat_files.c and chat_settings.c (/help and its kind). */
#ifndef OSSO_CLI_CHAT_H
#define OSSO_CLI_CHAT_H

#include "cli/conversation_args.h"
#include "cli/model_args.h"
#include "cli/tool_call.h"

#include "base/buf.h"
#include "osso/answer.h"

struct chat {
    struct options options; /* a copy: /set changes it */
    struct runner r;
    struct opening opening;
    struct osso_conversation *conversation;
    bool interactive; /* somebody types, and standard output may hold more than the answer */
    bool quit;
    bool silent; /* the last answer held nothing for the person, and no call */
    char **kept; /* strings that commands made and options or opening point to */
    size_t n_kept;
    struct osso_generate_result last; /* of the last answer; texts in it are gone */
    bool answered;
    size_t n_read;         /* tokens of its prompt that were reused or computed */
    struct buf staged;     /* what /read has read: it goes with the next message */
    bool keep_failed;      /* it was said once */
    struct tools tools;    /* --tools */
    struct tool_call call; /* with them: that of the last answer */
};

/* ---- chat_turn.c ---- */

/* One answer to the conversation as it stands, on standard output and into the conversation; with --tools its call,
 * too. */
enum osso_status chat_speak(struct chat *chat, struct osso_error *err);
/* The ids that the model would go on from. */
enum osso_status chat_ids(struct chat *chat, struct osso_ids *ids, struct osso_error *err);

/* ---- chat_loop.c ---- */

/* Adds the message, answers it on standard output and adds the answer. What came before a Ctrl-C is kept; when nothing
 * could be done at all the message is taken back. */
enum osso_status chat_say(struct chat *chat, const char *text, size_t len, struct osso_error *err);
/* Gives the call that the last answer ended in its result, and answers. USAGE when there is none. */
enum osso_status chat_tool(struct chat *chat, const char *text, size_t len, struct osso_error *err);
/* Answers the conversation as it stands. */
enum osso_status chat_answer(struct chat *chat, struct osso_error *err);

/* ---- chat_commands.c ---- */

struct chat_command {
    const char *name, *aliases, *argument, *help;
    void (*run)(struct chat *chat, const char *argument);
};
enum chat_command_id {
#define COMMAND(name, aliases, argument, help) COMMAND_##name,
#include "cli/chat/chat_commands.def"
#undef COMMAND
    CHAT_COMMANDS
};
extern const struct chat_command chat_commands[CHAT_COMMANDS];
#define COMMAND(name, aliases, argument, help) void command_##name(struct chat *chat, const char *text);
#include "cli/chat/chat_commands.def"
#undef COMMAND
/* Something a command has to say to whoever types: news, or what went wrong (nothing for OK). */
void chat_note(const char *text);
void chat_report(enum osso_status status, const struct osso_error *err);
/* Does what a line that begins with '/' says. */
void chat_command_run(struct chat *chat, const char *line);
/* Messages of system and developer at the front: how the conversation was opened. */
size_t opening_size(const struct osso_conversation *conversation);
/* A new beginning (system and developer message), with all other messages kept or dropped. */
enum osso_status chat_reopen(struct chat *chat, bool keep_messages, struct osso_error *err);
/* The conversation as it was opened (effort: its own), but for its functions: those of --tools. */
enum osso_status chat_retool(struct chat *chat, const char *effort, struct osso_error *err);

/* ---- chat_settings.c ---- */

/* "high": what the model is told now. */
const char *chat_effort(const struct chat *chat);
/* Can it be changed while the model is loaded: how the model talks and chooses, not what it is. */
bool chat_settable(const struct option *option);

/* ---- chat_files.c ---- */

/* Goes on with a saved conversation: how it was opened becomes the settings, its end is shown. On failure the one
 * before is still there. */
enum osso_status chat_load(struct chat *chat, const char *path, struct osso_error *err);

/* Says what is typed, after what /read has read; what was taken back stays staged. */
enum osso_status chat_say_staged(struct chat *chat, const char *text, size_t len, struct osso_error *err);
/* Keeps the conversation for osso chat --continue, unless --no-history; nothing while nothing was said. */
void chat_keep(struct chat *chat);
enum osso_status chat_continue(struct chat *chat, struct osso_error *err);

/* ---- chat_room.c ---- */

/* Where the last message of the person is (the size of the conversation if there is none), and how many there are. */
size_t chat_last_user(const struct osso_conversation *conversation, size_t *n_users_out);
/* LIMIT, for a conversation of so many tokens, too many: the sentence names what helps. */
enum osso_status chat_full(const struct chat *chat, size_t needed, struct osso_error *err);
/* What helps when the context is full. answered: the last message is in it, with something of an answer. */
void chat_room(const struct chat *chat, size_t needed, bool answered, char *advice, size_t size);

/* ---- chat_line.c ---- */

struct line_reader;
/* history: keep what is typed in the state folder. */
enum osso_status line_reader_open(bool history, struct line_reader **reader_out, struct osso_error *err);
void line_reader_close(struct line_reader *reader);
enum line_result { LINE_READ, LINE_INTERRUPTED, LINE_END };
/* One message, without its line end: a line, a pasted block, lines joined by a final '\', or a block between """. */
enum line_result line_reader_message(struct line_reader *reader, struct buf *message);
/* Did the message that was read last begin with something typed? A pasted text or a block is never a command. */
bool line_reader_typed(const struct line_reader *reader);
/* "/word ..."; a path such as /etc/fstab, with another slash in its first word, is text. */
bool line_is_command(const char *line);
bool line_leaves(const char *line); /* exit, quit */

#endif
