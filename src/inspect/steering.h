/* steering.h: what steer.c and steer_file.c share. */
#ifndef OSSO_INSPECT_STEERING_H
#define OSSO_INSPECT_STEERING_H

#include "osso/steer.h"

struct osso_steering {
    int64_t width;
    int n_layers;      /* one past the last that has a direction */
    bool *has;         /* [n_layers] */
    float *directions; /* [n_layers][width] */
};

enum osso_status steering_create(int64_t width, int n_layers, struct osso_steering **out, struct osso_error *err);

#endif
