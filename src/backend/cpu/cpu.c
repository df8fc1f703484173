/* cpu.c: which ISAs there are, which of them this CPU and operating system allow, and one struct backend for each.
 *
 * Adding an ISA is its files of kernels with a list kernels__<isa>.def, a table in tables.c, and one line in
 * VECTOR_ISAS below (docs/adding-an-isa.md). */
#define _GNU_SOURCE /* syscall */
#include "backend/cpu/ops_back.h"
#include "backend/cpu/tables.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

/* ISA(name, what must be there, ...), weak to strong; what comes after ISA is passed through. */
#if defined(OSSO_DOUBLE)
#define VECTOR_ISAS(ISA, ...)
#elif defined(__x86_64__)
#define VECTOR_ISAS(ISA, ...)                                                                                          \
    ISA(avx2, has_avx2(), __VA_ARGS__)                                                                                 \
    ISA(avx512vnni, has_avx512vnni(), __VA_ARGS__)                                                                     \
    ISA(avx512bf16, has_avx512vnni() && has_bf16(), __VA_ARGS__)                                                       \
    ISA(amx, has_avx512vnni() && has_bf16() && has_amx(), __VA_ARGS__)
#elif defined(__aarch64__)
#define VECTOR_ISAS(ISA, ...)                                                                                          \
    ISA(neon, true, __VA_ARGS__)                                                                                       \
    ISA(dotprod, has_dotprod(), __VA_ARGS__)                                                                           \
    ISA(i8mm, has_dotprod() && has_i8mm(), __VA_ARGS__)
#else
#define VECTOR_ISAS(ISA, ...)
#endif
#define ISAS(ISA, ...)                                                                                                 \
    ISA(scalar, true, __VA_ARGS__)                                                                                     \
    VECTOR_ISAS(ISA, __VA_ARGS__)

#if defined(__x86_64__) && !defined(OSSO_DOUBLE)
#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* The OS must save the registers: XCR0 bits 1-2 (SSE, AVX) and 5-7 (AVX-512's masks and upper halves). */
static uint32_t os_state(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return a;
}

/* FMA, F16C, the features `need_b` and `need_c` of leaf 7 (EBX, ECX), and an OS that saves the registers `state`. */
static bool has(uint32_t state, uint32_t need_b, uint32_t need_c)
{
    const uint32_t need_1 = bit_AVX | bit_FMA | bit_F16C;
    uint32_t a, b, c, d;
    if ((os_state() & state) != state || !__get_cpuid(1, &a, &b, &c, &d) || (c & need_1) != need_1)
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & need_b) == need_b && (c & need_c) == need_c;
}

static bool has_avx2(void)
{
    return has(0x06, bit_AVX2, 0);
}

static bool has_avx512vnni(void)
{
#ifdef OSSO_EMULATE_AVX512 /* tests/emulate */
    return has_avx2();
#else
    return has(0xe6, bit_AVX2 | bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL,
               bit_AVX512VNNI | bit_AVX512VBMI);
#endif
}

/* Leaf 7's second part, EAX. */
static bool has_bf16(void)
{
#ifdef OSSO_EMULATE_AVX512
    return has_avx2();
#else
    uint32_t a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & bit_AVX512BF16);
#endif
}

/* Linux lets a process use the tiles (XCR0 bits 17-18, 8 KB for a context switch to keep) when it has asked, once for
 * all of its threads. */
static bool has_amx(void)
{
#if defined(OSSO_EMULATE_AVX512)
    return has_avx2();
#elif defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 /* the kernel's, which older headers lack */ };
    const uint32_t tiles = 1u << 22 | 1u << 24 |
                           1u << 25; /* of bf16, the registers, of int8; compilers do not agree on names */
    uint32_t a, b, c, d;
    return (os_state() & 0x60000) == 0x60000 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & tiles) == tiles &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}
#endif

/* Every AArch64 has NEON. Linux tells of the rest in the auxiliary vector; its bits are an ABI and older headers lack
 * some. macOS (untested) has names for them. Elsewhere plain NEON has to do. */
#if defined(__aarch64__) && !defined(OSSO_DOUBLE)
#if defined(__linux__)
#include <sys/auxv.h>

static bool has_dotprod(void)
{
    enum { ASIMDDP = 1 << 20 };
    return getauxval(AT_HWCAP) & ASIMDDP;
}

static bool has_i8mm(void)
{
    enum { I8MM = 1 << 13 };
    return getauxval(AT_HWCAP2) & I8MM;
}
#elif defined(__APPLE__)
/* <sys/sysctl.h> hides its names from strict POSIX. */
int sysctlbyname(const char *name, void *old, size_t *old_size, void *set, size_t set_size);

static bool has_feature(const char *name)
{
    int there = 0;
    size_t size = sizeof there;
    return sysctlbyname(name, &there, &size, NULL, 0) == 0 && there;
}

static bool has_dotprod(void)
{
    return has_feature("hw.optional.arm.FEAT_DotProd");
}

static bool has_i8mm(void)
{
    return has_feature("hw.optional.arm.FEAT_I8MM");
}
#else
static bool has_dotprod(void)
{
    return false;
}

static bool has_i8mm(void)
{
    return false;
}
#endif
#endif

static void sync_team(const struct hand *h)
{
    member_sync(h->member);
}

