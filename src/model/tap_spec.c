/* tap_spec.c: tap.def's columns, and a tap as somebody asked for it. */
#include "model/tap_spec.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "model/layers.h"

_Static_assert(OSSO_TAP_COUNT <= 64, "a tap is a bit of a uint64_t");
_Static_assert((int)MAX_LAYERS <= (int)OSSO_TAP_LAYERS, "a layer is a bit of struct osso_layers");

const struct tap_row tap_table[OSSO_TAP_COUNT] = {
#define TAP(name, text, width, rows, keep, access, what) {rows, KEEP_##keep, access},
#include "osso/tap.def"
#undef TAP
};

static uint64_t bit(int tap)
{
    return (uint64_t)1 << tap;
}

/* Taps that belong to no layer. */
static bool outside(int tap)
{
    return tap == OSSO_TAP_EMBED || tap_table[tap].kind == LOGITS || tap_table[tap].kind == WANTED;
}

/* ---- checks ----------------------------------------------------------------------------------------------------- */

static enum osso_status check_taps(const struct osso_tap_options *o, struct osso_error *err)
{
    if ((o->taps | o->replaces) & ~OSSO_TAPS_ALL)
        return error_set(err, OSSO_USAGE,
                         "taps 0x%llx: bits above 0x%llx belong to no tap (OSSO_TAPS_ALL: all there are)",
                         (unsigned long long)(o->taps | o->replaces), (unsigned long long)OSSO_TAPS_ALL);
    if (o->taps && !o->fn)
        return error_set(err, OSSO_USAGE, "taps 0x%llx without a function to call; taps 0 sets none",
                         (unsigned long long)o->taps);
    for (int i = 0; i < OSSO_TAP_COUNT; i++) {
        if ((o->replaces & bit(i)) && tap_table[i].access == READ_ONLY)
            return error_set(err, OSSO_USAGE, "%s can only be read: it is computed from others", osso_tap_name(i));
        if ((o->replaces & bit(i)) && !(o->taps & bit(i)))
            return error_set(err, OSSO_USAGE, "%s is to be replaced, but is not among the taps", osso_tap_name(i));
    }
    if (o->first < 0 || o->end < 0 || (o->end && o->end <= o->first))
        return error_set(err, OSSO_USAGE, "a tap on positions from %lld to %lld: it would see none",
                         (long long)o->first, (long long)o->end - 1);
    return OSSO_OK;
}

static enum osso_status check_places(const struct config *c, const struct osso_tap_options *o, struct osso_error *err)
{
    if (o->by_tap && (o->n_by_tap < 1 || o->n_by_tap > OSSO_TAP_COUNT))
        return error_set(err, OSSO_USAGE, "layers of %d taps: there are from 1 to %d", o->n_by_tap, OSSO_TAP_COUNT);
    for (int i = 0; o->by_tap && i < o->n_by_tap; i++) /* `layers` may name others: a set for any model */
        for (int l = c->n_layers; l < OSSO_TAP_LAYERS; l++)
            if (layers_have(&o->by_tap[i], l))
                return error_set(err, OSSO_USAGE, "a tap in layer %d: this model has layers 0 to %d", l,
                                 c->n_layers - 1);
    for (int i = 0; o->heads && i < o->n_heads; i++)
        if (o->heads[i] < 0 || o->heads[i] >= c->n_heads || (i > 0 && o->heads[i] <= o->heads[i - 1]))
            return error_set(err, OSSO_USAGE,
                             "a tap on head %d: this model has heads 0 to %d, each named once, ascending", o->heads[i],
                             c->n_heads - 1);
    if (o->heads && o->n_heads < 1)
        return error_set(err, OSSO_USAGE, "a tap on no head at all; heads NULL: all");
    return OSSO_OK;
}

/* ---- making one ------------------------------------------------------------------------------------------------- */

static struct tap_spec *make(int n_layers, int n_heads, int shown)
{
    struct tap_spec *s = mem_alloc(sizeof *s);
    if (!s)
        return NULL;
    s->n_layers = n_layers;
    s->n_heads = shown;
    s->in = mem_array((size_t)n_layers + 1, sizeof *s->in);
    s->heads = mem_array((size_t)shown, sizeof *s->heads);
    s->slot = mem_array((size_t)n_heads, sizeof *s->slot);
    if (s->in && s->heads && s->slot)
        return s;
    tap_spec_free(s);
    return NULL;
}

void tap_spec_free(struct tap_spec *s)
{
    if (!s)
        return;
    mem_free(s->in);
    mem_free(s->heads);
    mem_free(s->slot);
    mem_free(s);
}

