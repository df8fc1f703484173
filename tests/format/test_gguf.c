/* test_gguf.c: good files are read as they are, every broken one is refused with the right words. */
#include "file_test.h"

#include "format/tensors.h"
#include "format/write.h"

/* The places in the sample file that the cases overwrite. */
enum place {
    VERSION,
    N_TENSORS,
    N_KV,
    KEY_LEN,
    KEY_TYPE,
    STRING_LEN,
    ARRAY_TYPE,
    ARRAY_COUNT,
    ELEMENT_LEN,
    ALIGNMENT,
    ALIGNMENT_TYPE,
    NAME_LEN,
    RANK,
    DIM0,
    DIM1,
    TYPE,
    OFFSET,
    OFFSET2,
    KEY2,
    NAME2,
    N_PLACES
};

struct sample {
    struct buf b;
    size_t at[N_PLACES];
};

static void put_str(struct buf *b, const char *s)
{
    put_le(b, strlen(s), 8);
    buf_puts(b, s);
}

static void mark(struct sample *s, enum place p)
{
    s->at[p] = s->b.len;
}

/* Three keys (a string, a list of strings, the alignment) and two tensors: "w" Q8_0 [2][32], "v" F32 [3]. */
static struct sample sample_make(void)
{
    struct sample s = {0};
    struct buf *b = &s.b;
    buf_puts(b, "GGUF");
    mark(&s, VERSION), put_le(b, 3, 4);
    mark(&s, N_TENSORS), put_le(b, 2, 8);
    mark(&s, N_KV), put_le(b, 3, 8);
    mark(&s, KEY_LEN), put_str(b, "aaa");
    mark(&s, KEY_TYPE), put_le(b, GGUF_STRING, 4);
    mark(&s, STRING_LEN), put_str(b, "text");
    put_le(b, 3, 8), mark(&s, KEY2), buf_puts(b, "bbb");
    put_le(b, GGUF_ARRAY, 4);
    mark(&s, ARRAY_TYPE), put_le(b, GGUF_STRING, 4);
    mark(&s, ARRAY_COUNT), put_le(b, 2, 8);
    mark(&s, ELEMENT_LEN), put_str(b, "x"), put_str(b, "");
    put_str(b, "general.alignment");
    mark(&s, ALIGNMENT_TYPE), put_le(b, GGUF_U32, 4);
    mark(&s, ALIGNMENT), put_le(b, 32, 4);
    mark(&s, NAME_LEN), put_str(b, "w");
    mark(&s, RANK), put_le(b, 2, 4);
    mark(&s, DIM0), put_le(b, 32, 8);
    mark(&s, DIM1), put_le(b, 2, 8);
    mark(&s, TYPE), put_le(b, 8, 4);
    mark(&s, OFFSET), put_le(b, 0, 8);
    put_le(b, 1, 8), mark(&s, NAME2), buf_puts(b, "v");
    put_le(b, 1, 4), put_le(b, 3, 8), put_le(b, 0, 4);
    mark(&s, OFFSET2), put_le(b, 96, 8);
    while (b->len % 32)
        buf_putc(b, 0);
    for (int i = 0; i < 96 + 12; i++)
        buf_putc(b, (char)i);
    return s;
}

static void poke(struct sample *s, enum place p, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        s->b.data[s->at[p] + (size_t)i] = (char)(value >> (8 * i));
}

