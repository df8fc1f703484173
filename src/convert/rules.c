/* rules.c: --type. A rule is a type for some of the matrices; a recipe is several rules. */
#define _GNU_SOURCE
#include "convert/conversion.h"

#include "base/error.h"
#include "base/mem.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Which matrices a word means. */
enum {
    OF_EXPERTS = 1,
    OF_ATTENTION = 2,
    OF_EMBEDDINGS = 4,
    OF_HEAD = 8,
    OF_ALL = 15,
    OF_OTHERS = OF_ALL & ~OF_EXPERTS
};

struct rule {
    const char *text; /* as it was said; NULL: the default */
    char *glob;       /* over names, or NULL: `kinds` */
    unsigned kinds;
    bool keep, matched;
    struct plan_choice choice;
};

static const struct {
    const char *word;
    unsigned kinds;
} words[] = {{"experts", OF_EXPERTS}, {"attention", OF_ATTENTION}, {"embeddings", OF_EMBEDDINGS}, {"head", OF_HEAD}};

static const struct {
    enum dtype type, next; /* next: what --fallback takes, with at least as many bits */
} larger[] = {{DT_Q4_K, DT_Q5_0}, {DT_Q5_K, DT_Q5_1}, {DT_Q6_K, DT_Q8_0}, {DT_MXFP4, DT_F16},  {DT_Q4_0, DT_F16},
              {DT_Q4_1, DT_F16},  {DT_Q5_0, DT_F16},  {DT_Q5_1, DT_F16},  {DT_IQ4_NL, DT_F16}, {DT_Q8_0, DT_F16}};

static unsigned kind_of(const struct names_row *row)
{
    const struct param *p = names_param(row);
    if (!params_is_matrix(p) || p->id == PARAM_router)
        return 0;
    return params_stacked(p)      ? OF_EXPERTS
           : p->id == PARAM_embed ? OF_EMBEDDINGS
           : p->id == PARAM_head  ? OF_HEAD
                                  : OF_ATTENTION;
}

/* ---- types ---------------------------------------------------------------------------------------------- */

static bool is_written(enum dtype t)
{
    return t < DT_U8 && dtype_info(t)->pack && t != DT_MXFP4_HF;
}

const char *osso_quantize_type(int i)
{
    for (enum dtype t = 0; t < DT_U8; t++)
        if (is_written(t) && i-- == 0)
            return dtype_info(t)->name;
    return NULL;
}

/* "Q8_0", "affine4" (groups of 64), "affine4-g32". */
static bool parse_type(const char *text, struct plan_choice *out)
{
    const char *dash = strstr(text, "-g");
    size_t n = dash ? (size_t)(dash - text) : strlen(text);
    for (enum dtype t = 0; t < DT_U8; t++) {
        const struct dtype_info *info = dtype_info(t);
        if (!is_written(t) || strlen(info->name) != n || strncasecmp(info->name, text, n) != 0)
            continue;
        *out = (struct plan_choice){.dtype = t, .group = info->per_scale ? 0 : 64, .side = DT_BF16};
        if (dash && (info->per_scale || (strcmp(dash, "-g32") != 0 && strcmp(dash, "-g64") != 0)))
            return false;
        if (dash)
            out->group = dash[2] == '3' ? 32 : 64;
        return true;
    }
    return false;
}

static void list_types(char *text, size_t size)
{
    size_t used = 0;
    const char *name;
    for (int i = 0; (name = osso_quantize_type(i)) && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", name);
}

/* Other tools' names for mixes: what llama.cpp's comes to where rows are no multiple of 256. */
static const struct {
    const char *label; /* its beginning */
    const char *wide, *narrow;
} labels[] = {{"Q2_K", "Q2_K", "Q4_0"},   {"Q3_K", "Q3_K", "Q4_0"}, {"Q4_K", "Q4_K", "Q5_0"},
              {"Q5_K", "Q5_K", "Q5_1"},   {"Q6_K", "Q6_K", "Q8_0"}, {"IQ4", "IQ4_XS", "IQ4_NL"},
              {"IQ", "IQ4_XS", "IQ4_NL"}, {"MXFP4_MOE", NULL, NULL}};

static enum osso_status unknown_type(const struct conversion *c, const char *text)
{
    const char *label = strncasecmp(text, "UD-", 3) == 0 ? text + 3 : text; /* the same, with some tensors larger */
    char types[256];
    list_types(types, sizeof types);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        if (strncasecmp(label, labels[i].label, strlen(labels[i].label)) != 0)
            continue;
        if (!labels[i].wide)
            return error_set(c->err, OSSO_USAGE, "%s is what osso calls mxfp4-q8: experts MXFP4, the rest Q8_0", text);
        return error_set(
            c->err, OSSO_USAGE,
            "%s is a mix of llama.cpp's, not a type: of a gpt-oss with rows of %lld values it makes %s "
            "where rows are multiples of 256 (attn_output's are %lld), else %s, and leaves experts MXFP4. Say "
            "that by --type PATTERN=TYPE; there are %s",
            text, (long long)c->model->config.hidden, labels[i].wide,
            (long long)(c->model->config.n_heads * (int64_t)c->model->config.head_dim), labels[i].narrow, types);
    }
    return error_set(c->err, OSSO_USAGE,
                     "no type is named \"%s\"; there are %s, keep, and the recipes mxfp4 and mxfp4-q8", text, types);
}

