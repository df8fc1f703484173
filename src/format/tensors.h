/* tensors.h: named tensors in mapped files, whatever container they came from. */
#ifndef OSSO_FORMAT_TENSORS_H
#define OSSO_FORMAT_TENSORS_H

#include "base/file.h"
#include "base/notes.h"
#include "quant/quant.h"

enum { TENSOR_RANK = 4 };

struct tensor {
    char *name;
    enum dtype dtype;
    const char *type; /* the container's spelling of the dtype; dtype DT_COUNT: one that osso does not compute with */
    int rank;
    int64_t shape[TENSOR_RANK]; /* row-major, slowest first (GGUF's ne reversed) */
    const uint8_t *data;        /* inside a mapping; any alignment */
    uint64_t bytes;
    int map;   /* which of the set's files */
    bool used; /* a member of a model is read from it (weights_resolve) */
};

/* The tensors of one model: one or several mapped files. Sorted by name. */
struct tensors {
    struct file_map *maps;
    int n_maps;
    struct tensor *list;
    int64_t n, cap;
};

const struct tensor *tensors_find(const struct tensors *set, const char *name);
void tensors_close(struct tensors *set);
/* Has no file shrunk since it was mapped? See file_map_check. */
enum osso_status tensors_check(const struct tensors *set, struct osso_error *err);
/* See file_map_forget. */
void tensors_forget(const struct tensors *set);

/* safetensors: one file, or a folder with model.safetensors or, without that, model.safetensors.index.json. Every rule
 * of spec "safetensors container" is checked before a tensor is handed out. */
enum osso_status safetensors_open(const char *path, struct tensors *set_out, struct notes *notes,
                                  struct osso_error *err);

/* GGUF v2/v3, split files included (path names any part). */
struct gguf; /* keys and values; owns nothing of the mapping */
enum osso_status gguf_open(const char *path, struct tensors *set_out, struct gguf **gguf_out, struct osso_error *err);
void gguf_free(struct gguf *gguf);

enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64
};
/* A key's value; strings and arrays point into the mapping. */
struct gguf_value {
    enum gguf_type type; /* of the elements, for an array */
    bool array;
    uint64_t count;      /* elements; 1 for a scalar */
    const uint8_t *data; /* scalar or packed elements, unaligned; string elements: u64 length and bytes each */
    uint64_t bytes;
};
/* Key number i of n, in the order of their names. */
int64_t gguf_count(const struct gguf *gguf);
void gguf_key(const struct gguf *gguf, int64_t i, const char **key_out, uint64_t *len_out,
              struct gguf_value *value_out);
bool gguf_get(const struct gguf *gguf, const char *key, struct gguf_value *value_out);
/* A scalar of any integer type, of any number type, of string type (not NUL-terminated); false if absent or another
 * type. */
bool gguf_get_i64(const struct gguf *gguf, const char *key, int64_t *out);
bool gguf_get_f64(const struct gguf *gguf, const char *key, double *out);
bool gguf_get_str(const struct gguf *gguf, const char *key, const char **out, uint64_t *len_out);
/* Element i of an integer or bool array (or a scalar, i = 0); false if there is none. */
bool gguf_at_i64(const struct gguf_value *value, uint64_t i, int64_t *out);
/* The string at *off (0 at first) of a string array, moving *off to the next; false at the end. */
bool gguf_next_str(const struct gguf_value *value, uint64_t *off, const char **out, uint64_t *len_out);

#endif
