/* blank.c: norms are looked at because they lie all over a file and are small: a page of each layer is read, no more.
 */
#include "checkpoint/blank.h"

static bool is_blank(const float *gain, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (gain[i] != 0)
            return false;
    return true;
}

void blank_check(const struct weights *w, const struct config *c, const char *where, struct notes *notes)
{
    int blank = is_blank(w->final_norm, c->hidden);
    for (int l = 0; l < c->n_layers; l++)
        blank += is_blank(w->layers[l].attn_norm, c->hidden) + is_blank(w->layers[l].mlp_norm, c->hidden);
    if (blank > 0)
        notes_add(notes,
                  "%s: %d of %d norms are all zeros, as where a file was never filled: is the download complete?",
                  where, blank, 2 * c->n_layers + 1);
}
