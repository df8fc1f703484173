/* emu_tiles.h: AMX's tiles for immintrin.h: the instructions that the files *__amx.c use, after Intel's manual. A shape
 * that does not fit is an invalid instruction there, and ends the program here. */
#ifndef OSSO_EMULATE_TILES_H
#define OSSO_EMULATE_TILES_H

#include <stdlib.h>

struct emu_tile {
    int rows, row_bytes;
    uint8_t data[16][64];
};

static _Thread_local struct emu_tile emu_tiles[8]; /* rows 0: not configured */

EMU struct emu_tile *emu_tile(int i)
{
    if (i < 0 || i > 7 || emu_tiles[i].rows == 0)
        abort();
    return &emu_tiles[i];
}

EMU_CALL void _tile_release(void)
{
    memset(emu_tiles, 0, sizeof emu_tiles);
}

/* 64 bytes: palette, first row, 14 that are 0, 16 words of bytes in a row, 16 bytes of rows. */
EMU_CALL void _tile_loadconfig(const void *config)
{
    const uint8_t *c = config;
    if (c[0] != 1)
        abort();
    _tile_release();
    for (int i = 0; i < 8; i++) {
        uint16_t row_bytes;
        memcpy(&row_bytes, c + 16 + 2 * i, 2);
        if (row_bytes > 64 || c[48 + i] > 16 || (row_bytes == 0) != (c[48 + i] == 0))
            abort();
        emu_tiles[i].rows = c[48 + i];
        emu_tiles[i].row_bytes = row_bytes;
    }
}

EMU_CALL void _tile_zero(int i)
{
    memset(emu_tile(i)->data, 0, sizeof emu_tile(i)->data);
}

EMU_CALL void _tile_loadd(int i, const void *base, int64_t stride)
{
    _tile_zero(i);
    for (int r = 0; r < emu_tile(i)->rows; r++)
        memcpy(emu_tile(i)->data[r], (const uint8_t *)base + r * stride, (size_t)emu_tile(i)->row_bytes);
}

EMU_CALL void _tile_stored(int i, void *base, int64_t stride)
{
    for (int r = 0; r < emu_tile(i)->rows; r++)
        memcpy((uint8_t *)base + r * stride, emu_tile(i)->data[r], (size_t)emu_tile(i)->row_bytes);
}

/* Three registers whose shapes fit, as a CPU demands it. */
EMU_CALL void emu_check_product(int sum, int a, int b)
{
    const struct emu_tile *s = emu_tile(sum), *x = emu_tile(a), *y = emu_tile(b);
    if (sum == a || sum == b || a == b || x->rows != s->rows || y->row_bytes != s->row_bytes ||
        x->row_bytes != 4 * y->rows)
        abort();
}

/* sum[m][n] += a[m][4 k + j] * b[k][4 n + j] over k and j, signed bytes. */
EMU_CALL void _tile_dpbssd(int sum, int a, int b)
{
    struct emu_tile *s = emu_tile(sum), *x = emu_tile(a), *y = emu_tile(b);
    emu_check_product(sum, a, b);
    for (int m = 0; m < s->rows; m++)
        for (int n = 0; n < s->row_bytes / 4; n++) {
            int32_t to;
            memcpy(&to, s->data[m] + 4 * n, 4);
            for (int k = 0; k < x->row_bytes; k++)
                to += (int8_t)x->data[m][k] * (int8_t)y->data[k / 4][4 * n + k % 4];
            memcpy(s->data[m] + 4 * n, &to, 4);
        }
}

/* sum[m][n] += the chains of a[m][2 k + j] * b[k][2 n + j] over k, from 0, of j = 0 and j = 1. What the manual leaves
 * open is as a CPU does it. */
EMU_CALL void _tile_dpbf16ps(int sum, int a, int b)
{
    struct emu_tile *s = emu_tile(sum), *x = emu_tile(a), *y = emu_tile(b);
    emu_check_product(sum, a, b);
    for (int m = 0; m < s->rows; m++)
        for (int n = 0; n < s->row_bytes / 4; n++) {
            float to, chain[2] = {0, 0};
            for (int k = 0; k < x->row_bytes / 2; k++) {
                uint16_t from, by;
                memcpy(&from, x->data[m] + 2 * k, 2);
                memcpy(&by, y->data[k / 2] + 4 * n + 2 * (k % 2), 2);
                chain[k % 2] = emu_fma_flushed(emu_widened(from), emu_widened(by), chain[k % 2]);
            }
            memcpy(&to, s->data[m] + 4 * n, 4);
            to = emu_flushed(emu_flushed(to) + emu_flushed(chain[0] + chain[1]));
            memcpy(s->data[m] + 4 * n, &to, 4);
        }
}

#endif
