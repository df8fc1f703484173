/* sorted.h: numbers by size, and what stands where among them. */
#ifndef OSSO_BASE_SORTED_H
#define OSSO_BASE_SORTED_H

#include <stdlib.h>

static inline int sorted_by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline void sort_numbers(double *list, size_t n)
{
    qsort(list, n, sizeof *list, sorted_by_size);
}

/* Of sorted numbers, at least one, between the two that are nearest; q 0.5: the median. */
static inline double sorted_quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (at - (double)low) * (sorted[high] - sorted[low]);
}

/* Of at least one; sorts them. */
static inline double median_of(double *list, size_t n)
{
    sort_numbers(list, n);
    return sorted_quantile(list, n, 0.5);
}

#endif