static const struct {
    const char *name;
    enum place place;
    uint64_t value;
    int bytes;
    const char *words; /* NULL: accepted */
} cases[] = {
    {"version 2", VERSION, 2, 4, NULL},
    {"version 1", VERSION, 1, 4, "version other than"},
    {"version 4", VERSION, 4, 4, "version other than"},
    {"version 0", VERSION, 0, 4, "version other than"},
    {"big-endian", VERSION, 0x03000000, 4, "big-endian"},
    {"more tensors", N_TENSORS, 3, 8, "GGUF header"},
    {"fewer tensors", N_TENSORS, 1, 8, NULL},
    {"many tensors", N_TENSORS, 65537, 8, "more tensors"},
    {"negative tensors", N_TENSORS, UINT64_MAX, 8, "more tensors"},
    {"tensors that wrap", N_TENSORS, UINT64_MAX / 25 + 2, 8, "more tensors"},
    {"more keys", N_KV, 4, 8, "GGUF header"},
    {"many keys", N_KV, 65537, 8, "more keys"},
    {"keys that wrap", N_KV, UINT64_MAX / 13 + 2, 8, "more keys"},
    {"empty key", KEY_LEN, 0, 8, "empty key"},
    {"long key", KEY_LEN, 65537, 8, "longer than allowed"},
    {"key with a NUL", KEY2, 0, 1, "NUL"},
    {"key twice", KEY2, 0x616161, 3, "appears twice"},
    {"unknown type of value", KEY_TYPE, 13, 4, "unknown type"},
    {"string past the end", STRING_LEN, 1000, 8, "longer than the file"},
    {"string of 2^64 - 1", STRING_LEN, UINT64_MAX, 8, "longer than allowed"},
    {"array of arrays", ARRAY_TYPE, GGUF_ARRAY, 4, "array of arrays"},
    {"array of unknowns", ARRAY_TYPE, 77, 4, "unknown type"},
    {"array past the end", ARRAY_COUNT, 1000, 8, "longer than the file"},
    {"array of 2^61 strings", ARRAY_COUNT, (uint64_t)1 << 61, 8, "longer than the file"},
    {"element past the end", ELEMENT_LEN, 1000, 8, "longer than the file"},
    {"alignment 0", ALIGNMENT, 0, 4, "general.alignment"},
    {"alignment 1", ALIGNMENT, 1, 4, NULL}, /* the data then begins earlier; the tensors stay inside the file */
    {"alignment 3", ALIGNMENT, 3, 4, "general.alignment"},
    {"alignment 64", ALIGNMENT, 64, 4, "not aligned"},
    {"alignment 2^21", ALIGNMENT, 1 << 21, 4, "general.alignment"},
    {"alignment 2^31", ALIGNMENT, 0x80000000, 4, "general.alignment"},
    {"alignment as i32", ALIGNMENT_TYPE, GGUF_I32, 4, "general.alignment"},
    {"alignment as f32", ALIGNMENT_TYPE, GGUF_F32, 4, "general.alignment"},
    {"tensor name of 64 bytes", NAME_LEN, 64, 8, "longer than allowed"},
    {"empty tensor name", NAME_LEN, 0, 8, "empty tensor name"},
    {"tensor twice", NAME2, 'w', 1, "appears twice"},
    {"tensor name NUL", NAME2, 0, 1, "NUL"},
    {"5 dimensions", RANK, 5, 4, "more than 4"},
    {"2^32 - 1 dimensions", RANK, 0xffffffff, 4, "more than 4"},
    {"dimension 0", DIM1, 0, 8, "dimension"},
    {"dimension -1", DIM1, UINT64_MAX, 8, "dimension"},
    {"dimension 2^63", DIM1, (uint64_t)1 << 63, 8, "dimension"},
    {"part of a block", DIM0, 33, 8, "whole blocks"},
    {"one row more", DIM1, 3, 8, "overlap"},
    {"two rows more", DIM1, 4, 8, "cut short"},
    {"rows that wrap", DIM1, UINT64_MAX / 34 + 2, 8, "2^64 bytes"},
    {"a retired type", TYPE, 5, 4, "unknown type 5"},
    {"unknown type", TYPE, 99, 4, "unknown type 99"},
    {"a type without kernels", TYPE, 9, 4, NULL}, /* its size is known */
    {"unaligned offset", OFFSET, 1, 8, "not aligned"},
    {"offset past the end", OFFSET, 1 << 20, 8, "cut short"},
    {"offset 2^64 - 32", OFFSET, UINT64_MAX - 31, 8, "end nowhere"},
    {"offset at the end", OFFSET2, 128, 8, "cut short"},
    {"overlap", OFFSET2, 32, 8, "overlap"},
    {"same offset", OFFSET2, 0, 8, "overlap"},
    {"a hole", OFFSET2, 96, 8, NULL},
};

