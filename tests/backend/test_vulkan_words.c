/* What becomes of the kernels' words before a device sees them: modes of f32 where it has them, nothing of f64 where it
 * has none. spirv-val looks at every module where it is there, and SPIRV-Cross makes Metal source of it, as MoltenVK
 * does. OSSO_TEST_LATER: a folder with later tools than this machine's (tests/later.sh), for what these do not know. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "backend/vulkan/vk_words.h"
#include "vulkan_data.h"

static const struct vk_shader *const shaders[] = {
#define SHADER(name, local) &vk_shader_##name,
#include "backend/vulkan/shaders.def"
#undef SHADER
};
static const struct vk_shader *const later_shaders[] = {
#define SHADER(name, local) &vk_shader_##name,
#include "backend/vulkan/shaders_later.def"
#undef SHADER
};
enum { SHADERS = sizeof shaders / sizeof *shaders, MOST_WORDS = 1 << 16 };
enum { LATER_SHADERS = sizeof later_shaders / sizeof *later_shaders };

static uint32_t out[MOST_WORDS];

static size_t changed(const struct vk_shader *s, const struct vk_modes *modes)
{
    assert_true(s->n_words + VK_WORDS_MORE < MOST_WORDS);
    memset(out, 0xee, sizeof out);
    size_t n = vk_words(s->words, s->n_words, modes, out);
    assert_true(n > 0 && n <= s->n_words + VK_WORDS_MORE);
    assert_int_equal(out[n], 0xeeeeeeee);
    return n;
}

/* Instructions with this opcode whose operand `i` is `value`. */
static int count(const uint32_t *words, size_t n, uint32_t op, int i, uint32_t value)
{
    int found = 0;
    for (size_t at = 5; at < n; at += words[at] >> 16)
        found += (words[at] & 0xffff) == op && words[at + (size_t)i] == value;
    return found;
}

static bool has(const uint32_t *words, size_t n, uint32_t op)
{
    for (size_t at = 5; at < n; at += words[at] >> 16)
        if ((words[at] & 0xffff) == op)
            return true;
    return false;
}

static bool have_later(void)
{
    return getenv("OSSO_TEST_LATER") != NULL;
}

/* A command over a file with n words of `out`, whose name comes last. What it says goes to text; its exit status. */
static int over_file(const char *tool, size_t n, char *text, size_t size)
{
    char path[] = "/tmp/osso-words-XXXXXX", command[1024], runner[800] = "";
    if (have_later())
        snprintf(runner, sizeof runner, "%s/tools/check/later_debian.sh %s ", getenv("OSSO_ROOT"),
                 getenv("OSSO_TEST_LATER"));
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, out, n * sizeof *out) == (ssize_t)(n * sizeof *out));
    close(fd);
    snprintf(command, sizeof command, "%s%s %s 2>&1", runner, tool, path);
    FILE *said = popen(command, "r");
    assert_non_null(said);
    text[fread(text, 1, size - 1, said)] = 0;
    int code = pclose(said);
    unlink(path);
    return code;
}

static void validate(const struct vk_shader *s, size_t n)
{
    char text[2000];
    if (over_file("spirv-val --target-env vulkan1.2 --scalar-block-layout", n, text, sizeof text) != 0)
        fail_msg("spirv-val refuses %s: %s", s->name, text);
}

static void test_modes(void **state)
{
    (void)state;
    for (int i = 0; i < SHADERS; i++) {
        const struct vk_shader *s = shaders[i];
        size_t n = changed(s, &(struct vk_modes){true, true, true, true});
        assert_int_equal(n, s->n_words + 3 * (2 + 4));
        assert_int_equal(count(out, n, 16, 2, 4462) + count(out, n, 16, 2, 4459) + count(out, n, 16, 2, 4461), 3);
        assert_int_equal(count(out, n, 17, 1, 4467) + count(out, n, 17, 1, 4464) + count(out, n, 17, 1, 4466), 3);
        n = changed(s, &(struct vk_modes){.fp64 = true});
        assert_int_equal(n, s->n_words);
        assert_memory_equal(out, s->words, n * sizeof *out);
    }
}

/* The soft fma goes; what else is made of f64 would be an error of the kernel. */
static void test_without_f64(void **state)
{
    int had = 0;
    (void)state;
    for (int i = 0; i < SHADERS; i++) {
        size_t n = changed(shaders[i], &(struct vk_modes){true, false, true, false});
        had += count(shaders[i]->words, shaders[i]->n_words, 22, 2, 64);
        assert_int_equal(count(out, n, 22, 2, 64), 0);
        assert_int_equal(count(out, n, 17, 1, 10), 0);
    }
    assert_true(had > 5);
}

