/* conversation_args.c: system and developer message as the options want them. */
#define _GNU_SOURCE
#include "cli/conversation_args.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* --date: "none", "YYYY-MM-DD", or NULL for today. */
static enum osso_status set_date(struct opening *opening, const char *date, struct osso_error *err)
{
    static const char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, end = 0;
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
    if (strlen(date) != 10 || sscanf(date, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3 || end != 10 || year < 0 ||
        month < 1 || month > 12 || day < 1 || day > days[month - 1])
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
    struct osso_system system = {
        .size = sizeof system, .date = *opening->date ? opening->date : NULL, .effort = opening->effort};
    struct osso_conversation *c;
    *conversation_out = NULL;
    enum osso_status status = osso_conversation_create(&c, err);
    if (status)
        return status;
    status = osso_conversation_add_system(c, &system, err);
    if (!status && opening->instructions)
        status = osso_conversation_add_developer(c, opening->instructions, NULL, err);
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
