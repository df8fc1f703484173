/* openapi.c: /openapi.json, made of the table of fields. */
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

static void put_type(struct buf *out, const struct field *f)
{
    static const char text[] = "{\"type\":\"string\"}", object[] = "{\"type\":\"object\"}",
                      list[] = "{\"type\":\"array\",\"items\":{}}";
    switch (f->type) {
    case FIELD_BOOL: buf_puts(out, "\"type\":[\"boolean\",\"null\"]"); break;
    case FIELD_INT:
    case FIELD_REAL:
        buf_printf(out, "\"type\":[\"%s\",\"null\"]", f->type == FIELD_INT ? "integer" : "number");
        put_limits(out, f, "minimum", "maximum");
        break;
    case FIELD_TEXT: buf_puts(out, "\"type\":[\"string\",\"null\"]"); break;
    case FIELD_LIST:
        buf_puts(out, "\"type\":[\"array\",\"null\"],\"items\":{}");
        put_limits(out, f, "minItems", "maxItems");
        break;
    case FIELD_OBJECT: buf_puts(out, "\"type\":[\"object\",\"null\"]"); break;
    case FIELD_TEXT_OR_LIST:
    case FIELD_TEXT_OR_LIST_OF_ITEMS:
    case FIELD_PROMPT: buf_printf(out, "\"anyOf\":[%s,%s,{\"type\":\"null\"}]", text, list); break;
    case FIELD_TEXT_OR_OBJECT: buf_printf(out, "\"anyOf\":[%s,%s,{\"type\":\"null\"}]", text, object); break;
    }
}

static void put_body(struct buf *out, unsigned api)
{
    static const char *const required[] = {
        [API_CHAT] = "\"messages\"", [API_RESPONSES] = "", [API_COMPLETIONS] = "\"prompt\""};
    const char *comma = "";
    buf_puts(
        out,
        "\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\",\"properties\":{");
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
    buf_printf(out, "},\"required\":[%s]}}}},", required[api]);
}

static void put_answers(struct buf *out, bool streams)
{
    buf_printf(
        out,
        "\"responses\":{\"200\":{\"description\":\"the answer\",\"content\":{\"application/json\":{\"schema\":{\"type\":"
        "\"object\"}}%s}},\"default\":{\"description\":\"refused\",\"content\":{\"application/json\":{\"schema\":{"
        "\"$ref\":\"#/components/schemas/Error\"}}}}}",
        streams ? ",\"text/event-stream\":{}" : "");
}

void about_openapi(struct exchange *x)
{
    static const struct {
        const char *path;
        unsigned api;
    } posts[] = {
        {"/v1/chat/completions", API_CHAT}, {"/v1/responses", API_RESPONSES}, {"/v1/completions", API_COMPLETIONS}};
    static const char *const gets[] = {"/health", "/v1/models", "/props", "/slots"};
    struct buf out = {0};
    buf_printf(&out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"osso\",\"version\":\"%s\"},\"paths\":{",
               osso_version());
    for (size_t i = 0; i < sizeof posts / sizeof *posts; i++) {
        buf_printf(&out, "%s\"%s\":{\"post\":{", i ? "," : "", posts[i].path);
        put_body(&out, posts[i].api);
        put_answers(&out, true);
        buf_puts(&out, "}}");
    }
    for (size_t i = 0; i < sizeof gets / sizeof *gets; i++) {
        buf_printf(&out, ",\"%s\":{\"get\":{", gets[i]);
        buf_puts(&out,
                 "\"responses\":{\"200\":{\"description\":\"as it is\"},\"503\":{\"description\":\"not now\"}}}}");
    }
    buf_puts(
        &out,
        "},\"components\":{\"schemas\":{\"Error\":{\"type\":\"object\",\"properties\":{\"error\":{\"type\":\"object\","
        "\"properties\":{\"message\":{\"type\":\"string\"},\"type\":{\"type\":\"string\"},\"param\":{\"type\":[\"string\","
        "\"null\"]},\"code\":{\"type\":[\"string\",\"null\"]}},\"required\":[\"message\",\"type\",\"param\",\"code\"]}},"
        "\"required\":[\"error\"]}}}}");
    exchange_reply(x, 200, NULL, "application/json", out.data, out.len);
    buf_free(&out);
}
