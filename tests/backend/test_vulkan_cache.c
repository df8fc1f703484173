/* The cache of compiled shaders: kept from run to run for the same device and driver, and nothing but a whole file of
 * these counts; where there is no place for it everything works without. Without a device each test is skipped and says
 * why. */
#define _DEFAULT_SOURCE
#include "vulkan_data.h"

#if __has_include(<vulkan/vulkan.h>)
#include "backend/vulkan/vk_parts.h"

#include "base/file.h"

#include <dirent.h>
#include <unistd.h>

static char folder[256], file[600];

/* Opens a device and makes a pipeline; how many bytes an earlier run had left. */
static size_t one_run(void)
{
    struct vk *mine;
    struct vk_block block;
    struct osso_error err;
    check_ok(vk_open(getenv("OSSO_TEST_DEVICE"), &mine, &err), err);
    size_t kept = mine->shared->cache_kept;
    assert_true(vk_alloc(mine, 4096, VK_OUTPUT, &block));
    struct vk_probe p = {block.address, block.address, block.address, block.address + 256, 1};
    memset(block.host, 0, 4096);
    vk_run(mine, &vk_shader_probe, NULL, &p, 1, 1, 1);
    check_ok(vk_wait(mine, &err), err);
    vk_free(mine, &block);
    vk_close(mine);
    return kept;
}

/* The one file of the cache; false: there is none. */
static bool find_file(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/osso", folder);
    DIR *d = opendir(path);
    int n = 0;
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        if (strncmp(e->d_name, "gpu-", 4) == 0) {
            snprintf(file, sizeof file, "%s/%s", path, e->d_name);
            n++;
        }
    if (d)
        closedir(d);
    assert_in_range(n, 0, 1);
    return n == 1;
}

static void begin(void)
{
    need_device();
    snprintf(folder, sizeof folder, "/tmp/osso-gpu-XXXXXX");
    assert_non_null(mkdtemp(folder));
    setenv("XDG_CACHE_HOME", folder, 1);
}

static void end(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/osso", folder);
    unlink(file);
    rmdir(path);
    rmdir(folder);
}

static void test_kept(void **state)
{
    (void)state;
    begin();
    assert_int_equal(one_run(), 0);
    assert_true(find_file());
    assert_true(one_run() > 0);
    end();
}

/* A byte of the file is another one, or some of its end are missing, or all. */
static void test_spoilt(void **state)
{
    static const int64_t changed[] = {0, 10, 30, 40, -1};
    struct osso_error err;
    char *data;
    size_t n;
    (void)state;
    begin();
    one_run();
    assert_true(find_file());
    for (int i = 0; i < 8; i++) {
        check_ok(file_read(file, 1 << 26, &data, &n, &err), err);
        size_t left = i < 5 ? n : i == 5 ? n - 1 : i == 6 ? 20 : 0;
        if (i < 5)
            data[changed[i] < 0 ? n - 1 : (size_t)changed[i]] ^= 1;
        check_ok(save_atomic(file, data, left, &err), err);
        mem_free(data);
        if (one_run() != 0)
            fail_msg("a cache that is spoilt, way %d, was believed", i);
        if (one_run() == 0)
            fail_msg("a cache that was spoilt, way %d, was not written again", i);
    }
    end();
}

static void test_no_place(void **state)
{
    (void)state;
    need_device();
    setenv("XDG_CACHE_HOME", "/proc/no/such/place", 1);
    assert_int_equal(one_run(), 0);
    assert_int_equal(one_run(), 0);
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    setenv("MESA_SHADER_CACHE_DISABLE", "true", 1); /* Mesa's own would lie in the folder of that name */
    setenv("XDG_CACHE_HOME", "relative", 1);
    unsetenv("HOME");
    assert_int_equal(one_run(), 0);
    assert_int_not_equal(access("relative", F_OK), 0);
    if (home)
        setenv("HOME", home, 1);
    free(home);
}
#else
static void test_kept(void **state)
{
    (void)state;
    skip_test("Vulkan's headers are not here (Debian: libvulkan-dev)");
}

static void test_spoilt(void **state)
{
    test_kept(state);
}

static void test_no_place(void **state)
{
    test_kept(state);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kept), cmocka_unit_test(test_spoilt),
                                       cmocka_unit_test(test_no_place)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close_device();
    return failed;
}
