/* guess.c: which of the words that there are was meant by one that there is not. */
#include "base/guess.h"

#include <string.h>

enum { LONGEST_WORD = 40 };

/* Edits (insert, delete, change, swap neighbours) between two words; long ones count as far apart. */
static int edit_distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b), d[LONGEST_WORD + 1][LONGEST_WORD + 1];
    if (n > LONGEST_WORD || m > LONGEST_WORD)
        return LONGEST_WORD;
    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

void guess_try(struct guess *guess, const char *candidate)
{
    size_t n = strlen(guess->typed);
    int distance = edit_distance(guess->typed, candidate);
    if (n >= 3 && strncmp(guess->typed, candidate, n) == 0)
        distance = 1; /* a beginning of the word */
    if (distance <= 2 && distance < (int)n && (!guess->best || distance < guess->distance)) {
        guess->best = candidate;
        guess->distance = distance;
    }
}

const char *guess_best(const struct guess *guess)
{
    return guess->best;
}
