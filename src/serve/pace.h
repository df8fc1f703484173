/* pace.h: how many rows of prompts fit into a step, so that streams keep flowing. The time of a step is learned as a
 * sum: so much for any step, for each stream, for each row of a prompt. */
#ifndef OSSO_SERVE_PACE_H
#define OSSO_SERVE_PACE_H

enum { PACE_TERMS = 3 };

struct pace {
    double products[PACE_TERMS][PACE_TERMS], sums[PACE_TERMS]; /* of what was seen, fading */
    double cost[PACE_TERMS];                                   /* ms; 0 until it is known */
};

/* A step took so long. */
void pace_learn(struct pace *pace, int streams, int rows, double ms);
/* Rows for prompts beside so many streams. */
int pace_rows(const struct pace *pace, int streams);

#endif
