/* tokenizer_files.c: tokenizer.json, tokenizer_config.json, and the vocabulary inside a GGUF file. */
#include "token/tokenizer_files.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "json/jwrite.h"

#include <string.h>

static const uint64_t MAX_FILE = 256 << 20;
static const char *const roles[] = {"<|startoftext|>", "<|return|>", "<|endoftext|>"}; /* bos, eos, pad */

static void put_added_tokens(const struct vocab_export *e, struct buf *token, struct buf *out)
{
    int n = 0;
    buf_puts(out, "\"added_tokens\":[");
    for (uint32_t id = 0; id < e->n_ids; id++) {
        buf_clear(token);
        enum token_type type = vocab_export_token(e, id, token);
        if (type != TOKEN_CONTROL && type != TOKEN_USER)
            continue;
        buf_printf(out, "%s\n{\"id\":%u,\"content\":", n++ ? "," : "", (unsigned)id);
        jwrite_string(out, token->data, token->len);
        buf_printf(out, ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":%s}",
                   type == TOKEN_CONTROL ? "true" : "false");
    }
    buf_puts(out, "\n],\n");
}

static void put_pipeline(const struct vocab_export *e, struct buf *out)
{
    buf_puts(out, "\"normalizer\":null,\n\"pre_tokenizer\":");
    if (e->tokenizer->split == SPLIT_O200K) {
        buf_puts(out, "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":");
        jwrite_string(out, split_o200k_pattern, strlen(split_o200k_pattern));
        buf_puts(out,
                 "},\"behavior\":\"Isolated\",\"invert\":false},"
                 "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}]}");
    } else {
        buf_puts(out, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true}");
    }
    buf_puts(
        out,
        ",\n\"post_processor\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,\"use_regex\":true},\n"
        "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},\n");
}

static void put_token_string(const struct vocab_export *e, uint32_t id, struct buf *token, struct buf *out)
{
    buf_clear(token);
    vocab_export_token(e, id, token);
    jwrite_string(out, token->data, token->len);
}

void tokenizer_write_json(const struct vocab_export *e, struct buf *out)
{
    struct buf token = {0};
    int n = 0;
    buf_puts(out, "{\"version\":\"1.0\",\n\"truncation\":null,\n\"padding\":null,\n");
    put_added_tokens(e, &token, out);
    put_pipeline(e, out);
    buf_puts(
        out,
        "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,"
        "\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,\n\"vocab\":{");
    for (uint32_t id = 0; id < e->n_ids; id++) {
        buf_clear(&token);
        if (vocab_export_token(e, id, &token) != TOKEN_NORMAL)
            continue;
        buf_puts(out, n++ ? ",\n" : "\n");
        jwrite_string(out, token.data, token.len);
        buf_printf(out, ":%u", (unsigned)id);
    }
    buf_puts(out, "\n},\n\"merges\":[");
    for (size_t i = 0; i < e->n_merges; i++) {
        buf_puts(out, i ? ",\n[" : "\n[");
        put_token_string(e, e->merges[i].left, &token, out);
        buf_putc(out, ',');
        put_token_string(e, e->merges[i].right, &token, out);
        buf_putc(out, ']');
    }
    buf_puts(out, "\n]}}\n");
    out->failed = out->failed || token.failed;
    buf_free(&token);
}

void tokenizer_write_config(const struct vocab_export *e, int64_t context, struct buf *out)
{
    static const char *const names[] = {"bos_token", "eos_token", "pad_token"};
    buf_puts(out, "{\n  \"clean_up_tokenization_spaces\": false");
    for (int i = 0; i < 3; i++)
        if (osso_tokenizer_special(e->tokenizer, roles[i]) >= 0)
            buf_printf(out, ",\n  \"%s\": \"%s\"", names[i], roles[i]);
    buf_printf(out, ",\n  \"model_max_length\": %lld,\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n",
               (long long)context);
}

void tokenizer_write_gguf(const struct vocab_export *e, struct gguf_keys *keys)
{
    static const char *const names[] = {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
                                        "tokenizer.ggml.padding_token_id"};
    struct buf token = {0};
    gguf_put_str(keys, "tokenizer.ggml.model", "gpt2");
    gguf_put_str(keys, "tokenizer.ggml.pre", e->tokenizer->split == SPLIT_O200K ? "gpt-4o" : "gpt-2");
    gguf_put_array(keys, "tokenizer.ggml.tokens", GGUF_STRING, e->n_ids);
    for (uint32_t id = 0; id < e->n_ids; id++) {
        buf_clear(&token);
        vocab_export_token(e, id, &token);
        gguf_add_str(keys, token.data, token.len);
    }
    gguf_put_array(keys, "tokenizer.ggml.token_type", GGUF_I32, e->n_ids);
    for (uint32_t id = 0; id < e->n_ids; id++) {
        buf_clear(&token);
        gguf_add_u32(keys, vocab_export_token(e, id, &token));
    }
    gguf_put_array(keys, "tokenizer.ggml.merges", GGUF_STRING, e->n_merges);
    for (size_t i = 0; i < e->n_merges; i++) {
        buf_clear(&token);
        vocab_export_token(e, e->merges[i].left, &token);
        buf_putc(&token, ' ');
        vocab_export_token(e, e->merges[i].right, &token);
        gguf_add_str(keys, token.data, token.len);
    }
    for (int i = 0; i < 3; i++) {
        int32_t id = osso_tokenizer_special(e->tokenizer, roles[i]);
        if (id >= 0)
            gguf_put_u32(keys, names[i], (uint32_t)id);
    }
    keys->bytes.failed = keys->bytes.failed || token.failed;
    buf_free(&token);
}

static enum osso_status copy_file(const char *from, const char *to, const char *name, struct osso_error *err)
{
    char *source = file_join(from, name), *target = file_join(to, name), *data = NULL;
    size_t len = 0;
    enum osso_status status = source && target ? OSSO_OK : error_nomem(err, strlen(from), "a path");
    if (!status && file_exists(source)) {
        status = file_read(source, MAX_FILE, &data, &len, err);
        if (!status)
            status = save_atomic(target, data, len, err);
    }
    mem_free(data);
    mem_free(source);
    mem_free(target);
    return status;
}

enum osso_status tokenizer_copy_files(const char *from, const char *to, struct osso_error *err)
{
    static const char *const names[] = {
#define FILE_NAME(name) name,
        TOKENIZER_FILES(FILE_NAME)
#undef FILE_NAME
    };
    enum osso_status status = OSSO_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++)
        status = copy_file(from, to, names[i], err);
    return status;
}
