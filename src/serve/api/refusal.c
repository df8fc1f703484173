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

void refusal_at(struct refusal *r, const char *outer)
{
    char inner[sizeof r->param];
    snprintf(inner, sizeof inner, "%s", r->param);
    snprintf(r->param, sizeof r->param, "%.48s%s%.40s", outer, inner[0] && inner[0] != '[' ? "." : "", inner);
}

const char *refusal_type(int status)
{
    switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 429: return "rate_limit_error";
    default: return status < 500 ? "invalid_request_error" : "server_error";
    }
}

void refusal_write(struct buf *out, const struct refusal *r)
{
    buf_puts(out, "{\"error\":{\"message\":");
    jwrite_string(out, r->err.text, strlen(r->err.text));
    buf_printf(out, ",\"type\":\"%s\",\"param\":", refusal_type(r->status));
    if (r->param[0])
        jwrite_string(out, r->param, strlen(r->param));
    else
        buf_puts(out, "null");
    buf_puts(out, ",\"code\":");
    if (r->code)
        jwrite_string(out, r->code, strlen(r->code));
    else
        buf_puts(out, "null");
    buf_puts(out, "}}");
}
