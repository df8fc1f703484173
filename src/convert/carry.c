/* carry.c: reading what goes along, and the files of a folder. carry_gguf.c has the keys. */
#include "convert/carry.h"
#include "convert/carry_gguf.h"

#include "base/error.h"
#include "base/mem.h"
#include "checkpoint/config_files.h"
#include "json/jdoc.h"
#include "json/jwrite.h"
#include "token/tokenizer_files.h"

#include <string.h>

enum { MAX_FILE = 256 << 20, MAX_HEADER = 100000000 };

static const char *name_in(enum carry_file file, bool original)
{
    return file == CARRY_config && original ? "hf_config.json" : carry_name(file);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static enum osso_status read_file(const char *folder, const char *name, struct buf *out, struct osso_error *err)
{
    char *path = file_join(folder, name), *data = NULL;
    size_t len = 0;
    enum osso_status status = path ? OSSO_OK : error_nomem(err, strlen(folder), "a path");
    if (!status && file_exists(path))
        status = file_read(path, MAX_FILE, &data, &len, err);
    if (data)
        buf_add(out, data, len);
    if (!status && out->failed)
        status = error_nomem(err, len, name);
    mem_free(data);
    mem_free(path);
    return status;
}

/* The header of the first safetensors file. */
static void read_header(struct carry *carry, const struct tensors *set)
{
    uint64_t len = 0;
    const struct file_map *map = set->maps;
    if (set->n_maps < 1 || map->size < 8)
        return;
    for (int i = 7; i >= 0; i--)
        len = len << 8 | map->data[i];
    if (len <= MAX_HEADER && len <= map->size - 8)
        carry_take_metadata(carry, (const char *)map->data + 8, (size_t)len, true);
}

static enum osso_status read_folder(struct carry *carry, const struct osso_model *m, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < N_CARRY && !status; i++)
        status = read_file(m->path, name_in((enum carry_file)i, m->names == &names_original), &carry->file[i], err);
    read_header(carry, &m->tensors);
    char *beside = file_join(m->path, CARRY_METADATA);
    if (!status && !beside)
        status = error_nomem(err, strlen(m->path), "a path");
    if (!status && file_exists(beside))
        status = gguf_open(beside, &carry->beside, &carry->keys, err);
    carry->foreign = carry->keys;
    mem_free(beside);
    return status;
}

enum osso_status carry_read(const struct osso_model *model, const struct osso_tokenizer *tokenizer,
                            struct carry *carry_out, struct osso_error *err)
{
    *carry_out = (struct carry){.tokenizer = tokenizer};
    return model->gguf ? carry_read_keys(carry_out, model, err) : read_folder(carry_out, model, err);
}

void carry_free(struct carry *carry)
{
    for (int i = 0; i < N_CARRY; i++)
        buf_free(&carry->file[i]);
    buf_free(&carry->metadata);
    gguf_free(carry->keys);
    tensors_close(&carry->beside);
    *carry = (struct carry){0};
}

enum osso_status carry_untie(struct carry *carry, struct osso_error *err)
{
    struct buf *text = &carry->file[CARRY_config], out = {0};
    struct jdoc *doc = NULL;
    if (!text->data)
        return OSSO_OK;
    enum osso_status status = jdoc_read(text->data, text->len, "config.json", &doc, err);
    for (const struct jval *v = status ? NULL : jdoc_root(doc)->first; v; v = v->next) {
        buf_puts(&out, out.len ? ",\n  " : "{\n  ");
        jwrite_string(&out, v->key.s, v->key.len);
        buf_puts(&out, ": ");
        if (jtext_is(v->key, "tie_word_embeddings"))
            buf_puts(&out, "false");
        else
            jwrite_value(&out, v, JWRITE_SPELT);
    }
    buf_puts(&out, "\n}\n");
    jdoc_release(doc);
    if (!status && out.failed)
        status = error_nomem(err, out.len, "a configuration");
    if (!status) {
        buf_free(text);
        *text = out;
        return OSSO_OK;
    }
    buf_free(&out);
    return status;
}

/* ---- writing a folder ----------------------------------------------------------------------------------- */

/* Every member of an object but those of how its weights are packed; `kept`: but not this one. */
static void copy_members(struct buf *out, const struct jval *object, const char *kept)
{
    int n = 0;
    for (const struct jval *v = object->first; v; v = v->next) {
        bool packing = jtext_is(v->key, "quantization") || jtext_is(v->key, "quantization_config");
        if (packing && !(kept && jtext_is(v->key, kept)))
            continue;
        buf_puts(out, n++ ? ",\n  " : "\n  ");
        jwrite_string(out, v->key.s, v->key.len);
        buf_puts(out, ": ");
        jwrite_value(out, v, JWRITE_SPELT);
    }
}

