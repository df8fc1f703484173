/* test_safetensors.c: good files are read as they are, every broken one is refused with the right words. */
#include "file_test.h"

#include "format/tensors.h"
#include "format/write.h"

#include <time.h>

#define T(name, dtype, shape, offsets)                                                                                 \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define A T("a", "F32", "[2,3]", "[0,24]")

static const struct {
    const char *name, *header;
    size_t data;
    const char *words; /* NULL: accepted */
} cases[] = {
    {"one tensor", "{" A "}", 24, NULL},
    {"no tensor", "{}", 0, NULL},
    {"white space", " {" A "}", 24, "must begin with '{'"},
    {"white space inside and after",
     "{ \"a\" : { \"dtype\" : \"F32\" ,\n\"shape\":[ 2 , 3 ], \"data_offsets\" : [0,24] } }  ", 24, NULL},
    {"scalar", "{" T("a", "F64", "[]", "[0,8]") "}", 8, NULL},
    {"empty tensor", "{" A "," T("b", "F32", "[0]", "[24,24]") "," T("c", "U8", "[1]", "[24,25]") "}", 25, NULL},
    {"order of data is not order of names", "{" T("b", "U8", "[1]", "[24,25]") "," A "}", 25, NULL},
    {"metadata", "{\"__metadata__\":{\"format\":\"pt\"}," A "}", 24, NULL},
    {"escapes in a name", "{" T("\\u0061\\\"\\n\\ud83d\\ude00", "U8", "[1]", "[0,1]") "}", 1, NULL},
    {"dtypes without kernels", "{" T("a", "I64", "[1]", "[0,8]") "," T("b", "F4", "[2]", "[8,9]") "}", 9, NULL},
    {"hole", "{" A "," T("b", "U8", "[1]", "[25,26]") "}", 26, "belong to no tensor"},
    {"hole at the beginning", "{" T("a", "U8", "[1]", "[1,2]") "}", 2, "belong to no tensor"},
    {"overlap", "{" A "," T("b", "U8", "[4]", "[23,27]") "}", 27, "overlap"},
    {"same place twice", "{" A "," T("b", "F32", "[6]", "[0,24]") "}", 24, "overlap"},
    {"bytes after the last", "{" A "}", 25, "after the last tensor"},
    {"data without tensors", "{}", 1, "after the last tensor"},
    {"past the end", "{" A "}", 23, "cut short: 88 of 89 bytes"},
    {"end before begin", "{" T("a", "U8", "[0]", "[1,0]") "}", 1, "before it begins"},
    {"too small for the shape", "{" T("a", "F32", "[2,3]", "[0,20]") "}", 20, "need"},
    {"half a byte", "{" T("a", "F4", "[3]", "[0,1]") "}", 1, "need"},
    {"shape of 2^64", "{" T("a", "U8", "[4294967296,4294967296]", "[0,0]") "}", 0, "2^64 values"},
    {"bits of 2^64", "{" T("a", "F64", "[288230376151711744]", "[0,0]") "}", 0, "2^64 bits"},
    {"2^63", "{" T("a", "U8", "[9223372036854775808]", "[0,0]") "}", 0, "above 2^63"},
    {"2^64", "{" T("a", "U8", "[1]", "[0,18446744073709551616]") "}", 1, "above 2^63"},
    {"negative", "{" T("a", "U8", "[-1]", "[0,1]") "}", 1, "expected an integer"},
    {"plus sign", "{" T("a", "U8", "[+1]", "[0,1]") "}", 1, "expected an integer"},
    {"fraction", "{" T("a", "U8", "[1.0]", "[0,1]") "}", 1, "not written as an integer"},
    {"exponent", "{" T("a", "U8", "[1e0]", "[0,1]") "}", 1, "not written as an integer"},
    {"leading zero", "{" T("a", "U8", "[01]", "[0,1]") "}", 1, "expected an integer"},
    {"null shape", "{" T("a", "U8", "null", "[0,1]") "}", 1, "expected '['"},
    {"comma at the end of a list", "{" T("a", "U8", "[1,]", "[0,1]") "}", 1, "expected an integer"},
    {"five dimensions", "{" T("a", "U8", "[1,1,1,1,1]", "[0,1]") "}", 1, "more than 4 dimensions"},
    {"three offsets", "{" T("a", "U8", "[1]", "[0,1,1]") "}", 1, "expected ']'"},
    {"unknown dtype", "{" T("a", "F33", "[1]", "[0,4]") "}", 4, "unknown dtype"},
    {"name twice", "{" A "," T("a", "U8", "[1]", "[24,25]") "}", 25, "appears twice"},
    {"name twice by an escape", "{" A "," T("\\u0061", "U8", "[1]", "[24,25]") "}", 25, "appears twice"},
    {"member twice", "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
     "repeated member"},
    {"unknown member", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":0}}", 1,
     "unknown or repeated"},
    {"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "without dtype"},
    {"no shape", "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "without dtype"},
    {"no offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "without dtype"},
    {"metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "appears twice"},
    {"metadata with a number", "{\"__metadata__\":{\"a\":1}}", 0, "expected '\"'"},
    {"metadata key twice", "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "repeated key"},
    {"control character", "{\"a\n\":{}}", 0, "control character"},
    {"not UTF-8", "{\"a\xff\":{}}", 0, "not UTF-8"},
    {"overlong UTF-8", "{\"\xc0\x80\":{}}", 0, "not UTF-8"},
    {"NUL in a name", "{\"a\\u0000\":{}}", 0, "no character"},
    {"lone surrogate", "{\"\\ud83d\":{}}", 0, "no character"},
    {"unknown escape", "{\"\\x41\":{}}", 0, "unknown escape"},
    {"list", "[]", 0, "must begin with '{'"},
    {"text behind", "{}x", 0, "text after"},
    {"cut short", "{\"a\":{", 0, "expected"},
    {"cut inside a string", "{\"a", 0, "ends inside a string"},
    {"deep", "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 0, "expected '{'"},
};

static void test_cases(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tensors set;
        struct osso_error err = {""};
        put_safetensors(path, cases[i].header, cases[i].data);
        enum osso_status status = safetensors_open(path, &set, NULL, &err);
        check_says(status, err, cases[i].words, cases[i].name);
        assert_true(!status == (err.text[0] == 0));
        if (status)
            assert_int_equal(set.n + set.n_maps, 0);
        tensors_close(&set);
    }
    scratch_remove(dir);
}

static void test_contents(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.safetensors");
    struct tensors set;
    struct osso_error err;
    put_safetensors(path,
                    "{" T("z", "BF16", "[2,1,3]", "[3,15]") "," T("a", "F8_E8M0", "[3]",
                                                                  "[0,3]") "," T("q", "I8", "[1]", "[15,16]") "}",
                    16);
    check_ok(safetensors_open(path, &set, NULL, &err), err);
    const struct tensor *z = tensors_find(&set, "z"), *a = tensors_find(&set, "a"), *q = tensors_find(&set, "q");
    assert_true(z && a && q);
    assert_null(tensors_find(&set, "b"));
    assert_int_equal(z->dtype, DT_BF16);
    assert_int_equal(z->rank, 3);
    assert_true(z->shape[0] == 2 && z->shape[1] == 1 && z->shape[2] == 3 && z->bytes == 12);
    assert_int_equal(z->data[0], 3); /* the data begins at an odd address here: nothing may assume otherwise */
    assert_int_equal(a->dtype, DT_U8);
    assert_int_equal(a->data[2], 2);
    assert_int_equal(q->dtype, DT_COUNT);
    assert_string_equal(q->type, "I8");
    check_ok(tensors_check(&set, &err), err);
    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(tensors_check(&set, &err), OSSO_IO);
    tensors_close(&set);
    scratch_remove(dir);
}

/* A header of 35,615 bytes: its length begins as a gzip file does. */
static void test_length_like_an_archive(void **state)
{
    (void)state;
    enum { LENGTH = 0x8b1f };
    static const char entry[] = "{" A "}";
    char *dir = scratch_dir(), *header = malloc(LENGTH + 1);
    const char *path = scratch_path(dir, "x.safetensors");
    struct tensors set;
    struct osso_error err = {""};
    memset(header, ' ', LENGTH);
    memcpy(header, entry, sizeof entry - 1);
    header[LENGTH] = 0;
    put_safetensors(path, header, 24);
    check_ok(safetensors_open(path, &set, NULL, &err), err);
    tensors_close(&set);
    header[0] = '[';
    put_safetensors(path, header, 24);
    assert_int_equal(safetensors_open(path, &set, NULL, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "is an archive"));
    free(header);
    scratch_remove(dir);
}

static void test_lengths_and_prefixes(void **state)
{
    (void)state;
    static const char header[] = "{" A "," T("bc", "U8", "[2]", "[24,26]") "}";
    char *dir = scratch_dir(), file[400];
    const char *path = scratch_path(dir, "x.safetensors");
    size_t size = 8 + sizeof header - 1 + 26;
    uint64_t before = resident();
    struct tensors set;
    struct osso_error err;
    put_safetensors(path, header, 26);
    FILE *f = fopen(path, "rb");
    assert_int_equal(fread(file, 1, sizeof file, f), size);
    fclose(f);
    for (size_t n = 0; n < size; n++) { /* no part of a file is a file */
        put_file(path, file, n);
        assert_int_not_equal(safetensors_open(path, &set, NULL, &err), OSSO_OK);
    }
    for (int i = 0; i < N_EDGE_COUNTS; i++) {
        for (int k = 0; k < 8; k++)
            file[k] = (char)(edge_counts[i] >> (8 * k));
        put_file(path, file, size);
        assert_int_not_equal(safetensors_open(path, &set, NULL, &err), OSSO_OK);
    }
    put_safetensors(path, header, 26);
    for (size_t bit = 0; bit < 8 * (size - 26); bit++) { /* an error, or tensors that lie in the file */
        char flipped[sizeof file];
        memcpy(flipped, file, size);
        for (int k = 0; k < 8; k++)
            flipped[k] = (char)((sizeof header - 1) >> (8 * k));
        flipped[bit / 8] ^= (char)(1 << bit % 8);
        put_file(path, flipped, size);
        if (safetensors_open(path, &set, NULL, &err) != OSSO_OK)
            continue;
        for (int64_t i = 0; i < set.n; i++)
            assert_true(set.list[i].data >= set.maps[0].data && set.list[i].bytes <= 26);
        tensors_close(&set);
    }
    assert_true(resident() < before + (64 << 20));
    scratch_remove(dir);
}

/* A header of `n` entries of no bytes. */
static void put_many(const char *path, int n)
{
    struct buf b = {0};
    buf_putc(&b, '{');
    for (int i = 0; i < n; i++)
        buf_printf(&b, "%s\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", i ? "," : "", i);
    buf_putc(&b, '}');
    put_safetensors(path, b.data, 0);
    buf_free(&b);
}

static void test_many_entries(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.safetensors");
    struct tensors set;
    struct osso_error err;
    struct stat st;
    put_many(path, 300000);
    stat(path, &st);
    uint64_t before = resident();
    check_ok(safetensors_open(path, &set, NULL, &err), err);
    assert_int_equal(set.n, 300000);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    enum { SECONDS = 60 };
    (void)before; /* shadow memory is resident too */
#else
    enum { SECONDS = 5 };
    assert_true(resident() - before < 4 * (uint64_t)st.st_size);
#endif
    tensors_close(&set);
    put_many(path, (1 << 20) + 1);
    clock_t start = clock();
    assert_int_equal(safetensors_open(path, &set, NULL, &err), OSSO_LIMIT);
    assert_true(clock() - start < SECONDS * CLOCKS_PER_SEC);
    scratch_remove(dir);
}

static const struct {
    const char *name, *index, *words;
} indexes[] = {
    {"both shards", "{\"weight_map\":{\"a\":\"x-00007.safetensors\",\"b\":\"other\"}}", NULL},
    {"a mapped tensor that is nowhere",
     "{\"weight_map\":{\"a\":\"x-00007.safetensors\",\"b\":\"other\",\"c\":\"other\"}}", NULL},
    {"a file that is not there", "{\"weight_map\":{\"a\":\"gone\"}}", "is not there"},
    {"a tensor in two files", "{\"weight_map\":{\"a\":\"x-00007.safetensors\",\"b\":\"twin\"}}", NULL},
    {"two copies and no choice", "{\"weight_map\":{\"b\":\"twin\",\"z\":\"x-00007.safetensors\"}}", "in two files"},
    {"a tensor in the wrong file", "{\"weight_map\":{\"a\":\"other\",\"b\":\"x-00007.safetensors\"}}", "is not in"},
    {"a folder up", "{\"weight_map\":{\"a\":\"../other\"}}", "no plain file name"},
    {"a folder down", "{\"weight_map\":{\"a\":\"original/other\"}}", "no plain file name"},
    {"an absolute path", "{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "no plain file name"},
    {"a backslash", "{\"weight_map\":{\"a\":\"..\\\\other\"}}", "no plain file name"},
    {"the folder itself", "{\"weight_map\":{\"a\":\".\"}}", "no plain file name"},
    {"an empty name", "{\"weight_map\":{\"a\":\"\"}}", "no plain file name"},
    {"a NUL", "{\"weight_map\":{\"a\":\"other\\u0000x\"}}", "not mapped to a file name"},
    {"a number", "{\"weight_map\":{\"a\":7}}", "not mapped to a file name"},
    {"a FIFO", "{\"weight_map\":{\"a\":\"fifo\"}}", "FIFO"},
    {"a key twice", "{\"weight_map\":{\"a\":\"other\",\"a\":\"other\"}}", "duplicate"},
    {"no map", "{}", "no \"weight_map\""},
    {"an empty map", "{\"weight_map\":{}}", "no \"weight_map\""},
    {"no JSON", "{\"weight_map\":", "line 1"},
};

static void test_index(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    struct tensors set;
    struct osso_error err;
    assert_int_equal(safetensors_open(dir, &set, NULL, &err), OSSO_NOTFOUND);
    put_safetensors(scratch_path(dir, "x-00007.safetensors"), "{" A "}", 24);
    put_safetensors(scratch_path(dir, "other"), "{" T("b", "U8", "[1]", "[0,1]") "}", 1);
    put_safetensors(scratch_path(dir, "twin"), "{" T("a", "U8", "[1]", "[0,1]") "," T("b", "U8", "[1]", "[1,2]") "}",
                    2);
    assert_int_equal(mkfifo(scratch_path(dir, "fifo"), 0600), 0);
    for (size_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
        put_file(scratch_path(dir, "model.safetensors.index.json"), indexes[i].index, strlen(indexes[i].index));
        enum osso_status status = safetensors_open(dir, &set, NULL, &err);
        check_says(status, err, indexes[i].words, indexes[i].name);
        if (!status)
            assert_int_equal(set.n_maps, 2);
        tensors_close(&set);
    }
    scratch_remove(dir);
}

/* What the writer writes, the reader reads. */
static void test_write(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.safetensors");
    struct tensor list[] = {{.name = "b \"q\" \xc3\xa9", .dtype = DT_BF16, .rank = 2, .shape = {2, 3}, .bytes = 12},
                            {.name = "a", .dtype = DT_U8, .rank = 1, .shape = {5}, .bytes = 5},
                            {.name = "c", .dtype = DT_F32, .rank = 0, .bytes = 4}};
    struct save *save;
    struct tensors set;
    struct osso_error err;
    check_ok(save_open(path, &save, &err), err);
    check_ok(safetensors_write_header(save, list, 3, &err), err);
    assert_int_equal(save_offset(save) % 8, 0);
    check_ok(save_write(save, "0123456789abcdefghijk", 21, &err), err);
    check_ok(save_commit(save, &err), err);
    check_ok(safetensors_open(path, &set, NULL, &err), err);
    for (int i = 0; i < 3; i++) {
        const struct tensor *t = tensors_find(&set, list[i].name);
        assert_non_null(t);
        assert_true(t->dtype == list[i].dtype && t->rank == list[i].rank && t->bytes == list[i].bytes);
        assert_memory_equal(t->shape, list[i].shape, (size_t)t->rank * sizeof *t->shape);
    }
    assert_memory_equal(tensors_find(&set, "c")->data, "hijk", 4);
    tensors_close(&set);
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_length_like_an_archive),
        cmocka_unit_test(test_lengths_and_prefixes),
        cmocka_unit_test(test_many_entries),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
