/* verb_doctor.c: what to expect of this machine, before anything heavy. Nothing is fetched, and no model is needed. */
#include "cli/doctor.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/out.h"

#include "base/busy.h"
#include "base/error.h"
#include "base/mem.h"
#include "osso/hub.h"
#include "osso/osso.h"

#include <string.h>

static const char *kv_type_of(const struct options *o)
{
    return o->v[OPT_kv_type].set ? o->v[OPT_kv_type].s : NULL;
}

/* --threads and --isa are settings to forecast for. What cannot be measured is a finding. */
static enum osso_status measure(const struct options *o, struct doctor *d, struct osso_error *err)
{
    const struct option_value *threads = &o->v[OPT_threads], *isa = &o->v[OPT_isa];
    d->machine.size = sizeof d->machine;
    osso_machine_read(&d->machine); /* before it is measured, which takes memory */
    d->wanted_isa = isa->set ? isa->s : NULL;
    d->rates.size = sizeof d->rates;
    enum osso_status status = osso_rates_measure(threads->set && threads->i > 0 ? (int)threads->i : 0, d->wanted_isa,
                                                 &d->rates, err);
    return status == OSSO_NOMEM ? OSSO_OK : status;
}

static void add_gpu(void *user, const struct osso_gpu *gpu)
{
    struct doctor *d = user;
    if (d->n_gpus < DOCTOR_GPUS)
        d->gpu[d->n_gpus++] = *gpu;
}

static enum osso_status look_around(struct doctor *d, struct osso_error *err)
{
    osso_gpu_list(add_gpu, d, &d->no_gpu);
    d->cache = osso_hub_cache();
    d->volume.size = sizeof d->volume;
    d->volume.maps = -1;
    d->volume.free_bytes = UINT64_MAX;
    if (d->cache)
        osso_volume_read(d->cache, &d->volume);
    return model_shelf_read(&d->shelf, err);
}

static struct doctor_forecast *add_forecast(struct doctor *d, const char *name, bool preset)
{
    struct doctor_forecast *f = &d->forecast[d->n_forecasts++];
    f->name = name;
    f->preset = preset;
    f->forecast.size = sizeof f->forecast;
    return f;
}

/* A model that cannot be had or opened is a finding, not the end. */
static void forecast_name(const struct options *o, struct doctor *d, const char *name)
{
    struct doctor_forecast *f = add_forecast(d, name, false);
    struct osso_model *model = NULL;
    char *path = NULL;
    enum osso_status status = model_name_resolve(NULL, name, &path, &f->why);
    if (!status) {
        signals_name_model(path);
        status = osso_model_open(path, &model, &f->why);
    }
    if (!status)
        status = osso_forecast_model(model, &d->rates, kv_type_of(o), &f->forecast, &f->why);
    f->known = !status;
    osso_model_free(model);
    mem_free(path);
}

static void forecast_presets(const struct options *o, struct doctor *d)
{
    static const struct {
        const char *name, *preset;
    } presets[] = {{"gpt-oss-20b", "20b"}, {"gpt-oss-120b", "120b"}};
    for (int i = 0; i < 2; i++) {
        struct doctor_forecast *f = add_forecast(d, presets[i].name, true);
        f->known = osso_forecast_preset(presets[i].preset, &d->rates, kv_type_of(o), &f->forecast, &f->why) == OSSO_OK;
    }
}

int verb_doctor(const struct options *o)
{
    struct osso_error err = {0};
    struct buf b = {0};
    struct doctor *d = mem_alloc(sizeof *d);
    if (!d)
        return exit_code(error_nomem(&err, sizeof *d, "what is found"), &err);
    struct busy since = busy_begin("");
    enum osso_status status = measure(o, d, &err);
    if (!status)
        status = look_around(d, &err);
    int code = 0;
    if (!status) {
        if (o->n_operands)
            forecast_name(o, d, o->operand[0]);
        forecast_presets(o, d);
        d->others = busy_others("", &since);
        doctor_judge(d);
        (o->v[OPT_json].set ? doctor_put_json : doctor_put_text)(&b, d);
        if (b.data && !b.failed)
            out_model_text(b.data, b.len); /* names of files may hold anything */
        code = d->broken ? 1 : 0;
    }
    buf_free(&b);
    model_shelf_free(&d->shelf);
    osso_free(d->cache);
    mem_free(d->finding);
    mem_free(d);
    return status ? exit_code(status, &err) : code;
}
