/* test_shard.c: two half-shards of heads and experts in one process, meeting at the reduce point, are the whole model.
 */
#include "forward_test.h"

#include <pthread.h>

struct meeting {
    pthread_barrier_t barrier;
    float *delta[2];
    int rounds;
};

struct half {
    struct meeting *meeting;
    int id;
    struct bare bare;
    const int32_t *ids;
    int n;
};

/* Both halves wait here; the first adds the second's part and hands the sum to both. */
static void reduce(void *user, real *delta, size_t count)
{
    struct half *h = user;
    struct meeting *m = h->meeting;
    m->delta[h->id] = delta;
    pthread_barrier_wait(&m->barrier);
    if (h->id == 0) {
        for (size_t i = 0; i < count; i++)
            m->delta[0][i] = m->delta[1][i] = m->delta[0][i] + m->delta[1][i];
        m->rounds++;
    }
    pthread_barrier_wait(&m->barrier);
}

static void *run_half(void *arg)
{
    struct half *h = arg;
    bare_run(&h->bare, h->ids, h->n);
    return NULL;
}

static void test_halves(void **state)
{
    (void)state;
    char dir[512], path[700];
    size_t n;
    test_path(dir, sizeof dir, "tests/golden/taps");
    snprintf(path, sizeof path, "%s/ids.txt", dir);
    int32_t *ids = ids_read(path, &n);
    struct bare whole = bare_open(dir, (int)n, KV_F32, 0);
    bare_run(&whole, ids, (int)n);
    struct meeting meeting = {.rounds = 0};
    struct half half[2];
    pthread_t threads[2];
    pthread_barrier_init(&meeting.barrier, NULL, 2);
    for (int i = 0; i < 2; i++) {
        half[i] = (struct half){&meeting, i, bare_open(dir, (int)n, KV_F32, 0), ids, (int)n};
        const struct config *c = &half[i].bare.model->config;
        assert_true(c->n_kv_heads % 2 == 0 && c->n_experts % 2 == 0);
        struct shard shard = {c->n_kv_heads / 2 * i,
                              c->n_kv_heads / 2 * (i + 1),
                              c->n_experts / 2 * i,
                              c->n_experts / 2 * (i + 1),
                              reduce,
                              NULL};
        forward_set_shard(&half[i].bare.forward, &shard);
    }
    for (int i = 0; i < 2; i++) {
        half[i].bare.forward.shard.user = &half[i];
        pthread_create(&threads[i], NULL, run_half, &half[i]);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    const struct config *c = &whole.model->config;
    assert_int_equal(meeting.rounds, 2 * c->n_layers);
    for (size_t i = 0; i < n * (size_t)c->vocab; i++)
        for (int h = 0; h < 2; h++) {
            double d = fabs(half[h].bare.forward.acts.logits[i] - whole.forward.acts.logits[i]);
            if (!(d <= 1e-4))
                fail_msg("logit %zu of half %d is off by %g", i, h, d);
        }
    for (int i = 0; i < 2; i++)
        bare_close(&half[i].bare);
    bare_close(&whole);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_halves)};
    return cmocka_run_group_tests_name("shard", tests, NULL, NULL);
}
