/* shaders.h: the arguments of every kernel in shaders.def, as its push constants have them, and how it is called. What
 * a kernel computes is written in its source, and is what scalar computes, to the bit.
 *
 * uint64_t are device addresses, of f32 or int32 values unless it is said otherwise, aligned to 4 bytes (to 8: lists of
 * addresses); weights are aligned to the size of a value (Q8_0: 2). Groups are given as vk_run wants them: x, y, with
 * UP(n, m) for n / m rounded up. No dimension may exceed 65,535; z is 1 where it is not said. Weights
 * are read in words: up to 3 bytes before and behind a matrix must be there to be read. So must 48 bytes from any x or
 * list on: a compiler may read what a kernel asks for behind a condition before the condition, so what is absent is not
 * 0 where it would be read, but another address of the call.
 *
 * Specialization constants (struct vk_constants, value[0] is number 1): of embed and the linear kernels 1 is the format
 * (enum dtype, any but U8), of the linear ones 2 is the bias's (F32, F16, BF16), and of all three 3 is that of scales
 * and offsets that lie apart where the format leaves it to the view (F32, F16, BF16). Of kv_append and the two of
 * attention 1 is the enum kv_type, and of the latter 2 the mode. Of linear_i8_tiles 4 to 7 are those of vk_facts.tile.
 */
#ifndef OSSO_BACKEND_VULKAN_SHADERS_H
#define OSSO_BACKEND_VULKAN_SHADERS_H

#include "backend/vulkan/vk.h"
#include "quant/quant.h"

/* a, b, c, out[7][n]: its own fma(a, b, c), the kernels', a * b, a + c, a / b, the root of a, exp(a). UP(n, 64) */
struct vk_probe {
    uint64_t a, b, c, out;
    uint32_t n;
};

/* x[n][cols] = rows ids[n] of a table, times factor where has_factor is 1; strides in bytes, col_stride from one value
 * to the next where there are no codes; group: values per scale where the view says it. UP(cols, 64), n */
struct vk_embed {
    uint64_t data, side, offsets, ids, x;
    uint32_t row_stride, side_stride, offsets_stride, col_stride, cols, group;
    float factor;
    uint32_t has_factor;
};

/* y[n][width]; rows_of may be absent: x. delta, where not 0: of x + delta, which is stored at sum (which may be x). q,
 * where not 0: y's int8 form, of a width that has one. n */
struct vk_norm {
    uint64_t x, rows_of, gain, y, delta, sum, q, d, sums;
    uint32_t width;
    float eps;
};

/* The int8 form of n blocks of 32 values: q int8, 4-aligned. UP(n, 64) */
struct vk_quantize {
    uint64_t x, q, d, sum;
    uint32_t n;
};

/* One matrix of a list: where its row 0 lies, its sides, its bias (0: none) and its factor (where has_factor is 1). */
struct vk_matrix {
    uint64_t data, side, bias, offsets;
    float factor;
    uint32_t has_factor;
};

/* y[n][y_stride] = factor (W x) + bias. linear_i8: x are codes (int8), d their scales; codes of the weights are needed,
 * and cols a multiple of 32; x is aligned to 16 bytes; UP(rows, VK_FEW_OUTPUTS), n. linear_f32: d is not looked at;
 * UP(rows, 4), n. ids and matrices x: they are absent, the matrix is data, side, offsets, bias, factor, its activations
 * row r's. Else row r is a slot: matrices[ids[r]] (struct vk_matrix), activations r / divide, and slots whose id is
 * outside [first, end) are left alone. divide: 1 or more. data 0: all zeros. Strides are in bytes (col_stride and group
 * as in vk_embed); y_stride in values. linear_i8_rows and linear_f32_rows are the same for many rows, VK_TILE_I8 or
 * VK_TILE_F32 of which share what is read of the weights: has_factor is 2 n more, and with ids `data` is the list of
 * slots by expert. UP(rows, VK_TILE_I8), UP(n, VK_TILE_I8), or UP(rows, 4), UP(n, VK_TILE_F32). linear_i8_tiles is
 * linear_i8_rows for devices that have vk_facts.tile and for formats that vk_tiles_format knows. UP(rows, VK_TILE),
 * UP(n, VK_TILE). linear_i8_tiles_f16 is that where vk_facts.tile is of f16: UP(rows, VK_TILE_F16), UP(n, VK_TILE). */
enum { VK_FEW_OUTPUTS = 8, VK_TILE_I8 = 32, VK_TILE_F32 = 8, VK_TILE = 64, VK_TILE_F16 = 32 };
struct vk_linear {
    uint64_t data, side, bias, matrices, ids, x, d, y, offsets;
    uint32_t row_stride, side_stride, col_stride, bias_stride, cols, rows, y_stride, divide;
    int32_t first, end;
    uint32_t offsets_stride, group;
    float factor;
    uint32_t has_factor;
};
#define vk_linear_i8 vk_linear
#define vk_linear_f32 vk_linear
#define vk_linear_i8_rows vk_linear
#define vk_linear_f32_rows vk_linear
#define vk_linear_i8_tiles vk_linear

/* y = fma(scale, x, y) by rows. UP(width, 64), rows */
struct vk_axpy {
    uint64_t x, y;
    uint32_t width, x_stride, y_stride;
    float scale;
};

/* In place. UP(n_heads * head_dim / 2, 64), n */
struct vk_rope {
    uint64_t x, angles;
    uint32_t n_heads, head_dim;
};

/* tables: n_seqs addresses of lists of page numbers; keep (bytes) may be 0; pages: where the layer's part of page 0
 * lies; page_bytes is a number. UP(n_kv_heads * head_dim, 64) (Q8_0: 2,048 instead of 64), n */
