/* verb_info.c: what a model file holds and needs. The library says it in JSON; this prints it for people. */
#include "cli/model_args.h"
#include "cli/out.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* A name of the JSON form as words: "kv_full_layers". */
static void print_key(int indent, const char *key)
{
    char text[64];
    snprintf(text, sizeof text, "%s", key);
    for (char *c = text; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    printf("%*s%-*s", indent, "", 24 - indent, text);
}

/* Counts of bytes and parameters are long: in words first, then exactly. */
static void print_number(const char *section, const char *key, const json_t *value)
{
    char words[32];
    long long n = json_integer_value(value);
    if (json_is_real(value)) {
        printf("%.10g\n", json_real_value(value));
        return;
    }
    bool bytes = strcmp(section, "bytes") == 0 || (strcmp(section, "memory") == 0 && strcmp(key, "context") != 0);
    if (bytes && n >= 1000)
        printf("%-10s (%lld)\n", human_bytes(words, (uint64_t)n), n);
    else if (strcmp(section, "parameters") == 0 && n >= 1000000)
        printf("%.2f %-6s (%lld)\n", (double)n / (n >= 1000000000 ? 1e9 : 1e6), n >= 1000000000 ? "B" : "M", n);
    else
        printf("%lld\n", n);
}

static void print_value(const char *section, const char *key, const json_t *value)
{
    if (json_is_string(value)) {
        out_model_text(json_string_value(value), json_string_length(value)); /* a file's word: it may hold anything */
        printf("\n");
    } else if (json_is_number(value)) {
        print_number(section, key, value);
    } else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++)
            printf("%s%lld", i ? " " : "", (long long)json_integer_value(json_array_get(value, i)));
        printf("\n");
    } else
        printf("%s\n", json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "none");
}

/* Sections within sections are two deep in this form, never more. */
static void print_object(int indent, const char *section, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        if (indent == 0 && strcmp(key, "tensors") == 0)
            continue;
        if (json_is_object(value) && indent < 4) {
            printf("%s%*s%s\n", indent == 0 ? "\n" : "", indent, "", key);
            print_object(indent + 2, indent == 0 ? key : section, value);
        } else {
            print_key(indent, key);
            print_value(section, key, value);
        }
    }
}

static void print_tensors(const json_t *tensors)
{
    size_t i, k;
    json_t *t, *dim;
    if (!tensors)
        return;
    printf("\ntensors\n");
    json_array_foreach((json_t *)tensors, i, t) {
        const json_t *name = json_object_get(t, "name"), *shape = json_object_get(t, "shape");
        char words[32];
        printf("  %-6s %9s  ", json_string_value(json_object_get(t, "type")),
               human_bytes(words, (uint64_t)json_integer_value(json_object_get(t, "bytes"))));
        out_model_text(json_string_value(name), json_string_length(name));
        printf(" (");
        json_array_foreach((json_t *)shape, k, dim)
            printf("%s%lld", k ? ", " : "", (long long)json_integer_value(dim));
        printf(")\n");
    }
}

int verb_info(const struct options *o)
{
    const struct option_value *v = o->v;
    struct osso_error err = {0};
    struct osso_model *model = NULL;
    char *path = NULL, *json = NULL;
    json_t *root = NULL;
    enum osso_status status = OSSO_OK;
    bool preset = v[OPT_preset].set && o->n_operands == 0;
    if (!preset && !(status = model_path(o, &path, &err))) {
        signals_name_model(path);
        status = osso_model_open(path, &model, &err); /* checks every name, type, shape and bound */
    }
    if (!status)
        status = osso_info_json(path, preset ? v[OPT_preset].s : NULL, v[OPT_ctx_size].i,
                                v[OPT_kv_type].set ? v[OPT_kv_type].s : NULL, v[OPT_tensors].set, &json, &err);
    if (!status && v[OPT_json].set) {
        out_puts(json);
        out_puts("\n");
    } else if (!status && !(status = json_read(json, strlen(json), "the description of the model", &root, &err))) {
        print_object(0, "", root);
        print_tensors(json_object_get(root, "tensors"));
    }
    json_decref(root);
    osso_free(json);
    osso_model_free(model);
    mem_free(path);
    return exit_code(status, &err);
}
