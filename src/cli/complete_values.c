/* complete_values.c: the words that may stand for a placeholder, from the tables and from this disk. */
#include "cli/complete.h"

#include "cli/model_shelf.h"
#include "cli/out.h"

#include "osso/convert.h"
#include "osso/eval.h"
#include "osso/hub.h"
#include "osso/osso.h"

#include <stdio.h>
#include <string.h>

/* A shell's script reads lines, and people see them: nothing else than text passes. */
static bool is_plain(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return false;
    return n > 0;
}

/* The bytes of a description that are worth a line: up to where the first thought ends, whole words. */
static size_t first_thought(const char *about)
{
    enum { WIDEST = 72 };
    size_t n = strcspn(about, ";(");
    const char *dot = strstr(about, ". ");
    if (dot && (size_t)(dot - about) < n)
        n = (size_t)(dot - about);
    if (n > WIDEST)
        for (n = WIDEST; n > 0 && about[n] != ' '; n--)
            ;
    while (n > 0 && strchr(" ,.", about[n - 1]))
        n--;
    return n;
}

void candidate_add(struct candidates *c, const char *word, size_t len, const char *about)
{
    size_t typed = strlen(c->typed), n = about ? first_thought(about) : 0;
    if (len < typed || memcmp(word, c->typed, typed) != 0 || !is_plain(word, len))
        return;
    c->n++;
    out_puts(c->before);
    out_write(word, len);
    out_puts("\t");
    if (n && is_plain(about, n))
        out_write(about, n);
    out_puts("\n");
}

static void add(struct candidates *c, const char *word, const char *about)
{
    candidate_add(c, word, strlen(word), about);
}

/* What has been typed up to the last `separator` stays as it is. */
static void keep_up_to(struct candidates *c, char separator)
{
    const char *end = strrchr(c->typed, separator);
    size_t n = end ? (size_t)(end + 1 - c->typed) : 0, before = strlen(c->before);
    if (before + n >= sizeof c->before)
        return;
    memcpy(c->before + before, c->typed, n);
    c->before[before + n] = 0;
    c->typed += n;
}

void candidates_files(struct candidates *c)
{
    c->files = true;
}

void candidates_folders(struct candidates *c)
{
    c->folders = true;
}

void candidates_models(struct candidates *c)
{
    struct model_shelf shelf;
    struct osso_error ignored;
    char about[128];
    c->files = true;
    if (model_shelf_read(&shelf, &ignored))
        return;
    bool runs = c->verb && verb_takes(c->verb, &option_table[OPT_model]); /* only what can be opened */
    for (int i = 0; i < shelf.n; i++) {
        const struct model_shelf_row *m = &shelf.models[i];
        if (m->state == SHELF_OTHER || (runs && m->state != SHELF_WHOLE))
            continue;
        snprintf(about, sizeof about, "%s %s", m->state == SHELF_WHOLE ? m->form : model_shelf_state_word(m->state),
                 m->types);
        add(c, m->name, about);
    }
    model_shelf_free(&shelf);
}

void candidates_hub(struct candidates *c)
{
    for (int i = 0; osso_hub_preset(i); i++)
        add(c, osso_hub_preset(i), "from the hub");
}

void candidates_presets(struct candidates *c)
{
    for (int i = 0; osso_model_preset(i); i++)
        add(c, osso_model_preset(i), NULL);
}

/* The recipes and `keep` stand in no table but convert's own; the types do. */
void candidates_types(struct candidates *c)
{
    bool pattern = strchr(c->typed, '=') != NULL;
    keep_up_to(c, '=');
    add(c, "keep", "as it is");
    if (!pattern) {
        add(c, "mxfp4", "experts MXFP4, the rest kept");
        add(c, "mxfp4-q8", "experts MXFP4, the rest 8 bits");
    }
    for (int i = 0; osso_quantize_type(i); i++)
        add(c, osso_quantize_type(i), "type");
}

void candidates_isas(struct candidates *c)
{
    for (int i = 0; osso_isa_name(i); i++)
        add(c, osso_isa_name(i), i ? NULL : "the best there is");
}

void candidates_tasks(struct candidates *c)
{
    keep_up_to(c, ',');
    for (int i = 0; osso_eval_task(i, NULL); i++)
        add(c, osso_eval_task(i, NULL), NULL);
    if (!strchr(c->before, ','))
        add(c, "all", "those whose file is there");
}

/* The first word of each, or the second ones behind such a first word. */
void candidates_verbs(struct candidates *c)
{
    for (int i = 0; i < VERB_COUNT; i++) {
        const struct verb *v = &verbs[i];
        bool again = i > 0 && strcmp(v->first, verbs[i - 1].first) == 0;
        if (c->n_operands == 0 && !again)
            add(c, v->first, v->line);
        else if (c->n_operands == 1 && v->second && strcmp(v->first, c->operand[0]) == 0)
            add(c, v->second, v->line);
    }
}
