/* conversation_args.c: system and developer message as the options want them. */
#define _GNU_SOURCE
#include "cli/conversation_args.h"

#include "base/error.h"

#include <string.h>
#include <time.h>

/* Is this a day of the Gregorian calendar as YYYY-MM-DD, in digits alone? */
static bool is_date(const char *s)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int part[3] = {0}, at = 0;
    for (const char *form = "YYYY-MM-DD"; *form; form++, s++) {
        if (*form == '-' ? *s != '-' : *s < '0' || *s > '9')
            return false;
        if (*form == '-')
            at++;
        else
            part[at] = part[at] * 10 + (*s - '0');
    }
    int year = part[0], month = part[1], day = part[2];
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return *s == 0 && year > 0 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && leap);
}

/* --date: "none", "YYYY-MM-DD", or NULL for today. */
static enum osso_status set_date(struct opening *opening, const char *date, struct osso_error *err)
{
    opening->date[0] = 0;
    if (!date) {
        struct tm now;
        time_t t = time(NULL);
        if (localtime_r(&t, &now))
            strftime(opening->date, sizeof opening->date, "%Y-%m-%d", &now);
        return OSSO_OK;
    }
    if (strcmp(date, "none") == 0)
        return OSSO_OK;
    if (!is_date(date))
        return error_set(err, OSSO_USAGE, "--date: '%s' is neither a date like 2026-01-15 nor 'none'", date);
    memcpy(opening->date, date, 11);
    return OSSO_OK;
}

enum osso_status opening_args(const struct options *o, struct opening *opening, struct osso_error *err)
{
    *opening = (struct opening){
        .instructions = o->v[OPT_system].set && *o->v[OPT_system].s ? o->v[OPT_system].s : NULL,
        .effort = o->v[OPT_reasoning_effort].set ? o->v[OPT_reasoning_effort].s : NULL,
    };
    return set_date(opening, o->v[OPT_date].set ? o->v[OPT_date].s : NULL, err);
}

enum osso_status opening_start(const struct opening *opening, struct osso_conversation **conversation_out,
                               struct osso_error *err)
{
    struct osso_system system = {.size = sizeof system,
                                 .identity = opening->identity,
                                 .date = *opening->date ? opening->date : NULL,
                                 .effort = opening->effort};
    struct osso_conversation *c;
    *conversation_out = NULL;
    enum osso_status status = osso_conversation_create(&c, err);
    if (status)
        return status;
    status = osso_conversation_add_system(c, &system, err);
    if (!status && (opening->instructions || opening->tools))
        status = osso_conversation_add_developer(c, opening->instructions, opening->tools, err);
    if (status)
        osso_conversation_free(c);
    else
        *conversation_out = c;
    return status;
}

enum osso_status add_user(struct osso_conversation *conversation, const char *text, size_t len, struct osso_error *err)
{
    struct osso_message message = {.size = sizeof message, .role = OSSO_ROLE_USER, .text = text, .text_len = len};
    return osso_conversation_add(conversation, &message, err);
}
