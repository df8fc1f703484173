/* fields.c: types and limits of a request's fields. What depends on more than one field is looked at where it is used.
 */
#include "serve/api/fields.h"

#include "json/jget.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct field fields[] = {
#define FIELD(name, apis, type, least, most, text) {name, apis, FIELD_##type, least, most, text},
#include "serve/api/fields.def"
#undef FIELD
};

const struct field *field_at(size_t i)
{
    return i < sizeof fields / sizeof *fields ? fields + i : NULL;
}

void field_says(const struct field *f, char *text, size_t size)
{
    static const char *const words[] = {[FIELD_BOOL] = "true or false",
                                        [FIELD_INT] = "an integer",
                                        [FIELD_REAL] = "a number",
                                        [FIELD_TEXT] = "text",
                                        [FIELD_LIST] = "a list",
                                        [FIELD_OBJECT] = "an object",
                                        [FIELD_TEXT_OR_LIST] = "text or a list of texts",
                                        [FIELD_TEXT_OR_LIST_OF_ITEMS] = "text or a list of items",
                                        [FIELD_TEXT_OR_OBJECT] = "text or an object",
                                        [FIELD_PROMPT] = "text, a list of token ids, or a list of either"};
    bool number = f->type == FIELD_INT || f->type == FIELD_REAL;
    if (number && fabs(f->most) < 1e15)
        snprintf(text, size, "%s from %.10g to %.10g", words[f->type], f->least, f->most);
    else if (number && f->least > -1e15)
        snprintf(text, size, "%s, at least %.10g", words[f->type], f->least);
    else if (number)
        snprintf(text, size, "%s of 64 bits", words[f->type]);
    else if (f->least > 0)
        snprintf(text, size, "%s, not an empty one", words[f->type]);
    else if (f->most > 0)
        snprintf(text, size, "%s of at most %.10g", words[f->type], f->most);
    else
        snprintf(text, size, "%s", words[f->type]);
}

static bool is_text_list(const struct jval *v)
{
    for (const struct jval *c = v->first; c; c = c->next)
        if (c->type != J_STRING)
            return false;
    return true;
}

/* The elements of a list of prompts are of one kind each. */
static bool is_prompt(const struct jval *v)
{
    if (v->type == J_STRING)
        return true;
    if (v->type != J_ARRAY || !v->first)
        return false;
    int64_t id;
    for (const struct jval *c = v->first; c; c = c->next) {
        bool of_ids = c->type == J_ARRAY && c->first;
        for (const struct jval *i = of_ids ? c->first : NULL; i; i = i->next)
            of_ids = of_ids && jget_integer(i, &id);
        if (c->type != v->first->type || !(c->type == J_STRING || of_ids || jget_integer(c, &id)))
            return false;
    }
    return true;
}

/* Compared as integers: as doubles 2^53 and its successor are the same. */
static bool is_within(const struct field *f, int64_t v)
{
    const double end = 9223372036854775808.0; /* what is no int64 any more is no limit */
    return (f->least < -end || v >= (int64_t)f->least) && (f->most >= end || v <= (int64_t)f->most);
}

static bool has_type(const struct field *f, const struct jval *v)
{
    int64_t integer;
    switch (f->type) {
    case FIELD_BOOL: return v->type == J_BOOL;
    case FIELD_INT: return jget_integer(v, &integer) && is_within(f, integer);
    case FIELD_REAL: return v->type == J_NUMBER && jget_real(v) >= f->least && jget_real(v) <= f->most;
    case FIELD_TEXT: return v->type == J_STRING;
    case FIELD_LIST: return v->type == J_ARRAY;
    case FIELD_OBJECT: return v->type == J_OBJECT;
    case FIELD_TEXT_OR_LIST: return v->type == J_STRING || (v->type == J_ARRAY && is_text_list(v));
    case FIELD_TEXT_OR_LIST_OF_ITEMS: return v->type == J_STRING || v->type == J_ARRAY;
    case FIELD_TEXT_OR_OBJECT: return v->type == J_STRING || v->type == J_OBJECT;
    case FIELD_PROMPT: return is_prompt(v);
    }
    return false;
}

static bool has_size(const struct field *f, const struct jval *v)
{
    if (v->type != J_ARRAY && v->type != J_OBJECT)
        return true;
    bool ids = f->type == FIELD_PROMPT && v->first && v->first->type == J_NUMBER; /* one prompt, of any length */
    return (double)v->n_children >= f->least && (f->most == 0 || ids || (double)v->n_children <= f->most);
}

bool fields_check(const struct jval *root, unsigned api, struct refusal *r)
{
    if (root->type != J_OBJECT)
        return refuse(r, 400, NULL, "the body must be a JSON object");
    for (const struct field *f = fields; f < fields + sizeof fields / sizeof *fields; f++) {
        const struct jval *v = f->apis & api ? jval_given(root, f->name) : NULL;
        char want[128];
        if (!v || (has_type(f, v) && has_size(f, v)))
            continue;
        field_says(f, want, sizeof want);
        return refuse(r, 400, f->name, "\"%s\" must be %s", f->name, want);
    }
    return true;
}

const struct jval *field_given(const struct jval *root, unsigned api, const char *name)
{
    for (const struct field *f = fields; f < fields + sizeof fields / sizeof *fields; f++)
        if (f->apis & api && strcmp(f->name, name) == 0)
            return jval_given(root, name);
    return NULL;
}

int64_t field_int(const struct jval *root, unsigned api, const char *name, int64_t absent)
{
    int64_t value;
    return jget_integer(field_given(root, api, name), &value) ? value : absent;
}

double field_real(const struct jval *root, unsigned api, const char *name, double absent)
{
    const struct jval *v = field_given(root, api, name);
    return v ? jget_real(v) : absent;
}

bool field_bool(const struct jval *root, unsigned api, const char *name, bool absent)
{
    const struct jval *v = field_given(root, api, name);
    return v ? v->truth : absent;
}
