/* train_yaml.c: libyaml's events, with a stack of what is open: mappings only group, but for the sources of data. */
#include "cli/train_yaml.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/numbers.h"

#include <stdio.h>
#include <string.h>

#ifndef HAVE_YAML

enum osso_status train_yaml_read(const char *path, struct osso_train_config *config, struct osso_error *err)
{
    (void)config;
    return error_set(err, OSSO_UNSUPPORTED,
                     "%s: this osso was built without libyaml; give the settings as flags, or install libyaml-dev (so "
                     "Debian calls it), then build again with make",
                     path);
}

#else

#include <yaml.h>

enum { MAX_DEPTH = 16, MAX_FILE = 1 << 20 };

struct reader {
    const char *path;
    yaml_parser_t parser;
    yaml_event_t event;
    struct osso_train_config *config;
    struct osso_error *err;
    char where[512];
};

static enum osso_status fail(struct reader *r, const char *what)
{
    return error_set(r->err, OSSO_USAGE, "%s: %s", r->where, what);
}

static enum osso_status next(struct reader *r)
{
    yaml_event_delete(&r->event);
    memset(&r->event, 0, sizeof r->event);
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        snprintf(r->where, sizeof r->where, "%s:%zu", r->path, r->parser.problem_mark.line + 1);
        return error_set(r->err, OSSO_FORMAT, "%s: this is no YAML: %s", r->where,
                         r->parser.problem ? r->parser.problem : "it cannot be read");
    }
    snprintf(r->where, sizeof r->where, "%s:%zu", r->path, r->event.start_mark.line + 1);
    return r->event.type == YAML_ALIAS_EVENT ? fail(r, "aliases (*name) are not taken; write the value out") : OSSO_OK;
}

static const char *scalar(const struct reader *r)
{
    return (const char *)r->event.data.scalar.value;
}

/* null, ~ or nothing at all: as if the key were not there. */
static bool is_null(const struct reader *r)
{
    const char *s = scalar(r);
    return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!*s || strcmp(s, "~") == 0 || strcmp(s, "null") == 0);
}

static enum osso_status copy_scalar(struct reader *r, char **out)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return fail(r, "a plain value is wanted here");
    mem_free(*out);
    *out = mem_strdup(scalar(r));
    return *out ? OSSO_OK : error_nomem(r->err, strlen(scalar(r)), "a setting");
}

/* {path: FILE, weight: W, split: S}; its brace was read. */
static enum osso_status read_source(struct reader *r)
{
    char *values[3] = {NULL}, *key = NULL, where[512];
    static const char *const names[] = {"path", "weight", "split"};
    double weight = 1;
    enum osso_status status = OSSO_OK;
    snprintf(where, sizeof where, "%s", r->where);
    while (!status && !(status = next(r)) && r->event.type != YAML_MAPPING_END_EVENT) {
        int i = 0;
        status = copy_scalar(r, &key);
        while (!status && i < 3 && strcmp(names[i], key) != 0)
            i++;
        if (!status && i == 3)
            status = error_set(r->err, OSSO_USAGE, "%s: data: a source has path, weight and split, no '%s'", r->where,
                               key);
        if (!status)
            status = next(r);
        if (!status)
            status = copy_scalar(r, &values[i]);
    }
    if (!status && values[1] && !parse_f64(values[1], &weight))
        status = error_set(r->err, OSSO_USAGE, "%s: data: weight '%s' is no number", r->where, values[1]);
    if (!status)
        status = osso_train_config_add_data(r->config, values[0] ? values[0] : "", weight, values[2], where, r->err);
    mem_free(key);
    for (int i = 0; i < 3; i++)
        mem_free(values[i]);
    return status;
}

static enum osso_status read_sources(struct reader *r)
{
    enum osso_status status = OSSO_OK;
    while (!status && !(status = next(r)) && r->event.type != YAML_SEQUENCE_END_EVENT) {
        if (r->event.type == YAML_SCALAR_EVENT)
            status = osso_train_config_add_data(r->config, scalar(r), 1, NULL, r->where, r->err);
        else if (r->event.type == YAML_MAPPING_START_EVENT)
            status = read_source(r);
        else
            status = fail(r, "data: a source is a path, or path, weight and split");
    }
    return status;
}

/* [1, 2, 4] as "1,2,4". */
static enum osso_status read_list(struct reader *r, const char *key)
{
    struct buf list = {0};
    char where[512];
    enum osso_status status = OSSO_OK;
    snprintf(where, sizeof where, "%s", r->where);
    while (!status && !(status = next(r)) && r->event.type != YAML_SEQUENCE_END_EVENT) {
        if (r->event.type != YAML_SCALAR_EVENT)
            status = fail(r, "a list of plain values is wanted here");
        else
            buf_printf(&list, "%s%s", list.len ? "," : "", scalar(r));
    }
    if (!status)
        status = list.failed ? error_nomem(r->err, list.len, "a list")
                             : osso_train_config_set(r->config, key, list.data ? list.data : "", where, r->err);
    buf_free(&list);
    return status;
}

static enum osso_status read_value(struct reader *r, const char *key, int *depth)
{
    bool data = strcmp(key, "data") == 0;
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        if (is_null(r))
            return OSSO_OK;
        return data ? osso_train_config_add_data(r->config, scalar(r), 1, NULL, r->where, r->err)
                    : osso_train_config_set(r->config, key, scalar(r), r->where, r->err);
    case YAML_SEQUENCE_START_EVENT: return data ? read_sources(r) : read_list(r, key);
    case YAML_MAPPING_START_EVENT: /* a section, whatever its name: also `data:` */
        return ++*depth > MAX_DEPTH ? fail(r, "sections in sections, too many") : OSSO_OK;
    default: return fail(r, "a value is missing");
    }
}

static enum osso_status read_document(struct reader *r)
{
    char *key = NULL;
    int depth = 0;
    enum osso_status status = OSSO_OK;
    while (!status && !(status = next(r)) && r->event.type != YAML_STREAM_END_EVENT) {
        switch (r->event.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_START_EVENT:
        case YAML_DOCUMENT_END_EVENT: break;
        case YAML_MAPPING_END_EVENT: depth--; break;
        case YAML_MAPPING_START_EVENT:
            if (depth++ > 0)
                status = fail(r, "a key is wanted here");
            break;
        default:
            if (depth == 0 && r->event.type == YAML_SCALAR_EVENT && is_null(r))
                break; /* an empty file */
            if (depth == 0)
                return fail(r, "a configuration is a mapping: a line 'key: value' for each setting");
            status = copy_scalar(r, &key);
            if (!status)
                status = next(r);
            if (!status)
                status = read_value(r, key, &depth);
        }
    }
    mem_free(key);
    return status;
}

enum osso_status train_yaml_read(const char *path, struct osso_train_config *config, struct osso_error *err)
{
    struct reader r = {.path = path, .config = config, .err = err};
    char *text = NULL;
    size_t len = 0;
    enum osso_status status = file_read_text(path, MAX_FILE, &text, &len, err);
    if (status)
        return status;
    if (!yaml_parser_initialize(&r.parser)) {
        mem_free(text);
        return error_nomem(err, len, "a configuration");
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    status = read_document(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    mem_free(text);
    return status;
}

#endif
