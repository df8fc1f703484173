/* vocab_test.h: small vocabularies and o200k's, as files write them; what they must make of texts. */
#ifndef OSSO_VOCAB_TEST_H
#define OSSO_VOCAB_TEST_H

#include "test.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "json/jwrite.h"
#include "osso/text.h"
#include "token/split.h"
#include "token/vocab_build.h"
#include "token/vocab_json.h"
#include "base/utf8.h"

#include <unistd.h>

/* ---- writing a small tokenizer.json --------------------------------------------------------------------- */

/* The character of GPT-2's byte alphabet for a byte, as the definition words it: printable bytes are themselves, the
 * others follow from U+0100 in ascending order. */
static inline uint32_t alphabet_char(int byte)
{
    uint32_t next = 0x100;
    for (int b = 0; b < 256; b++) {
        int printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        if (b == byte)
            return printable ? (uint32_t)b : next;
        next += !printable;
    }
    return 0;
}

static inline void put_alphabet(struct buf *b, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t c[4];
        unsigned len = utf8_put(c, alphabet_char(((const uint8_t *)bytes)[i]));
        buf_add(b, c, len);
    }
}

static inline void put_alphabet_json(struct buf *b, const void *bytes, size_t n)
{
    struct buf text = {0};
    put_alphabet(&text, bytes, n);
    jwrite_string(b, text.data, text.len);
    buf_free(&text);
}

#define O200K_SPLIT                                                                                                    \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":%s},"                        \
    "\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}"
#define GPT2_SPLIT "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"

/* What of the file a test wants otherwise; NULL: the good default. */
struct recipe {
    const char *added, *normalizer, *pre, *more_vocab, *merges, *model_extra, *tail;
    int skip_byte; /* leave this byte's token out (0: none) */
};

/* Bytes 0..255 are ids 0..255, then he=256 ll=257 hell=258 "hello"=259 " w"=260 o200k's "\n\n"=261. */
static inline char *make_json(const struct recipe *r)
{
    struct buf b = {0};
    buf_printf(&b, "{\"version\":\"1.0\",\"truncation\":null,\"added_tokens\":%s,\"normalizer\":%s,\"pre_tokenizer\":",
               r->added ? r->added
                        : "[{\"id\":262,\"content\":\"<|end|>\",\"special\":true},"
                          "{\"id\":264,\"content\":\"[user]\",\"special\":false}]",
               r->normalizer ? r->normalizer : "null");
    if (r->pre) {
        buf_puts(&b, r->pre);
    } else {
        struct buf pattern = {0};
        jwrite_string(&pattern, split_o200k_pattern, strlen(split_o200k_pattern));
        buf_printf(&b, O200K_SPLIT, pattern.data);
        buf_free(&pattern);
    }
    buf_printf(&b, ",\"post_processor\":{\"a\":[1,{\"b\":[]},\"}\\\"\"]},\"model\":{\"type\":\"BPE\",%s\"vocab\":{",
               r->model_extra ? r->model_extra : "");
    for (int i = 0; i < 256; i++) {
        if (r->skip_byte && i == r->skip_byte)
            continue;
        put_alphabet_json(&b, &(uint8_t){(uint8_t)i}, 1);
        buf_printf(&b, " : %d ,\n", i);
    }
    buf_puts(&b, "\"he\":256,\"ll\":257,\"hell\":258,\"hello\":259,\"\\u0120w\":260,\"\xc4\x8a\xc4\x8a\":261");
    buf_puts(&b, r->more_vocab ? r->more_vocab : "");
    buf_printf(&b, "},\"merges\":%s}}%s",
               r->merges ? r->merges
                         : "[[\"h\",\"e\"],[\"l\",\"l\"],[\"he\",\"ll\"],[\"hell\",\"o\"],[\"\\u0120\",\"w\"],"
                           "[\"\xc4\x8a\",\"\xc4\x8a\"]]",
               r->tail ? r->tail : "\n");
    return buf_take(&b);
}

static inline struct osso_tokenizer *open_recipe(const struct recipe *r)
{
    struct osso_tokenizer *t = NULL;
    struct osso_error err;
    char *json = make_json(r);
    check_ok(tokenizer_from_json(json, strlen(json), "test", &t, &err), err);
    mem_free(json);
    return t;
}

static inline void expect_ids(const struct osso_tokenizer *t, const char *text, unsigned flags, const int32_t *expected,
                              size_t n)
{
    struct osso_ids ids = {0};
    struct osso_error err;
    check_ok(osso_tokenizer_encode(t, text, strlen(text), flags, &ids, &err), err);
    if (ids.len != n || memcmp(ids.data, expected, n * sizeof *expected) != 0) {
        print_error("%s:", text);
        for (size_t i = 0; i < ids.len; i++)
            print_error(" %d", ids.data[i]);
        fail_msg(" is not what was expected");
    }
    osso_ids_free(&ids);
}
#define EXPECT(t, text, flags, ...)                                                                                    \
    expect_ids(t, text, flags, (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static inline void expect_small(const struct osso_tokenizer *t)
{
    EXPECT(t, "hello", 0, 259);
    EXPECT(t, "hell wo", 0, 258, 260, 'o');
    EXPECT(t, "help", 0, 256, 'l', 'p');
    EXPECT(t, "\n\n\n", 0, 261, 10);
    EXPECT(t, "é", 0, 0xc3, 0xa9);
    EXPECT(t, "a<|end|>", OSSO_ENCODE_SPECIAL, 'a', 262);
    EXPECT(t, "<|end|>", 0, '<', '|', 'e', 'n', 'd', '|', '>');
    EXPECT(t, "a[user]hello", 0, 'a', 264, 259);
    assert_int_equal(osso_tokenizer_size(t), 265);
    assert_int_equal(osso_tokenizer_special(t, "<|end|>"), 262);
    assert_int_equal(osso_tokenizer_special(t, "[user]"), -1);
    assert_false(osso_tokenizer_is_o200k(t));
    const char *bytes;
    size_t len;
    assert_false(osso_tokenizer_piece(t, 263, &bytes, &len)); /* a hole */
    assert_true(osso_tokenizer_piece(t, 260, &bytes, &len));
    assert_int_equal(len, 2);
    assert_memory_equal(bytes, " w", 2);
}

/* The o200k vocabulary as a tokenizer.json; `change` is an id that gets other bytes, `twice` one that stands in the
 * place of the next lower one too (-1: none). */
static inline char *make_o200k_json(const struct osso_tokenizer *builtin, int32_t change, int32_t twice,
                                    const char *added, size_t *len_out)
{
    struct buf b = {0}, pattern = {0};
    jwrite_string(&pattern, split_o200k_pattern, strlen(split_o200k_pattern));
    buf_printf(&b, "{\"added_tokens\":%s,\"normalizer\":null,\"pre_tokenizer\":", added);
    buf_printf(&b, O200K_SPLIT, pattern.data);
    buf_puts(&b, ",\"model\":{\"type\":\"BPE\",\"vocab\":{");
    for (int32_t i = 199997; i >= 0; i--) { /* the order does not matter */
        int32_t id = i == twice - 1 ? twice : i;
        const char *bytes;
        size_t len;
        osso_tokenizer_piece(builtin, id, &bytes, &len);
        if (id == change)
            put_alphabet_json(&b, "\x01\x02\x03\x04", 4);
        else
            put_alphabet_json(&b, bytes, len);
        buf_printf(&b, ":%d%s", id, i ? "," : "");
    }
    buf_puts(&b, "},\"merges\":[]}}");
    buf_free(&pattern);
    *len_out = b.len;
    return buf_take(&b);
}

#endif
