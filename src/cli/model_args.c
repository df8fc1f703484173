/* model_args.c: from options to a model, an engine, a sampler, a tokenizer. */
#define _GNU_SOURCE
#include "cli/model_args.h"
#include "cli/draft_args.h"
#include "cli/steer_args.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/datadir.h"
#include "cli/device.h"
#include "cli/model_name.h"
#include "cli/out.h"
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void runner_close(struct runner *r)
{
    osso_sampler_free(r->sampler);
    steering_free(r->steering);
    draft_free(r->drafting);
    osso_session_free(r->session);
    osso_engine_free(r->engine);
    osso_script_turn_free(r->turn);
    osso_script_free(r->script);
    osso_tokenizer_free(r->own_words);
    osso_model_free(r->model);
    mem_free(r->path);
    *r = (struct runner){0};
}

/* ---- the model ------------------------------------------------------------------------------------------ */

/* The bundled model beside this program: in a checkout (build/release/osso), or installed under some prefix. */
static char *bundled_model(void)
{
    static const char *const places[] = {"../../models/osso-small", "../models/osso-small",
                                         "../share/osso/models/osso-small"};
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    char *slash = NULL;
    if (n > 0) {
        exe[n] = 0;
        slash = strrchr(exe, '/');
    }
    for (size_t i = 0; i <= sizeof places / sizeof *places; i++) {
        bool last = i == sizeof places / sizeof *places;
        if (!last && !slash)
            continue;
        if (slash)
            *slash = 0;
        char *path = last ? file_join(datadir(), "models/osso-small") : file_join(exe, places[i]);
        char *config = path ? file_join(path, "config.json") : NULL;
        bool there = config && file_exists(config);
        mem_free(config);
        char *real = there && !last ? realpath(path, NULL) : NULL;
        if (real) { /* without the ../.. in messages */
            mem_free(path);
            return real;
        }
        if (there)
            return path;
        mem_free(path);
    }
    return NULL;
}

enum osso_status model_path(const struct options *o, char **path_out, struct osso_error *err)
{
    const char *given = o->v[OPT_model].set ? o->v[OPT_model].s : NULL;
    if (given)
        return model_name_resolve(o, given, path_out, err);
    *path_out = bundled_model();
    if (*path_out)
        return OSSO_OK;
    return error_set(err, OSSO_NOTFOUND,
                     "no model: say which with -m PATH or OSSO_MODEL (the small model that ships with "
                     "osso is neither beside this program nor in %s/models)",
                     datadir());
}

void model_say_warnings(const struct osso_model *model)
{
    for (int i = 0; osso_model_warning(model, i); i++)
        say("warning: %s", osso_model_warning(model, i));
}

/* o200k_harmony, or what -m names: a tokenizer's file, a model's. */
static enum osso_status words_of(const struct option_value *model, struct osso_tokenizer **tokenizer_out,
                                 struct osso_error *err)
{
    char *path = NULL;
    *tokenizer_out = NULL;
    enum osso_status status = OSSO_OK;
    if (!model->set)
        status = osso_tokenizer_builtin(tokenizer_out, err);
    else if (!(status = model_name_resolve(NULL, model->s, &path, err)))
        status = osso_tokenizer_open(path, tokenizer_out, err);
    mem_free(path);
    return status;
}

static enum osso_status open_script(const struct options *o, struct runner *r, struct osso_error *err)
{
    enum { CONTEXT = 131072 }; /* as gpt-oss has it */
    r->path = mem_strdup(o->v[OPT_script].s);
    enum osso_status status = r->path ? words_of(&o->v[OPT_model], &r->own_words, err)
                                      : error_nomem(err, strlen(o->v[OPT_script].s), "a path");
    if (!status)
        status = osso_script_open(r->path, r->own_words, &r->script, err);
    if (status)
        return status;
    r->dims = (struct osso_model_dims){.size = sizeof r->dims, .context = CONTEXT};
    r->dims.vocab = osso_script_vocab(r->script);
    return OSSO_OK;
}

