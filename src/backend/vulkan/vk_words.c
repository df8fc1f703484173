/* vk_words.c: SPIR-V, changed before a device sees it. A module is a list of instructions, each with its length and
 * opcode in its first word; the first five words of a module are its head.
 *
 * Execution modes say how f32 rounds and what becomes of denormals and NaN. A device that does not know a mode must not
 * be given it, so the shaders are compiled without any. Likewise a device without f64 must not see a type of 64 bits:
 * the function that needs it (fma_by_f64 of common.glsl, inlined nowhere) is taken out with all that is made of that
 * type, and who calls it gets its first argument, which is passed by pointer. */
#include "backend/vulkan/vk_words.h"

#include <string.h>

enum {
    HEAD = 5,
    OP_ENTRY_POINT = 15,
    OP_EXECUTION_MODE = 16,
    OP_CAPABILITY = 17,
    OP_TYPE_FLOAT = 22,
    OP_TYPE_POINTER = 32,
    OP_CONSTANT = 43,
    OP_CONSTANT_NULL = 46,
    OP_FUNCTION = 54,
    OP_FUNCTION_END = 56,
    OP_FUNCTION_CALL = 57,
    OP_LOAD = 61,
    OP_DECORATE = 71,
    CAPABILITY_FLOAT64 = 10,
    MAX_GONE = 256
};

/* A mode's number, and the capability that goes with it. */
static const uint32_t mode_numbers[3][2] = {
    {4462, 4467 /* RoundingModeRTE */}, {4459, 4464 /* DenormPreserve */}, {4461, 4466 /* SignedZeroInfNanPreserve */}};

static uint32_t opcode(const uint32_t *at)
{
    return at[0] & 0xffff;
}

static size_t length(const uint32_t *at)
{
    return at[0] >> 16;
}

/* Ids of what needs f64: the type, pointers to it, its constants, the functions that compute with it, and what these
 * do. */
struct gone {
    uint32_t ids[MAX_GONE];
    int n;
    uint32_t f64;
};

static bool is_gone(const struct gone *gone, uint32_t id)
{
    for (int i = 0; i < gone->n; i++)
        if (gone->ids[i] == id)
            return true;
    return false;
}

static bool add_gone(struct gone *gone, uint32_t id)
{
    if (gone->n == MAX_GONE)
        return false;
    gone->ids[gone->n++] = id;
    return true;
}

/* The instruction behind a function's last. */
static const uint32_t *function_end(const uint32_t *at, const uint32_t *end)
{
    while (at < end && opcode(at) != OP_FUNCTION_END)
        at += length(at);
    return at < end ? at + length(at) : end;
}

static bool computes_in_f64(const uint32_t *at, const uint32_t *end, const struct gone *gone)
{
    for (; at < end; at += length(at))
        if (opcode(at) != OP_FUNCTION && length(at) >= 3 && gone->f64 && at[1] == gone->f64)
            return true;
    return false;
}

/* The function, and its results of that type: they are decorated (NoContraction). */
static bool function_gone(const uint32_t *at, const uint32_t *end, struct gone *gone)
{
    bool room = add_gone(gone, at[2]);
    for (; room && at < end; at += length(at))
        if (length(at) >= 4 && at[1] == gone->f64)
            room = add_gone(gone, at[2]);
    return room;
}

static bool find_gone(const uint32_t *words, size_t n, struct gone *gone)
{
    const uint32_t *end = words + n;
    bool room = true;
    for (const uint32_t *at = words + HEAD; room && at < end; at += length(at)) {
        if (opcode(at) == OP_TYPE_FLOAT && at[2] == 64)
            room = add_gone(gone, gone->f64 = at[1]);
        else if (opcode(at) == OP_TYPE_POINTER && gone->f64 && at[3] == gone->f64)
            room = add_gone(gone, at[1]);
        else if ((opcode(at) == OP_CONSTANT || opcode(at) == OP_CONSTANT_NULL) && gone->f64 && at[1] == gone->f64)
            room = add_gone(gone, at[2]);
        else if (opcode(at) == OP_FUNCTION && computes_in_f64(at, function_end(at, end), gone))
            room = function_gone(at, function_end(at, end), gone);
    }
    return room;
}

/* Does an instruction outside of functions belong to what is gone? */
static bool belongs(const uint32_t *at, const struct gone *gone)
{
    switch (opcode(at)) {
    case OP_CAPABILITY: return at[1] == CAPABILITY_FLOAT64;
    case OP_TYPE_FLOAT:
    case OP_TYPE_POINTER:
    case OP_DECORATE: return is_gone(gone, at[1]);
    case OP_CONSTANT:
    case OP_CONSTANT_NULL:
    case OP_FUNCTION: return is_gone(gone, at[2]);
    default: return false;
    }
}

static uint32_t *put(uint32_t *out, const uint32_t *words, size_t n)
{
    memcpy(out, words, n * sizeof *words);
    return out + n;
}

static bool wanted(const struct vk_modes *modes, int i)
{
    return i == 0 ? modes->round_even : i == 1 ? modes->keep_denormals : modes->keep_nan;
}

/* Capabilities stand first in a module, modes behind the entry point, whose second operand they name. */
static uint32_t *put_capabilities(uint32_t *out, const struct vk_modes *modes)
{
    for (int i = 0; i < 3; i++)
        if (wanted(modes, i))
            out = put(out, (uint32_t[]){2 << 16 | OP_CAPABILITY, mode_numbers[i][1]}, 2);
    return out;
}

static uint32_t *put_modes(uint32_t *out, const struct vk_modes *modes, uint32_t entry)
{
    for (int i = 0; i < 3; i++)
        if (wanted(modes, i))
            out = put(out, (uint32_t[]){4 << 16 | OP_EXECUTION_MODE, entry, mode_numbers[i][0], 32}, 4);
    return out;
}

static bool whole(const uint32_t *words, size_t n)
{
    size_t at = HEAD;
    while (at < n && length(words + at) > 0)
        at += length(words + at);
    return n > HEAD && at == n;
}

size_t vk_words(const uint32_t *words, size_t n, const struct vk_modes *modes, uint32_t *out)
{
    struct gone gone = {.n = 0};
    if (!whole(words, n) || (!modes->fp64 && !find_gone(words, n, &gone)))
        return 0;
    const uint32_t *end = words + n, *next;
    uint32_t *to = put_capabilities(put(out, words, HEAD), modes);
    for (const uint32_t *at = words + HEAD; at < end; at = next) {
        next = at + length(at);
        if (!modes->fp64 && belongs(at, &gone)) {
            if (opcode(at) == OP_FUNCTION)
                next = function_end(at, end);
        } else if (!modes->fp64 && opcode(at) == OP_FUNCTION_CALL && is_gone(&gone, at[3])) {
            to = put(to, (uint32_t[]){4 << 16 | OP_LOAD, at[1], at[2], at[4]}, 4);
        } else {
            to = put(to, at, length(at));
        }
        if (opcode(at) == OP_ENTRY_POINT)
            to = put_modes(to, modes, at[2]);
    }
    return (size_t)(to - out);
}
