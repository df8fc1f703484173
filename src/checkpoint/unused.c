/* unused.c: another model than the one that was meant often differs only by tensors that nobody asks for. */
#include "checkpoint/unused.h"

#include "base/error.h"
#include "format/tensors_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an unused tensor looks like, from parts of its name; the first that fits counts. */
static const struct {
    const char *part, *looks_like;
    bool harmless; /* the numbers of the model are the same without it */
} kinds[] = {
    {"lora_", "LoRA weights that were not merged", false},
    {".lora", "LoRA weights that were not merged", false},
    {"magnitude_vector", "LoRA weights that were not merged", false},
    {"modules_to_save", "parts of an adapter that were not merged", false},
    {"inv_freq", "rotary tables, which are computed", true},
    {"rotary_emb", "rotary tables, which are computed", true},
    {".k_scale", "scales of a quantized KV cache", true},
    {".v_scale", "scales of a quantized KV cache", true},
    {"masked_bias", "attention masks", true},
    {"position_ids", "position numbers", true},
    {"classifier", "a head for another task", true},
    {"v_head", "a head for another task", true},
    {"medusa", "a head for another task", true},
    {"eagle", "a head for another task", true},
    {"norm", "norms that gpt-oss does not have", false},
    {"scale", "scales of quantized weights", false},
    {"zeros", "scales of quantized weights", false},
    {"absmax", "scales of quantized weights", false},
    {"quant", "scales of quantized weights", false},
    {"g_idx", "scales of quantized weights", false},
};
enum {
    N_KINDS = sizeof kinds / sizeof kinds[0],
    SURPLUS = N_KINDS,
    MTP,
    EMPTY,
    SCORE,
    TIED,
    ROPE_ONES,
    UNKNOWN,
    N_ALL
};

static const char *looks_like(int kind)
{
    static const char *const more[] = {"layers that the configuration does not count",
                                       "layers that predict further tokens (MTP)",
                                       "empty or single values",
                                       "a head for another task",
                                       "an output matrix although the embedding is used",
                                       "rope factors of 1",
                                       "no part of gpt-oss that osso knows"};
    return kind < N_KINDS ? kinds[kind].looks_like : more[kind - N_KINDS];
}

static bool harmless(int kind)
{
    return kind < N_KINDS ? kinds[kind].harmless : kind != SURPLUS && kind != UNKNOWN;
}

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static bool all_ones(const struct tensor *t)
{
    float value;
    if (t->dtype != DT_F32)
        return false;
    for (uint64_t i = 0; i < t->bytes / sizeof value; i++) {
        memcpy(&value, t->data + i * sizeof value, sizeof value);
        if (value != 1)
            return false;
    }
    return true;
}

/* The number behind "model.layers." or "blk."; -1: none. */
static long layer_of(const char *name)
{
    const char *layer = starts(name, "model.layers.") ? name + 13
                        : starts(name, "blk.")        ? name + 4
                        : starts(name, "block.")      ? name + 6
                                                      : "";
    return *layer >= '0' && *layer <= '9' ? strtol(layer, NULL, 10) : -1;
}

/* The last layer that was asked about: names are sorted, so a layer's tensors come together. */
struct layer_seen {
    char prefix[64];
    bool mtp;
};

static bool of_mtp(const char *name)
{
    return strstr(name, "nextn") || strstr(name, "eh_proj") || strstr(name, "mtp.") || strstr(name, "mtp_");
}

/* A layer of MTP stands behind the others and joins the embedding of the token with what they made of it: it has a
 * matrix for that, beside the tensors of an ordinary layer. The model's own logits never see it. */
static bool is_mtp(const struct tensors *set, const char *name, struct layer_seen *seen)
{
    size_t n = strcspn(strpbrk(name, "0123456789"), ".") + (size_t)(strpbrk(name, "0123456789") - name) + 1;
    if (n >= sizeof seen->prefix || strlen(name) < n)
        return false;
    if (strncmp(name, seen->prefix, n) == 0 && seen->prefix[n] == 0)
        return seen->mtp;
    *seen = (struct layer_seen){0};
    memcpy(seen->prefix, name, n);
    for (int64_t i = tensors_lower(set, seen->prefix); i < set->n && starts(set->list[i].name, seen->prefix); i++)
        seen->mtp |= of_mtp(set->list[i].name + n);
    return seen->mtp;
}

/* One value or none. */
static bool is_small(const struct tensor *t)
{
    bool small = true;
    for (int i = 0; i < t->rank; i++)
        small = small && t->shape[i] <= 1;
    return small || t->bytes == 0;
}

static int kind_of(const struct tensors *set, const struct tensor *t, const struct config *config,
                   struct layer_seen *seen)
{
    if (starts(t->name, "rope_f"))
        return all_ones(t) ? ROPE_ONES : UNKNOWN;
    if (config->tied && (strcmp(t->name, "lm_head.weight") == 0 || strcmp(t->name, "output.weight") == 0))
        return TIED;
    if (starts(t->name, "score."))
        return SCORE;
    if (of_mtp(t->name))
        return MTP;
    for (int i = 0; i < N_KINDS; i++) /* rotary tables of surplus layers are harmless too */
        if (kinds[i].harmless && strstr(t->name, kinds[i].part))
            return i;
    if (layer_of(t->name) >= config->n_layers)
        return is_mtp(set, t->name, seen) ? MTP : SURPLUS;
    for (int i = 0; i < N_KINDS; i++)
        if (strstr(t->name, kinds[i].part) && !(kinds[i].part[0] == 's' && t->bytes == 0))
            return i;
    return is_small(t) ? EMPTY : UNKNOWN;
}

enum osso_status unused_check(const struct tensors *set, const struct config *config, bool ignore, struct notes *notes,
                              struct osso_error *err)
{
    int64_t n[N_ALL] = {0}, bad = 0;
    const char *first[N_ALL] = {NULL}, *file = set->n_maps > 0 ? set->maps[0].path : "the model in memory";
    char text[400] = "";
    size_t used = 0;
    struct layer_seen seen = {0};
    for (int64_t i = 0; i < set->n; i++) {
        if (set->list[i].used)
            continue;
        int kind = kind_of(set, &set->list[i], config, &seen);
        if (n[kind]++ == 0)
            first[kind] = set->list[i].name;
        bad += !harmless(kind);
    }
    for (int k = 0; k < N_ALL; k++) {
        if (n[k] == 0)
            continue;
        if (ignore || harmless(k))
            notes_add(notes, "%s: %lld unused tensors, such as %.80s: %s", file, (long long)n[k], first[k],
                      looks_like(k));
        else if (used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld such as %.60s: %s", used ? "; " : "",
                                     (long long)n[k], first[k], looks_like(k));
    }
    if (bad == 0 || ignore)
        return OSSO_OK;
    return error_set(err, OSSO_UNSUPPORTED,
                     "%s holds %lld unused tensors (%s); without them this is another model: mend the file, or give "
                     "--ignore-unused",
                     file, (long long)bad, text);
}
