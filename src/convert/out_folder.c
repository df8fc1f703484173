/* out_folder.c: OUT as a folder: its safetensors files, and what its configuration says of them. */
#include "convert/carry.h"
#include "convert/conversion.h"
#include "convert/place.h"
#include "convert/shards.h"

#include "base/error.h"

#include <string.h>

static bool same_packing(const struct plan_choice *a, const struct plan_choice *b)
{
    return a->dtype == b->dtype && a->group == b->group;
}

static int bits_of(enum dtype t)
{
    return dtype_info(t)->block_bytes * 8 / dtype_info(t)->block;
}

static void put_packing(struct buf *out, const struct plan_choice *choice)
{
    buf_printf(out, "\"group_size\": %d, \"bits\": %d, \"mode\": \"%s\"", (int)choice->group, bits_of(choice->dtype),
               choice->dtype == DT_MXFP4_HF ? "mxfp4" : "affine");
}

/* MLX's "quantization": what its experts are holds for all, and each module that is packed otherwise says so. */
static void describe_packing(const struct conversion *c, struct buf *out)
{
    const struct plan_choice *standard = NULL;
    for (int i = 0; i < c->plan.n; i++) {
        const struct plan_tensor *t = &c->plan.list[i];
        if (t->part == 0 && t->container && (!standard || t->row->members[0] == PARAM_gate))
            standard = standard && names_param(t->row)->kind != PARAM_EXPERTS ? standard : &t->choice;
    }
    if (!standard)
        return;
    buf_putc(out, '{');
    put_packing(out, standard);
    for (int i = 0; i < c->plan.n; i++) {
        const struct plan_tensor *t = &c->plan.list[i];
        if (t->part != 0 || !t->container || same_packing(&t->choice, standard))
            continue;
        buf_printf(out, ", \"%.*s\": {", (int)(strlen(t->name) - strlen(t->row->ending[0])), t->name);
        put_packing(out, &t->choice);
        buf_putc(out, '}');
    }
    buf_putc(out, '}');
}

static enum osso_status write_one(void *user, struct save *save, int i, struct osso_error *err)
{
    (void)err; /* the conversion's */
    return transcriber_write(user, save, i);
}

static enum osso_status fill_folder(struct conversion *c, struct transcriber *x, const char *folder)
{
    struct buf metadata = {0}, packed = {0};
    struct carry_weights weights = {.plain = c->plain};
    carry_metadata(&c->carry, c->to, &metadata);
    for (int i = 0; i < c->plan.n; i++)
        weights.mxfp4 |= c->plan.list[i].row->store == STORE_BLOCKS;
    if (c->to == &names_mlx)
        describe_packing(c, &packed);
    weights.packed = packed.data ? &packed : NULL;
    const struct shards shards = {.folder = folder,
                                  .tensors = c->tensors,
                                  .n = c->plan.n,
                                  .bytes = c->plan.bytes,
                                  .limit = c->o.split_bytes,
                                  .metadata = metadata.data,
                                  .names = c->to == &names_mlx        ? SHARDS_MLX
                                           : c->to == &names_original ? SHARDS_ORIGINAL
                                                                      : SHARDS_HF,
                                  .write = write_one,
                                  .user = x};
    enum osso_status status = metadata.failed || packed.failed ? error_nomem(c->err, packed.len, "a configuration")
                                                               : shards_write(&shards, c->err);
    if (!status)
        status = carry_folder(&c->carry, c->model, c->to, &weights, folder, c->err);
    buf_free(&metadata);
    buf_free(&packed);
    return status;
}

enum osso_status out_folder_write(struct conversion *c, struct transcriber *x, const struct stamp *stamps,
                                  struct place *place)
{
    enum osso_status status = fill_folder(c, x, place->temp);
    if (!status)
        status = stamps_check(c, stamps);
    return status ? status : place_leave(place, true, c->err); /* else the caller leaves it */
}
