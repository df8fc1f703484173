/* model.c: opening what a path names, and answering questions about it. */
#include "checkpoint/model_open.h"
#include "checkpoint/blank.h"
#include "checkpoint/config_files.h"
#include "checkpoint/instead.h"
#include "checkpoint/packed.h"
#include "checkpoint/unused.h"
#include "checkpoint/weights_resolve.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "json/jget.h"
#include "osso/model.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_CONFIG = 1 << 20 };

enum osso_status model_check(const struct osso_model *model, struct osso_error *err)
{
    return tensors_check(&model->tensors, err);
}

enum osso_status model_create(const char *path, struct osso_model **model_out, struct osso_error *err)
{
    *model_out = NULL;
    struct osso_model *m = mem_alloc(sizeof *m);
    if (!m)
        return error_nomem(err, sizeof *m, "a model");
    m->path = mem_strdup(path);
    if (!m->path || pthread_mutex_init(&m->lock, NULL) != 0) {
        mem_free(m->path);
        mem_free(m);
        return error_nomem(err, sizeof *m, "a model");
    }
    *model_out = m;
    return OSSO_OK;
}

void osso_model_free(struct osso_model *model)
{
    if (!model)
        return;
    osso_tokenizer_free(model->tokenizer);
    weights_free(&model->weights);
    gguf_free(model->gguf);
    tensors_close(&model->tensors);
    mem_pages_free(model->pages, model->pages_bytes);
    pthread_mutex_destroy(&model->lock);
    mem_free(model->path);
    mem_free(model);
}

/* ---- a folder ------------------------------------------------------------------------------------------- */

typedef enum osso_status take_text(const char *text, size_t len, const char *where, struct config *config,
                                   struct notes *notes, struct osso_error *err);

/* Hands the text of folder/name to `take`; without that file: nothing, and *found_out is false. */
static enum osso_status read_config(const char *folder, const char *name, take_text *take, struct config *config,
                                    bool *found_out, struct notes *notes, struct osso_error *err)
{
    char *text = NULL, *path = file_join(folder, name);
    size_t len;
    *found_out = path && file_exists(path);
    enum osso_status status = path ? OSSO_OK : error_nomem(err, strlen(folder), "a path");
    if (*found_out)
        status = file_read_text(path, MAX_CONFIG, &text, &len, err);
    if (*found_out && !status)
        status = take(text, len, path, config, notes, err);
    mem_free(text);
    mem_free(path);
    return status;
}

/* Hints about sampling never stop a model: what is wrong with their file is a warning. */
static enum osso_status add_generation(struct osso_model *m, struct osso_error *err)
{
    struct osso_error why = {""};
    bool found;
    enum osso_status status = read_config(m->path, "generation_config.json", config_add_generation, &m->config, &found,
                                          &m->notes, &why);
    if (status == OSSO_NOMEM)
        return error_set(err, status, "%s", why.text);
    if (status)
        notes_add(&m->notes, "%s; its sampling defaults are not used", why.text);
    return OSSO_OK;
}

/* By the tensors that only one form has; a folder of several is the first of them. */
static const struct names *names_of(const struct tensors *set, const struct config *c)
{
    static const struct {
        const char *tensor;
        const struct names *names;
    } signs[] = {{"model.layers.0.mlp.experts.gate_up_proj_blocks", &names_hf},
                 {"model.layers.0.mlp.experts.gate_up_proj", &names_hf},
                 {"model.layers.0.mlp.experts.gate_proj.weight", &names_mlx},
                 {"block.0.mlp.mlp1_weight.blocks", &names_original}};
    for (size_t i = 0; !c->plain && i < sizeof signs / sizeof signs[0]; i++)
        if (tensors_find(set, signs[i].tensor))
            return signs[i].names;
    return names_folder(c);
}

/* Its config.json says how MLX packed each matrix, and so do the tensors. */
static enum osso_status check_packed(const struct osso_model *m, struct osso_error *err)
{
    char *path = file_join(m->path, "config.json");
    struct jdoc *doc = NULL;
    enum osso_status status = path ? jdoc_read_file(path, MAX_CONFIG, &doc, err)
                                   : error_nomem(err, strlen(m->path), "a path");
    if (!status)
        status = packed_check(&m->tensors, path, jdoc_root(doc), &m->config, m->names, err);
    if (doc)
        jdoc_release(doc);
    mem_free(path);
    return status;
}

/* A repository may hold OpenAI's own form alone, in a folder below. */
static enum osso_status enter_original(struct osso_model *m, struct osso_error *err)
{
    char *here = file_join(m->path, "config.json"), *below = file_join(m->path, "original"), *config = NULL;
    if (below)
        config = file_join(below, "config.json");
    enum osso_status status = here && config ? OSSO_OK : error_nomem(err, strlen(m->path), "a path");
    if (!status && !file_exists(here) && file_exists(config)) {
        mem_free(m->path);
        m->path = below;
        below = NULL;
    }
    mem_free(here);
    mem_free(below);
    mem_free(config);
    return status;
}

