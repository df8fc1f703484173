/* test_cgroup.c: quotas and limits of made-up control groups, as /proc and /sys show them. */
#include "made_root.h"

#include "base/cgroup.h"

#include <limits.h>

static void nothing_there(void **state)
{
    (void)state;
    assert_int_equal(cgroup_cpus(root), INT_MAX);
    assert_true(cgroup_memory(root) == UINT64_MAX);
    put("proc/self/cgroup", "no colon\n0:\n0::relative\n0::/../../etc\n3:cpuset:/\n");
    put("sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "100\n");
    put("sys/fs/cgroup/cpuset/cpu.cfs_period_us", "100\n");
    assert_int_equal(cgroup_cpus(root), INT_MAX);
}

static void version_2(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/a.slice/b.service\n");
    put("sys/fs/cgroup/a.slice/b.service/cpu.max", "max 100000\n");
    assert_int_equal(cgroup_cpus(root), INT_MAX);
    put("sys/fs/cgroup/a.slice/cpu.max", "250000 100000\n"); /* the group above */
    assert_int_equal(cgroup_cpus(root), 3);
    put("sys/fs/cgroup/a.slice/b.service/cpu.max", "50000 100000\n");
    assert_int_equal(cgroup_cpus(root), 1);
    put("sys/fs/cgroup/a.slice/b.service/cpu.max", "200000 100000\n");
    assert_int_equal(cgroup_cpus(root), 2);

    put("sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
    put("sys/fs/cgroup/a.slice/b.service/memory.current", "900\n");
    assert_true(cgroup_memory(root) == UINT64_MAX);
    put("sys/fs/cgroup/a.slice/memory.max", "5000\n");
    put("sys/fs/cgroup/a.slice/memory.current", "4000\n");
    put("sys/fs/cgroup/a.slice/memory.stat", "anon 1000\nfile 3000\ninactive_file 2000\nactive_file 500\n");
    assert_int_equal(cgroup_memory(root), 3500); /* 1000 and what the cache gives back */
    put("sys/fs/cgroup/memory.max", "3000\n");   /* a container's own root */
    put("sys/fs/cgroup/memory.current", "2900\n");
    assert_int_equal(cgroup_memory(root), 100);
    put("sys/fs/cgroup/memory.current", "3100\n");
    assert_int_equal(cgroup_memory(root), 0);
}

static void version_1(void **state)
{
    (void)state;
    put("proc/self/cgroup", "7:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n0::/\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"); /* the host's path is not seen from inside */
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cgroup_cpus(root), INT_MAX);
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
    assert_int_equal(cgroup_cpus(root), 2);
    put("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "25000\n"); /* mounted under the short name too */
    put("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cgroup_cpus(root), 1);

    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    put("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n");
    assert_true(cgroup_memory(root) == UINT64_MAX);
    put("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "40000\n");
    put("sys/fs/cgroup/memory/docker/memory.usage_in_bytes", "30000\n");
    put("sys/fs/cgroup/memory/docker/memory.stat", "inactive_file 1\ntotal_inactive_file 5000\ntotal_active_file 0\n");
    assert_int_equal(cgroup_memory(root), 15000);
}

/* What swap and a file system's own cache can give is there, but no control group is left by it. */
static void reachable(void **state)
{
    (void)state;
    assert_true(mem_reachable(root) == UINT64_MAX);
    put("proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:  5 kB\n");
    assert_int_equal(mem_reachable(root), 5 * 1024);
    put("proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:  5 kB\nSwapTotal: 900 kB\nSwapFree:   100 kB\n");
    assert_int_equal(mem_reachable(root), 105 * 1024);
    put("proc/spl/kstat/zfs/arcstats", "13 1 0x01\nname type data\nhits 4 77\nc_min 4 1000\nsize 4 3000\n");
    assert_int_equal(mem_reachable(root), 105 * 1024 + 2000);
    put("proc/spl/kstat/zfs/arcstats", "c_min 4 3000\nsize 4 1000\n");
    assert_int_equal(mem_reachable(root), 105 * 1024);
    put("proc/self/cgroup", "0::/a\n");
    put("sys/fs/cgroup/a/memory.max", "5000\n");
    put("sys/fs/cgroup/a/memory.current", "4000\n");
    assert_int_equal(mem_reachable(root), 1000);
}

/* A group may swap as far as it is allowed to and the system has any. */
static void swap_of_groups(void **state)
{
    (void)state;
    put("proc/meminfo", "MemAvailable: 900 kB\nSwapFree: 100 kB\n");
    put("proc/self/cgroup", "0::/a/b\n");
    put("sys/fs/cgroup/a/b/memory.max", "50000\n");
    put("sys/fs/cgroup/a/b/memory.current", "40000\n");
    assert_int_equal(mem_reachable(root), 10000);
    put("sys/fs/cgroup/a/b/memory.swap.max", "0\n");
    put("sys/fs/cgroup/a/b/memory.swap.current", "0\n");
    assert_int_equal(mem_reachable(root), 10000);
    put("sys/fs/cgroup/a/b/memory.swap.max", "7000\n");
    put("sys/fs/cgroup/a/b/memory.swap.current", "2000\n");
    assert_int_equal(mem_reachable(root), 15000);
    assert_int_equal(cgroup_memory(root), 10000);
    put("sys/fs/cgroup/a/b/memory.swap.max", "max\n"); /* the system's */
    assert_int_equal(mem_reachable(root), 10000 + 100 * 1024);
    put("sys/fs/cgroup/a/memory.max", "60000\n"); /* the group above is tighter */
    put("sys/fs/cgroup/a/memory.current", "59000\n");
    put("sys/fs/cgroup/a/memory.swap.max", "500\n");
    put("sys/fs/cgroup/a/memory.swap.current", "0\n");
    assert_int_equal(mem_reachable(root), 1500);

    put("proc/self/cgroup", "7:memory:/c\n"); /* version 1 counts both together */
    put("sys/fs/cgroup/memory/c/memory.limit_in_bytes", "50000\n");
    put("sys/fs/cgroup/memory/c/memory.usage_in_bytes", "40000\n");
    assert_int_equal(mem_reachable(root), 10000);
    put("sys/fs/cgroup/memory/c/memory.memsw.limit_in_bytes", "80000\n");
    put("sys/fs/cgroup/memory/c/memory.memsw.usage_in_bytes", "45000\n");
    assert_int_equal(mem_reachable(root), 35000);
    put("sys/fs/cgroup/memory/c/memory.memsw.limit_in_bytes", "50000\n"); /* no swap at all */
    assert_int_equal(mem_reachable(root), 10000);
    put("sys/fs/cgroup/memory/c/memory.memsw.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(mem_reachable(root), 10000 + 100 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_there, setup, teardown),
        cmocka_unit_test_setup_teardown(version_2, setup, teardown),
        cmocka_unit_test_setup_teardown(version_1, setup, teardown),
        cmocka_unit_test_setup_teardown(reachable, setup, teardown),
        cmocka_unit_test_setup_teardown(swap_of_groups, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
