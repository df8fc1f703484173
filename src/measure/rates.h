/* rates.h: what of a model is measured for its forecast. */
#ifndef OSSO_MEASURE_RATES_H
#define OSSO_MEASURE_RATES_H

#include "osso/forecast.h"

/* The rate of a model's own kernels in the cache, GB/s. */
enum osso_status kernel_rate(struct osso_model *model, const struct osso_rates *rates, double *gbps_out,
                             struct osso_error *err);

#endif