struct tap_spec *tap_spec_copy(const struct tap_spec *from, const struct config *c)
{
    struct tap_spec *s = make(from->n_layers, c->n_heads, from->n_heads);
    if (!s)
        return NULL;
    struct tap_spec own = *from;
    own.in = s->in;
    own.heads = s->heads;
    own.slot = s->slot;
    *s = own;
    memcpy(s->in, from->in, ((size_t)s->n_layers + 1) * sizeof *s->in);
    memcpy(s->heads, from->heads, (size_t)s->n_heads * sizeof *s->heads);
    memcpy(s->slot, from->slot, (size_t)c->n_heads * sizeof *s->slot);
    return s;
}

static bool in_layer(const struct osso_tap_options *o, int tap, int layer)
{
    const struct osso_layers *l = !o->by_tap ? o->layers : tap < o->n_by_tap ? &o->by_tap[tap] : NULL;
    return l ? layers_have(l, layer) : !o->by_tap;
}

static void unfold(struct tap_spec *s, const struct config *c, const struct osso_tap_options *o)
{
    for (int tap = 0; tap < OSSO_TAP_COUNT; tap++) {
        if (!(o->taps & bit(tap)))
            continue;
        if (outside(tap))
            s->in[0] |= bit(tap);
        for (int l = 0; l < c->n_layers && !outside(tap); l++)
            if (in_layer(o, tap, l))
                s->in[l + 1] |= bit(tap);
    }
    for (int h = 0; h < c->n_heads; h++)
        s->slot[h] = -1;
    for (int i = 0; i < s->n_heads; i++) {
        s->heads[i] = o->heads ? o->heads[i] : i;
        s->slot[s->heads[i]] = (int16_t)i;
    }
}

/* What must be kept for it: of attention only for the rows, heads and keys that it sees. */
static void ask_for_room(struct tap_spec *s, int max_rows, int64_t context)
{
    int64_t end = s->end < context ? s->end : context, rows = end > s->first ? end - s->first : 0;
    size_t values = (size_t)(rows < max_rows ? rows : max_rows) * (size_t)s->n_heads * (size_t)end;
    for (int l = 0; l <= s->n_layers; l++)
        for (int tap = 0; tap < OSSO_TAP_COUNT; tap++)
            if (s->in[l] & bit(tap)) {
                s->room.keep |= tap_table[tap].keep;
                s->room.wanted = s->room.wanted || tap_table[tap].kind == WANTED;
            }
    s->room.attention = s->room.keep & (KEEP_PATTERN | KEEP_SCORES) ? values : 0;
}

enum osso_status tap_spec_create(const struct config *c, const struct osso_tap_options *options, int max_rows,
                                 int64_t context, struct tap_spec **spec_out, struct osso_error *err)
{
    struct osso_tap_options o = {0};
    *spec_out = NULL;
    enum osso_status status = sized_check(options, "osso_tap_options", err);
    sized_in(&o, sizeof o, options);
    if (!status)
        status = check_taps(&o, err);
    if (!status)
        status = check_places(c, &o, err);
    if (status || !o.taps)
        return status;
    struct tap_spec *s = make(c->n_layers, c->n_heads, o.heads ? o.n_heads : c->n_heads);
    if (!s)
        return error_nomem(err, sizeof *s, "a tap");
    s->fn = o.fn;
    s->user = o.user;
    s->hold = o.hold;
    s->replaces = o.replaces;
    s->first = o.first;
    s->end = o.end ? o.end : INT64_MAX;
    unfold(s, c, &o);
    ask_for_room(s, max_rows, context);
    *spec_out = s;
    return OSSO_OK;
}

void tap_room_add(struct keep_room *room, const struct keep_room *more)
{
    room->keep |= more->keep;
    room->wanted = room->wanted || more->wanted;
    room->attention += more->attention;
}

bool tap_spec_attends(const struct tap_spec *s)
{
    return s->room.keep & (KEEP_PATTERN | KEEP_SCORES);
}

bool tap_spec_writes(const struct tap_spec *s)
{
    return s->replaces != 0;
}

/* ---- names --------------------------------------------------------------------------------------------------- */

const char *osso_tap_name(enum osso_tap tap)
{
    static const char *const names[] = {
#define TAP(name, text, width, rows, keep, access, what) text,
#include "osso/tap.def"
#undef TAP
    };
    return tap < OSSO_TAP_COUNT ? names[tap] : "?";
}

const char *osso_tap_text(enum osso_tap tap)
{
    static const char *const texts[] = {
#define TAP(name, text, width, rows, keep, access, what) what,
#include "osso/tap.def"
#undef TAP
    };
    return tap < OSSO_TAP_COUNT ? texts[tap] : "?";
}
