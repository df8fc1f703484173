/* draw_patch.c: the map of osso inspect patch: layers x positions, for each head or expert and for the most of them. */
#include "cli/figures/figures.h"

#include "json/jget.h"

#include <math.h>
#include <stdio.h>

enum { MEASURES = 3, MOST_NUMBER = 4096 };

static const char *const measures[MEASURES] = {"share", "difference", "kl"};

/* What the records are about. */
struct span {
    int64_t layers, positions, parts; /* the largest of each, + 1; parts are heads or experts: 0 where there are none */
    bool expert, some[MEASURES];
};

static int64_t part_of(const struct jval *r)
{
    int64_t expert = figure_place(r, "expert");
    return expert >= 0 ? expert : figure_place(r, "head");
}

static struct span span_of(const struct jval *records)
{
    struct span s = {0};
    for (const struct jval *r = records->first; r; r = r->next) {
        int64_t layer = figure_place(r, "layer"), position = figure_place(r, "position"), part = part_of(r);
        s.layers = layer >= s.layers ? layer + 1 : s.layers;
        s.positions = position >= s.positions ? position + 1 : s.positions;
        s.parts = part >= s.parts && part < MOST_NUMBER ? part + 1 : s.parts;
        s.expert = s.expert || figure_place(r, "expert") >= 0;
        for (int m = 0; m < MEASURES; m++)
            s.some[m] = s.some[m] || !isnan(figure_real(r, measures[m]));
    }
    return s;
}

static void name_slices(struct map *m, const struct span *s, const char *share)
{
    size_t at = 0;
    const char *const says[MEASURES] = {share, "logit(answer) - logit(wrong)", "KL from the clean text, in nats"},
                      *part = s->expert ? "expert" : "head";
    for (int k = 0; k < MEASURES; k++) {
        enum map_scale scale = k < 2 ? SCALE_SIGNED : SCALE_ZERO;
        double high = k == 0 ? 1 : 0;
        if (!s->some[k])
            continue;
        if (s->positions == 0 || s->parts == 0) {
            map_slice(m, at++, scale, high, "%s", says[k]);
            continue;
        }
        map_slice(m, at++, scale, high, "%s: furthest from 0 of all %ss", says[k], part);
        for (int64_t p = 0; p < s->parts; p++)
            map_slice(m, at++, scale, high, "%s: %s %lld", says[k], part, (long long)p);
    }
}

/* Of all heads or experts the value that is furthest from 0. */
static void put_largest(float *at, double value)
{
    if (isnan((double)*at) || fabs(value) > fabs((double)*at))
        *at = (float)value;
}

static void put_record(struct map *m, const struct span *s, const struct jval *r)
{
    size_t at = 0, layer = (size_t)figure_place(r, "layer");
    int64_t part = part_of(r), position = figure_place(r, "position");
    for (int k = 0; k < MEASURES; k++) {
        double value = figure_real(r, measures[k]);
        if (!s->some[k])
            continue;
        if (s->positions == 0) {
            *map_at(m, at++, layer, part < 0 ? 0 : (size_t)part) = (float)value;
            continue;
        }
        if (!isnan(value))
            put_largest(map_at(m, at, layer, (size_t)position), value);
        if (part >= 0 && part < s->parts)
            *map_at(m, at + 1 + (size_t)part, layer, (size_t)position) = (float)value;
        at += 1 + (size_t)s->parts;
    }
}

static void fill(struct map *m, const struct jval *records, const struct span *s, const struct token_list *list,
                 const char *share)
{
    size_t slices = 0, each = s->positions == 0 ? 1 : 1 + (size_t)s->parts;
    for (int k = 0; k < MEASURES; k++)
        slices += s->some[k] ? each : 0;
    for (int64_t l = 0; l < s->layers; l++)
        labels_add(&m->rows, "layer %lld", (long long)l);
    for (int64_t p = 0; p < s->positions; p++)
        labels_token(&m->columns, list, p);
    for (int64_t p = 0; p < s->parts && s->positions == 0; p++)
        labels_add(&m->columns, "%s %lld", s->expert ? "expert" : "head", (long long)p);
    if (m->columns.n == 0)
        labels_add(&m->columns, "all positions");
    map_make(m, slices);
    name_slices(m, s, share);
    for (const struct jval *r = records->first; r; r = r->next)
        put_record(m, s, r);
}

void figures_patch(struct buf *out, const struct jval *root)
{
    const struct jval *records = jval_get_type(root, "records", J_ARRAY), *mode = jval_get_type(root, "mode", J_STRING);
    bool patch = mode && jtext_is(mode->text, "patch");
    struct token_list list;
    if (!records || !records->first)
        return;
    struct span span = span_of(records);
    struct map m = {
        .title = patch ? "What one place restores" : "What is lost without one place",
        .note =
            patch
                ? "Tokens are those of the corrupted text, with the clean run's value in one place. 1 is the whole gap between the two "
                  "texts. What is empty was not run."
                : "Tokens are those of the clean text. 1 is the whole gap between the two texts. What is empty was not run.",
        .row = "layer",
        .column = span.positions ? "position"
                  : span.expert  ? "expert"
                                 : "head",
        .bin = BIN_LARGEST};
    token_list_of(&list, root, patch ? "corrupted_" : "clean_", out);
    fill(&m, records, &span, &list, patch ? "share restored" : "share lost");
    map_write(&m, out);
    token_list_free(&list);
}
