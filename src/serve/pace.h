/* pace.h: how much of the prompts fits into a step, so that streams keep flowing and nobody waits long for a first
 * token. Times are learned: what a step takes that has so many streams alone; what reading the experts takes that no
 * stream has chosen, which the first rows of a prompt pay for all; and what a row of a prompt adds at its depth, since
 * attention over 32,000 tokens costs several times what the rest of a row does. */
#ifndef OSSO_SERVE_PACE_H
#define OSSO_SERVE_PACE_H

#include <stdbool.h>
#include <stddef.h>

enum { PACE_STREAMS = 256, PACE_DEPTHS = 12 };

struct pace {
    double chosen;  /* the share of the experts that a row chooses; 0: what they cost is not looked at */
    double experts; /* ms: all of them, read once; 0: not known */
    double alone[PACE_STREAMS + 1]; /* [streams] ms of a step without a prompt; 0: not known */
    double row[PACE_DEPTHS];        /* [log2 of the depth in pages] ms; 0: not known */
    double doubt[3]; /* variances of experts and of rows, relative to what is known, and their covariance */
    int mixed;       /* steps since streams were alone */
};

/* A piece of a prompt in a step. */
struct pace_piece {
    size_t depth; /* tokens that are computed */
    size_t rows;  /* wanted, then given */
};

/* Cuts what n prompts want to what the next step should take, in their order: some may get 0. company: others came in
 * the last seconds, and may come again while this step runs. The number of rows. */
int pace_share(struct pace *pace, int streams, struct pace_piece *pieces, int n, bool company);
/* ms that an idle server may let pass before it reads so many rows of prompts: a small share of what they take, at most
 * 10; 0 while that is not known. */
double pace_moment(const struct pace *pace, size_t rows);
/* A step took so long, with so many rows of each piece. */
void pace_learn(struct pace *pace, int streams, const struct pace_piece *pieces, int n, double ms);

#endif
