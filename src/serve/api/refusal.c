/* refusal.c: how the API says no. */
#include "serve/api/refusal.h"

#include "base/error.h"
#include "json/jwrite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool refuse(struct refusal *r, int status, const char *param, const char *format, ...)
{
    char text[sizeof r->err.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(&r->err, OSSO_FORMAT, "%s", text);
    r->status = status;
    snprintf(r->param, sizeof r->param, "%s", param ? param : "");
    return false;
}

bool refuse_status(struct refusal *r, enum osso_status status, const char *param)
{
    static const int http[] = {[OSSO_USAGE] = 400, [OSSO_FORMAT] = 400,   [OSSO_UNSUPPORTED] = 400,
                               [OSSO_LIMIT] = 400, [OSSO_NOTFOUND] = 404, [OSSO_NOMEM] = 503};
    size_t n = sizeof http / sizeof *http;
    r->status = (size_t)status < n && http[status] ? http[status] : 500;
    snprintf(r->param, sizeof r->param, "%s", param ? param : "");
    return false;
}

/* OpenAI's words for kinds of errors, by status. */
static const char *type_of(int status)
{
    switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 429: return "rate_limit_error";
    default: return status < 500 ? "invalid_request_error" : "server_error";
    }
}

static void put_text(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, ",\"%s\":", key);
    if (text)
        jwrite_string(out, text, strlen(text));
    else
        buf_puts(out, "null");
}

void refusal_body(struct buf *out, int status, const char *param, const char *code, const char *message)
{
    buf_puts(out, "{\"error\":{\"message\":");
    jwrite_string(out, message, strlen(message));
    put_text(out, "type", type_of(status));
    put_text(out, "param", param);
    put_text(out, "code", code);
    buf_puts(out, "}}");
}

void refusal_write(struct buf *out, const struct refusal *r)
{
    refusal_body(out, r->status, r->param[0] ? r->param : NULL, r->code, r->err.text);
}
