/* write.h: writing safetensors and GGUF files as a stream: the header first, from a list of tensors whose data need not
 * exist yet, then each tensor's bytes in the order of the list. Over save.c: nothing is visible before the commit. */
#ifndef OSSO_FORMAT_WRITE_H
#define OSSO_FORMAT_WRITE_H

#include "base/buf.h"
#include "format/tensors.h"

/* Of each tensor: name, dtype, rank, shape, bytes. The file then takes exactly their bytes, one after the other. */
enum osso_status safetensors_write_header(struct save *s, const struct tensor *list, int64_t n, struct osso_error *err);
/* The same with a JSON object of strings as its __metadata__. A tensor whose `type` is set has that type in the file,
 * if it is one of the containers U8, U32, F8_E4M3, F8_E8M0: its shape counts their values. */
enum osso_status safetensors_write_header_of(struct save *s, const struct tensor *list, int64_t n, const char *metadata,
                                             struct osso_error *err);

/* Keys and values collect in a buffer; *n counts them. */
struct gguf_keys {
    struct buf bytes;
    uint64_t n;
};
void gguf_put_str(struct gguf_keys *k, const char *key, const char *value);
void gguf_put_u32(struct gguf_keys *k, const char *key, uint32_t value);
void gguf_put_f32(struct gguf_keys *k, const char *key, float value);
void gguf_put_bool(struct gguf_keys *k, const char *key, bool value);
/* A value as it stands in another file, of any type, byte for byte. */
void gguf_put_value(struct gguf_keys *k, const char *key, uint64_t key_len, const struct gguf_value *value);
void gguf_put_text(struct gguf_keys *k, const char *key, const char *text, uint64_t len);
void gguf_put_u16(struct gguf_keys *k, const char *key, uint16_t value);
void gguf_put_i32(struct gguf_keys *k, const char *key, int32_t value);
/* An array's head; the caller appends the `count` elements with gguf_add_*. */
void gguf_put_array(struct gguf_keys *k, const char *key, enum gguf_type type, uint64_t count);
void gguf_add_u32(struct gguf_keys *k, uint32_t value);
void gguf_add_u8(struct gguf_keys *k, uint8_t value);
void gguf_add_str(struct gguf_keys *k, const char *s, uint64_t len);

enum { GGUF_ALIGNMENT = 32 };
/* Header, keys, infos and padding. After the bytes of each tensor comes gguf_write_pad. */
enum osso_status gguf_write_header(struct save *s, const struct gguf_keys *keys, const struct tensor *list, int64_t n,
                                   struct osso_error *err);
enum osso_status gguf_write_pad(struct save *s, struct osso_error *err);

#endif