static enum osso_status open_folder(struct osso_model *m, struct osso_error *err)
{
    bool found = false;
    enum osso_status status = enter_original(m, err);
    if (!status)
        status = read_config(m->path, "config.json", config_from_json, &m->config, &found, &m->notes, err);
    if (!status && !found)
        return instead_folder(m->path, err);
    if (!status)
        status = add_generation(m, err);
    if (!status)
        status = safetensors_open(m->path, &m->tensors, &m->notes, err);
    if (status == OSSO_NOTFOUND)
        return instead_weights(m->path, err);
    if (!status) {
        m->names = names_of(&m->tensors, &m->config);
        instead_beside(m->path, &m->notes);
    }
    return status;
}

/* What osso convert keeps of a folder in a GGUF file (convert/carry.h). */
static enum osso_status add_generation_key(struct osso_model *m, struct osso_error *err)
{
    static const char key[] = "osso.file.generation_config.json";
    struct osso_error why = {""};
    const char *text;
    uint64_t len;
    if (!gguf_get_str(m->gguf, key, &text, &len))
        return OSSO_OK;
    enum osso_status status = config_add_generation(text, (size_t)len, key, &m->config, &m->notes, &why);
    if (status == OSSO_NOMEM)
        return error_set(err, status, "%s", why.text);
    if (status)
        notes_add(&m->notes, "%s; its sampling defaults are not used", why.text);
    return OSSO_OK;
}

/* ---- a file --------------------------------------------------------------------------------------------- */

static enum osso_status open_file(struct osso_model *m, struct osso_error *err)
{
    struct file_map map;
    enum osso_status status = file_map_open(m->path, &map, err);
    if (status)
        return status;
    if (map.size < 4 || memcmp(map.data, "GGUF", 4) != 0)
        status = instead_file(m->path, &map, err);
    file_map_close(&map);
    if (!status)
        status = gguf_open(m->path, &m->tensors, &m->gguf, err);
    if (!status)
        status = config_from_gguf(m->gguf, &m->tensors, m->path, &m->config, &m->notes, err);
    if (!status)
        status = add_generation_key(m, err);
    if (!status)
        m->config.tied = !tensors_find(&m->tensors, "output.weight");
    if (!status)
        m->names = config_gguf_is_gptoss(m->gguf) ? &names_gptoss : &names_gguf;
    return status;
}

enum osso_status model_open_files(struct osso_model *model, struct osso_error *err)
{
    struct stat st;
    char *named = file_follow(model->path);
    if (named) {
        mem_free(model->path);
        model->path = named;
    }
    if (stat(model->path, &st) != 0)
        return instead_absent(model->path, strerror(errno), err);
    return S_ISDIR(st.st_mode) ? open_folder(model, err) : open_file(model, err);
}

enum osso_status osso_model_open(const char *path, struct osso_model **model_out, struct osso_error *err)
{
    return osso_model_open_with(path, NULL, model_out, err);
}

const char *osso_model_warning(const struct osso_model *model, int i)
{
    return i >= 0 && i < model->notes.n ? model->notes.text[i] : NULL;
}

enum osso_status osso_model_open_with(const char *path, const struct osso_model_options *options,
                                      struct osso_model **model_out, struct osso_error *err)
{
    struct osso_model_options o = {.size = sizeof o};
    struct osso_model *m = NULL;
    *model_out = NULL;
    if (err)
        err->text[0] = 0;
    enum osso_status status = sized_check(options, "osso_model_options", err);
    sized_in(&o, sizeof o, options);
    if (!status)
        status = model_create(path, &m, err);
    if (!status)
        status = model_open_files(m, err);
    if (!status)
        status = weights_resolve(&m->tensors, &m->config, m->names, &m->weights, err);
    if (!status && m->names == &names_mlx)
        status = check_packed(m, err);
    if (!status)
        status = unused_check(&m->tensors, &m->config, o.ignore_unused, &m->notes, err);
    if (!status)
        blank_check(&m->weights, &m->config, m->path, &m->notes);
    if (status)
        osso_model_free(m);
    else
        *model_out = m;
    return status;
}

/* ---- questions ------------------------------------------------------------------------------------------ */

void osso_model_dims(const struct osso_model *model, struct osso_model_dims *dims_out)
{
    const struct config *c = &model->config;
    struct osso_model_dims d = {
        .n_layers = c->n_layers,
        .hidden = c->hidden,
        .intermediate = c->intermediate,
        .vocab = c->vocab,
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .head_dim = c->head_dim,
        .n_experts = c->n_experts,
        .experts_per_token = c->experts_per_token,
        .window = c->plain ? 0 : c->window,
        .context = c->context,
        .parameters = params_total(c),
        .active_parameters = params_active(c),
        .form = model->names ? model->names->form : NULL,
    };
    for (int64_t i = 0; i < model->tensors.n; i++)
        d.file_bytes += model->tensors.list[i].bytes;
    sized_out(dims_out, &d, sizeof d);
}

void osso_model_sampling(const struct osso_model *model, struct osso_sampling *sampling_out)
{
    const struct config *c = &model->config;
    *sampling_out = (struct osso_sampling){
        .size = sizeof *sampling_out,
        .temperature = c->temperature < 0 ? 1 : c->temperature,
        .top_k = c->top_k,
        .top_p = c->top_p,
        .min_p = c->min_p,
        .repetition_penalty = c->repetition_penalty,
    };
}
