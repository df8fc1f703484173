/* test_crc32c.c: known sums, and both ways, and zip's polynomial, against the definition: any length, any alignment,
 * any cut. */
#include "test.h"

#include "base/crc32c.h"
#include "base/rng.h"

/* A division by the polynomial, bit by bit, in the plainest form. */
static uint32_t by_polynomial(uint32_t polynomial, const uint8_t *s, size_t n)
{
    uint32_t rest = 0xffffffffu;
    for (size_t bit = 0; bit < n * 8; bit++) {
        uint32_t in = (uint32_t)(s[bit / 8] >> bit % 8 & 1);
        rest = (rest & 1) != in ? rest >> 1 ^ polynomial : rest >> 1;
    }
    return ~rest;
}

static uint32_t by_definition(const uint8_t *s, size_t n)
{
    return by_polynomial(0x82f63b78u, s, n);
}

/* RFC 3720, B.4, and the check value of the catalogues of sums. */
static void test_known(void **state)
{
    (void)state;
    uint8_t up[32], down[32], zeros[32] = {0}, ones[32];
    for (int i = 0; i < 32; i++) {
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
        ones[i] = 0xff;
    }
    const struct {
        const void *data;
        size_t n;
        uint32_t sum;
    } known[] = {{zeros, 32, 0x8a9136aa}, {ones, 32, 0x62a8ab43},       {up, 32, 0x46dd794e},
                 {down, 32, 0x113fdb5c},  {"123456789", 9, 0xe3069283}, {"", 0, 0}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(crc32c(0, known[i].data, known[i].n), known[i].sum);
        assert_int_equal(crc32c_by_tables(0, known[i].data, known[i].n), known[i].sum);
        assert_int_equal(crc32c_by_lanes(0, known[i].data, known[i].n), known[i].sum);
        assert_int_equal(by_definition(known[i].data, known[i].n), known[i].sum);
    }
}

static void fill(uint8_t *data, size_t n)
{
    struct rng rng;
    rng_seed(&rng, 12);
    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)rng_next(&rng);
}

/* Short ones from every alignment, and long ones, where the tables are used. */
static void test_both_ways(void **state)
{
    (void)state;
    static uint8_t data[10000];
    fill(data, sizeof data);
    for (size_t off = 0; off < 9; off++)
        for (size_t n = 0; n < 100; n++) {
            uint32_t sum = by_definition(data + off, n);
            assert_int_equal(crc32c(0, data + off, n), sum);
            assert_int_equal(crc32c_by_tables(0, data + off, n), sum);
            assert_int_equal(crc32c_by_lanes(0, data + off, n), sum);
        }
    for (size_t n = 4090; n < 9990; n += 37) {
        uint32_t sum = by_definition(data + n % 8, n);
        assert_int_equal(crc32c(0, data + n % 8, n), sum);
        assert_int_equal(crc32c_by_tables(0, data + n % 8, n), sum);
        assert_int_equal(crc32c_by_lanes(0, data + n % 8, n), sum);
    }
}

/* Texts that are worth products, which take 256 bytes at a time: each rest, some turns, and sums before. */
static void test_wide(void **state)
{
    (void)state;
    static uint8_t data[3000];
    fill(data, sizeof data);
    for (size_t n = 200; n < 1100; n++) {
        uint32_t sum = by_definition(data + n % 64, n);
        assert_int_equal(crc32c(0, data + n % 64, n), sum);
        assert_int_equal(crc32c(crc32c(0, data + n % 64, n / 5), data + n % 64 + n / 5, n - n / 5), sum);
    }
}

/* Texts that are worth three lanes: the lengths around the first of them, every rest, and what was summed before. */
static void test_long(void **state)
{
    (void)state;
    static uint8_t data[200000];
    fill(data, sizeof data);
    for (size_t n = (32 << 10) - 9; n < (32 << 10) + 60; n++)
        for (int lanes = 0; lanes < 2; lanes++)
            assert_int_equal(lanes ? crc32c_by_lanes(0, data + n % 8, n) : crc32c(0, data + n % 8, n),
                             by_definition(data + n % 8, n));
    for (size_t n = 40000; n < sizeof data; n += 11111) {
        uint32_t sum = by_definition(data + 3, n);
        assert_int_equal(crc32c(0, data + 3, n), sum);
        assert_int_equal(crc32c(crc32c(0, data + 3, 7), data + 10, n - 7), sum);
        assert_int_equal(crc32c_by_tables(0, data + 3, n), sum);
        assert_int_equal(crc32c_by_lanes(0, data + 3, n), sum);
    }
}

static void test_zip(void **state)
{
    (void)state;
    static uint8_t data[10000];
    fill(data, sizeof data);
    assert_int_equal(crc32_zip(0, "123456789", 9), 0xcbf43926);
    for (size_t n = 0; n < sizeof data; n = n < 20 ? n + 1 : n + 333) {
        uint32_t sum = by_polynomial(0xedb88320u, data, n);
        assert_int_equal(crc32_zip(0, data, n), sum);
        assert_int_equal(crc32_zip(crc32_zip(0, data, n / 3), data + n / 3, n - n / 3), sum);
    }
}

/* The sum of two parts is the sum of the whole, wherever it is cut. */
static void test_in_parts(void **state)
{
    (void)state;
    static uint8_t data[9000];
    fill(data, sizeof data);
    uint32_t sum = by_definition(data, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut += 113) {
        assert_int_equal(crc32c(crc32c(0, data, cut), data + cut, sizeof data - cut), sum);
        assert_int_equal(crc32c_by_tables(crc32c_by_tables(0, data, cut), data + cut, sizeof data - cut), sum);
        assert_int_equal(crc32c_by_lanes(crc32c_by_lanes(0, data, cut), data + cut, sizeof data - cut), sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_both_ways),
                                       cmocka_unit_test(test_wide),  cmocka_unit_test(test_long),
                                       cmocka_unit_test(test_zip),   cmocka_unit_test(test_in_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
