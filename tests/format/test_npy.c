/* test_npy.c: NumPy's files of integers: every type in both orders of bytes, and headers that end too early. */
#include "file_test.h"

#include "format/npy_read.h"

static void put_npy(const char *path, const char *header, const void *data, size_t bytes)
{
    struct buf b = {0};
    buf_add(&b, "\x93NUMPY\x01\x00", 8);
    put_le(&b, strlen(header), 2);
    buf_puts(&b, header);
    buf_add(&b, data, bytes);
    put_file(path, b.data, b.len);
    buf_free(&b);
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int64_t values[2];
    } cases[] = {{"|u1", {0xf1, 0xf2}},
                 {"|i1", {-15, -14}},
                 {"<u2", {0xf2f1, 0xf4f3}},
                 {">i2", {-3598, -3084}},
                 {"<i4", {-185339151, -117967115}},
                 {">u4", {0xf1f2f3f4, 0xf5f6f7f8}}};
    static const uint8_t bytes[] = {0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8};
    char *dir = scratch_dir(), header[100];
    const char *path = scratch_path(dir, "x.npy");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct npy n;
        struct osso_error err = {""};
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (1, 2), }\n", cases[i].type);
        put_npy(path, header, bytes, 2 * (size_t)(cases[i].type[2] - '0'));
        check_ok(npy_open_ids(path, &n, &err), err);
        assert_true(n.rows == 1 && n.columns == 2);
        assert_true(npy_at(&n, 0, 0) == cases[i].values[0] && npy_at(&n, 0, 1) == cases[i].values[1]);
        npy_close(&n);
    }
    scratch_remove(dir);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *words;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", "no whole numbers"},
        {"{'descr': '<i3', 'fortran_order': False, 'shape': (1, 2), }", "type of the values is unknown"},
        {"{'descr': '<i4', 'fortran_order': True, 'shape': (1, 2), }", "Fortran's order"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", "must be (rows, columns)"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), }", "does not hold 2 rows"},
        {"{'descr': '<i4', 'fortran_order': False}", "no shape"},
        {"{'descr", "no whole numbers"},
    };
    static const uint8_t bytes[8];
    char *dir = scratch_dir();
    const char *path = scratch_path(dir, "x.npy");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct npy n;
        struct osso_error err = {""};
        put_npy(path, cases[i].header, bytes, sizeof bytes);
        check_says(npy_open_ids(path, &n, &err), err, cases[i].words, cases[i].header);
    }
    scratch_remove(dir);
}

/* A header as long as there is room for one, cut off in the middle of the type: nothing behind it is looked at. */
static void test_cut_type(void **state)
{
    (void)state;
    enum { LENGTH = 4095 };
    char *dir = scratch_dir(), header[LENGTH + 1];
    const char *path = scratch_path(dir, "x.npy"), *ends[] = {"'descr': '", "'descr': '<", "'descr': '<i"};
    for (int i = 0; i < 3; i++) {
        struct npy n;
        struct osso_error err = {""};
        memset(header, ' ', LENGTH);
        strcpy(header + LENGTH - strlen(ends[i]), ends[i]);
        put_npy(path, header, "", 0);
        assert_int_equal(npy_open_ids(path, &n, &err), OSSO_FORMAT);
    }
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