struct vk_kv_append {
    uint64_t k, v, pos, seq, tables, keep, pages, page_bytes;
    uint32_t n_kv_heads, head_dim;
};

/* rope of q and of k, then kv_append, of any type but Q8_0. UP((n_heads + n_kv_heads) * head_dim / 2, 64), n */
struct vk_rope_append {
    uint64_t q, k, v, angles, pos, seq, tables, keep, pages, page_bytes;
    uint32_t n_heads, n_kv_heads, head_dim;
};

/* A row and head: where its n_keys scores and attention weights are kept; 0: not. */
struct vk_kept {
    uint64_t scores, weights;
    uint32_t row, head, n_keys, unused;
};

/* attend: out[n][n_heads][head_dim]; sinks, floor and sums may be 0; sums[n][n_heads][2]: the largest score and the
 * denominator, whose lse is sums[0] + log(sums[1]). head_dim up to VK_MAX_HEAD_DIM. Mode 0: n_heads, n. Mode 1 does the
 * same for the entries of list (struct vk_kept) by the scores there, 2 by the weights there (only out is made): as
 * attend_again; entries, 1.
 * attend in mode 3 and attend_merge are mode 0 in two steps, so that few rows keep a device busy: list is room for
 * [n][n_heads][n_pages][2 + head_dim], n_pages no less than the pages that any row sees. n_heads, n, n_pages; n_heads,
 * n. attend_keep: scores and weights of the entries, by sums; mode 0 from q and k, 1 from the scores there (of which
 * those that are not seen become minus infinity). UP(most keys, 64), entries
 * codes, where not 0: out's int8 form too (not of attend_keep, nor in mode 3), of a head_dim that is a multiple of 32;
 * scales and sums lie so many words of 4 bytes from the codes. */
enum { VK_MAX_HEAD_DIM = 1024 };
struct vk_attend {
    uint64_t q, out, sinks, sums, pos, seq, tables, floor, pages, page_bytes, list, codes;
    uint32_t n_heads, group, head_dim, window;
    float scale;
    uint32_t n_pages;
    int32_t scales, code_sums;
};
#define vk_attend_merge vk_attend
#define vk_attend_keep vk_attend

/* ids and weights [n][k] from logits [n][n_experts]. UP(n, 64) */
struct vk_route {
    uint64_t logits, ids, weights;
    uint32_t n, k, n_experts;
};

/* start[n_experts + 1] and slots[n_slots] from ids. 1 */
struct vk_lists {
    uint64_t ids, start, slots;
    uint32_t n_slots, n_experts;
};

/* linear_f32 of a router's matrix, then route, of up to VK_MOST_EXPERTS. done[n] is zero before and after.
 * UP(n_experts, 4), n; of router_alone, which has no use for done: 1, n */
enum { VK_MOST_EXPERTS = 128 };
struct vk_router {
    uint64_t data, side, bias, offsets, x, logits, ids, weights, done;
    uint32_t row_stride, side_stride, offsets_stride, bias_stride, col_stride, group, cols, n_experts, k;
    float factor;
    uint32_t has_factor;
    int32_t first, end; /* 0 */
};

/* h[slots][width]; ids absent (gate): every slot, else those of experts in [first, end). q, where not 0: the int8 form
 * too, of a width that has one. UP(width, 256), slots */
struct vk_swiglu {
    uint64_t gate, up, h, ids, q, d, sums;
    uint32_t width;
    int32_t first, end;
    float alpha, limit, shift;
};

/* linear_i8 of each slot's gate and up, lists of which have the same strides, then swiglu: h[slots][rows] and, where q
 * is not 0, its int8 form q, hd, sums. UP(rows, 32), slots */
struct vk_experts_in {
    uint64_t gate, up, ids, x, d, h, q, hd, sums;
    uint32_t row_stride, side_stride, offsets_stride, bias_stride, cols, rows, divide, group;
    int32_t first, end;
    float alpha, limit, shift;
};

/* linear_i8 of each slot's matrix, then combine: delta[n][rows] from x and d, [n * k]. UP(rows, 8), n. x of both is
 * aligned to 16 bytes. */
struct vk_experts_out {
    uint64_t matrices, ids, weights, x, d, delta;
    uint32_t row_stride, side_stride, offsets_stride, bias_stride, cols, rows, k, group;
    int32_t first, end;
};

/* delta[n][width] from y[n * k][width]. UP(width, 64), n */
struct vk_combine {
    uint64_t y, ids, weights, delta;
    uint32_t width, k;
    int32_t first, end;
};

/* sum[n][width] = x + delta. UP(width, 64), n */
struct vk_add {
    uint64_t x, delta, sum;
    uint32_t width;
};

/* Reads n words of 16 bytes; `out` is one word. Any number of groups. */
struct vk_ceiling_read {
    uint64_t data, out;
    uint32_t n;
};

/* n times eight dots of four int8 a thread; out[1024]. Any number of groups.
 */
struct vk_ceiling_dot {
    uint64_t out;
    uint32_t n;
};
#define SHADER(name, local) extern const struct vk_shader vk_shader_##name;
#include "backend/vulkan/shaders.def"
#include "backend/vulkan/shaders_later.def"
#undef SHADER

/* Which formats the kernels know. */
static inline bool vk_has_format(enum dtype t)
{
    return t < DT_U8;
}

/* Which of them linear_i8_tiles does: a scale for each 32 values, and no offsets. */
static inline bool vk_tiles_format(enum dtype t)
{
    const struct dtype_info *info = dtype_info(t);
    return dtype_has_i8(info) && info->per_scale == 32 && info->offsets == PLACE_NONE;
}

#endif
