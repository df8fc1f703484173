/* head.c: the rules of RFC 9112 for a head that is sent on by nobody and read by us. */
#include "serve/head.h"

#include <string.h>
#include <strings.h>

/* The characters of a name (RFC 9110, token). */
static bool is_token_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool name_is_sound(const struct head_field *f)
{
    for (size_t i = 0; i < f->name_len; i++)
        if (!is_token_char((unsigned char)f->name[i]))
            return false;
    return f->name_len > 0;
}

static bool value_is_sound(const struct head_field *f)
{
    for (size_t i = 0; i < f->value_len; i++) {
        unsigned char c = (unsigned char)f->value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool same(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && strncasecmp(s, word, n) == 0;
}

bool head_field_is(const struct head_field *field, const char *name)
{
    return same(field->name, field->name_len, name);
}

/* Digits only, below 10^18. */
static bool read_length(const struct head_field *f, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < f->value_len; i++) {
        if (f->value[i] < '0' || f->value[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(f->value[i] - '0');
    }
    *out = n;
    return f->value_len > 0 && f->value_len <= 18;
}

static const char *framing(const struct head_field *f, bool http_1_1, struct head_facts *facts)
{
    if (head_field_is(f, "content-length")) {
        if (facts->has_length)
            return "there are two Content-Length headers";
        facts->has_length = true;
        if (!read_length(f, &facts->length))
            return "Content-Length is not a number of bytes";
    } else if (head_field_is(f, "transfer-encoding")) {
        if (facts->chunked)
            return "there are two Transfer-Encoding headers";
        facts->chunked = true;
        if (!http_1_1 || !same(f->value, f->value_len, "chunked"))
            return "the only Transfer-Encoding that is understood is chunked, in HTTP/1.1";
    }
    return facts->has_length && facts->chunked ? "there are both Content-Length and Transfer-Encoding" : NULL;
}

/* Where the facts keep a field that may come once; NULL: one that nobody looks at. */
static struct head_field *place_of(const struct head_field *f, struct head_facts *facts)
{
    const struct {
        const char *name;
        struct head_field *place;
    } once[] = {{"host", &facts->host},
                {"origin", &facts->origin},
                {"authorization", &facts->authorization},
                {"x-api-key", &facts->api_key},
                {"content-type", &facts->content_type},
                {"x-request-id", &facts->request_id},
                {"user-agent", &facts->user_agent},
                {"access-control-request-method", &facts->preflight_method},
                {"access-control-request-headers", &facts->preflight_headers}};
    for (size_t i = 0; i < sizeof once / sizeof *once; i++)
        if (head_field_is(f, once[i].name))
            return once[i].place;
    return NULL;
}

static int refuse(int status, const char *why, const char **why_out)
{
    *why_out = why;
    return status;
}

int head_read(const struct head *head, struct head_facts *facts, const char **why)
{
    *facts = (struct head_facts){0};
    *why = NULL;
    if (head->n >= HEAD_FIELDS)
        return refuse(431, "there are too many headers", why);
    for (size_t i = 0; i < head->n; i++) {
        const struct head_field *f = &head->field[i];
        if (!name_is_sound(f))
            return refuse(400, "a header's name holds characters that are none of a name", why);
        if (!value_is_sound(f))
            return refuse(400, "a header holds control characters", why);
        const char *wrong = framing(f, head->http_1_1, facts);
        if (wrong)
            return refuse(400, wrong, why);
        struct head_field *place = place_of(f, facts);
        if (place && place->value)
            return refuse(400, "a header that may come once came twice", why);
        if (place)
            *place = *f;
        if (head_field_is(f, "expect")) {
            facts->expects = true;
            if (!same(f->value, f->value_len, "100-continue"))
                return refuse(417, "the only expectation that is understood is 100-continue", why);
        }
        if (head_field_is(f, "content-encoding") && !same(f->value, f->value_len, "identity"))
            return refuse(415, "send the body as it is: no content encoding is undone here", why);
    }
    return facts->host.value && facts->host.value_len ? 0 : refuse(400, "there is no Host header", why);
}

bool head_id_is_sane(const char *id, size_t len, size_t max)
{
    if (!id || len < 1 || len > max)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)id[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._:-", c))))
            return false;
    }
    return true;
}

const char *head_bearer(const struct head_field *f, size_t *len_out)
{
    const size_t word = sizeof "Bearer" - 1;
    size_t at = word;
    *len_out = 0;
    if (!f->value || f->value_len <= word || strncasecmp(f->value, "Bearer", word) != 0 || f->value[at] != ' ')
        return NULL;
    while (at < f->value_len && f->value[at] == ' ')
        at++;
    *len_out = f->value_len - at;
    return f->value + at;
}

bool head_is_json(const struct head_field *f)
{
    if (!f->value)
        return false;
    size_t n = 0;
    while (n < f->value_len && f->value[n] != ';')
        n++;
    while (n > 0 && (f->value[n - 1] == ' ' || f->value[n - 1] == '\t'))
        n--;
    return same(f->value, n, "application/json");
}
