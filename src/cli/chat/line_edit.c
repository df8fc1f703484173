/* line_edit.c: line editing by libedit. What libedit does not do itself is done where it reads characters: pasted
 * blocks become part of the line, with their line ends; Ctrl-C becomes a key; a resized window is drawn anew. */
#define _DEFAULT_SOURCE
#include "cli/chat/chat_line.h"
#include "cli/out.h"

#ifndef HAVE_EDIT
bool line_edit_open(struct line_source *source)
{
    (void)source;
    return false;
}
#else

#include "base/mem.h"
#include "base/utf8.h"

#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_KEPT = 1000 };
static const wchar_t KEY_INTERRUPT = 3; /* Ctrl-C */

struct edit {
    EditLine *el;
    History *history;
    FILE *screen;
    const char *prompt;
    bool cancelled;
};

static volatile sig_atomic_t resized;

static void on_resize(int sig)
{
    (void)sig;
    resized = 1;
}

static struct edit *edit_of(EditLine *el)
{
    void *edit = NULL;
    el_get(el, EL_CLIENTDATA, &edit);
    return edit;
}

static char *prompt_of(EditLine *el)
{
    return (char *)(uintptr_t)edit_of(el)->prompt;
}

/* Waits for the terminal. false: a signal came, perhaps before the wait began: with the signals blocked until pselect
 * itself lets them in, none falls between looking and waiting. */
static bool wait_for_byte(void)
{
    sigset_t ours, before;
    fd_set in;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGWINCH);
    sigprocmask(SIG_BLOCK, &ours, &before);
    FD_ZERO(&in);
    FD_SET(STDIN_FILENO, &in);
    bool came = !interrupted() && !resized && pselect(STDIN_FILENO + 1, &in, NULL, NULL, NULL, &before) >= 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return came;
}

/* One byte from the terminal: 1, 0 at the end, -1 when a signal came. */
static int next_byte(EditLine *el, unsigned char *byte)
{
    errno = EINTR;
    ssize_t n = wait_for_byte() ? read(STDIN_FILENO, byte, 1) : -1;
    if (n < 0 && resized) {
        resized = 0;
        el_resize(el);
        el_set(el, EL_REFRESH);
        errno = EINTR;
    }
    return (int)n;
}

/* One character; broken UTF-8 becomes U+FFFD. Called by libedit for each key. */
static int next_char(EditLine *el, wchar_t *out)
{
    unsigned char b[4];
    int n;
    while ((n = next_byte(el, b)) < 0 && errno == EINTR)
        if (interrupted()) {
            interrupt_forget();
            *out = KEY_INTERRUPT;
            return 1;
        }
    if (n <= 0)
        return n;
    size_t len = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    *out = 0xfffd;
    for (size_t i = 1; i < len; i++)
        if (b[0] < 0xc2 || next_byte(el, &b[i]) != 1 || (b[i] & 0xc0) != 0x80)
            return 1;
    if (utf8_sequence(b, len) != len)
        return 1;
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    *out = b[0] & first[len];
    for (size_t i = 1; i < len; i++)
        *out = (wchar_t)((unsigned)*out << 6 | (b[i] & 0x3fu));
    return 1;
}

/* After the mark that begins a pasted block: everything up to the mark that ends it goes into the line. Terminals send
 * a carriage return for each line end. Control characters in the block stay out. */
static unsigned char key_paste(EditLine *el, int key)
{
    static const wchar_t end[] = L"\033[201~";
    wchar_t text[256], c;
    size_t n = 0, matched = 0;
    bool after_return = false;
    (void)key;
    while (matched < 6 && next_char(el, &c) == 1) {
        if (c == end[matched]) {
            matched++;
            continue;
        }
        for (size_t i = 1; i < matched && n < 200; i++) /* it was no end mark; its escape character stays out */
            text[n++] = end[i];
        matched = c == end[0];
        if (matched)
            continue;
        if (c == L'\n' && after_return) {
            after_return = false;
            continue;
        }
        after_return = c == L'\r';
        if (c == L'\r')
            c = L'\n';
        if (c >= L' ' || c == L'\n' || c == L'\t')
            text[n++] = c == L'\t' ? L' ' : c;
        if (n >= 200) {
            text[n] = 0;
            el_winsertstr(el, text);
            n = 0;
        }
    }
    text[n] = 0;
    if (n > 0)
        el_winsertstr(el, text);
    return CC_REFRESH;
}

