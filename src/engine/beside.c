/* beside.c: engines over one model that compute on one device have one copy of its weights. The model lists those with
 * copies; a new engine finds one that its options would do as well, and has its backend share them. */
#include "engine/engine_parts.h"

#include <stdio.h>
#include <string.h>

/* What computes, as options name it: a kind of backend and which of its kind. */
static void name(const struct osso_engine_options *o, char *text, size_t size)
{
    snprintf(text, size, "%s:%s", o->backend ? o->backend : "", o->isa ? o->isa : "");
}

/* One whose copies will do: on the device that the options name, and with as many layers' experts on the CPU as they
 * ask for. */
static const struct osso_engine *find(const struct osso_model *model, const struct osso_engine_options *o)
{
    const struct osso_engine *e = model->copied;
    char named[sizeof e->device];
    name(o, named, sizeof named);
    while (e && (strcmp(e->device, named) != 0 || e->stats.host_layers < o->host_layers))
        e = e->copied;
    return e;
}

enum osso_status beside_open(struct osso_model *model, const struct osso_engine_options *o,
                             const struct backend **backend_out, struct beside *beside_out, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    *beside_out = (struct beside){0};
    *backend_out = NULL;
    if (model) {
        pthread_mutex_lock(&model->lock);
        const struct osso_engine *e = find(model, o);
        if (e) {
            *beside_out = (struct beside){true, e->stats.host_layers, e->stats.host_bytes};
            status = e->backend->share(e->backend, backend_out, err);
        }
        pthread_mutex_unlock(&model->lock);
    }
    return beside_out->there ? status : backend_open(o->backend, o->isa, backend_out, err);
}

void beside_enter(struct osso_engine *e, const struct osso_engine_options *o)
{
    if (!e->model || !e->backend->share)
        return;
    name(o, e->device, sizeof e->device);
    pthread_mutex_lock(&e->model->lock);
    e->copied = e->model->copied;
    e->model->copied = e;
    pthread_mutex_unlock(&e->model->lock);
}

void beside_leave(struct osso_engine *e)
{
    if (!e->model)
        return;
    pthread_mutex_lock(&e->model->lock);
    for (struct osso_engine **at = &e->model->copied; *at; at = &(*at)->copied)
        if (*at == e) {
            *at = e->copied;
            break;
        }
    pthread_mutex_unlock(&e->model->lock);
}
