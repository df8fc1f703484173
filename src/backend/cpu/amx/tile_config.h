/* tile_config.h: what LDTILECFG reads. */
#ifndef OSSO_BACKEND_TILE_CONFIG_H
#define OSSO_BACKEND_TILE_CONFIG_H

#include <stdint.h>

struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct tile_config) == 64, "as the instruction wants it");

#endif
