/* head.h: is a request's head one that every HTTP program on its way reads alike? The HTTP library takes more than that
 * (two lengths, an unknown transfer coding, control characters): it is refused here before a byte of the body is read.
 */
#ifndef OSSO_SERVE_HEAD_H
#define OSSO_SERVE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAD_FIELDS = 100 };

struct head_field {
    const char *name, *value;
    size_t name_len, value_len;
};

struct head {
    struct head_field field[HEAD_FIELDS];
    size_t n;      /* HEAD_FIELDS and more: too many */
    bool http_1_1; /* else 1.0 */
};

/* The fields that the server looks at; value NULL: not there. */
struct head_facts {
    struct head_field host, origin, authorization, api_key, content_type, request_id, user_agent, preflight_method,
        preflight_headers;
    bool has_length, chunked, expects;
    uint64_t length;
};

/* 0, or the status to refuse with and why. */
int head_read(const struct head *head, struct head_facts *facts_out, const char **why_out);
bool head_field_is(const struct head_field *field, const char *name);

/* A request id that came along: [A-Za-z0-9._:-], 1 to `max`. */
bool head_id_is_sane(const char *id, size_t len, size_t max);
/* The key in "Bearer KEY"; NULL: none. */
const char *head_bearer(const struct head_field *authorization, size_t *len_out);
/* Is it application/json, whatever parameters follow? */
bool head_is_json(const struct head_field *content_type);

#endif
