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
    static const char *const words[][2] = {{"true", "false"}, {"True", "False"}, {"yes", "no"}, {"on", "off"},
                                           {"1", "0"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (int k = 0; k < 2; k++)
            if (strcmp(text, words[i][k]) == 0) {
                *out = k == 0;
                return true;
            }
    return false;
}