static void test_valid(void **state)
{
    (void)state;
    if (!have_later() && system("spirv-val --version >/dev/null 2>&1") != 0)
        skip_test("spirv-val is not here (Debian: spirv-tools)");
    for (int i = 0; i < SHADERS; i++) {
        validate(shaders[i], changed(shaders[i], &(struct vk_modes){true, true, true, true}));
        validate(shaders[i], changed(shaders[i], &(struct vk_modes){true, true, true, false}));
    }
    for (int i = 0; have_later() && i < LATER_SHADERS; i++) {
        validate(later_shaders[i], changed(later_shaders[i], &(struct vk_modes){true, true, true, true}));
        validate(later_shaders[i], changed(later_shaders[i], &(struct vk_modes){true, true, true, false}));
    }
}

/* Metal source of n words of `out`: a kernel, and no f64, which Metal has not. */
static bool is_metal(size_t n)
{
    static char text[1 << 20];
    int code = over_file("spirv-cross --msl --msl-version 20300", n, text, sizeof text);
    return code == 0 && strstr(text, "kernel void main0(") && !strstr(text, "double");
}

static void test_metal(void **state)
{
    enum { CAPABILITY = 17, ATOMIC_ADD = 234, DOT_PRODUCT = 6019 };
    int dots = 0;
    (void)state;
    if (!have_later() && system("spirv-cross --revision >/dev/null 2>&1") != 0)
        skip_test("spirv-cross is not here (Debian: spirv-cross)");
    for (int i = 0; i < SHADERS; i++) {
        size_t n = changed(shaders[i], &(struct vk_modes){.fp64 = false});
        bool dot = count(out, n, CAPABILITY, 1, DOT_PRODUCT) > 0;         /* younger than Debian 12's SPIRV-Cross */
        assert_int_equal(dot, strstr(shaders[i]->name, "_dot4") != NULL); /* so each has a twin without */
        dots += dot;
        bool atomic = has(out, n, ATOMIC_ADD); /* at an address, which Metal has not: router_alone is its twin there */
        assert_int_equal(atomic, shaders[i] == &vk_shader_router);
        if ((!dot || have_later()) && (!atomic || have_later()) && !is_metal(n))
            fail_msg("SPIRV-Cross makes no Metal source of %s", shaders[i]->name);
    }
    assert_in_range(dots, 1, SHADERS / 2);
    assert_false(is_metal(changed(&vk_shader_linear_f32, &(struct vk_modes){.fp64 = true})));
}

/* A module without f64 on a device: sums of small integers, which no fma rounds. */
static void test_run_without_f64(void **state)
{
    enum { ROWS = 5, COLS = 40 };
    float w[ROWS * COLS], x[COLS], want[ROWS] = {0};
    (void)state;
    need_device();
    for (int i = 0; i < ROWS * COLS; i++)
        w[i] = (float)(i % 13 - 6);
    for (int i = 0; i < COLS; i++)
        x[i] = (float)(i % 7 - 3);
    for (int i = 0; i < ROWS * COLS; i++)
        want[i / COLS] += w[i] * x[i % COLS];
    struct vk_shader s = vk_shader_linear_f32;
    s.n_words = changed(&s, &(struct vk_modes){.fp64 = false});
    s.words = out;
    forget_arrays();
    struct vk_linear p = {.data = there(w, sizeof w),
                          .x = there(x, sizeof x),
                          .y = there(NULL, sizeof want),
                          .row_stride = COLS * 4,
                          .col_stride = 4,
                          .cols = COLS,
                          .rows = ROWS,
                          .y_stride = ROWS,
                          .divide = 1};
    unlisted(&p, p.x);
    bool soft = vk_facts(vk)->soft_fma;
    vk_set_soft_fma(vk, false);
    run(&s, DT_F32, DT_F32, &p, UP(ROWS, 4), 1);
    vk_set_soft_fma(vk, soft);
    assert_same(want, back(p.y), ROWS, "a module without f64");
}

static void test_broken(void **state)
{
    (void)state;
    const struct vk_shader *s = &vk_shader_norm;
    const struct vk_modes modes = {true, true, true, false};
    uint32_t words[8];
    memcpy(words, s->words, sizeof words);
    assert_int_equal(vk_words(s->words, 3, &modes, out), 0);
    assert_int_equal(vk_words(s->words, 5, &modes, out), 0);
    assert_int_equal(vk_words(s->words, 6, &modes, out), 0); /* cut within an instruction */
    words[5] = 17;                                           /* an instruction of no length */
    assert_int_equal(vk_words(words, 8, &modes, out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes), cmocka_unit_test(test_without_f64),     cmocka_unit_test(test_valid),
        cmocka_unit_test(test_metal), cmocka_unit_test(test_run_without_f64), cmocka_unit_test(test_broken),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close_device();
    return failed;
}
