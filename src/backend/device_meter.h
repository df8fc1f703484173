/* device_meter.h: what a device can do at best, and where a step's time goes on it: of backends that do not compute on
 * the host, whose own ceilings measure/ knows. Between steps. 0: it could not be measured; the backend says why in the
 * next step's end, if it has failed. */
#ifndef OSSO_BACKEND_DEVICE_METER_H
#define OSSO_BACKEND_DEVICE_METER_H

#include "backend/backend.h"

/* All commands that ran one shader in one way, n of them. */
struct meter_line {
    const char *kernel, *format; /* "": none */
    uint32_t groups[3];
    uint64_t n;
    double ns;
};

struct backend_meter {
    /* Bytes a second: read once, side by side; copied, each byte counted as read and as written. */
    double (*read)(const struct backend *backend);
    double (*copy)(const struct backend *backend);
    /* Integer operations a second in the form that the kernels of many rows use; a multiply and an add are two. */
    double (*int8)(const struct backend *backend);
    /* Seconds of a command that waits for the one before and does nearly nothing; `alone`: from the host and back. */
    double (*command)(const struct backend *backend, double *alone_out);
    /* From now on the time of every command is taken, by the device's clock, and commands run one by one; or no longer.
     */
    enum osso_status (*watch)(const struct backend *backend, bool on, struct osso_error *err);
    /* What has been seen since that began: line i; false: there are not so many. */
    bool (*line)(const struct backend *backend, size_t i, struct meter_line *line_out);
};

#endif
