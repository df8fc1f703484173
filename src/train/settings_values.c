/* settings_values.c: numbers and switches as people write them in configurations. */
#include "train/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool settings_number(const char *text, double *out)
{
    char *end;
    if (!*text || text[strspn(text, "+-.0123456789eE")])
        return false;
    *out = strtod(text, &end);
    return !*end && isfinite(*out);
}

bool settings_switch(const char *text, bool *out)
{
    static const char *const words[][2] = {
        {"true", "false"}, {"True", "False"}, {"yes", "no"}, {"on", "off"}, {"1", "0"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (int k = 0; k < 2; k++)
            if (strcmp(text, words[i][k]) == 0) {
                *out = k == 0;
                return true;
            }
    return false;
}

bool settings_word(const char *words, const char *text)
{
    size_t n = strcspn(text, "|");
    if (text[n])
        return false;
    for (const char *w = words; w; w = strchr(w, '|') ? strchr(w, '|') + 1 : NULL)
        if (n && strncmp(w, text, n) == 0 && (!w[n] || w[n] == '|'))
            return true;
    return false;
}

void settings_source(char *text, const char **split_out, double *weight_out)
{
    char *colon = strrchr(text, ':'), *before = NULL;
    if (colon && settings_number(colon + 1, weight_out)) {
        *colon = 0;
        before = strrchr(text, ':');
        if (before && settings_word(SETTINGS_SPLITS, before + 1)) {
            colon = before;
        } else { /* a name with a number behind its colon */
            *colon = ':';
            *weight_out = 1;
        }
    }
    if (colon && settings_word(SETTINGS_SPLITS, colon + 1)) {
        *colon = 0;
        *split_out = colon + 1;
    }
}
