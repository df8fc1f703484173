/* guess.h: guesses for misspelt words. */
#ifndef OSSO_BASE_GUESS_H
#define OSSO_BASE_GUESS_H

/* The word that `typed` was probably meant to be, or NULL; feed candidates one by one. */
struct guess {
    const char *typed, *best;
    int distance;
};
void guess_try(struct guess *guess, const char *candidate);
const char *guess_best(const struct guess *guess);

#endif
