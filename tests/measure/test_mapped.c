/* test_mapped.c: how a file's pages lie: what is in memory is counted, what is not is fetched, for so long and no
 * longer, and the rate of what came is one of memory. */
#define _GNU_SOURCE
#include "file_test.h"

#include "base/clock.h"
#include "measure/ceiling.h"
#include "measure/mapped.h"

#include <fcntl.h>

enum { PART = 16 << 20, FILE_BYTES = PART + 12345, LONG = 8 * PART /* further than anybody reads ahead */ };

static char *folder;

static int make_folder(void **state)
{
    (void)state;
    folder = scratch_dir();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    scratch_remove(folder);
    return 0;
}

static struct file_map map_of(const char *name, size_t bytes, bool holes)
{
    struct file_map map;
    struct osso_error err;
    const char *path = scratch_path(folder, name);
    char *data = malloc(bytes);
    memset(data, 0x5a, bytes);
    put_file(path, data, holes ? 0 : bytes);
    free(data);
    assert_int_equal(truncate(path, (off_t)bytes), 0);
    check_ok(file_map_open(path, &map, &err), err);
    return map;
}

/* What was written a moment ago is there: nothing is fetched. */
static void a_file_in_memory(void **state)
{
    (void)state;
    struct mapped m;
    struct file_map map = map_of("warm", FILE_BYTES, false);
    mapped_measure(&map, 1, 1, PART, 0, &m);
    assert_true(m.bytes == FILE_BYTES && m.there == FILE_BYTES && m.disk_gbps == 0);
    assert_true(m.gbps > 0);
    file_map_close(&map);
}

/* Of a hole no page is anywhere. Without time nothing comes, and nothing is said of how it would be read. */
static void a_file_elsewhere(void **state)
{
    (void)state;
    struct mapped m;
    struct file_map maps[2] = {map_of("cold", LONG, true), map_of("small", 100, false)};
    mapped_measure(maps, 2, 1, PART, 0, &m);
    assert_true(m.bytes == LONG + 100 && m.there == 100 && m.gbps == 0 && m.disk_gbps == 0);
    mapped_measure(maps, 2, 1, PART, 1000, &m);
    assert_true(m.there == 100 && m.gbps > 0 && m.disk_gbps > 0);
    mapped_measure(maps, 2, 1, PART, 0, &m); /* now it is there, as far as it was asked for */
    assert_true(m.there >= PART && m.there < LONG + 100 && m.gbps > 0 && m.disk_gbps == 0);
    file_map_close(&maps[0]);
    file_map_close(&maps[1]);
}

/* No file is as long as what would be read. */
static void small_files(void **state)
{
    (void)state;
    struct mapped m;
    struct file_map map = map_of("short", PART - 1, false);
    mapped_measure(&map, 1, 1, PART, 1000, &m);
    assert_true(m.bytes == PART - 1 && m.there == PART - 1 && m.gbps == 0);
    file_map_close(&map);
    mapped_measure(NULL, 0, 1, PART, 1000, &m);
    assert_true(m.bytes == 0 && m.gbps == 0);
}

/* The rate is of the bytes that were read: as of the same memory, read by somebody else. */
static void the_rate(void **state)
{
    (void)state;
    struct mapped m;
    struct osso_error err;
    struct team *team;
    struct file_map map = map_of("rate", FILE_BYTES, false);
    double best = 0, other = 0;
    check_ok(team_create(1, &team, &err), err);
    for (int i = 0; i < 5; i++) {
        mapped_measure(&map, 1, 1, PART, 0, &m);
        best = m.gbps > best ? m.gbps : best;
        double rate = ceiling_read(team, map.data, PART) * 1e-9;
        other = rate > other ? rate : other;
    }
    team_free(team);
    assert_true(best > other / 4 && best < other * 4);
    file_map_close(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_file_in_memory), cmocka_unit_test(a_file_elsewhere),
                                       cmocka_unit_test(small_files), cmocka_unit_test(the_rate)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
