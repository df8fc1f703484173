/* patch_args.c: what osso inspect patch is asked for. */
#include "cli/patch_args.h"

#include "base/error.h"
#include "base/mem.h"
#include "cli/input.h"
#include "cli/inspect_args.h"
#include "cli/inspect_head.h"

#include <string.h>

static enum osso_status read_text(const struct runner *r, const struct option_value *v, const char *flag,
                                  struct osso_ids *ids, struct osso_error *err)
{
    enum osso_status status = input_check_utf8(v->s, strlen(v->s), flag, err);
    if (!status)
        status = osso_tokenizer_encode(r->tokenizer, v->s, strlen(v->s), 0, ids, err);
    return status || ids->len > 0 ? status : error_set(err, OSSO_USAGE, "%s is empty; give some text", flag);
}

/* Positions of a text of n tokens, negative ones from its end; "*": all of them. */
static enum osso_status read_positions(const char *text, const char *flag, size_t n, struct number_list *list,
                                       struct osso_error *err)
{
    if (strcmp(text, "*") == 0) {
        list->n = mem_array(n, sizeof *list->n);
        for (size_t i = 0; i < n && list->n; i++)
            list->n[list->len++] = (int64_t)i;
        return list->n ? OSSO_OK : error_nomem(err, n * sizeof *list->n, flag);
    }
    enum osso_status status = number_list_parse(text, flag, true, list, err);
    for (size_t i = 0; i < list->len && !status; i++)
        if (list->n[i] < 0 && list->n[i] + (int64_t)n >= 0) /* others are refused as they were written */
            list->n[i] += (int64_t)n;
    return status;
}

static enum osso_status read_knock_out(const struct options *o, struct patch_args *a, struct osso_error *err)
{
    const char *text = o->v[OPT_knock_out].s, *colon = strchr(text, ':');
    if (!colon || colon == text || !colon[1])
        return error_set(err, OSSO_USAGE, "--knock-out %s: two positions are needed, FROM:TO, as 2:-1", text);
    char *from = mem_strndup(text, (size_t)(colon - text));
    enum osso_status status = from ? read_positions(from, "--knock-out", a->clean.len, &a->hidden, err)
                                   : error_nomem(err, (size_t)(colon - text), "--knock-out");
    mem_free(from);
    if (!status)
        status = read_positions(colon + 1, "--knock-out", a->clean.len, &a->positions, err);
    a->options.hidden = a->hidden.n;
    a->options.n_hidden = a->hidden.len;
    return status;
}

static enum osso_status read_places(const struct options *o, const struct runner *r, struct patch_args *a,
                                    struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    bool experts = o->v[OPT_inspect_experts_off].set;
    size_t n = a->options.ablate || a->options.knock_out ? a->clean.len : a->corrupted.len;
    if (o->v[OPT_inspect_layers].set) {
        status = layers_parse(o->v[OPT_inspect_layers].s, "--layers", &r->dims, &a->layers, err);
        a->options.layers = &a->layers;
    }
    if (!status && a->options.knock_out)
        status = read_knock_out(o, a, err);
    else if (!status && o->v[OPT_inspect_positions].set)
        status = read_positions(o->v[OPT_inspect_positions].s, "--positions", n, &a->positions, err);
    if (!status && experts && strcmp(a->options.component ? a->options.component : "", "expert") != 0)
        status = error_set(err, OSSO_USAGE, "--experts needs --component expert");
    if (!status && o->v[OPT_inspect_heads].set &&
        strcmp(a->options.component ? a->options.component : "", "expert") == 0)
        status = error_set(err, OSSO_USAGE, "experts have no heads: --experts says which");
    if (!status && (experts || o->v[OPT_inspect_heads].set))
        status = number_list_parse(o->v[experts ? OPT_inspect_experts_off : OPT_inspect_heads].s,
                                   experts ? "--experts" : "--heads", false, &a->parts, err);
    a->options.positions = a->positions.n;
    a->options.n_positions = a->positions.len;
    a->options.parts = a->parts.n;
    a->options.n_parts = a->parts.len;
    return status;
}

static enum osso_status read_texts(const struct options *o, struct runner *r, struct patch_args *a,
                                   struct osso_error *err)
{
    bool answers = o->v[OPT_answer].set;
    enum osso_status status = read_text(r, &o->v[OPT_clean], "--clean", &a->clean, err);
    if (!status && o->v[OPT_corrupted].set)
        status = read_text(r, &o->v[OPT_corrupted], "--corrupted", &a->corrupted, err);
    a->options.answer = a->options.wrong = -1;
    if (!status && answers)
        status = token_arg(r, &o->v[OPT_answer], "--answer", &a->options.answer, err);
    if (!status && answers)
        status = token_arg(r, &o->v[OPT_wrong], "--wrong", &a->options.wrong, err);
    if (!status && o->v[OPT_corrupted].set && a->clean.len != a->corrupted.len && !a->options.align)
        status = error_set(
            err, OSSO_USAGE,
            "the clean text has %zu tokens and the corrupted one %zu: places are compared one by one, so "
            "say it in as many, or --align them",
            a->clean.len, a->corrupted.len);
    if (!status && o->v[OPT_inspect_data].set)
        status = texts_args(o, r, &a->texts, err);
    a->options.n_corrupted = a->corrupted.len;
    a->options.texts = a->texts.ids;
    a->options.lengths = a->texts.lengths;
    a->options.n_texts = a->texts.n;
    return status;
}

enum osso_status patch_args(const struct options *o, struct runner *r, struct patch_args *a, struct osso_error *err)
{
    a->options = (struct osso_patch_options){.size = sizeof a->options,
                                             .component = o->v[OPT_component].s,
                                             .ablate = o->v[OPT_ablate].set ? o->v[OPT_ablate].s : NULL,
                                             .knock_out = !o->v[OPT_knock_out].set     ? NULL
                                                          : o->v[OPT_knock_out_by].set ? o->v[OPT_knock_out_by].s
                                                                                       : "scores",
                                             .noise = o->v[OPT_noise].set ? o->v[OPT_noise].f : 1,
                                             .seed = inspect_seed(o),
                                             .align = o->v[OPT_align].set,
                                             .at_once = o->v[OPT_at_once].set};
    enum osso_status status = inspect_check_seed(o, err);
    if (!status)
        status = read_texts(o, r, a, err);
    return status ? status : read_places(o, r, a, err);
}

void patch_args_free(struct patch_args *a)
{
    osso_ids_free(&a->clean);
    osso_ids_free(&a->corrupted);
    mem_free(a->positions.n);
    mem_free(a->hidden.n);
    mem_free(a->parts.n);
    texts_free(&a->texts);
}
