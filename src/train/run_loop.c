/* run_loop.c: a whole run: steps, and between them what is due: validation, sample, checkpoint, the end. */
#include "train/run.h"

#include "base/clock.h"
#include "base/sized.h"

struct loop {
    struct osso_train *train;
    struct osso_train_hooks hooks;
    double began; /* in seconds of the clock */
    bool asked;   /* somebody wants it to end */
    struct osso_error *err;
};

static bool due(const struct osso_train *t, enum train_key key, bool at_end)
{
    int64_t every = settings_int(t->config, key);
    return every > 0 && (t->step % every == 0 || (at_end && t->step >= t->steps));
}

static enum osso_status save(struct loop *l)
{
    struct osso_train *t = l->train;
    bool fresh = t->saved != t->step;
    enum osso_status status = t->out ? osso_train_save(t, l->err) : OSSO_OK;
    if (!status && fresh && t->out && l->hooks.saved)
        l->asked = l->hooks.saved(l->hooks.user, t->out, t->log.path) != 0 || l->asked;
    return status;
}

static enum osso_status validate(struct loop *l, bool *best_out)
{
    struct osso_train_validation v = {.size = sizeof v};
    enum osso_status status = osso_train_evaluate(l->train, &v, l->err);
    *best_out = !status && v.best;
    if (status == OSSO_CANCELLED) { /* Ctrl-C: what the run has learned is saved now */
        l->asked = true;
        return OSSO_OK;
    }
    if (!status && l->hooks.validation)
        l->asked = l->hooks.validation(l->hooks.user, &v) != 0 || l->asked;
    return status;
}

static enum osso_status one_step(struct loop *l)
{
    struct osso_train *t = l->train;
    struct osso_train_report r = {.size = sizeof r};
    bool best = false;
    enum osso_status status = osso_train_step(t, &r, l->err);
    if (status)
        return status;
    if (l->hooks.step)
        l->asked = l->hooks.step(l->hooks.user, &r) != 0 || l->asked;
    if (t->validates && due(t, TRAIN_eval_every, true))
        status = validate(l, &best);
    if (!status && l->hooks.sample && due(t, TRAIN_sample_every, false))
        l->asked = l->hooks.sample(l->hooks.user, t->step, osso_train_model(t),
                                   settings_text(t->config, TRAIN_sample_prompt)) != 0 ||
                   l->asked;
    if (!status && (best || due(t, TRAIN_save_every, false)))
        status = save(l);
    return status;
}

static bool at_stop(const struct osso_train *t)
{
    return settings_has(t->config, TRAIN_stop_at) && t->step >= settings_int(t->config, TRAIN_stop_at);
}

/* Why it ends now; DONE while it does not. */
static enum osso_train_end ends(const struct loop *l)
{
    const struct osso_train_config *c = l->train->config;
    if (l->asked)
        return OSSO_TRAIN_ASKED;
    if (settings_has(c, TRAIN_patience) && l->train->state.worse >= settings_int(c, TRAIN_patience))
        return OSSO_TRAIN_PATIENCE;
    if (at_stop(l->train))
        return OSSO_TRAIN_STOP;
    if (settings_has(c, TRAIN_max_minutes) && clock_seconds() - l->began >= 60 * settings_real(c, TRAIN_max_minutes))
        return OSSO_TRAIN_TIME;
    return OSSO_TRAIN_DONE;
}

enum osso_status osso_train_run(struct osso_train *t, const struct osso_train_hooks *hooks,
                                enum osso_train_end *end_out, struct osso_error *err)
{
    struct loop l = {.train = t, .hooks = {.size = sizeof l.hooks}, .began = clock_seconds(), .err = err};
    enum osso_status status = sized_check(hooks, "osso_train_hooks", err);
    sized_in(&l.hooks, sizeof l.hooks, hooks);
    t->watch = l.hooks.validating;
    t->watcher = l.hooks.user;
    *end_out = t->step < t->steps && at_stop(t) ? OSSO_TRAIN_STOP : OSSO_TRAIN_DONE; /* a resume may begin there */
    while (!status && t->step < t->steps && *end_out == OSSO_TRAIN_DONE) {
        status = one_step(&l);
        *end_out = t->step < t->steps ? ends(&l) : OSSO_TRAIN_DONE;
    }
    return status ? status : save(&l);
}
