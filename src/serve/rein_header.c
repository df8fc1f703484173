/* rein_header.c: the pieces of a header as a grammar over bytes. */
#include "serve/rein_header.h"

#include <string.h>

static bool begins(const char *text, size_t len, const char *word)
{
    size_t n = strlen(word);
    return len >= n && memcmp(text, word, n) == 0;
}

/* Is the text the beginning of the word, or all of it? */
static bool leads_to(const char *text, size_t len, const char *word)
{
    return len <= strlen(word) && memcmp(text, word, len) == 0;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
}

/* How many bytes of the text are a name; *alive: it may go on from its end. A whole name ends where the text goes on
 * with something else. */
static size_t name_in(const struct rein_rules *rules, const char *text, size_t len, bool *alive, bool *whole)
{
    size_t n = 0;
    *alive = *whole = false;
    while (n < len && is_name_char(text[n]))
        n++;
    if (!rules->names) {
        *alive = n < REIN_NAME;
        *whole = n > 0;
        return n;
    }
    for (size_t i = 0; i < rules->n_names; i++) {
        *alive |= leads_to(text, n, rules->names[i]);
        *whole |= strlen(rules->names[i]) == n && memcmp(text, rules->names[i], n) == 0;
    }
    return n;
}

/* The blank and the content type that may end a header. */
static bool form_fits(const char *text, size_t len)
{
    return leads_to(text, len, " json") || leads_to(text, len, " code");
}

static bool form_is_whole(const char *text, size_t len)
{
    return len <= 1 || (len == 5 && form_fits(text, len));
}

/* What may stand behind a recipient. */
static struct rein_fit fit_form(const char *text, size_t len)
{
    return (struct rein_fit){.alive = form_fits(text, len), .whole = form_is_whole(text, len), .typed = len <= 1};
}

/* " to=NAME", and behind it, where `form`, the content type. */
static struct rein_fit fit_recipient(const struct rein_rules *rules, const char *text, size_t len, bool form)
{
    struct rein_fit fit = {0};
    bool alive, whole;
    if (rules->no_calls)
        return fit;
    if (leads_to(text, len, " to=")) {
        fit.alive = true;
        return fit;
    }
    if (!begins(text, len, " to="))
        return fit;
    size_t n = name_in(rules, text + 4, len - 4, &alive, &whole), rest = len - 4 - n;
    if (rest == 0)
        fit = (struct rein_fit){.alive = alive, .whole = whole, .typed = whole && form, .recipient = true};
    else if (whole && form) {
        fit = fit_form(text + 4 + n, rest);
        fit.recipient = true;
    }
    return fit;
}

/* What follows the channel's name. */
static struct rein_fit fit_behind(const struct rein_rules *rules, bool called, const char *channel, const char *text,
                                  size_t len)
{
    bool thinks = channel[0] == 'a', final = channel[0] == 'f';
    struct rein_fit fit = {0};
    if (called)
        fit = fit_form(text, len);
    else if (final && (len == 0 || (len == 1 && *text == ' ')))
        fit = (struct rein_fit){.alive = true, .whole = len == 0, .typed = true};
    else if (len == 0)
        fit = (struct rein_fit){.alive = true, .whole = thinks || !rules->must_call};
    else if (!final)
        fit = fit_recipient(rules, text, len, true);
    return fit;
}

struct rein_fit rein_fit(const struct rein_rules *rules, enum rein_place place, bool called, const char *text,
                         size_t len)
{
    static const char *const channels[] = {"analysis", "commentary", "final"};
    struct rein_fit fit = {0};
    if (len >= REIN_TEXT)
        return fit;
    if (place == REIN_FORM) {
        fit.alive = leads_to(text, len, "json") || leads_to(text, len, "code");
        fit.whole = fit.alive && (len == 0 || len == 4);
        return fit;
    }
    if (place == REIN_START) {
        fit = fit_recipient(rules, text, len, false);
        fit.whole |= len == 0;
        fit.alive |= len == 0;
        return fit;
    }
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(channels[i]);
        if (i == 2 && (called || rules->must_call))
            continue; /* a call is no final */
        if (len < n && leads_to(text, len, channels[i]))
            fit.alive = true;
        else if (begins(text, len, channels[i]))
            fit = fit_behind(rules, called, channels[i], text + n, len - n);
    }
    return fit;
}

size_t rein_shorten(const struct rein_rules *rules, char *text, size_t len, size_t more)
{
    size_t at = 0, n = 0;
    while (at + 4 <= len && memcmp(text + at, " to=", 4) != 0)
        at++;
    at += 4;
    while (at + n < len && is_name_char(text[at + n]))
        n++;
    if (rules->names || n <= 1 || n + more >= REIN_NAME || len + more >= REIN_TEXT)
        return len;
    memmove(text + at + 1, text + at + n, len - at - n);
    return len - n + 1;
}
