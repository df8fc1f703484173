/* test_sched_memory.c: jobs whose K and V do not all have room wait for each other and say the same; one that finds no
 * memory at all ends, once. */
#include "sched_test.h"

/* How much is asked for. A sanitizer's token takes seventy times as long: there a smaller context has fewer pages, and
 * fewer jobs have to wait for each other. */
struct sizes {
    int64_t context;
    int n;                      /* jobs of a short prompt */
    int64_t said;               /* tokens of each of their answers */
    size_t prompt, long_prompt; /* of three that lose what they had */
    int64_t most, long_most;
    uint64_t lost, steps; /* tokens at least, steps at most */
};

static struct sizes sizes(void)
{
    return test_quick() ? (struct sizes){1024, 6, 240, 225, 400, 250, 100, 128, 600}
                        : (struct sizes){2048, 12, 420, 450, 800, 500, 200, 256, 1000};
}

/* Pages that are enough for one context. */
static uint64_t one_context(int64_t context)
{
    uint64_t kv, rest;
    struct osso_error err = {""};
    struct osso_engine_options o = {.size = sizeof o, .context = context, .max_sessions = 1};
    check_ok(osso_engine_memory(model, &o, &kv, &rest, &err), err);
    return kv;
}

/* Pages for one context, and twelve that grow: the youngest waits, everybody gets what it gets alone. */
static void test_little_memory(void **state)
{
    (void)state;
    enum { MOST = 12 };
    const struct sizes z = sizes();
    uint64_t preemptions = 0, kv = one_context(z.context);
    struct client *little[MOST], *plenty[MOST];
    if (!test_quick()) /* test_sched has the same with pages for all */
        run_together(8, kv, &preemptions);
    for (int round = 0; round < 2; round++) {
        struct client **c = round ? plenty : little;
        struct osso_engine *e = open_engine(z.n, z.context, round ? 0 : kv);
        struct sched *s = open_sched(e, z.n);
        for (int i = 0; i < z.n; i++)
            submit(s, c[i] = client((uint64_t)i + 100, 60, 1, z.said));
        for (int i = 0; i < z.n; i++) {
            wait_until(&c[i]->done);
            assert_int_equal(c[i]->status, OSSO_OK);
        }
        expect_empty(s);
        struct sched_counts counts;
        sched_counts(s, &counts);
        assert_int_equal(counts.preemptions > 0, round == 0);
        sched_free(s);
        osso_engine_free(e);
    }
    for (int i = 0; i < z.n; i++) {
        expect_same(little[i], plenty[i]);
        free(little[i]);
        free(plenty[i]);
    }
}

/* What an answer that waited has lost is read again like a prompt, not a token a step. */
static void test_goes_on_quickly(void **state)
{
    (void)state;
    const struct sizes z = sizes();
    struct osso_engine *e = open_engine(3, z.context, one_context(z.context));
    struct sched *s = open_sched(e, 3);
    struct client *c[] = {client(1, z.prompt, 1, z.most), client(2, z.prompt, 1, z.most),
                          client(3, z.long_prompt, 1, z.long_most)};
    size_t needed = 0, prompts = 0, said = 0;
    for (int i = 0; i < 3; i++)
        submit(s, c[i]);
    for (int i = 0; i < 3; i++) {
        wait_until(&c[i]->done);
        assert_int_equal(c[i]->status, OSSO_OK);
        assert_int_equal(c[i]->counts.cached_tokens, 0); /* what it took back had been its own */
        needed += c[i]->job.n_ids + c[i]->said[0].n - 1;
        prompts += c[i]->job.n_ids;
        said += c[i]->said[0].n;
        free(c[i]);
    }
    struct osso_engine_stats stats = {.size = sizeof stats};
    struct sched_counts counts;
    expect_empty(s);
    sched_counts(s, &counts);
    sched_free(s);
    osso_engine_stats(e, &stats);
    assert_int_equal(counts.sampled, said);
    assert_in_range(counts.prompt_computed, prompts, stats.tokens_computed - said + 3);
    assert_true(stats.tokens_computed - needed > z.lost); /* else nothing was lost */
    assert_true(stats.steps < z.steps);
    osso_engine_free(e);
}

/* A chat for a prompt, so that messages come. */
static void ask(struct client *c, const char *chat)
{
    struct osso_error err = {""};
    struct osso_conversation *conversation;
    struct osso_ids ids = {0};
    char *ignored;
    check_ok(osso_conversation_from_chat(chat, strlen(chat), "the chat", NULL, &ignored, &conversation, &err), err);
    osso_free(ignored);
    check_ok(osso_conversation_render(conversation, tokenizer, NULL, &ids, &err), err);
    assert_true(ids.len <= sizeof c->ids / sizeof *c->ids);
    memcpy(c->ids, ids.data, ids.len * sizeof *ids.data);
    c->job.n_ids = ids.len;
    osso_ids_free(&ids);
    osso_conversation_free(conversation);
}

/* Whichever allocation fails (with a sanitizer: each seventh): the job ends, once, and nothing of it is left in the
 * queue. */
static void test_no_memory(void **state)
{
    (void)state;
    const uint64_t step = test_quick() ? 7 : 1;
    struct osso_engine *e = open_engine(1, 2048, 0);
    struct sched *s = open_sched(e, 1);
    int failed = 0;
    for (uint64_t at = 1;; at += step) {
        struct client *c = client(1, 0, 3, 12);
        ask(c, "[{\"role\":\"user\",\"content\":\"hello\"}]");
        mem_fail_at(at);
        submit(s, c);
        wait_until(&c->done);
        mem_fail_at(0);
        expect_empty(s);
        enum osso_status status = c->status;
        assert_int_equal(c->n_done, 1);
        free(c);
        if (!status)
            break;
        assert_int_equal(status, OSSO_NOMEM);
        failed++;
    }
    assert_true(failed > 20 / (int)step);
    sched_free(s);
    osso_engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_little_memory), cmocka_unit_test(test_goes_on_quickly),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
