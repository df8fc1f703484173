/* packed_check.c: the "quantization" block of a config.json beside the tensors that it speaks of. What is read follows
 * from the tensors; where the block says otherwise, one of the two belongs to another model. */
#include "checkpoint/packed.h"

#include "base/error.h"
#include "json/jget.h"

#include <stdio.h>
#include <string.h>

/* What the block says of a module. */
struct claim {
    bool said, packed; /* !said: nothing */
    int64_t bits, group;
    const char *mode;
};

static enum osso_status read_claim(const struct jval *obj, const char *where, struct claim *c, struct osso_error *err)
{
    *c = (struct claim){true, true, 4, 64, "affine"};
    enum osso_status status = jget_str(obj, "mode", &c->mode, NULL, where, err);
    if (!status && strcmp(c->mode, "affine") != 0)
        c->group = 32;
    if (!status)
        status = jget_i64(obj, "group_size", 1, 1 << 20, &c->group, NULL, where, err);
    if (!status)
        status = jget_i64(obj, "bits", 1, 32, &c->bits, NULL, where, err);
    return status;
}

/* A module's own entry counts: an object (whose mode, left out, is affine), true for the block's own, false for plain
 * values. Without one, the block's own hold for every module that has scales. */
static enum osso_status claim_of(const struct jval *block, const char *module, bool has_scales, const char *where,
                                 struct claim *c, struct osso_error *err)
{
    const struct jval *own = jval_get(block, module);
    *c = (struct claim){0};
    if (own && own->type == J_OBJECT)
        return read_claim(own, where, c, err);
    if (own && own->type != J_BOOL)
        return error_set(err, OSSO_FORMAT, "%s: \"quantization\": \"%s\" must be an object, true or false", where,
                         module);
    c->said = own && !own->truth;
    if (c->said || (!own && !has_scales))
        return OSSO_OK;
    return read_claim(block, where, c, err);
}

static enum osso_status check_module(const struct tensors *set, const char *where, const struct jval *block,
                                     const struct config *config, const struct names *names,
                                     const struct names_row *row, int layer, struct osso_error *err)
{
    char weight[NAMES_TEXT], scales[NAMES_TEXT], module[NAMES_TEXT];
    struct packed p;
    struct claim c;
    names_text(names, row, layer, 0, weight);
    names_text(names, row, layer, 1, scales);
    snprintf(module, sizeof module, "%.*s", (int)(strlen(weight) - strlen(row->ending[0])), weight);
    bool is = packed_is(tensors_find(set, weight));
    enum osso_status status = claim_of(block, module, tensors_find(set, scales) != NULL, where, &c, err);
    if (status || !c.said)
        return status;
    if (c.packed != is)
        return error_set(err, OSSO_FORMAT, "%s says that %s is %squantized; the tensor %s is%s", where, module,
                         c.packed ? "" : "not ", weight, is ? "" : " not");
    if (!is)
        return OSSO_OK;
    status = packed_find(set, where, config, names, row, layer, &p, err);
    const char *mode = p.dtype == DT_MXFP4_HF ? "mxfp4" : "affine";
    if (!status && (p.bits != c.bits || p.group != c.group || strcmp(mode, c.mode) != 0))
        status = error_set(
            err, OSSO_FORMAT,
            "%s says that %s is %s with %lld bits in groups of %lld; the tensor %s is %s with %d bits in "
            "groups of %lld",
            where, module, c.mode, (long long)c.bits, (long long)c.group, weight, mode, p.bits, (long long)p.group);
    return status;
}

enum osso_status packed_check(const struct tensors *set, const char *where, const struct jval *config_json,
                              const struct config *config, const struct names *names, struct osso_error *err)
{
    const struct jval *block = jval_get(config_json, "quantization");
    enum osso_status status = OSSO_OK;
    if (!block || block->type != J_OBJECT)
        return OSSO_OK;
    for (int i = 0; i < names->n_rows && !status; i++) {
        const struct names_row *row = &names->rows[i];
        bool each = names_param(row)->each;
        if (row->store != STORE_PACKED || (row->members[0] == PARAM_head && config->tied))
            continue;
        for (int layer = 0; layer < (each ? config->n_layers : 1) && !status; layer++)
            status = check_module(set, where, block, config, names, row, layer, err);
    }
    return status;
}
