/* test_host.c: what a machine says of itself, in made-up /proc and /sys, and file systems by their mounts. */
#define _GNU_SOURCE
#include "made_root.h"

#include "base/busy.h"
#include "base/host.h"

#include <sched.h>
#include <unistd.h>

static void a_machine(void **state)
{
    struct host h;
    (void)state;
    host_look(root, &h);
    assert_true(h.cpus_online >= 1 && h.cpus_allowed >= 1 && h.cpus_quota == 0 && h.group == UINT64_MAX);
    assert_true(h.memory == UINT64_MAX && h.swap_free == UINT64_MAX);
    assert_string_equal(h.huge_pages, "");
    put("proc/meminfo", "MemTotal:       2048 kB\nMemFree:  1 kB\nSwapFree:        3 kB\n");
    put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    put("proc/self/cgroup", "0::/a\n");
    put("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
    put("sys/fs/cgroup/a/memory.max", "5000\n");
    put("sys/fs/cgroup/a/memory.current", "4000\n");
    host_look(root, &h);
    assert_true(h.memory == 2 << 20 && h.swap_free == 3 << 10 && h.cpus_quota == 3 && h.group == 1000);
    assert_string_equal(h.huge_pages, "madvise");
    put("sys/kernel/mm/transparent_hugepage/enabled", "[broken\n");
    host_look(root, &h);
    assert_string_equal(h.huge_pages, "");
}

/* The mount is the longest one that holds the folder, a whole name of it, and of equal ones the last. */
static void mounts(void **state)
{
    char text[2048], folder[256];
    struct volume v;
    (void)state;
    put("with blank/x", "");
    snprintf(text, sizeof text,
             "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:2 / %s rw shared:1 master:2 - xfs /dev/b rw\nno mount\n"
             "3 1 8:3 / %s/with rw - btrfs /dev/c rw\n4 1 8:4 / %s/with\\040blank rw - tmpfs none rw\n"
             "5 1 8:5 / %s/with\\040blank rw - nfs4 server:/x rw\n",
             root, root, root, root);
    put("proc/self/mountinfo", text);
    volume_look(root, root, &v);
    assert_string_equal(v.type, "xfs");
    assert_true(v.there && v.writable && v.maps == 1 && !v.remote && !v.in_memory && v.left > 0);
    snprintf(folder, sizeof folder, "%s/with blank/none/deeper", root);
    volume_look(root, folder, &v);
    assert_string_equal(v.type, "nfs4");
    assert_true(!v.there && v.remote && !v.in_memory && v.writable);
    volume_look(root, "/", &v);
    assert_string_equal(v.type, "ext4");
    snprintf(folder, sizeof folder, "ls -A '%s/with blank' | grep -qx x", root);
    assert_int_equal(system(folder), 0); /* nothing stays behind */
}

static void not_ours(void **state)
{
    struct volume v;
    (void)state;
    volume_look("", "/proc/none", &v);
    assert_true(!v.there && !v.writable && v.maps == -1);
    assert_string_equal(v.type, "proc");
}

/* What the cores have done, but for waiting, and not of other cores: all of it, none of it, and no word at all. */
static void others(void **state)
{
    (void)state;
    char text[4096] = "cpu  1 2 3 4\n";
    cpu_set_t set;
    size_t head = strlen(text);
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    const char *forms[] = {"100 100 100 100 100 100 100 100 0 0", "100 100 100 999999 999999 100 100 100 0 0",
                           "100 999999 100 999999 999999 100 100 100 0 0", "?"};
    struct busy since = {0};
    for (int form = 0; form < 4; form++) {
        size_t n = head;
        for (size_t i = 0; i < CPU_SETSIZE && n < sizeof text - 100; i++)
            if (CPU_ISSET(i, &set))
                n += (size_t)snprintf(text + n, sizeof text - n, "cpu%zu %s\n", i, forms[form]);
        put("proc/stat", text);
        if (form == 0)
            since = busy_begin(root);
        usleep(120000);
        double share = busy_others(root, &since);
        assert_true(form == 2 ? share == 1 : share == 0);
    }
    assert_true(since.cores > 0);
    assert_true(busy_others("/nowhere", &since) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_machine, setup, teardown),
        cmocka_unit_test_setup_teardown(mounts, setup, teardown),
        cmocka_unit_test(not_ours),
        cmocka_unit_test_setup_teardown(others, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
