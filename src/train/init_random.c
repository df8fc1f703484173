/* init_random.c: a stream of random numbers for each tensor. A value is the sum of four uniform ones: near enough to a
 * normal distribution, bounded, and exact, without a function that libraries round in their own ways. */
#include "train/init_random.h"

#include "base/rng.h"

#include <math.h>

struct init {
    const struct config *config;
    uint64_t seed, n; /* tensors so far */
};

static double deviation(const struct config *c, const struct param *p, int64_t inputs)
{
    double width = 0.02 * sqrt(768.0 / (double)inputs);
    if (p->id == PARAM_embed || p->id == PARAM_head)
        return 0.02;
    return p->id == PARAM_o || p->id == PARAM_down ? width / sqrt(2.0 * c->n_layers) : width;
}

static enum osso_status fill(void *user, const struct param_piece *p, struct osso_error *err)
{
    struct init *init = user;
    float *out = (float *)(uintptr_t)p->data;
    int64_t n = p->stack * p->rows * p->columns;
    uint64_t state = init->seed ^ (++init->n << 32);
    struct rng rng;
    (void)err;
    rng_seed(&rng, rng_splitmix(&state));
    if (!params_is_matrix(p->param)) {
        for (int64_t i = 0; i < n; i++)
            out[i] = p->param->kind == PARAM_NORM;
        return OSSO_OK;
    }
    double scale = deviation(init->config, p->param, p->columns) * sqrt(3.0) * 0x1p-31;
    for (int64_t i = 0; i < n; i++) { /* four whole numbers below 2^32 */
        uint64_t a = rng_next(&rng), b = rng_next(&rng);
        int64_t sum = (int64_t)((a >> 32) + (a & 0xffffffff) + (b >> 32) + (b & 0xffffffff)) - ((int64_t)1 << 33);
        out[i] = (float)((double)sum * scale * 0.5);
    }
    return OSSO_OK;
}

void init_random(const struct config *config, const struct weights *weights, uint64_t seed)
{
    struct init init = {.config = config, .seed = seed};
    weights_each(weights, config, fill, &init, NULL);
}
