/* carry_gguf.c: the keys of a GGUF file, from whatever the model came from; and those that a folder cannot say. */
#include "convert/carry_gguf.h"

#include "base/error.h"
#include "base/mem.h"
#include "checkpoint/config_files.h"
#include "format/gguf_kv.h"
#include "json/jdoc.h"
#include "token/tokenizer_files.h"

#include <stdio.h>
#include <string.h>

static const char template_key[] = "tokenizer.chat_template", metadata_key[] = "osso.safetensors.metadata",
                  name_key[] = "general.name";

static const char *file_key(char space[64], enum carry_file file)
{
    snprintf(space, 64, "osso.file.%s", carry_name(file));
    return file == CARRY_template ? template_key : space;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static bool same_sizes(const struct config *a, const struct config *b)
{
    return a->n_layers == b->n_layers && a->hidden == b->hidden && a->intermediate == b->intermediate &&
           a->vocab == b->vocab && a->n_heads == b->n_heads && a->n_kv_heads == b->n_kv_heads &&
           a->head_dim == b->head_dim && a->n_experts == b->n_experts && a->experts_per_token == b->experts_per_token &&
           a->window == b->window && a->tied == b->tied && memcmp(a->sliding, b->sliding, sizeof a->sliding) == 0;
}

/* Another program may have changed the model and kept the key. */
static void check_config(struct carry *carry, const struct osso_model *m)
{
    struct config said;
    struct osso_error none;
    struct buf *text = &carry->file[CARRY_config];
    if (text->data && (config_from_json(text->data, text->len, "config.json", &said, NULL, &none) != OSSO_OK ||
                       !same_sizes(&said, &m->config)))
        buf_free(text);
}

static void check_template(struct carry *carry)
{
    struct jdoc *doc = NULL;
    struct osso_error none;
    const struct buf *about = &carry->file[CARRY_tokenizer_config];
    if (about->data && jdoc_read(about->data, about->len, "tokenizer_config.json", &doc, &none) == OSSO_OK &&
        jval_get_type(jdoc_root(doc), "chat_template", J_STRING))
        buf_free(&carry->file[CARRY_template]); /* it stands there already */
    jdoc_release(doc);
}

enum osso_status carry_read_keys(struct carry *carry, const struct osso_model *m, struct osso_error *err)
{
    char space[64];
    const char *text;
    uint64_t len;
    bool failed = false;
    for (int i = 0; i < N_CARRY; i++)
        if (gguf_get_str(m->gguf, file_key(space, (enum carry_file)i), &text, &len)) {
            buf_add(&carry->file[i], text, (size_t)len);
            failed |= carry->file[i].failed;
        }
    if (gguf_get_str(m->gguf, metadata_key, &text, &len))
        carry_take_metadata(carry, text, (size_t)len, false);
    carry->foreign = m->gguf;
    check_config(carry, m);
    check_template(carry);
    return failed ? error_nomem(err, 1 << 20, "the files of a model") : OSSO_OK;
}

/* ---- which keys are whose ------------------------------------------------------------------------------- */

static bool begins(const char *key, uint64_t len, const char *with)
{
    return len >= strlen(with) && memcmp(key, with, strlen(with)) == 0;
}

static bool is(const char *key, uint64_t len, const char *name)
{
    return len == strlen(name) && memcmp(key, name, len) == 0;
}

/* Keys that follow from the file they stand in. */
static bool of_the_file(const char *key, uint64_t len)
{
    static const char *const names[] = {"general.architecture", "general.type", "general.alignment",
                                        "general.file_type", "general.quantization_version"};
    bool found = begins(key, len, "split.") || begins(key, len, "osso.");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        found = found || is(key, len, names[i]);
    return found;
}

/* What tokenizer.json and its companions say. */
static bool of_the_tokenizer(const char *key, uint64_t len)
{
    static const char *const names[] = {"tokenizer.ggml.model",
                                        "tokenizer.ggml.pre",
                                        "tokenizer.ggml.tokens",
                                        "tokenizer.ggml.token_type",
                                        "tokenizer.ggml.merges",
                                        "tokenizer.ggml.bos_token_id",
                                        "tokenizer.ggml.eos_token_id",
                                        "tokenizer.ggml.eos_token_ids",
                                        "tokenizer.ggml.padding_token_id",
                                        template_key};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        found = found || is(key, len, names[i]);
    return found;
}

/* Keys that are there already; the buffer must outlive the table. */
static enum osso_status index_keys(const struct gguf_keys *keys, struct gguf **table_out, struct osso_error *err)
{
    const uint8_t *begin = (const uint8_t *)keys->bytes.data;
    struct gguf_cursor c = {begin, begin, begin + keys->bytes.len, "the keys of a GGUF file", err};
    *table_out = NULL;
    return keys->bytes.failed ? error_nomem(err, keys->bytes.len, "the keys") : gguf_read_kv(&c, keys->n, table_out);
}

/* Is a key there, under the name that it has in files of architecture gpt-oss? */
static bool is_there(const struct gguf *table, const char *key, uint64_t len)
{
    char name[160];
    struct gguf_value v;
    static const char ollama[] = "gptoss.";
    bool other = begins(key, len, ollama);
    snprintf(name, sizeof name, "%s%.*s", other ? "gpt-oss." : "", (int)(len < 128 ? len : 128) - (other ? 7 : 0),
             key + (other ? 7 : 0));
    return len < 128 && gguf_get(table, name, &v);
}

/* Adds what stands in `from` and not in keys. tokenizer: the keys of the vocabulary too. */
static enum osso_status add_foreign(const struct gguf *from, bool tokenizer, struct gguf_keys *keys,
                                    const struct gguf_keys *known, struct osso_error *err)
{
    struct gguf *table;
    struct gguf_keys extra = {0};
    enum osso_status status = index_keys(known, &table, err);
    for (int64_t i = 0; !status && from && i < gguf_count(from); i++) {
        const char *key;
        uint64_t len;
        struct gguf_value v;
        gguf_key(from, i, &key, &len, &v);
        if (!of_the_file(key, len) && (tokenizer || !of_the_tokenizer(key, len)) && !is_there(table, key, len))
            gguf_put_value(&extra, key, len, &v);
    }
    if (!status) {
        buf_add(&keys->bytes, extra.bytes.data ? extra.bytes.data : "", extra.bytes.len);
        keys->bytes.failed |= extra.bytes.failed;
        keys->n += extra.n;
    }
    gguf_free(table);
    buf_free(&extra.bytes);
    return status;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static enum osso_status add_tokenizer(const struct carry *carry, const struct osso_model *m, struct gguf_keys *keys,
                                      struct osso_error *err)
{
    struct vocab_export vocab;
    const struct config *c = &m->config;
    if (!carry->tokenizer) {
        gguf_put_str(keys, "tokenizer.ggml.model", "none");
        gguf_put_u32(keys, "gpt-oss.vocab_size", (uint32_t)c->vocab);
        return OSSO_OK;
    }
    enum osso_status status = vocab_export_create(carry->tokenizer, c->vocab, &vocab, err);
    if (status)
        return status;
    tokenizer_write_gguf(&vocab, keys);
    vocab_export_free(&vocab);
    if (c->n_stop_ids < 2)
        return OSSO_OK;
    gguf_put_array(keys, "tokenizer.ggml.eos_token_ids", GGUF_I32, (uint64_t)c->n_stop_ids);
    for (int i = 0; i < c->n_stop_ids; i++)
        gguf_add_u32(keys, (uint32_t)c->stop_ids[i]);
    return OSSO_OK;
}

/* The file's own "tokenizer_config.json" may hold the template. */
static void add_template(const struct carry *carry, struct gguf_keys *keys)
{
    struct jdoc *doc = NULL;
    struct osso_error none;
    const struct buf *file = &carry->file[CARRY_template], *about = &carry->file[CARRY_tokenizer_config];
    const struct jval *inside = NULL;
    if (about->data && jdoc_read(about->data, about->len, "tokenizer_config.json", &doc, &none) == OSSO_OK)
        inside = jval_get_type(jdoc_root(doc), "chat_template", J_STRING);
    if (file->data)
        gguf_put_text(keys, template_key, file->data, file->len);
    else if (inside)
        gguf_put_text(keys, template_key, inside->text.s, inside->text.len);
    jdoc_release(doc);
}

static void add_files(const struct carry *carry, struct gguf_keys *keys)
{
    char space[64];
    for (int i = 0; i < N_CARRY; i++)
        if (i != CARRY_template && i != CARRY_tokenizer && carry->file[i].data) /* the tokenizer has its own keys */
            gguf_put_text(keys, file_key(space, (enum carry_file)i), carry->file[i].data, carry->file[i].len);
    if (carry->metadata.data) {
        struct buf object = {0};
        buf_printf(&object, "{%s}", carry->metadata.data + 1); /* behind the comma */
        gguf_put_text(keys, metadata_key, object.data ? object.data : "", object.len);
        keys->bytes.failed |= object.failed;
        buf_free(&object);
    }
}

/* The model's own name, where something says one. */
static void put_config(const struct carry *carry, const struct osso_model *m, const char *name, struct gguf_keys *keys)
{
    const char *own;
    uint64_t len;
    char *copy = carry->foreign && gguf_get_str(carry->foreign, name_key, &own, &len) ? mem_strndup(own, (size_t)len)
                                                                                      : NULL;
    config_write_gguf(&m->config, copy ? copy : name, keys);
    mem_free(copy);
}

enum osso_status carry_keys(const struct carry *carry, const struct osso_model *m, const char *name,
                            struct gguf_keys *keys, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    bool own = m->gguf && carry->tokenizer; /* a vocabulary that stands in keys moves with them */
    put_config(carry, m, name, keys);
    if (own)
        gguf_put_str(keys, "tokenizer.ggml.pre", carry->tokenizer->split == SPLIT_O200K ? "gpt-4o" : "gpt-2");
    else
        status = add_tokenizer(carry, m, keys, err);
    if (!own)
        add_template(carry, keys);
    add_files(carry, keys);
    return status ? status : add_foreign(carry->foreign, own, keys, keys, err);
}

enum osso_status carry_write_beside(const struct carry *carry, const struct osso_model *m, const char *folder,
                                    struct osso_error *err)
{
    struct gguf_keys known = {0}, keys = {0};
    struct gguf_value v;
    struct save *save = NULL;
    char *path = file_join(folder, CARRY_METADATA);
    enum osso_status status = path ? OSSO_OK : error_nomem(err, strlen(folder), "a path");
    config_write_gguf(&m->config, "", &known);
    if (!status && carry->foreign && gguf_get(carry->foreign, name_key, &v))
        gguf_put_value(&keys, name_key, strlen(name_key), &v);
    if (!status)
        status = add_foreign(carry->foreign, false, &keys, &known, err);
    if (!status && keys.n > 0) {
        status = save_open(path, &save, err);
        if (!status)
            status = gguf_write_header(save, &keys, NULL, 0, err);
        if (!status)
            status = save_commit(save, err);
        else
            save_abort(save);
    }
    buf_free(&known.bytes);
    buf_free(&keys.bytes);
    mem_free(path);
    return status;
}
