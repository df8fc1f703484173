/* tokenizer_open.c: a tokenizer from a path. */
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "token/tokenizer_files.h"
#include "token/vocab_json.h"

static enum osso_status open_gguf(const char *path, struct osso_tokenizer **tokenizer_out, struct osso_error *err)
{
    struct tensors tensors = {0};
    struct gguf *gguf = NULL;
    enum osso_status status = gguf_open(path, &tensors, &gguf, err);
    if (status == OSSO_OK)
        status = tokenizer_from_gguf(gguf, path, tokenizer_out, err);
    gguf_free(gguf);
    tensors_close(&tensors);
    return status;
}

static enum osso_status open_path(const char *path, struct osso_tokenizer **tokenizer_out, struct osso_error *err)
{
    *tokenizer_out = NULL;
    struct file_map map = {0};
    char *inside = NULL;
    if (file_is_dir(path)) {
        inside = file_join(path, "tokenizer.json");
        if (!inside)
            return error_nomem(err, strlen(path), "a path");
        if (!file_exists(inside)) {
            mem_free(inside);
            return error_set(err, OSSO_NOTFOUND, "%s: there is no tokenizer.json in this folder", path);
        }
        path = inside;
    }
    enum osso_status status = file_map_open(path, &map, err);
    if (status == OSSO_OK && map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0)
        status = open_gguf(path, tokenizer_out, err);
    else if (status == OSSO_OK && file_instead(map.data, map.size))
        status = error_set(err, OSSO_FORMAT, "%s %s", path, file_instead(map.data, map.size));
    else if (status == OSSO_OK && utf8_other_form(map.data, map.size))
        status = error_set(err, OSSO_FORMAT, "%s is %s, not UTF-8; download it again", path,
                           utf8_other_form(map.data, map.size));
    else if (status == OSSO_OK)
        status = tokenizer_from_json((const char *)map.data, (size_t)map.size, path, tokenizer_out, err);
    file_map_close(&map);
    mem_free(inside);
    return status;
}

enum osso_status osso_tokenizer_open(const char *path, struct osso_tokenizer **tokenizer_out, struct osso_error *err)
{
    char *named = file_follow(path); /* OUT/best of a training run */
    enum osso_status status = open_path(named ? named : path, tokenizer_out, err);
    mem_free(named);
    return status;
}
