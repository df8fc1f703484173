/* vk_hazards.c: which commands must wait for others: where two share memory and one of them writes there, a barrier
 * stands between them, and nowhere else. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_parts.h"

#include "base/must.h"
#include "base/rng.h"

static bool meet(const struct vk_use *a, const struct vk_use *b)
{
    return (a->writes || b->writes) && a->at < b->at + b->bytes && b->at < a->at + a->bytes;
}

/* What is not said of a command may be anything. */
static bool share(const struct vk_uses *a, const struct vk_uses *b)
{
    bool found = a->n == 0 || b->n == 0;
    for (int i = 0; i < a->n && !found; i++)
        for (int j = 0; j < b->n && !found; j++)
            found = meet(&a->use[i], &b->use[j]);
    return found;
}

int vk_together(const struct vk *vk, int first)
{
    int end = first + 1;
    for (bool apart = true; end < vk->n_commands && apart; end += apart)
        for (int i = first; i < end && apart; i++)
            apart = !share(&vk->uses[i], &vk->uses[end]);
    return end;
}

void vk_shuffle(uint64_t order, int *list, int n)
{
    struct rng rng;
    rng_seed(&rng, order);
    for (int i = 0; i < n / 2 && order == VK_BACKWARDS; i++) {
        int other = list[n - 1 - i];
        list[n - 1 - i] = list[i];
        list[i] = other;
    }
    for (int i = n - 1; i > 0 && order > VK_BACKWARDS; i--) {
        uint64_t k = rng_below(&rng, (uint64_t)i + 1);
        int other = list[k];
        list[k] = list[i];
        list[i] = other;
    }
}

void vk_uses(struct vk *vk, const struct vk_use *uses, int n)
{
    must(n <= VK_USES_MAX);
    if (!vk->took)
        return;
    struct vk_uses *of = &vk->uses[vk->n_commands - 1];
    must(of->n == 0);
    for (int i = 0; i < n; i++)
        if (uses[i].at && ++vk->testing.n_uses != vk->testing.forget)
            of->use[of->n++] = uses[i];
    must(of->n > 0 || vk->testing.forget);
}
#else
typedef int vk_hazards_are_left_out;
#endif