static bool says_mxfp4(const struct jval *root)
{
    const struct jval *method = jval_get(jval_get(root, "quantization_config"), "quant_method");
    return method && method->type == J_STRING && jtext_is(method->text, "mxfp4");
}

/* The configuration that came along, or one made of what is known, with what OUT's weights are. */
static enum osso_status make_config(const struct carry *carry, const struct config *config,
                                    const struct carry_weights *w, bool mlx, struct buf *out, struct osso_error *err)
{
    struct jdoc *doc = NULL;
    struct buf own = {0};
    const struct buf *text = carry->file[CARRY_config].data ? &carry->file[CARRY_config] : &own;
    if (text == &own)
        config_write_json(config, false, w->plain, &own);
    enum osso_status status = own.failed ? error_nomem(err, own.len, "a configuration")
                                         : jdoc_read(text->data, text->len, "config.json", &doc, err);
    if (!status) {
        bool keep = w->mxfp4 && !mlx && says_mxfp4(jdoc_root(doc));
        buf_putc(out, '{');
        copy_members(out, jdoc_root(doc), keep ? "quantization_config" : NULL);
        if (w->mxfp4 && !mlx && !keep)
            buf_printf(out, ",\n  \"quantization_config\": %s", config_mxfp4_json);
        for (int i = 0; w->packed && i < 2; i++)
            buf_printf(out, ",\n  \"quantization%s\": %s", i ? "_config" : "", w->packed->data);
        buf_puts(out, "\n}\n");
    }
    jdoc_release(doc);
    buf_free(&own);
    return status;
}

/* A tokenizer's files where the source had none of them: a GGUF file, or o200k_harmony that goes without saying. */
static enum osso_status make_tokenizer(const struct carry *carry, const struct config *config, const char *folder,
                                       struct osso_error *err)
{
    struct vocab_export vocab;
    struct buf json = {0}, about = {0};
    if (!carry->tokenizer || carry->file[CARRY_tokenizer].data)
        return OSSO_OK;
    enum osso_status status = vocab_export_create(carry->tokenizer, config->vocab, &vocab, err);
    if (status)
        return status;
    tokenizer_write_json(&vocab, &json);
    tokenizer_write_config(&vocab, config->context, &about);
    status = save_text(folder, carry_name(CARRY_tokenizer), &json, err);
    if (!status && !carry->file[CARRY_tokenizer_config].data)
        status = save_text(folder, carry_name(CARRY_tokenizer_config), &about, err);
    vocab_export_free(&vocab);
    buf_free(&json);
    buf_free(&about);
    return status;
}

static enum osso_status put_configs(const struct carry *carry, const struct osso_model *m, const struct names *to,
                                    const struct carry_weights *weights, const char *folder, struct osso_error *err)
{
    struct buf config = {0}, own = {0}, generation = {0};
    bool original = to == &names_original;
    enum osso_status status = make_config(carry, &m->config, weights, to == &names_mlx, &config, err);
    if (!status)
        status = save_text(folder, name_in(CARRY_config, original), &config, err);
    if (!status && original)
        status = config_write_original(&m->config, m->path, &own, err);
    if (!status && original)
        status = save_text(folder, carry_name(CARRY_config), &own, err);
    if (!status && !carry->file[CARRY_generation].data && m->config.n_stop_ids > 0) {
        config_write_generation(&m->config, &generation);
        status = save_text(folder, carry_name(CARRY_generation), &generation, err);
    }
    buf_free(&config);
    buf_free(&own);
    buf_free(&generation);
    return status;
}

enum osso_status carry_folder(const struct carry *carry, const struct osso_model *m, const struct names *to,
                              const struct carry_weights *weights, const char *folder, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < N_CARRY && !status; i++)
        if (i != CARRY_config && carry->file[i].data)
            status = save_text(folder, carry_name((enum carry_file)i), &carry->file[i], err);
    if (!status)
        status = make_tokenizer(carry, &m->config, folder, err);
    if (!status)
        status = carry_write_beside(carry, m, folder, err);
    return status ? status : put_configs(carry, m, to, weights, folder, err);
}

void carry_metadata(const struct carry *carry, const struct names *to, struct buf *out)
{
    buf_printf(out, "{\"format\":\"%s\"%s}", to == &names_mlx ? "mlx" : "pt",
               carry->metadata.data ? carry->metadata.data : "");
}