enum osso_status runner_open(const struct options *o, struct runner *r, struct osso_error *err)
{
    char a[32], b[32];
    if (o->v[OPT_script].set) {
        enum osso_status vain = steering_args(o, &r->dims, &r->steering, err);
        vain = vain ? vain : draft_open(o, r->model, r->path, &r->drafting, err);
        return vain ? vain : open_script(o, r, err);
    }
    enum osso_status status = model_path(o, &r->path, err);
    if (status)
        return status;
    signals_name_model(r->path);
    const struct osso_model_options with = {.size = sizeof with, .ignore_unused = o->v[OPT_ignore_unused].set};
    progress_begin(PROGRESS_OPEN);
    status = osso_model_open_with(r->path, &with, &r->model, err);
    progress_end();
    if (status)
        return status == OSSO_USAGE ? OSSO_FORMAT : status; /* the file is wrong, not the command line */
    model_say_warnings(r->model);
    r->dims.size = sizeof r->dims;
    osso_model_dims(r->model, &r->dims);
    uint64_t available = mem_available();
    if (r->dims.file_bytes > available)
        say("warning: the weights of %s are %s, but only %s of memory is free: they will be read from disk again and again, "
            "which is slow",
            r->path, human_bytes(a, r->dims.file_bytes), human_bytes(b, available));
    status = draft_open(o, r->model, r->path, &r->drafting, err);
    return status ? status : steering_args(o, &r->dims, &r->steering, err);
}

/* ---- the engine ----------------------------------------------------------------------------------------- */

struct osso_engine_options engine_args(const struct options *o, const struct runner *r)
{
    const struct option_value *v = o->v;
    struct osso_engine_options e = {.size = sizeof e};
    e.threads = v[OPT_threads].set && v[OPT_threads].i > 0 ? (int)v[OPT_threads].i : 0;
    if (v[OPT_ctx_size].set)
        e.context = v[OPT_ctx_size].i > 0 ? v[OPT_ctx_size].i : r->dims.context;
    e.kv_type = v[OPT_kv_type].set ? v[OPT_kv_type].s : NULL;
    e.isa = v[OPT_isa].set ? v[OPT_isa].s : NULL;
    device_args(o, &e);
    e.exact = v[OPT_exact].set;
    e.kv_bytes = v[OPT_kv_memory].set ? (uint64_t)v[OPT_kv_memory].i : 0;
    e.force_memory = v[OPT_force_memory].set;
    e.max_sessions = v[OPT_beams].set ? (int)v[OPT_beams].i + 1 : 0; /* the prompt's, and one for each */
    e.experts_per_token = v[OPT_experts_per_token].set ? (int)v[OPT_experts_per_token].i : 0;
    return e;
}

/* The context does not fit into what is free, yet the engine is there. Weights that do not fit were warned of. */
static void warn_of_context(const struct runner *r, const struct osso_engine_options *e)
{
    uint64_t kv, rest, available = mem_available(), reachable = mem_reachable("");
    char need[32], left[32];
    struct osso_error none;
    if (!r->model || e->backend || osso_engine_memory(r->model, e, &kv, &rest, &none) || kv + rest <= available)
        return;
    bool more = kv + rest > reachable; /* refused, unless forced */
    if (more ? e->force_memory : !(r->path && r->dims.file_bytes > available))
        say("warning: the context takes %s, only %s of memory is free: %s; a smaller -c helps",
            human_bytes(need, kv + rest), human_bytes(left, available),
            more ? "the system may end osso as it fills" : "swap or another cache has to make room, which is slow");
}

enum osso_status runner_start(struct runner *r, const struct osso_engine_options *e, struct osso_error *err)
{
    enum osso_status status = r->script ? osso_script_engine(r->script, e, &r->engine, err)
                                        : osso_engine_create(r->model, e, &r->engine, err);
    if (!status)
        warn_of_context(r, e);
    if (!status && e->backend)
        device_say(r->engine, e->host_layers, (int)r->dims.n_layers);
    if (!status)
        status = osso_session_create(r->engine, 0, &r->session, err);
    return status || !r->steering ? status : steering_apply(r->steering, r->session, err);
}

enum osso_status runner_tokenizer(struct runner *r, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (r->model)
        status = osso_model_tokenizer(r->model, &r->tokenizer, err);
    else
        r->tokenizer = r->own_words;
    if (!status)
        tokenizer_say_note(r->tokenizer);
    return status;
}

enum osso_status runner_admit(struct runner *r, const int32_t *prompt, size_t n, struct osso_error *err)
{
    struct osso_script_turn *turn;
    if (!r->script)
        return OSSO_OK;
    enum osso_status status = osso_script_admit(r->script, prompt, n, &turn, err);
    if (status)
        return status;
    osso_session_set_user(r->session, turn);
    osso_script_turn_free(r->turn);
    r->turn = turn;
    return OSSO_OK;
}

/* ---- sampling ------------------------------------------------------------------------------------------- */

