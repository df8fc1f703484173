/* line_edit.c: line editing by libedit. What libedit does not do itself is done where it reads characters: pasted
 * blocks become part of the line, with their line ends; Ctrl-C becomes a key; a resized window is drawn anew. */
#define _GNU_SOURCE
#include "cli/chat/chat_line.h"
#include "cli/columns.h"
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
#include <signal.h>
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
    int columns; /* of the window that the line was drawn in */
    bool cancelled;
    struct line_paste paste;
};

static volatile sig_atomic_t resized, continued, ending; /* ending: the signal that stops or ends the program */

static void on_signal(int sig)
{
    if (sig == SIGWINCH)
        resized = 1;
    else if (sig == SIGCONT)
        continued = 1;
    else
        ending = sig;
}

/* What a person at the prompt must not find a broken terminal after. */
static const int caught[] = {SIGWINCH, SIGCONT, SIGTSTP, SIGTERM, SIGHUP, SIGQUIT};
enum { CAUGHT = sizeof caught / sizeof *caught };

static void signals_catch(struct sigaction *before)
{
    struct sigaction action = {.sa_handler = on_signal};
    for (int i = 0; i < CAUGHT; i++)
        sigaction(caught[i], &action, &before[i]);
}

static void signals_restore(const struct sigaction *before)
{
    for (int i = 0; i < CAUGHT; i++)
        sigaction(caught[i], &before[i], NULL);
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
    for (int i = 0; i < CAUGHT; i++)
        sigaddset(&ours, caught[i]);
    sigprocmask(SIG_BLOCK, &ours, &before);
    FD_ZERO(&in);
    FD_SET(STDIN_FILENO, &in);
    bool came = !interrupted() && !resized && !continued && !ending &&
                pselect(STDIN_FILENO + 1, &in, NULL, NULL, NULL, &before) >= 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return came;
}

static int columns_now(void)
{
    int columns = terminal_columns(STDIN_FILENO);
    return columns > 0 ? columns : 80;
}

/* Rows between the one where the prompt begins and the one of the cursor, in a window of so many columns. */
static int rows_above(EditLine *el, int columns)
{
    const LineInfoW *line = el_wline(el);
    int row = 0, column = (int)strlen(edit_of(el)->prompt);
    for (const wchar_t *c = line->buffer; c < line->cursor; c++) {
        int width = *c == L'\t' ? 8 - column % 8 : *c == L'\n' ? 0 : char_columns((uint32_t)*c);
        column += width;
        if (*c == L'\n' || column >= columns) {
            row++;
            column = column > columns ? width : 0;
        }
    }
    return row;
}

/* Draws prompt and line anew, from where they began: after a resize, or from here on when something else was shown. */
static void draw_anew(EditLine *el, bool in_place)
{
    struct edit *edit = edit_of(el);
    int up = in_place ? rows_above(el, edit->columns) : 0;
    fputs("\r", edit->screen);
    if (up > 0)
        fprintf(edit->screen, "\033[%dA", up);
    fputs("\033[J", edit->screen);
    fflush(edit->screen);
    edit->columns = columns_now();
    el_resize(el);
    el_set(el, EL_REFRESH);
}

static void terminal_take(struct edit *edit)
{
    el_set(edit->el, EL_PREP_TERM, 0); /* it may be another's by now, which libedit does not know */
    el_set(edit->el, EL_PREP_TERM, 1);
    fputs(PASTE_ON, edit->screen);
    fflush(edit->screen);
}

static void terminal_give(struct edit *edit)
{
    fputs(PASTE_OFF, edit->screen);
    fflush(edit->screen);
    el_set(edit->el, EL_PREP_TERM, 0);
}

/* The signal does what it would have done at once, over a terminal that others can use. */
static void obey(struct edit *edit, int sig)
{
    struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
    terminal_give(edit);
    fputc('\n', edit->screen);
    fflush(edit->screen);
    sigaction(sig, &standard, &ours);
    raise(sig);
    sigaction(sig, &ours, NULL); /* Ctrl-Z, and now it goes on */
    continued = 1;
}

static void signals_serve(EditLine *el)
{
    struct edit *edit = edit_of(el);
    int sig = ending;
    ending = 0;
    if (sig)
        obey(edit, sig);
    if (continued)
        terminal_take(edit);
    if (continued || resized) {
        bool in_place = !continued;
        continued = resized = 0;
        draw_anew(el, in_place);
    }
}

