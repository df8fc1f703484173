/* stats.c: means and how sure they are. */
#include "eval/stats.h"

#include <math.h>

void stats_add(struct stats *s, double value)
{
    if (s->n++ == 0)
        s->first = value;
    double d = value - s->first; /* sums of what is near zero keep their digits */
    s->sum += d;
    s->squares += d * d;
}

double stats_mean(const struct stats *s)
{
    return s->n > 0 ? s->first + s->sum / (double)s->n : NAN;
}

double stats_error(const struct stats *s)
{
    double n = (double)s->n;
    if (s->n < 2)
        return NAN;
    double variance = (s->squares - s->sum * s->sum / n) / (n - 1);
    return sqrt((variance > 0 ? variance : 0) / n);
}

/* The 97.5 % point of Student's t (Cornish and Fisher's expansion; the first two by heart, where it is no good). */
static double t_point(double df)
{
    const double z = 1.959963984540054, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
    if (df < 1.5)
        return 12.7062;
    if (df < 2.5)
        return 4.3027;
    return z + (z3 + z) / (4 * df) + (5 * z5 + 16 * z3 + 3 * z) / (96 * df * df) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * df * df * df);
}

double stats_half(const struct stats *s)
{
    return s->n < 2 ? NAN : t_point((double)(s->n - 1)) * stats_error(s);
}

void stats_share(int64_t hits, int64_t n, double *low_out, double *high_out)
{
    const double z = 1.959963984540054, z2 = z * z, m = (double)n, p = (double)hits / m;
    double middle = (p + z2 / (2 * m)) / (1 + z2 / m);
    double half = z / (1 + z2 / m) * sqrt(p * (1 - p) / m + z2 / (4 * m * m));
    *low_out = hits == 0 ? 0 : middle - half;
    *high_out = hits == n ? 1 : middle + half;
}
