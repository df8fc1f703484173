/* synthesize.c: a model of random weights in memory, in the types that GGUF files have. */
#include "checkpoint/model_open.h"
#include "checkpoint/weights_resolve.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "format/tensors_build.h"
#include "checkpoint/plan.h"

enum { ALIGN = 64 };

/* The tensor table over m->pages; hollow: all in one place, which nobody reads. */
static enum osso_status place(struct osso_model *m, const struct plan *plan, bool hollow, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    uint8_t *at = m->pages;
    for (int i = 0; i < plan->n && !status; i++) {
        const struct plan_tensor *p = &plan->list[i];
        struct tensor t = {.name = (char *)(uintptr_t)p->name,
                           .dtype = p->dtype,
                           .type = dtype_info(p->dtype)->name,
                           .rank = p->rank,
                           .data = at,
                           .bytes = p->bytes};
        for (int k = 0; k < p->rank; k++)
            t.shape[k] = p->shape[k];
        status = tensors_add(&m->tensors, &t, err);
        at += hollow ? 0 : (p->bytes + ALIGN - 1) / ALIGN * ALIGN;
    }
    return status;
}

/* Nearly all of the time goes into the system's zeroing of fresh pages, so every CPU takes its share of rows. */
struct fill {
    const struct osso_model *model;
    const struct plan *plan;
    const struct plan_random *random;
};

static void fill_share(const struct member *member, void *arg)
{
    const struct fill *f = arg;
    for (int i = 0; i < f->plan->n; i++) {
        int64_t lo, hi;
        member_share(member, f->plan->list[i].n_rows, &lo, &hi);
        uint8_t *data = (uint8_t *)(uintptr_t)f->model->tensors.list[i].data; /* still in the plan's order */
        plan_random_rows(f->random, i, lo, hi - lo, data + (uint64_t)lo * plan_row_bytes(&f->plan->list[i]));
    }
}

static enum osso_status fill(struct osso_model *m, const struct plan *plan, uint64_t seed, struct osso_error *err)
{
    struct plan_random *random = NULL;
    struct team *team = NULL;
    enum osso_status status = plan_random_create(plan, seed, &random, err);
    if (!status)
        status = team_create(cpu_count(), &team, err);
    if (!status) {
        struct fill f = {.model = m, .plan = plan, .random = random};
        team_run(team, fill_share, &f);
    }
    team_free(team);
    plan_random_free(random);
    return status;
}

static enum osso_status take_pages(struct osso_model *m, size_t bytes, struct osso_error *err)
{
    m->pages = mem_pages(bytes);
    m->pages_bytes = bytes;
    return m->pages ? OSSO_OK : error_nomem(err, bytes, "the weights");
}

/* Weights that are made in memory cannot be read again from a file: what swap can take is slow, what is beyond it may
 * end the process. */
static enum osso_status make_pages(struct osso_model *m, const struct plan *plan, bool force, struct osso_error *err)
{
    uint64_t total = plan->bytes + (uint64_t)plan->n * ALIGN; /* plan: bounded by config_check */
    unsigned long long need = (total >> 20) + 1, left = mem_available() >> 20;
    if (total > SIZE_MAX || (total > mem_reachable("") && !force))
        return error_set(
            err, OSSO_NOMEM,
            "the weights of %s take %llu MiB in memory, where %llu MiB are free; write them with osso synth "
            "and name the file with -m, or overrule this with --force-memory",
            m->path, need, left);
    if (total > mem_available())
        notes_add(&m->notes, "the weights take %llu MiB, only %llu MiB of memory are free: %s", need, left,
                  total > mem_reachable("") ? "the system may end osso as they are made"
                                            : "swap or another cache has to make room, and is measured with them");
    return take_pages(m, (size_t)total, err);
}

const char *osso_model_preset(int i)
{
    return config_preset_name(i);
}

/* Names, types and shapes, found as in a file. */
static enum osso_status resolve(struct osso_model *m, struct osso_error *err)
{
    enum osso_status status = tensors_sort(&m->tensors, err);
    return status ? status : weights_resolve(&m->tensors, &m->config, &names_gguf, &m->weights, err);
}

enum osso_status osso_model_synthesize(const char *preset, uint64_t seed, struct osso_model **model_out,
                                       struct osso_error *err)
{
    return osso_model_synthesize_with(preset, seed, NULL, model_out, err);
}

/* seed NULL: an outline, whose weights nobody reads. */
static enum osso_status make(const char *name, const struct config *config, const uint64_t *seed, bool force,
                             struct osso_model **model_out, struct osso_error *err)
{
    struct osso_model *m = NULL;
    struct plan plan = {0};
    *model_out = NULL;
    enum osso_status status = model_create(name, &m, err);
    if (!status) {
        m->config = *config;
        status = plan_create(&m->config, &names_gguf, &plan, err);
    }
    if (!status)
        status = seed ? make_pages(m, &plan, force, err) : take_pages(m, ALIGN, err);
    if (!status)
        status = place(m, &plan, !seed, err);
    if (!status && seed)
        status = fill(m, &plan, *seed, err);
    if (!status)
        status = resolve(m, err);
    plan_free(&plan);
    if (status)
        osso_model_free(m);
    else
        *model_out = m;
    return status;
}

enum osso_status model_outline(const char *preset, struct osso_model **model_out, struct osso_error *err)
{
    struct config config;
    *model_out = NULL;
    enum osso_status status = plan_config(preset, &config, err);
    return status ? status : make(preset, &config, NULL, false, model_out, err);
}

enum osso_status model_synthesize(const char *name, const struct config *config, uint64_t seed, bool force,
                                  struct osso_model **model_out, struct osso_error *err)
{
    return make(name, config, &seed, force, model_out, err);
}

enum osso_status osso_model_synthesize_with(const char *preset, uint64_t seed, const struct osso_model_options *options,
                                            struct osso_model **model_out, struct osso_error *err)
{
    struct osso_model_options o = {.size = sizeof o};
    struct config config;
    *model_out = NULL;
    if (err)
        err->text[0] = 0;
    enum osso_status status = sized_check(options, "osso_model_options", err);
    sized_in(&o, sizeof o, options);
    if (!status)
        status = plan_config(preset, &config, err);
    return status ? status : model_synthesize(preset, &config, seed, o.force_memory, model_out, err);
}