/* "13+2.5", "13-1", "13-inf" */
static bool parse_bias(const char *s, struct osso_logit_bias *out)
{
    size_t digits = strspn(s, "0123456789");
    char id[16];
    int64_t i;
    double f;
    if (digits == 0 || digits >= sizeof id || (s[digits] != '+' && s[digits] != '-'))
        return false;
    memcpy(id, s, digits);
    id[digits] = 0;
    if (!parse_i64(id, &i) || i > INT32_MAX || !parse_f64(s + digits, &f))
        return false;
    *out = (struct osso_logit_bias){(int32_t)i, (float)f};
    return true;
}

enum osso_status bias_args(const struct options *o, const struct runner *r, struct osso_logit_bias **bias_out,
                           size_t *n_out, struct osso_error *err)
{
    const struct option_value *list = &o->v[OPT_logit_bias];
    struct osso_logit_bias *bias = mem_array(list->n, sizeof *bias);
    enum osso_status status = bias ? OSSO_OK : error_nomem(err, list->n * sizeof *bias, "logit biases");
    for (size_t i = 0; i < list->n && !status; i++)
        if (!parse_bias(list->list[i], &bias[i]) || bias[i].id >= r->dims.vocab)
            status = error_set(err, OSSO_USAGE, "--logit-bias: '%s' is not ID+BIAS or ID-BIAS with an id below %lld",
                               list->list[i], (long long)r->dims.vocab);
    if (status)
        mem_free(bias);
    *bias_out = status ? NULL : bias;
    *n_out = status ? 0 : list->n;
    return status;
}

static uint64_t random_seed(void)
{
    uint64_t seed;
    if (getentropy(&seed, sizeof seed) == 0)
        return seed;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    seed = (uint64_t)now.tv_nsec * 0x9e3779b9u + (uint64_t)now.tv_sec + (uint64_t)getpid();
    return rng_splitmix(&seed);
}

void sampling_args(const struct options *o, const struct runner *r, struct osso_sampling *out)
{
    const struct option_value *v = o->v;
    struct osso_sampling s = {.size = sizeof s};
    if (r->model)
        osso_model_sampling(r->model, &s);
    else
        osso_sampling_defaults(&s);
    if (v[OPT_temp].set)
        s.temperature = v[OPT_temp].f;
    if (v[OPT_top_k].set)
        s.top_k = v[OPT_top_k].i;
    if (v[OPT_top_p].set)
        s.top_p = v[OPT_top_p].f;
    if (v[OPT_min_p].set)
        s.min_p = v[OPT_min_p].f;
    if (v[OPT_repeat_penalty].set)
        s.repetition_penalty = v[OPT_repeat_penalty].f;
    if (v[OPT_presence_penalty].set)
        s.presence_penalty = v[OPT_presence_penalty].f;
    if (v[OPT_frequency_penalty].set)
        s.frequency_penalty = v[OPT_frequency_penalty].f;
    if (v[OPT_repeat_last_n].set)
        s.penalty_last_n = v[OPT_repeat_last_n].i > 0 ? v[OPT_repeat_last_n].i : 0;
    if (v[OPT_repeat_last_n].set && v[OPT_repeat_last_n].i == 0) { /* looks back at nothing: no penalty at all */
        s.repetition_penalty = 1;
        s.presence_penalty = s.frequency_penalty = 0;
    }
    *out = s;
}

enum osso_status runner_sampler(const struct options *o, struct runner *r, struct osso_error *err)
{
    const struct option_value *v = o->v;
    struct osso_sampling s = {.size = sizeof s};
    struct osso_logit_bias *bias;
    struct osso_sampler *sampler;
    sampling_args(o, r, &s);
    r->seed = v[OPT_seed].set && !v[OPT_seed].random ? v[OPT_seed].u : random_seed();
    s.seed = r->seed;
    enum osso_status status = bias_args(o, r, &bias, &s.n_bias, err);
    if (status)
        return status;
    s.bias = bias;
    status = osso_sampler_create(&s, r->dims.vocab, &sampler, err);
    mem_free(bias);
    if (status)
        return status;
    osso_sampler_free(r->sampler);
    r->sampler = sampler;
    return OSSO_OK;
}

enum osso_status tokenizer_args(const struct options *o, struct osso_tokenizer **tokenizer_out, struct osso_error *err)
{
    enum osso_status status = words_of(&o->v[OPT_text_model], tokenizer_out, err);
    if (!status)
        tokenizer_say_note(*tokenizer_out);
    return status;
}

void tokenizer_say_note(const struct osso_tokenizer *tokenizer)
{
    const char *note = osso_tokenizer_note(tokenizer);
    if (note)
        say("warning: %s", note);
}