static void test_cases(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.gguf");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample s = sample_make();
        struct tensors set;
        struct gguf *g;
        struct osso_error err = {""};
        poke(&s, cases[i].place, cases[i].value, cases[i].bytes);
        put_file(path, s.b.data, s.b.len);
        enum osso_status status = gguf_open(path, &set, &g, &err);
        check_says(status, err, cases[i].words, cases[i].name);
        assert_true((g != NULL) == !status && (set.n > 0) == !status);
        gguf_free(g);
        tensors_close(&set);
        buf_free(&s.b);
    }
    scratch_remove(dir);
}

static void test_contents(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.gguf"), *text;
    struct sample s = sample_make();
    struct tensors set;
    struct gguf *g;
    struct gguf_value v;
    struct osso_error err;
    uint64_t len, off = 0;
    int64_t n = 0;
    put_file(path, s.b.data, s.b.len);
    check_ok(gguf_open(path, &set, &g, &err), err);
    assert_true(gguf_get_str(g, "aaa", &text, &len) && len == 4 && memcmp(text, "text", 4) == 0);
    assert_false(gguf_get_str(g, "bbb", &text, &len));
    assert_true(gguf_get(g, "bbb", &v) && v.array && v.type == GGUF_STRING && v.count == 2);
    assert_true(gguf_next_str(&v, &off, &text, &len) && len == 1 && *text == 'x');
    assert_true(gguf_next_str(&v, &off, &text, &len) && len == 0);
    assert_false(gguf_next_str(&v, &off, &text, &len));
    assert_true(gguf_get_i64(g, "general.alignment", &n) && n == 32);
    assert_false(gguf_get(g, "general.alignmen", &v));
    const struct tensor *w = tensors_find(&set, "w");
    assert_true(w && w->dtype == DT_Q8_0 && w->rank == 2 && w->shape[0] == 2 && w->shape[1] == 32 && w->bytes == 68);
    assert_int_equal(w->data[3], 3);
    assert_int_equal(tensors_find(&set, "v")->data[0], 96);
    gguf_free(g);
    tensors_close(&set);
    buf_free(&s.b);
    scratch_remove(dir);
}

/* An error, or a table whose tensors lie in the file. */
static void open_any(const char *path)
{
    struct tensors set;
    struct gguf *g;
    struct osso_error err = {""};
    enum osso_status status = gguf_open(path, &set, &g, &err);
    assert_true((status == OSSO_OK) == (err.text[0] == 0));
    for (int64_t i = 0; i < set.n; i++) {
        const struct file_map *m = &set.maps[set.list[i].map];
        assert_true(set.list[i].data >= m->data &&
                    set.list[i].bytes <= (uint64_t)(m->data + m->size - set.list[i].data));
    }
    gguf_free(g);
    tensors_close(&set);
}

static void test_edges(void **state)
{
    (void)state;
    static const enum place counts[] = {N_TENSORS, N_KV, KEY_LEN, STRING_LEN, ARRAY_COUNT, ELEMENT_LEN,
                                        NAME_LEN,  DIM0, DIM1,    OFFSET,     OFFSET2};
    static const uint32_t types[] = {0, 1, 2, 8, 12, 24, 30, 39, 40};
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.gguf");
    uint64_t before = resident();
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
        for (int i = 0; i < N_EDGE_COUNTS; i++) {
            struct sample s = sample_make();
            poke(&s, counts[c], edge_counts[i], 8);
            put_file(path, s.b.data, s.b.len);
            open_any(path);
            buf_free(&s.b);
        }
    /* Every pair of dimensions of every kind of type: their product, the blocks, the padding, the end. */
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
        for (int i = 0; i < N_EDGE_COUNTS; i++)
            for (int k = 0; k < N_EDGE_COUNTS; k++) {
                struct sample s = sample_make();
                poke(&s, TYPE, types[t], 4);
                poke(&s, DIM0, edge_counts[i], 8);
                poke(&s, DIM1, edge_counts[k], 8);
                put_file(path, s.b.data, s.b.len);
                open_any(path);
                buf_free(&s.b);
            }
    assert_true(resident() < before + (64 << 20));
    scratch_remove(dir);
}