static size_t kv_layer_bytes(const struct kv_layout *layout)
{
    return (size_t)layout->n_kv_heads * kv_head_bytes(layout);
}

static void exp_on_host(const struct backend *backend, const real *x, int64_t n, real *y)
{
    ((const struct kernels *)backend->state)->exp_f32(x, n, y);
}

/* ---- the object: memory is the host's, and nothing is ever anywhere else ---------------------------------- */

static void close_nothing(const struct backend *backend)
{
    (void)backend;
}

static void *alloc_pages(const struct backend *backend, size_t bytes)
{
    (void)backend;
    return mem_pages(bytes);
}

static void free_pages(const struct backend *backend, void *memory, size_t bytes)
{
    (void)backend;
    mem_pages_free(memory, bytes);
}

static uint64_t memory_left(const struct backend *backend)
{
    (void)backend;
    return mem_reachable("");
}

/* One row's at full length, if the members cannot share its kv heads evenly. */
static int64_t page_sums(int64_t pages, int n_kv_heads, int n_members)
{
    return n_kv_heads % n_members ? pages * n_kv_heads : 0;
}

static enum osso_status begin(const struct backend *backend, const struct batch *batch, struct batch *batch_out,
                              struct osso_error *err)
{
    (void)backend, (void)err;
    *batch_out = *batch;
    return OSSO_OK;
}

static enum osso_status end(const struct backend *backend, struct osso_error *err)
{
    (void)backend, (void)err;
    return OSSO_OK;
}

static void copy(const struct backend *backend, void *to, const void *from, size_t bytes)
{
    (void)backend;
    if (to != from)
        memcpy(to, from, bytes);
}

static void *host(const struct backend *backend, void *values, size_t bytes)
{
    (void)backend, (void)bytes;
    return values;
}

/* Every ISA has the same ops; what differs is the table that they find their kernels in. */
#define BACKEND(isa, ...)                                                                                              \
    {.name = #isa,                                                                                                     \
     .state = &REAL(kernels__##isa),                                                                                   \
     .workspace_bytes = REAL(ops_workspace_bytes),                                                                     \
     .kv_layer_bytes = kv_layer_bytes,                                                                                 \
     .kv_faults = REAL(ops_kv_faults),                                                                                 \
     .sync = sync_team,                                                                                                \
     .embed = REAL(ops_embed),                                                                                         \
     .norm = REAL(ops_norm),                                                                                           \
     .quantize = REAL(ops_quantize),                                                                                   \
     .linear = REAL(ops_linear),                                                                                       \
     .rope = REAL(ops_rope),                                                                                           \
     .kv_append = REAL(ops_kv_append),                                                                                 \
     .attend = REAL(ops_attend),                                                                                       \
     .attend_again = REAL(ops_attend_again),                                                                           \
     .add = REAL(ops_add),                                                                                             \
     .route = REAL(ops_route),                                                                                         \
     .experts_in = REAL(ops_experts_in),                                                                               \
     .swiglu = REAL(ops_swiglu),                                                                                       \
     .experts_out = REAL(ops_experts_out),                                                                             \
     .combine = REAL(ops_combine),                                                                                     \
     .train = &REAL(ops_train),                                                                                        \
     .exp = exp_on_host,                                                                                               \
     .close = close_nothing,                                                                                           \
     .alloc = alloc_pages,                                                                                             \
     .free = free_pages,                                                                                               \
     .memory = memory_left,                                                                                            \
     .page_sums = page_sums,                                                                                           \
     .begin = begin,                                                                                                   \
     .end = end,                                                                                                       \
     .copy = copy,                                                                                                     \
     .host = host,                                                                                                     \
     .put = copy},
static const struct backend backends[] = {ISAS(BACKEND, )};
#undef BACKEND
enum { N_BACKENDS = sizeof backends / sizeof backends[0] };

static bool available(int i)
{
    int at = 0;
#define ISA(name, there, ...)                                                                                          \
    if (i == at++)                                                                                                     \
        return there;
    ISAS(ISA, )
#undef ISA
    return false;
}

/* The strongest available one of this name (NULL: any name), or -1. */
static int find(const char *isa)
{
    for (int i = N_BACKENDS - 1; i >= 0; i--)
        if ((!isa || strcmp(isa, backends[i].name) == 0) && available(i))
            return i;
    return -1;
}

const struct backend *REAL(backend_cpu)(const char *isa)
{
    int i = find(isa);
    return i < 0 ? NULL : &backends[i];
}

const struct kernels *REAL(kernels_cpu)(const char *isa)
{
    int i = find(isa);
    return i < 0 ? NULL : backends[i].state;
}

#ifndef OSSO_DOUBLE
backend_open_fn cpu_open; /* backends.def's */

enum osso_status cpu_open(const char *variant, const struct backend **backend_out, struct osso_error *err)
{
    *backend_out = backend_cpu(variant);
    return *backend_out
               ? OSSO_OK
               : error_set(err, OSSO_UNSUPPORTED,
                           "instruction set \"%s\" is unknown or not available on this CPU; see osso --version",
                           variant);
}

const char *backend_cpu_isa(int i)
{
    return i >= 0 && i < N_BACKENDS ? backends[i].name : NULL;
}

bool backend_cpu_available(const char *isa)
{
    return isa && backend_cpu(isa) != NULL;
}
#endif
