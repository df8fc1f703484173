/* line_edit.c: lines by libedit. What it does not do itself is done where it reads characters: the line is drawn
 * (line_draw.c), pasted blocks become part of it (line_paste.c), Ctrl-C and Tab become keys. */
#define _GNU_SOURCE
#include "cli/chat/chat_line.h"
#include "cli/chat/line_draw.h"
#include "cli/chat/line_signals.h"
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
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_KEPT = 1000 };
static const wchar_t KEY_INTERRUPT = 3, KEY_TAB = 9; /* Ctrl-C, Ctrl-I */

struct edit {
    EditLine *el;
    History *history;
    FILE *screen, *nowhere; /* nowhere: what libedit draws */
    struct line_draw draw;
    const char *prompt;
    bool cancelled;
    bool tab_before; /* the key before was a Tab that completed nothing */
    struct line_paste paste;
    struct line_paste_end held;
    bool pasting;
    unsigned char bytes[4096]; /* read and not taken yet: [at, n). A pasted block is read in pieces, keys one by one: */
    size_t at, n;              /* what is typed ahead stays the terminal's */
};

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

static void show_line(EditLine *el)
{
    const LineInfoW *line = el_wline(el);
    line_draw(&edit_of(el)->draw, line->buffer, (size_t)(line->lastchar - line->buffer),
              (size_t)(line->cursor - line->buffer));
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

static void signals_serve(EditLine *el)
{
    struct edit *edit = edit_of(el);
    struct line_news news = line_news();
    if (news.ending) {
        terminal_give(edit);
        line_draw_end(&edit->draw, "");
        line_obey(news.ending);
        news.continued = true;
    }
    if (news.continued)
        terminal_take(edit);
    if (news.continued || news.resized)
        line_draw_anew(&edit->draw, !news.continued);
}

/* One byte from the terminal: 1, 0 at the end, -1 when a signal came. */
static int next_byte(EditLine *el, unsigned char *byte)
{
    struct edit *edit = edit_of(el);
    if (edit->at == edit->n) {
        if (!line_waiting()) /* else there is more to draw at once */
            show_line(el);
        errno = EINTR;
        ssize_t n = line_wait() ? read(STDIN_FILENO, edit->bytes, edit->pasting ? sizeof edit->bytes : 1) : -1;
        int why = errno;
        if (n < 0)
            signals_serve(el);
        errno = why;
        if (n <= 0)
            return (int)n;
        edit->at = 0;
        edit->n = (size_t)n;
    }
    *byte = edit->bytes[edit->at++];
    return 1;
}

/* One character; broken UTF-8 becomes U+FFFD. */
static int read_char(EditLine *el, wchar_t *out)
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

/* The same, called by libedit for each key. */
static int next_char(EditLine *el, wchar_t *out)
{
    struct edit *edit = edit_of(el);
    int n = read_char(el, out);
    edit->tab_before = edit->tab_before && n == 1 && *out == KEY_TAB;
    return n;
}

/* ---- keys --------------------------------------------------------------------------------------------------- */

static void insert(void *to, const wchar_t *text)
{
    el_winsertstr(to, text);
}

/* After the mark that begins a pasted block: everything up to the mark that ends it goes into the line. */
static unsigned char key_paste(EditLine *el, int key)
{
    struct edit *edit = edit_of(el);
    const LineInfoW *line = el_wline(el);
    struct pasted p = {.insert = insert, .to = el};
    wchar_t c;
    (void)key;
    edit->paste.any = true;
    edit->paste.first = edit->paste.first || line->cursor == line->buffer;
    pasted_begin(&p, &edit->held, (size_t)(line->cursor - line->buffer), (size_t)(line->lastchar - line->buffer));
    edit->pasting = true;
    while (!p.over && read_char(el, &c) == 1)
        pasted_char(&p, c);
    edit->pasting = false;
    pasted_end(&p);
    line = el_wline(el);
    edit->held = (struct line_paste_end){p.line_end, (size_t)(line->cursor - line->buffer),
                                         (size_t)(line->lastchar - line->buffer)};
    if (line->cursor == line->lastchar)
        edit->paste.end = (size_t)(line->lastchar - line->buffer);
    return CC_REFRESH;
}

/* Ctrl-C: the line is given up. */
static unsigned char key_interrupt(EditLine *el, int key)
{
    (void)key;
    edit_of(el)->cancelled = true;
    return CC_NEWLINE;
}

static unsigned char key_clear(EditLine *el, int key)
{
    struct edit *edit = edit_of(el);
    (void)key;
    fputs("\033[H\033[2J", edit->screen);
    line_draw_anew(&edit->draw, false);
    return CC_REFRESH;
}

/* Tab: what all that could stand here have in common; the second one lists them. */
static unsigned char key_complete(EditLine *el, int key)
{
    struct edit *edit = edit_of(el);
    const LineInfoW *line = el_wline(el);
    struct completions c = {0};
    (void)key;
    if (!edit->paste.first)
        completions_find(&c, line->buffer, (size_t)(line->cursor - line->buffer));
    const wchar_t *more = completions_common(&c);
    if (*more)
        el_winsertstr(el, more);
    else if (c.n > 1 && edit->tab_before) {
        line_draw_end(&edit->draw, "");
        completions_list(&c, edit->screen, edit->draw.width, edit->draw.height);
        line_draw_anew(&edit->draw, false);
    }
    edit->tab_before = !*more && c.n > 1;
    completions_free(&c);
    return CC_REFRESH;
}

/* ---- the source --------------------------------------------------------------------------------------------- */

static enum line_result edit_read(void *self, const char *prompt, struct buf *line, struct line_paste *paste)
{
    struct edit *edit = self;
    int n = 0;
    edit->prompt = prompt;
    edit->cancelled = edit->tab_before = false;
    edit->paste = (struct line_paste){0};
    edit->held = (struct line_paste_end){0};
    buf_clear(line);
    buf_add(line, "", 0);
    line_signals_catch();
    el_resize(edit->el);                  /* it may have been, while nobody typed */
    terminal_take(edit);                  /* raw before the prompt shows: a quick Ctrl-D would be lost */
    line_draw_begin(&edit->draw, prompt); /* and over what the terminal has shown of a key until then */
    const char *text = el_gets(edit->el, &n);
    const LineInfoW *end = el_wline(edit->el);
    size_t len = text && n > 0 ? (size_t)(end->lastchar - end->buffer) : 0;
    if (len > 0 && end->buffer[len - 1] == L'\n' && !edit->cancelled)
        len--;
    if (len > 0)
        line_draw(&edit->draw, end->buffer, len, len);
    line_draw_end(&edit->draw, edit->cancelled ? "^C" : "");
    terminal_give(edit);
    line_signals_restore();
    if (edit->cancelled)
        return LINE_INTERRUPTED;
    if (!text || n <= 0)
        return LINE_END;
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
    if (edit->el)
        el_end(edit->el);
    if (edit->history)
        history_end(edit->history);
    if (edit->nowhere)
        fclose(edit->nowhere);
    line_draw_free(&edit->draw);
    mem_free(edit);
}

static void bind_keys(EditLine *el)
{
    static const char *const keys[][2] = {
        {"^U", "vi-kill-line-prev"},        {"^W", "ed-delete-prev-word"}, {"^R", "em-inc-search-prev"},
        {"\033[3~", "ed-delete-next-char"}, {"\033[H", "ed-move-to-beg"},  {"\033[F", "ed-move-to-end"},
        {"\033[1~", "ed-move-to-beg"},      {"\033[4~", "ed-move-to-end"}, {"\033OH", "ed-move-to-beg"},
        {"\033OF", "ed-move-to-end"},       {"\033[1;5C", "em-next-word"}, {"\033[1;5D", "ed-prev-word"},
    };
    static const struct {
        const wchar_t *name, *help;
        unsigned char (*run)(EditLine *, int);
        const char *key;
    } ours[] = {{L"osso-paste", L"takes in a pasted block", key_paste, PASTE_BEGIN},
                {L"osso-interrupt", L"gives up the line", key_interrupt, "^C"},
                {L"osso-complete", L"completes a command or a path", key_complete, "^I"},
                {L"osso-clear", L"clears the screen", key_clear, "^L"}};
    el_set(el, EL_EDITOR, "emacs");
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        el_wset(el, EL_ADDFN, ours[i].name, ours[i].help, ours[i].run); /* el_set would leak its copies */
        char name[24];
        snprintf(name, sizeof name, "%ls", ours[i].name);
        el_set(el, EL_BIND, ours[i].key, name, NULL);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        el_set(el, EL_BIND, keys[i][0], keys[i][1], NULL);
}

bool line_edit_open(struct line_source *source)
{
    HistEvent event;
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8"); /* text is UTF-8 here, whatever the locale says */
    if (!terminal_moves())
        return false;
    struct edit *edit = mem_alloc(sizeof *edit);
    if (!edit)
        return false;
    edit->draw.screen = edit->screen = out_is_terminal() ? stdout : stderr;
    edit->nowhere = fopen("/dev/null", "w");
    edit->history = edit->nowhere ? history_init() : NULL;
    if (edit->history) /* it asks the descriptor whether this is a terminal, and writes to the stream */
        edit->el = el_init_fd("osso", stdin, edit->nowhere, stderr, STDIN_FILENO, fileno(edit->screen), STDERR_FILENO);
    if (!edit->el) {
        edit_close(edit);
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
    /* As the terminal sends them: a pasted CR LF is one line end, CR CR are two. And Ctrl-C is a key in its turn: as a
     * signal it may come after what was typed behind it. */
    el_set(edit->el, EL_SETTY, "-d", "-icrnl", "-inlcr", "intr=", "-intr", NULL);
    *source = (struct line_source){edit_read, edit_remember, edit_close, edit};
    return true;
}

#endif