/* Ctrl-C: the line is given up. */
static unsigned char key_interrupt(EditLine *el, int key)
{
    struct edit *edit = edit_of(el);
    (void)key;
    edit->cancelled = true;
    fputs("^C\n", edit->screen);
    return CC_NEWLINE;
}

static enum line_result edit_read(void *self, const char *prompt, struct buf *line)
{
    struct edit *edit = self;
    int n = 0;
    edit->prompt = prompt;
    edit->cancelled = false;
    buf_clear(line);
    buf_add(line, "", 0);
    el_set(edit->el, EL_PREP_TERM, 1); /* raw before the prompt shows: a quick Ctrl-D would be lost */
    fputs(PASTE_ON, edit->screen);
    fflush(edit->screen);
    const char *text = el_gets(edit->el, &n);
    fputs(PASTE_OFF, edit->screen);
    fflush(edit->screen);
    if (edit->cancelled)
        return LINE_INTERRUPTED;
    if (!text || n <= 0) {
        fputc('\n', edit->screen);
        return LINE_END;
    }
    buf_add(line, text, (size_t)n);
    if (line->len > 0 && line->data[line->len - 1] == '\n')
        line->data[--line->len] = 0;
    return LINE_READ;
}

static void edit_remember(void *self, const char *message)
{
    struct edit *edit = self;
    HistEvent event;
    history(edit->history, &event, H_ENTER, message);
}

static void edit_close(void *self)
{
    struct edit *edit = self;
    el_end(edit->el);
    history_end(edit->history);
    mem_free(edit);
}

static void bind_keys(EditLine *el)
{
    static const char *const keys[][2] = {
        {"^W", "ed-delete-prev-word"},      {"^R", "em-inc-search-prev"},  {"^L", "ed-clear-screen"},
        {"\033[3~", "ed-delete-next-char"}, {"\033[H", "ed-move-to-beg"},  {"\033[F", "ed-move-to-end"},
        {"\033[1~", "ed-move-to-beg"},      {"\033[4~", "ed-move-to-end"}, {"\033OH", "ed-move-to-beg"},
        {"\033OF", "ed-move-to-end"},       {"\033[1;5C", "em-next-word"}, {"\033[1;5D", "ed-prev-word"},
    };
    el_set(el, EL_EDITOR, "emacs");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        el_set(el, EL_BIND, keys[i][0], keys[i][1], NULL);
    el_wset(el, EL_ADDFN, L"osso-paste", L"takes in a pasted block", key_paste); /* el_set would leak its copies */
    el_set(el, EL_BIND, PASTE_BEGIN, "osso-paste", NULL);
    el_wset(el, EL_ADDFN, L"osso-interrupt", L"gives up the line", key_interrupt);
    el_set(el, EL_BIND, "^C", "osso-interrupt", NULL);
}

bool line_edit_open(struct line_source *source)
{
    const char *term = getenv("TERM");
    HistEvent event;
    if (!term || !*term || strcmp(term, "dumb") == 0)
        return false;
    struct edit *edit = mem_alloc(sizeof *edit);
    if (!edit)
        return false;
    edit->screen = out_is_terminal() ? stdout : stderr;
    edit->history = history_init();
    edit->el = edit->history ? el_init("osso", stdin, edit->screen, stderr) : NULL;
    if (!edit->el) {
        if (edit->history)
            history_end(edit->history);
        mem_free(edit);
        return false;
    }
    history(edit->history, &event, H_SETSIZE, HISTORY_KEPT);
    history(edit->history, &event, H_SETUNIQUE, 1);
    el_set(edit->el, EL_CLIENTDATA, edit);
    el_set(edit->el, EL_SIGNAL, 0);
    el_set(edit->el, EL_PROMPT, prompt_of);
    el_set(edit->el, EL_HIST, history, edit->history);
    el_wset(edit->el, EL_GETCFN, next_char);
    bind_keys(edit->el);
    struct sigaction action = {.sa_handler = on_resize};
    sigaction(SIGWINCH, &action, NULL);
    *source = (struct line_source){edit_read, edit_remember, edit_close, edit};
    return true;
}

#endif
