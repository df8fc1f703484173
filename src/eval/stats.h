/* stats.h: means and how sure they are. */
#ifndef OSSO_EVAL_STATS_H
#define OSSO_EVAL_STATS_H

#include <stdint.h>

struct stats {
    int64_t n;
    double sum, squares; /* squares of what is from the first value */
    double first;
};
void stats_add(struct stats *s, double value);
double stats_mean(const struct stats *s);
/* Of the mean, from the sample's deviation (n - 1); NaN for fewer than two. */
double stats_error(const struct stats *s);
/* Half of the 95 % interval of the mean, by Student's t. */
double stats_half(const struct stats *s);
/* The 95 % interval of a share, hits of n > 0, by Wilson's rule: it has a width at 0 and 1, too. */
void stats_share(int64_t hits, int64_t n, double *low_out, double *high_out);

#endif
