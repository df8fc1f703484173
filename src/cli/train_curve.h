/* train_curve.h: the loss of a run as a picture. */
#ifndef OSSO_CLI_TRAIN_CURVE_H
#define OSSO_CLI_TRAIN_CURVE_H

#include "osso/status.h"

/* Reads a log and writes OUT/loss.svg: the loss of every step, its mean over the last fiftieth, and validations. */
enum osso_status train_curve_write(const char *log, const char *out, struct osso_error *err);

#endif
