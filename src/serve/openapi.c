/* openapi.c: /openapi.json, made of the tables of routes, fields and shapes (routes.def, fields.def, shapes.def). */
#include "serve/about.h"

#include "json/jwrite.h"
#include "serve/desk.h"
#include "serve/exchange.h"

#include <math.h>
#include <string.h>

static void put_limits(struct buf *out, const struct field *f, const char *least, const char *most)
{
    if (f->least > -1e15 && (f->least != 0 || f->most != 0))
        buf_printf(out, ",\"%s\":%.10g", least, f->least);
    if (f->most != 0 && fabs(f->most) < 1e15)
        buf_printf(out, ",\"%s\":%.10g", most, f->most);
}

/* What shapes.def says of a field, or NULL. */
static const char *shape_of(const struct field *f)
{
    static const struct {
        const char *name, *json;
    } shapes[] = {
#define FIELD_SHAPE(name, json) {name, json},
#include "serve/shapes.def"
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(shapes[i].name, f->name) == 0)
            return shapes[i].json;
    return NULL;
}

static void put_type(struct buf *out, const struct field *f)
{
    static const char text[] = "{\"type\":\"string\"}", object[] = "{\"type\":\"object\"}";
    const char *shape = shape_of(f), *item = shape ? shape : "{}";
    switch (f->type) {
    case FIELD_BOOL: buf_puts(out, "\"type\":[\"boolean\",\"null\"]"); break;
    case FIELD_INT:
    case FIELD_REAL:
        buf_printf(out, "\"type\":[\"%s\",\"null\"]", f->type == FIELD_INT ? "integer" : "number");
        put_limits(out, f, "minimum", "maximum");
        break;
    case FIELD_TEXT: buf_puts(out, "\"type\":[\"string\",\"null\"]"); break;
    case FIELD_LIST:
        buf_printf(out, "\"type\":[\"array\",\"null\"],\"items\":%s", item);
        put_limits(out, f, "minItems", "maxItems");
        return;
    case FIELD_OBJECT: buf_puts(out, "\"type\":[\"object\",\"null\"]"); break;
    case FIELD_TEXT_OR_LIST:
    case FIELD_TEXT_OR_LIST_OF_ITEMS:
    case FIELD_PROMPT:
        buf_printf(out, "\"anyOf\":[%s,{\"type\":\"array\",\"items\":%s", text, item);
        put_limits(out, f, "minItems", "maxItems");
        buf_puts(out, "},{\"type\":\"null\"}]");
        return;
    case FIELD_TEXT_OR_OBJECT: buf_printf(out, "\"anyOf\":[%s,%s,{\"type\":\"null\"}]", text, object); return;
    }
    if (shape)
        buf_printf(out, ",%s", shape);
}

/* The fields of an API as a schema. */
static void put_fields(struct buf *out, unsigned api, const char *required)
{
    const char *comma = "";
    buf_puts(out, "{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; field_at(i); i++) {
        const struct field *f = field_at(i);
        if (!(f->apis & api))
            continue;
        buf_printf(out, "%s\"%s\":{", comma, f->name);
        put_type(out, f);
        buf_puts(out, ",\"description\":");
        jwrite_string(out, f->text, strlen(f->text));
        buf_puts(out, "}");
        comma = ",";
    }
    buf_printf(out, "},\"required\":[%s]}", required);
}

static void put_ref(struct buf *out, const char *schema)
{
    buf_printf(out, "\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}", schema);
}

static void put_answers(struct buf *out, const char *gives, bool streams)
{
    buf_puts(out, "\"responses\":{\"200\":{\"description\":\"the answer\",\"content\":{");
    if (*gives)
        put_ref(out, gives);
    else
        buf_puts(out, "\"text/plain\":{}");
    buf_puts(out, streams ? ",\"text/event-stream\":{}}}," : "}},");
    if (strcmp(gives, "Status") == 0) { /* what is not ready says so in the same form */
        buf_puts(out, "\"503\":{\"description\":\"not now\",\"content\":{");
        put_ref(out, gives);
        buf_puts(out, "}},");
    }
    buf_puts(out, "\"default\":{\"description\":\"refused\",\"content\":{");
    put_ref(out, "Error");
    buf_puts(out, "}}}");
}

struct told {
    const char *method, *path, *takes, *gives;
};

static void put_operation(struct buf *out, const struct told *t)
{
    bool answer = strcmp(t->gives, "Chat") == 0 || strcmp(t->gives, "Completion") == 0 ||
                  strcmp(t->gives, "Response") == 0;
    buf_puts(out, "\"");
    for (const char *c = t->method; *c; c++)
        buf_putc(out, (char)(*c | 0x20));
    buf_puts(out, "\":{");
    if (strstr(t->path, "{id}"))
        buf_puts(
            out,
            "\"parameters\":[{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}],");
    if (*t->takes) {
        buf_puts(out, "\"requestBody\":{\"required\":true,\"content\":{");
        put_ref(out, t->takes);
        buf_puts(out, "}},");
    }
    put_answers(out, t->gives, *t->takes && answer);
    buf_puts(out, "}");
}

static void put_paths(struct buf *out)
{
    static const struct told routes[] = {
#define ROUTE(method, path, key, kind, handler, takes, gives) {#method, path, takes, gives},
#include "serve/routes.def"
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        bool again = i > 0 && strcmp(routes[i - 1].path, routes[i].path) == 0; /* with another method */
        buf_puts(out, again ? "," : i ? "}," : "");
        if (!again)
            buf_printf(out, "\"%s\":{", routes[i].path);
        put_operation(out, &routes[i]);
    }
    buf_puts(out, "}");
}

static void put_schemas(struct buf *out)
{
    static const struct {
        const char *name, *text; /* JSON, or of an API the fields that it must have */
        unsigned api;
    } schemas[] = {
#define SCHEMA(name, json) {name, json, 0},
#define REQUEST(name, api, required) {name, required, api},
#include "serve/shapes.def"
    };
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        buf_printf(out, "%s\"%s\":", i ? "," : "", schemas[i].name);
        if (schemas[i].api)
            put_fields(out, schemas[i].api, schemas[i].text);
        else
            buf_puts(out, schemas[i].text);
    }
}

void about_openapi(struct exchange *x)
{
    struct buf out = {0};
    buf_printf(&out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"osso\",\"version\":\"%s\"},\"paths\":{",
               osso_version());
    put_paths(&out);
    buf_puts(&out, "},\"components\":{\"schemas\":{");
    put_schemas(&out);
    buf_puts(&out, "}}}");
    exchange_reply(x, 200, NULL, "application/json", out.data, out.len);
    buf_free(&out);
}