static void test_prefixes_and_bits(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.gguf");
    struct sample s = sample_make();
    struct tensors set;
    struct gguf *g;
    struct osso_error err;
    for (size_t n = 0; n < s.b.len; n++) {
        put_file(path, s.b.data, n);
        assert_int_not_equal(gguf_open(path, &set, &g, &err), OSSO_OK);
    }
    for (size_t bit = 0; bit < 8 * (s.b.len - 108); bit++) {
        s.b.data[bit / 8] ^= (char)(1 << bit % 8);
        put_file(path, s.b.data, s.b.len);
        open_any(path);
        s.b.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    buf_free(&s.b);
    scratch_remove(dir);
}

static void test_four_dimensions(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.gguf");
    for (int place = 0; place < 4; place++)
        for (int other = 0; other < place; other++)
            for (int i = 0; i < N_EDGE_COUNTS * N_EDGE_COUNTS; i++) {
                struct buf b = {0};
                buf_puts(&b, "GGUF");
                put_le(&b, 3, 4), put_le(&b, 1, 8), put_le(&b, 0, 8);
                put_str(&b, "w"), put_le(&b, 4, 4);
                for (int k = 0; k < 4; k++)
                    put_le(&b,
                           k == place   ? edge_counts[i % N_EDGE_COUNTS]
                           : k == other ? edge_counts[i / N_EDGE_COUNTS]
                                        : 3,
                           8);
                put_le(&b, 0, 4), put_le(&b, 0, 8);
                while (b.len % 32 || b.len < 256)
                    buf_putc(&b, 0);
                put_file(path, b.data, b.len);
                open_any(path);
                buf_free(&b);
            }
    scratch_remove(dir);
}

/* ---- split files ---------------------------------------------------------------------------------------- */

static void put_part(const char *dir, const char *name, uint32_t no, uint32_t count, uint32_t total, const char *tensor)
{
    struct gguf_keys keys = {0};
    struct osso_error err;
    struct save *save;
    struct tensor t = {.name = (char *)(uintptr_t)tensor, .dtype = DT_F32, .rank = 1, .shape = {2}, .bytes = 8};
    gguf_put_u32(&keys, "split.no", no);
    gguf_put_u32(&keys, "split.count", count);
    gguf_put_u32(&keys, "split.tensors.count", total);
    check_ok(save_open(scratch_path(dir, name), &save, &err), err);
    check_ok(gguf_write_header(save, &keys, &t, tensor ? 1 : 0, &err), err);
    if (tensor)
        check_ok(save_write(save, tensor, 2, &err), err);
    check_ok(save_write(save, "123456", 6, &err), err);
    check_ok(save_commit(save, &err), err);
    buf_free(&keys.bytes);
}

static void check_split(const char *dir, const char *name, const char *words)
{
    struct tensors set;
    struct gguf *g;
    struct osso_error err = {""};
    enum osso_status status = gguf_open(scratch_path(dir, name), &set, &g, &err);
    check_says(status, err, words, name);
    if (!status)
        assert_int_equal(set.n, 2);
    gguf_free(g);
    tensors_close(&set);
}

static void test_split(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    put_part(dir, "m-00001-of-00003.gguf", 0, 3, 2, NULL); /* some splitters leave part 1 without tensors */
    put_part(dir, "m-00002-of-00003.gguf", 1, 3, 2, "a1");
    check_split(dir, "m-00001-of-00003.gguf", "cannot open");
    put_part(dir, "m-00003-of-00003.gguf", 2, 3, 2, "b1");
    check_split(dir, "m-00001-of-00003.gguf", NULL);
    check_split(dir, "m-00002-of-00003.gguf", NULL); /* any part opens all of them */
    check_split(dir, "m-00003-of-00003.gguf", NULL);
    put_part(dir, "m-00003-of-00003.gguf", 2, 3, 2, "a1");
    check_split(dir, "m-00001-of-00003.gguf", "in two files");
    put_part(dir, "m-00003-of-00003.gguf", 1, 3, 2, "b1");
    check_split(dir, "m-00001-of-00003.gguf", "expected part 3 of 3");
    put_part(dir, "m-00003-of-00003.gguf", 2, 4, 2, "b1");
    check_split(dir, "m-00001-of-00003.gguf", "expected part 3 of 3");
    put_part(dir, "m-00003-of-00003.gguf", 2, 3, 2, "b1");
    put_part(dir, "m-00001-of-00003.gguf", 0, 3, 5, NULL);
    check_split(dir, "m-00001-of-00003.gguf", "split.tensors.count says 5");
    put_part(dir, "m-00001-of-00003.gguf", 1, 3, 2, NULL); /* part 2 twice, and no first */
    check_split(dir, "m-00003-of-00003.gguf", "expected part 1 of 3");
    put_part(dir, "alone-00002-of-00003.gguf", 1, 3, 2, "a1");
    check_split(dir, "alone-00002-of-00003.gguf", "alone-00001-of-00003.gguf");
    put_part(dir, "second.gguf", 1, 3, 2, "a1");
    check_split(dir, "second.gguf", "must end in -00002-of-00003.gguf");
    put_part(dir, "other.gguf", 0, 3, 2, NULL);
    check_split(dir, "other.gguf", "must end in -00001-of-00003.gguf");
    put_part(dir, "many-00001-of-00003.gguf", 0, 1u << 30, 2, NULL);
    check_split(dir, "many-00001-of-00003.gguf", "at most 1024");
    scratch_remove(dir);
}

static void test_write(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.gguf");
    struct gguf_keys keys = {0};
    struct tensor list[] = {{.name = "m", .dtype = DT_MXFP4, .rank = 3, .shape = {2, 3, 32}, .bytes = 102},
                            {.name = "f", .dtype = DT_F32, .rank = 1, .shape = {2}, .bytes = 8}};
    struct save *save;
    struct tensors set;
    struct gguf *g;
    struct gguf_value v;
    struct osso_error err;
    char data[102];
    double real = 0;
    memset(data, 'm', sizeof data);
    gguf_put_f32(&keys, "f", 0.5f);
    gguf_put_bool(&keys, "t", true);
    gguf_put_array(&keys, "l", GGUF_BOOL, 3);
    for (int i = 0; i < 3; i++)
        gguf_add_u8(&keys, i == 1);
    check_ok(save_open(path, &save, &err), err);
    check_ok(gguf_write_header(save, &keys, list, 2, &err), err);
    check_ok(save_write(save, data, 102, &err), err);
    check_ok(gguf_write_pad(save, &err), err);
    check_ok(save_write(save, "ffffffff", 8, &err), err);
    check_ok(save_commit(save, &err), err);
    check_ok(gguf_open(path, &set, &g, &err), err);
    assert_true(gguf_get_f64(g, "f", &real) && real == 0.5);
    int64_t n;
    assert_false(gguf_get_i64(g, "f", &n) || gguf_get_i64(g, "t", &n));
    assert_true(gguf_get(g, "l", &v) && v.array && gguf_at_i64(&v, 1, &n) && n == 1 && gguf_at_i64(&v, 2, &n) &&
                n == 0);
    assert_false(gguf_at_i64(&v, 3, &n));
    const struct tensor *m = tensors_find(&set, "m");
    assert_true(m->rank == 3 && m->shape[0] == 2 && m->shape[2] == 32 && m->data[101] == 'm');
    assert_int_equal((uintptr_t)tensors_find(&set, "f")->data % 32, 0);
    assert_memory_equal(tensors_find(&set, "f")->data, "ffffffff", 8);
    gguf_free(g);
    tensors_close(&set);
    buf_free(&keys.bytes);
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),           cmocka_unit_test(test_contents),
        cmocka_unit_test(test_edges),           cmocka_unit_test(test_prefixes_and_bits),
        cmocka_unit_test(test_four_dimensions), cmocka_unit_test(test_split),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
