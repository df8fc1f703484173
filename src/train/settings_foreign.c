/* settings_foreign.c: keys of configurations in circulation, by the table foreign_keys.def: what is meant is done where
 * osso can do it, said where it has no effect, and refused where the result would be something else. */
#include "train/settings.h"

#include "base/error.h"

#include <string.h>

static const struct {
    const char *key;
    bool idle;
} foreign[] = {
#define IDLE(key) {#key, true},
#define TURN(key) {#key, false},
#include "train/foreign_keys.def"
};
enum { N_FOREIGN = sizeof foreign / sizeof *foreign };

const char *settings_foreign_key(int i)
{
    return i < N_FOREIGN ? foreign[i].key : NULL;
}

static enum osso_status turn_effort(struct osso_train_config *c, const char *value, const char *where,
                                    struct foreign_turn *turn, struct osso_error *err)
{
    bool low = strcmp(value, "low") == 0, high = strcmp(value, "high") == 0;
    if (!low && !high && strcmp(value, "medium") != 0)
        return error_set(err, OSSO_USAGE, "%s: reasoning_effort: '%s' is none of low|medium|high", where, value);
    notes_add(&c->notes,
              "%s: reasoning_effort %s is taken as %s experts per token; in gpt-oss it is a line of the prompt (osso "
              "chat --reasoning-effort) and no number of experts",
              where, value,
              low    ? "1"
              : high ? "4"
                     : "the configured number of");
    *turn = (struct foreign_turn){true, TRAIN_experts_per_token, low ? "1" : high ? "4" : NULL};
    return OSSO_OK;
}

static enum osso_status turn_switch(struct osso_train_config *c, const char *key, bool on, const char *where,
                                    struct foreign_turn *turn, struct osso_error *err)
{
    if (strcmp(key, "fp16") == 0 || strcmp(key, "bf16") == 0)
        *turn = (struct foreign_turn){true, TRAIN_dtype, on ? "bf16" : NULL};
    if (strcmp(key, "enable_quantization") == 0)
        c->quantize = on;
    if (strcmp(key, "quantize_moe_weights") == 0)
        c->quantize_experts = on;
    if (strcmp(key, "quantize_attention") == 0 && on)
        return error_set(err, OSSO_UNSUPPORTED,
                         "%s: quantize_attention: gpt-oss keeps its attention in 16 bits and no reader of its files "
                         "knows another form; set it to false",
                         where);
    return OSSO_OK;
}

enum osso_status settings_foreign(struct osso_train_config *c, const char *key, const char *value, const char *where,
                                  struct foreign_turn *turn, struct osso_error *err)
{
    int i = 0;
    double bits = 0;
    bool on = false;
    while (i < N_FOREIGN && strcmp(foreign[i].key, key) != 0)
        i++;
    turn->known = i < N_FOREIGN;
    if (i == N_FOREIGN)
        return OSSO_OK;
    if (foreign[i].idle) {
        notes_add(&c->notes, "%s: %s has no effect here", where, key);
        return OSSO_OK;
    }
    if (strcmp(key, "reasoning_effort") == 0)
        return turn_effort(c, value, where, turn, err);
    if (strcmp(key, "bits") == 0)
        return settings_number(value, &bits) && bits == 4
                   ? OSSO_OK
                   : error_set(err, OSSO_UNSUPPORTED,
                               "%s: bits: %s; gpt-oss's experts have the 4 bits of MXFP4 and no other number", where,
                               value);
    if (!settings_switch(value, &on))
        return error_set(err, OSSO_USAGE, "%s: %s: '%s' is neither true nor false", where, key, value);
    return turn_switch(c, key, on, where, turn, err);
}
