/* verb_info.c: what a model file holds and needs. The library says it in JSON; this prints it for people. */
#include "cli/device.h"
#include "cli/model_args.h"
#include "cli/out.h"

#include "base/mem.h"
#include "json/jget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name of the JSON form as words: "kv_full_layers" is "KV full layers". Names of formats (Q8_0) and of presets'
 * forms stay as they are. */
static const char *words_of(const char *key, char *text, size_t size)
{
    static const char *const capitals[] = {"kv", "rms"};
    snprintf(text, size, "%s", key);
    if (strpbrk(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        return text;
    for (char *c = text; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    for (size_t i = 0; i < sizeof capitals / sizeof *capitals; i++) {
        size_t n = strlen(capitals[i]);
        if (strncmp(text, capitals[i], n) == 0 && (text[n] == ' ' || !text[n]))
            for (size_t k = 0; k < n; k++)
                text[k] = (char)(text[k] - 'a' + 'A');
    }
    return text;
}

static void print_key(int indent, const char *key)
{
    char text[64];
    printf("%*s%-*s", indent, "", 24 - indent, words_of(key, text, sizeof text));
}

/* A number that is a float's (a GGUF file's 1e-05 is 9.99999974737875e-06) is shown as short as it reads back. */
static void print_real(double value)
{
    char few[32], many[32];
    int digits = 1;
    snprintf(many, sizeof many, "%.10g", value);
    do
        snprintf(few, sizeof few, "%.*g", digits, value);
    while (digits++ < 10 && strtof(few, NULL) != (float)value);
    bool is_float = (double)(float)value == value;
    printf("%s\n", is_float && strlen(few) < strlen(many) ? few : many); /* 150000, not 1.5e+05 */
}

/* Counts of bytes and parameters are long: in words first, then exactly. */
static void print_number(const char *section, const char *key, const struct jval *value)
{
    char words[32];
    int64_t integer;
    if (!jget_integer(value, &integer)) {
        print_real(jget_real(value));
        return;
    }
    long long n = integer;
    bool bytes = strcmp(section, "bytes") == 0 ||
                 ((strcmp(section, "memory") == 0 || strcmp(section, "device") == 0) && strcmp(key, "context") != 0 &&
                  strcmp(key, "cpu_expert_layers") != 0);
    if (bytes && n >= 1000)
        printf("%-10s (%lld)\n", human_bytes(words, (uint64_t)n), n);
    else if (strcmp(section, "parameters") == 0 && n >= 1000000)
        printf("%.2f %-6s (%lld)\n", (double)n / (n >= 1000000000 ? 1e9 : 1e6), n >= 1000000000 ? "B" : "M", n);
    else
        printf("%lld\n", n);
}

static void print_integers(const struct jval *list, const char *between)
{
    int64_t n;
    for (const struct jval *v = list->first; v; v = v->next) {
        jget_integer(v, &n);
        printf("%s%lld", v == list->first ? "" : between, (long long)n);
    }
}

static void print_value(const char *section, const char *key, const struct jval *value)
{
    if (value->type == J_STRING) {
        out_model_text(value->text.s, value->text.len); /* a file's word: it may hold anything */
        printf("\n");
    } else if (value->type == J_NUMBER) {
        print_number(section, key, value);
    } else if (value->type == J_ARRAY) {
        print_integers(value, " ");
        printf("\n");
    } else
        printf("%s\n", value->type != J_BOOL ? "none" : value->truth ? "yes" : "no");
}

/* Sections within sections are two deep in this form, never more. */
static void print_object(int indent, const char *section, const struct jval *object)
{
    bool apart = false; /* a value of the whole after a section is no part of that */
    for (const struct jval *v = object->first; v; v = v->next) {
        const char *key = v->key.s;
        char text[64];
        if (indent == 0 && strcmp(key, "tensors") == 0)
            continue;
        if (indent == 0 && apart && v->type != J_OBJECT)
            printf("\n");
        apart = v->type == J_OBJECT;
        if (v->type == J_OBJECT && indent < 4) {
            printf("%s%*s%s\n", indent == 0 ? "\n" : "", indent, "", words_of(key, text, sizeof text));
            print_object(indent + 2, indent == 0 ? key : section, v);
        } else {
            print_key(indent, key);
            print_value(section, key, v);
        }
    }
}

static void print_tensors(const struct jval *tensors)
{
    if (!tensors)
        return;
    printf("\ntensors\n");
    for (const struct jval *t = tensors->first; t; t = t->next) {
        const struct jval *name = jval_get(t, "name");
        char words[32];
        int64_t bytes;
        jget_integer(jval_get(t, "bytes"), &bytes);
        printf("  %-6s %9s  ", jval_get(t, "type")->text.s, human_bytes(words, (uint64_t)bytes));
        out_model_text(name->text.s, name->text.len);
        printf(" (");
        print_integers(jval_get(t, "shape"), ", ");
        printf(")\n");
    }
}

int verb_info(const struct options *o)
{
    const struct option_value *v = o->v;
    struct osso_error err = {0};
    struct osso_model *model = NULL;
    char *path = NULL, *json = NULL;
    struct jdoc *doc = NULL;
    enum osso_status status = OSSO_OK;
    bool preset = v[OPT_preset].set;
    if (!preset && !(status = model_path(o, &path, &err))) {
        const struct osso_model_options with = {.size = sizeof with, .ignore_unused = v[OPT_ignore_unused].set};
        signals_name_model(path);
        status = osso_model_open_with(path, &with, &model, &err); /* checks every name, type, shape and bound */
        if (model)
            model_say_warnings(model);
    }
    if (!status)
        status = osso_info_json(path, preset ? v[OPT_preset].s : NULL, v[OPT_ctx_size].i,
                                v[OPT_kv_type].set ? v[OPT_kv_type].s : NULL, v[OPT_tensors].set, &json, &err);
    if (!status && model)
        status = device_plan(o, model, &json, &err);
    if (!status && v[OPT_json].set) {
        out_puts(json);
        out_puts("\n");
    } else if (!status && !(status = jdoc_read(json, strlen(json), "the description of the model", &doc, &err))) {
        print_object(0, "", jdoc_root(doc));
        print_tensors(jval_get(jdoc_root(doc), "tensors"));
    }
    jdoc_release(doc);
    osso_free(json);
    osso_model_free(model);
    mem_free(path);
    return exit_code(status, &err);
}
