/* doctor.h: what osso doctor has found out, and how it is shown. */
#ifndef OSSO_CLI_DOCTOR_H
#define OSSO_CLI_DOCTOR_H

#include "cli/model_shelf.h"

#include "base/buf.h"
#include "osso/engine.h"
#include "osso/forecast.h"

enum { DOCTOR_FORECASTS = 3 };

/* Something that is not as it could be, and what to do about it. */
struct doctor_finding {
    bool broken; /* something will not work: exit 1 */
    char text[512], remedy[320];
};

struct doctor_forecast {
    const char *name;
    bool preset;
    bool known; /* forecast is filled in */
    struct osso_forecast forecast;
    struct osso_error why; /* not known */
};

enum { DOCTOR_GPUS = 8 };

struct doctor {
    struct osso_gpu gpu[DOCTOR_GPUS];
    int n_gpus;
    struct osso_error no_gpu; /* why there is none; "": Vulkan is here, and has found none */
    struct osso_machine machine;
    struct osso_rates rates;
    double others;          /* share of the cores that other programs took while it was measured */
    const char *wanted_isa; /* --isa, OSSO_ISA; NULL */
    char *cache;            /* folder; NULL: nobody says where */
    struct osso_volume volume;
    struct model_shelf shelf;
    struct doctor_forecast forecast[DOCTOR_FORECASTS];
    int n_forecasts;
    struct doctor_finding *finding;
    size_t n_findings, cap_findings;
    bool broken; /* one of them is */
};

/* One more; without memory its text is lost. */
void doctor_add(struct doctor *d, bool broken, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What follows from the facts: a finding each. */
void doctor_judge(struct doctor *d);
const char *doctor_fit_word(enum osso_fit fit);

void doctor_put_text(struct buf *b, const struct doctor *d);
void doctor_put_json(struct buf *b, const struct doctor *d);

#endif