/* One byte from the terminal: 1, 0 at the end, -1 when a signal came. */
static int next_byte(EditLine *el, unsigned char *byte)
{
    errno = EINTR;
    ssize_t n = wait_for_byte() ? read(STDIN_FILENO, byte, 1) : -1;
    int why = errno;
    if (n < 0)
        signals_serve(el);
    errno = why;
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

/* What is left of a pasted block's characters, on the way into the line. */
struct pasted {
    EditLine *el;
    wchar_t text[256];
    size_t n;
    bool after_return, line_end; /* a line end waits: the block's last one stays out */
};

static void paste_flush(struct pasted *p)
{
    p->text[p->n] = 0;
    if (p->n > 0)
        el_winsertstr(p->el, p->text);
    p->n = 0;
}

/* Line ends become LF; control characters stay out. */
static void paste_char(struct pasted *p, wchar_t c)
{
    bool second = c == L'\n' && p->after_return;
    p->after_return = c == L'\r';
    if (second || (c < L' ' && c != L'\r' && c != L'\n' && c != L'\t') || (c >= 0x7f && c < 0xa0))
        return;
    if (p->line_end)
        p->text[p->n++] = L'\n';
    p->line_end = c == L'\r' || c == L'\n';
    if (!p->line_end)
        p->text[p->n++] = c;
    if (p->n > 200)
        paste_flush(p);
}

/* After the mark that begins a pasted block: everything up to the mark that ends it goes into the line. */
static unsigned char key_paste(EditLine *el, int key)
{
    static const wchar_t end[] = L"\033[201~";
    struct pasted p = {.el = el};
    struct line_paste *paste = &edit_of(el)->paste;
    const LineInfoW *line = el_wline(el);
    size_t matched = 0;
    wchar_t c;
    (void)key;
    paste->any = true;
    paste->first = paste->first || line->cursor == line->buffer;
    while (matched < 6 && next_char(el, &c) == 1) {
        if (c == end[matched]) {
            matched++;
            continue;
        }
        for (size_t i = 0; i < matched; i++) /* it was no end mark */
            paste_char(&p, end[i]);
        matched = c == end[0];
        if (!matched)
            paste_char(&p, c);
    }
    paste_flush(&p);
    line = el_wline(el);
    if (line->cursor == line->lastchar)
        paste->end = (size_t)(line->lastchar - line->buffer);
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

static enum line_result edit_read(void *self, const char *prompt, struct buf *line, struct line_paste *paste)
{
    struct edit *edit = self;
    struct sigaction before[CAUGHT];
    int n = 0;
    edit->prompt = prompt;
    edit->cancelled = false;
    edit->paste = (struct line_paste){0};
    buf_clear(line);
    buf_add(line, "", 0);
    signals_catch(before);
    if (resized) /* while nobody typed */
        el_resize(edit->el);
    resized = continued = 0;
    edit->columns = columns_now();
    terminal_take(edit); /* raw before the prompt shows: a quick Ctrl-D would be lost */
    const char *text = el_gets(edit->el, &n);
    terminal_give(edit);
    signals_restore(before);
    if (edit->cancelled)
        return LINE_INTERRUPTED;
    if (!text || n <= 0) {
        fputc('\n', edit->screen);
        return LINE_END;
    }
    buf_add(line, text, (size_t)n);
    if (line->len > 0 && line->data[line->len - 1] == '\n')
        line->data[--line->len] = 0;
    *paste = edit->paste;
    size_t characters = 0;
    for (size_t i = 0; i < line->len; i++)
        characters += (line->data[i] & 0xc0) != 0x80;
    paste->last = paste->any && paste->end > 0 && characters == paste->end;
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
        {"^U", "vi-kill-line-prev"},   {"^W", "ed-delete-prev-word"},      {"^R", "em-inc-search-prev"},
        {"^L", "ed-clear-screen"},     {"\033[3~", "ed-delete-next-char"}, {"\033[H", "ed-move-to-beg"},
        {"\033[F", "ed-move-to-end"},  {"\033[1~", "ed-move-to-beg"},      {"\033[4~", "ed-move-to-end"},
        {"\033OH", "ed-move-to-beg"},  {"\033OF", "ed-move-to-end"},       {"\033[1;5C", "em-next-word"},
        {"\033[1;5D", "ed-prev-word"},
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
    HistEvent event;
    if (!terminal_moves())
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
    /* As the terminal sends them: a pasted CR LF is one line end, CR CR are two. */
    el_set(edit->el, EL_SETTY, "-d", "-icrnl", "-inlcr", NULL);
    *source = (struct line_source){edit_read, edit_remember, edit_close, edit};
    return true;
}

#endif