enum dtype rules_fallback(enum dtype type, int64_t columns)
{
    for (size_t i = 0; i < sizeof larger / sizeof larger[0]; i++)
        if (larger[i].type == type)
            return columns % dtype_info(larger[i].next)->block == 0 ? larger[i].next
                                                                    : rules_fallback(larger[i].next, columns);
    return DT_COUNT;
}

/* ---- rules ---------------------------------------------------------------------------------------------- */

static struct rule *add_rule(struct conversion *c, const char *text, unsigned kinds)
{
    c->rules[c->n_rules] = (struct rule){.text = text, .kinds = kinds};
    return &c->rules[c->n_rules++];
}

static bool add_recipe(struct conversion *c, const char *text, const char *name)
{
    bool q8 = strcasecmp(name, "mxfp4-q8") == 0;
    bool mlx = c->o.to && strcmp(c->o.to, "mlx") == 0;
    if (!q8 && strcasecmp(name, "mxfp4") != 0)
        return false;
    if (q8)
        add_rule(c, text, OF_OTHERS)->choice = mlx ? (struct plan_choice){DT_AFFINE8, 64, DT_BF16}
                                                   : (struct plan_choice){.dtype = DT_Q8_0};
    add_rule(c, text, OF_EXPERTS)->choice = (struct plan_choice){.dtype = DT_MXFP4};
    return true;
}

static enum osso_status add_said(struct conversion *c, const char *text)
{
    const char *equals = strrchr(text, '='), *type = equals ? equals + 1 : text;
    if (!equals && add_recipe(c, text, text))
        return OSSO_OK;
    struct rule *rule = add_rule(c, text, equals ? 0 : OF_ALL);
    rule->keep = strcasecmp(type, "keep") == 0;
    if (!rule->keep && !parse_type(type, &rule->choice))
        return unknown_type(c, type);
    for (size_t i = 0; equals && i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i].word) == (size_t)(equals - text) &&
            strncmp(words[i].word, text, (size_t)(equals - text)) == 0)
            rule->kinds = words[i].kinds;
    if (equals && !rule->kinds && !(rule->glob = mem_strndup(text, (size_t)(equals - text))))
        return error_nomem(c->err, strlen(text), "a pattern");
    return OSSO_OK;
}

static bool ends_in_gguf(const char *out)
{
    size_t n = strlen(out);
    return n > 5 && strcasecmp(out + n - 5, ".gguf") == 0;
}

enum osso_status rules_create(struct conversion *c, const char **to_out)
{
    enum osso_status status = OSSO_OK;
    bool mlx = false;
    c->rules = mem_array((size_t)c->q.n_types * 2 + 2, sizeof *c->rules);
    if (!c->rules)
        return error_nomem(c->err, 1, "the rules");
    for (int i = 0; i < c->q.n_types && !status; i++)
        status = add_said(c, c->q.types[i]);
    if (c->q.n_types == 0)
        add_recipe(c, NULL, (c->o.to ? strcmp(c->o.to, "gguf") == 0 : ends_in_gguf(c->out)) ? "mxfp4-q8" : "mxfp4");
    for (int i = 0; i < c->n_rules; i++)
        mlx |= !c->rules[i].keep && c->rules[i].choice.group > 0;
    *to_out = c->o.to ? c->o.to : ends_in_gguf(c->out) ? "gguf" : mlx ? "mlx" : "hf";
    return status;
}

void rules_free(struct conversion *c)
{
    for (int i = 0; i < c->n_rules; i++)
        mem_free(c->rules[i].glob);
    mem_free(c->rules);
    c->rules = NULL;
}

bool rules_find(struct conversion *c, const struct names_row *row, const char *name, struct plan_choice *choice_out)
{
    const struct rule *last = NULL;
    unsigned kind = kind_of(row);
    for (int i = 0; kind && i < c->n_rules; i++) {
        struct rule *rule = &c->rules[i];
        if (rule->glob ? fnmatch(rule->glob, name, 0) != 0 : !(rule->kinds & kind))
            continue;
        rule->matched = true;
        last = rule;
    }
    if (!last || last->keep)
        return false;
    *choice_out = last->choice;
    return true;
}

enum osso_status rules_check(const struct conversion *c)
{
    for (int i = 0; i < c->n_rules; i++)
        if (!c->rules[i].matched && c->rules[i].text)
            return error_set(
                c->err, OSSO_USAGE,
                "--type %s matches no matrix of this model%s; patterns are experts, attention, embeddings, "
                "head, or names as --dry-run shows them. Norms, router, sinks and biases are always kept",
                c->rules[i].text,
                c->model->config.tied && c->rules[i].kinds == OF_HEAD
                    ? ", whose head is its embedding (--untie parts them)"
                    : "");
    return OSSO_OK;
}
