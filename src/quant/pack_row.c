/* pack_row.c: a row of values in any format that has a rule for packing. */
#include "quant/formats.h"

void quant_pack_row(const struct quant_row *how, const float *values, int64_t n, uint8_t *out,
                    const struct sides_out *sides)
{
    const struct dtype_info *info = dtype_info(how->dtype);
    int64_t unit = info->per_scale == 0 ? how->group : info->block; /* values of one call */
    struct sides_out at = sides ? *sides : (struct sides_out){{NULL, NULL}, {DT_U8, DT_U8}};
    for (int64_t k = 0; k < n; k += unit) {
        uint8_t *block = out + k / info->block * info->block_bytes;
        if (info->per_scale == 0)
            quant_pack_affine(info->block_bytes / 4, values + k, (int)unit, block, &at);
        else if (how->search && (how->dtype == DT_MXFP4 || how->dtype == DT_MXFP4_HF))
            quant_pack_mxfp4_search(values + k, how->dtype == DT_MXFP4_HF, block, &at);
        else
            info->pack(values + k, block, &at);
        for (int i = 0; i < 2; i++)
            if (at.data[i])
                at.data[i] += dtype_scales(info) * dtype_info(at.dtype[i])->block_bytes;
    }
}
