/* verb_verify.c: are a model's files what they should be? */
#include "cli/model_deep.h"
#include "cli/model_files.h"
#include "cli/model_online.h"
#include "cli/numbers.h"
#include "cli/options.h"
#include "cli/out.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "json/jwrite.h"

#include "osso/hub.h"

#include <stdio.h>
#include <string.h>

struct verdict {
    struct buf b; /* what is printed */
    bool json;    /* as JSON, at once at the end */
    const char *comma;
    int wrong, unknown, good;
};

static void say_file(struct verdict *v, const char *word, const char *path, const char *detail)
{
    if (v->json) {
        buf_printf(&v->b, "%s{\"result\":\"%s\",\"path\":", v->comma, word);
        jwrite_string(&v->b, path, strlen(path));
        if (*detail) {
            buf_puts(&v->b, ",\"detail\":");
            jwrite_string(&v->b, detail, strlen(detail));
        }
        buf_putc(&v->b, '}');
        v->comma = ",";
        return;
    }
    buf_printf(&v->b, "%-8s  %s%s%s\n", word, path, *detail ? ": " : "", detail);
    if (v->b.data)
        out_model_text(v->b.data, v->b.len); /* a large file takes a while: each as it comes */
    out_flush();
    buf_clear(&v->b);
}

static int stopped(void *user, uint64_t done)
{
    (void)user, (void)done;
    return interrupted();
}

static enum osso_status check_file(struct verdict *v, const struct model_file *f, struct osso_error *err)
{
    char hash[65], detail[200];
    struct osso_error why = {0};
    if (!f->there) {
        v->wrong++;
        say_file(v, "missing", f->path, "");
        return OSSO_OK;
    }
    if (!f->hash[0]) {
        v->unknown++;
        say_file(v, "unknown", f->path, "no hash of it is known");
        return OSSO_OK;
    }
    enum osso_status status = osso_hub_hash(f->path, (int)strlen(f->hash), stopped, NULL, hash, &why);
    if (status == OSSO_CANCELLED || status == OSSO_UNSUPPORTED || status == OSSO_NOMEM) {
        *err = why;
        return status;
    }
    bool good = !status && strcmp(hash, f->hash) == 0;
    v->good += good;
    v->wrong += !good;
    if (status)
        say_file(v, "damaged", f->path, why.text);
    else {
        snprintf(detail, sizeof detail, "its hash is %s, it should be %s", hash, f->hash);
        say_file(v, good ? "good" : "damaged", f->path, good ? "" : detail);
    }
    return OSSO_OK;
}

/* What cannot be opened is a finding, not a failure. */
static enum osso_status check_values(struct verdict *v, const char *path, struct osso_error *err)
{
    struct osso_model *model = NULL;
    struct deep_tensor *list = NULL;
    struct osso_error why = {0};
    char detail[200];
    int n = 0;
    signals_name_model(path);
    if (osso_model_open(path, &model, &why)) {
        v->wrong++;
        say_file(v, "damaged", path, why.text);
        return OSSO_OK;
    }
    enum osso_status status = model_deep(model, &list, &n, err);
    for (int i = 0; i < n; i++) {
        v->wrong++;
        snprintf(detail, sizeof detail, "tensor %s has %llu NaN, %llu infinite values and %llu beyond 65504",
                 list[i].name, (unsigned long long)list[i].nan, (unsigned long long)list[i].infinite,
                 (unsigned long long)list[i].large);
        say_file(v, "damaged", path, detail);
    }
    if (!status && n == 0) {
        v->good++;
        say_file(v, "good", path, "every value of its tensors");
    }
    mem_free(list);
    osso_model_free(model);
    return status;
}

static enum osso_status check_model(struct verdict *v, const struct model_found *m, const struct options *o,
                                    struct osso_error *err)
{
    struct model_files files;
    if (m->unfinished)
        say("%s: a pull of it has not ended; osso pull goes on with it", m->name ? m->name : m->path);
    enum osso_status status = model_files_read(m, &files, err);
    if (!status && o->v[OPT_online].set && files.n > 0)
        status = model_online_hashes(o, m, &files, err);
    for (size_t i = 0; i < files.n && !status; i++)
        status = check_file(v, &files.f[i], err);
    if (!status && o->v[OPT_deep].set && files.n > 0)
        status = check_values(v, m->path, err);
    model_files_free(&files);
    return status;
}

static enum osso_status check_name(struct verdict *v, const char *given, const struct options *o,
                                   struct osso_error *err)
{
    struct model_picked picked;
    enum osso_status status = model_pick(given, &picked, err);
    for (int i = 0; i < picked.n && !status; i++)
        status = check_model(v, &picked.found[i], o, err);
    model_picked_free(&picked);
    return status;
}

int verb_verify(const struct options *o)
{
    struct osso_error err = {0};
    struct verdict v = {.json = o->v[OPT_json].set, .comma = ""};
    enum osso_status status = OSSO_OK;
    interrupt_catch(INTERRUPT_WORK);
    if (v.json)
        buf_puts(&v.b, "{\"files\":[");
    for (int i = 0; i < o->n_operands && !status; i++)
        status = check_name(&v, o->operand[i], o, &err);
    interrupt_release();
    if (v.json && !status) {
        buf_printf(&v.b, "],\"good\":%d,\"unknown\":%d,\"wrong\":%d}\n", v.good, v.unknown, v.wrong);
        if (v.b.data && !v.b.failed)
            out_write(v.b.data, v.b.len);
    }
    buf_free(&v.b);
    if (status)
        return status == OSSO_CANCELLED ? 130 : exit_code(status, &err);
    if (v.wrong)
        say("%d wrong, %d good, %d of which no hash is known; osso pull fetches again what is missing (remove damaged "
            "files first: osso rm)",
            v.wrong, v.good, v.unknown);
    else if (v.good == 0)
        say("nothing could be compared: no hash of these files is known; --online asks the hub, --deep "
            "looks at every value");
    return v.wrong ? 1 : 0;
}
