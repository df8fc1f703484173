/* test_answer_facts.c: what an answer says beside its text: which message a token belongs to, its bytes, what the
 * tokens were for, which id ended it and whether its last message is whole; and what a scripted engine is told of its
 * rows. */
#include "answer_test.h"

#include "engine/engine_parts.h"

/* One answer taken token by token: every fact, a character or number each. */
struct facts {
    struct buf kinds, index, bytes; /* 't' thought, 'a' answer, 'p' preamble, 'c' call, '.' neither; message; pieces */
    struct osso_event end;
    struct osso_answer_counts counts;
};

static struct facts facts_of(const char *say, int64_t max_tokens, const char *stop, bool harmony)
{
    static const char letters[] = ".aptc";
    struct osso_error err = {""};
    struct facts f = {.counts.size = sizeof f.counts};
    struct talk t = {
        .say = say, .harmony = harmony, .o = {.max_tokens = max_tokens, .stop = &stop, .n_stop = stop != NULL}};
    struct osso_engine *e = engine_open(1);
    struct osso_event event = {.size = sizeof event};
    talk_open(&t, e, 0);
    while (!osso_answer_stop(t.answer)) {
        check_ok(osso_step(e, &t.session, 1, 0, &err), err);
        check_ok(osso_answer_next(t.answer, &event, &err), err);
        bool content = event.message && event.message->is_content;
        buf_putc(&f.kinds, content ? letters[event.voice] : '.');
        buf_putc(&f.index, event.message ? (char)('0' + event.message->index) : '-');
        buf_add(&f.bytes, event.bytes, event.n_bytes);
        assert_false(event.cut);
    }
    f.end = (struct osso_event){.size = sizeof f.end};
    check_ok(osso_answer_finish(t.answer, &f.end, &err), err);
    assert_null(f.end.bytes);
    osso_answer_counts(t.answer, &f.counts);
    size_t sum = 0;
    for (int v = 0; v < OSSO_VOICE_COUNT; v++) {
        size_t n = 0; /* the counts are those of the events */
        for (size_t i = 0; i < f.kinds.len; i++)
            n += f.kinds.data[i] == letters[v];
        if (harmony)
            assert_int_equal(f.counts.voice[v], n);
        sum += f.counts.voice[v];
    }
    assert_int_equal(sum, f.counts.tokens);
    assert_int_equal(f.counts.tokens, osso_answer_length(t.answer));
    talk_finish(&t);
    talk_free(&t);
    osso_engine_free(e);
    return f;
}

static void facts_free(struct facts *f)
{
    buf_free(&f->kinds);
    buf_free(&f->index);
    buf_free(&f->bytes);
}

static void expect_facts(const char *say, const char *kinds, const char *index, size_t calls)
{
    struct facts f = facts_of(say, -1, NULL, true);
    assert_string_equal(f.kinds.data, kinds);
    assert_string_equal(f.index.data, index);
    assert_memory_equal(f.bytes.data, say, f.bytes.len); /* tokens are the text, byte for byte, specials by name */
    assert_int_equal(f.bytes.len, strlen(say));
    assert_int_equal(f.counts.calls, calls);
    assert_false(f.end.cut);
    facts_free(&f);
}

static void test_messages(void **state)
{
    (void)state;
    /* <|channel|> analysis <|message|> Easy : ' ' 7 . <|end|> <|start|> assistant <|channel|> final <|message|> 7 ...
     */
    expect_facts(THOUGHT("Easy: 7.") FINAL("7"), "...ttttt......a.", "0000000001111111", 0);
    expect_facts("<|channel|>commentary<|message|>Wait.<|end|><|start|>assistant to=f<|channel|>commentary<|message|>{}"
                 "<|call|><|return|>",
                 "....pp.........c..", "000000011111111112", 1);
    /* A message whose end is missing: the <|start|> that follows is nobody's content, its text is the first's. */
    expect_facts("<|channel|>final<|message|>one<|start|>assistant<|channel|>final<|message|>two<|return|>",
                 "...a.....a.", "00000111111", 0);
    /* The fox is some tokens, none of which is a character. */
    struct facts f = facts_of(FINAL(FOX), -1, NULL, true);
    assert_non_null(strstr(f.kinds.data, "...aa"));
    assert_memory_equal(f.bytes.data + strlen("<|channel|>final<|message|>"), FOX, 4);
    facts_free(&f);
    f = facts_of("one two", -1, NULL, false); /* without a parser: all but the stop is the answer */
    assert_int_equal(f.counts.voice[OSSO_VOICE_ANSWER], 2);
    assert_int_equal(f.counts.voice[OSSO_VOICE_NONE], 1);
    facts_free(&f);
}

static void test_stop_id(void **state)
{
    (void)state;
    static const struct {
        const char *say, *stop;
        int64_t max;
        enum osso_stop why;
        int32_t id;
    } cases[] = {
        {FINAL("ok"), NULL, -1, OSSO_STOP_ID, RETURN},
        {"<|channel|>final<|message|>ok<|end|><|start|>user<|message|>And?<|end|>", NULL, -1, OSSO_STOP_ID, -1},
        {"<|channel|>final<|message|>ok<|end|><|start|>f to=assistant<|channel|>commentary<|message|>4", NULL, -1,
         OSSO_STOP_ID, -1},
        {FINAL("one two three"), "two", -1, OSSO_STOP_STRING, -1},
        {FINAL("one two three"), NULL, 5, OSSO_STOP_LENGTH, -1},
        {FINAL("one two three"), NULL, 7, OSSO_STOP_ID, RETURN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct facts f = facts_of(cases[i].say, cases[i].max, cases[i].stop, true);
        assert_int_equal(f.end.stop, cases[i].why);
        assert_int_equal(f.end.stop_id, cases[i].id);
        facts_free(&f);
    }
}

/* A call that lacks its end is none, wherever the tokens ran out; one that a stop id ends is whole. */
static void test_cut(void **state)
{
    (void)state;
    static const char call[] = "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\":1}<|call|>";
    struct facts whole = facts_of(call, -1, NULL, true);
    size_t n = whole.kinds.len - 1; /* the model stops at <|return|>, one later */
    assert_int_equal(whole.counts.calls, 1);
    assert_false(whole.end.cut);
    facts_free(&whole);
    for (size_t max = 1; max <= n; max++) {
        struct facts f = facts_of(call, (int64_t)max, NULL, true);
        bool in_content = strchr(f.kinds.data, 'c') != NULL || max == n - 4;
        assert_int_equal(f.counts.calls, max == n);
        assert_int_equal(f.end.stop, OSSO_STOP_LENGTH);
        if (max == n || in_content)
            assert_int_equal(f.end.cut, max < n);
        facts_free(&f);
    }
    struct facts f = facts_of("<|channel|>commentary to=functions.f<|message|>{}", -1, NULL, true); /* and <|return|> */
    assert_int_equal(f.counts.calls, 1);
    assert_false(f.end.cut);
    facts_free(&f);
    f = facts_of(call, -1, "\"a", true); /* a stop text in a call leaves half of one */
    assert_int_equal(f.counts.calls, 0);
    assert_true(f.end.cut);
    facts_free(&f);
    f = facts_of(FINAL("one two three"), -1, "two", true); /* an answer that it ends is what was asked for */
    assert_false(f.end.cut);
    facts_free(&f);
    f = facts_of(FINAL("one two three"), 5, NULL, true);
    assert_true(f.end.cut);
    facts_free(&f);
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

enum { SMALL = 64, LONG = 3000 };

struct told {
    const struct osso_session *of[2];
    void *users[2];
    size_t rows[2], logits[2], lasts, replayed, next[2];
};

static void tell(void *user, const struct osso_script_row *row)
{
    struct told *t = user;
    int which = row->session == t->of[1];
    assert_int_equal(row->size, sizeof *row);
    assert_ptr_equal(row->session, t->of[which]);
    assert_ptr_equal(row->user, t->users[which]);
    assert_int_equal(row->tokens[row->n_tokens - 1], (int)(row->n_tokens % SMALL));
    if (!row->replayed)
        assert_int_equal(row->n_tokens, ++t->next[which]); /* in order, each once */
    t->rows[which]++;
    t->logits[which] += row->logits != NULL;
    t->lasts += row->last;
    t->replayed += row->replayed;
    for (int v = 0; row->logits && v < SMALL; v++)
        row->logits[v] = v == (int)((row->n_tokens + 1) % SMALL) ? 10 : 0;
}

static void test_rows(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_engine *e;
    struct osso_sampler *sampler;
    struct osso_sampling so;
    struct osso_choice choice;
    struct told told = {0};
    struct osso_session *s[2];
    struct osso_engine_options o = {
        .size = sizeof o, .backend = test_backend(), .threads = 1, .context = 4096, .max_sessions = 2, .max_rows = 100};
    int32_t ids[LONG];
    for (int i = 0; i < LONG; i++)
        ids[i] = (i + 1) % SMALL;
    check_ok(osso_engine_create_rows(SMALL, tell, &told, &o, &e, &err), err);
    for (int i = 0; i < 2; i++) {
        check_ok(osso_session_create(e, (uint64_t)i, &s[i], &err), err);
        check_ok(osso_session_sync(s[i], ids, i ? 50 : LONG, &err), err);
        told.of[i] = s[i];
    }
    told.users[0] = s[0]; /* nobody said another */
    told.users[1] = &told;
    osso_session_set_user(s[1], &told);
    size_t steps = 0;
    while (!osso_session_ready(s[0]) || !osso_session_ready(s[1])) {
        check_ok(osso_step(e, s, 2, 0, &err), err);
        steps++;
    }
    assert_int_equal(told.rows[0], LONG);
    assert_int_equal(told.rows[1], 50);
    assert_int_equal(told.logits[0] + told.logits[1], 2);
    assert_int_equal(told.lasts, steps);
    /* Back to where sliding pages are gone: rows that are made again say so. */
    check_ok(osso_session_rewind(s[0], 1000, &err), err);
    told.next[0] = osso_session_computed(s[0]);
    while (!osso_session_ready(s[0]))
        check_ok(osso_step(e, s, 1, 0, &err), err);
    struct osso_engine_stats stats = {.size = sizeof stats};
    osso_engine_stats(e, &stats);
    assert_int_equal(told.replayed, stats.tokens_replayed);
    assert_true(told.replayed > 0);
    assert_int_equal(told.rows[0] + told.rows[1] - told.replayed, stats.tokens_computed);
    osso_sampling_defaults(&so);
    so.temperature = 0;
    check_ok(osso_sampler_create(&so, SMALL, &sampler, &err), err);
    check_ok(osso_sample(sampler, s[0], &choice, NULL, 0, &err), err);
    assert_int_equal(choice.id, 1001 % SMALL);
    osso_sampler_free(sampler);
    osso_session_free(s[0]);
    osso_session_free(s[1]);
    osso_engine_free(e);
}

/* An owner who wants the step to end is heard between rows. */
static volatile sig_atomic_t stop_now;
static int rows_before_stop;

static void tell_and_stop(void *user, const struct osso_script_row *row)
{
    (void)user;
    stop_now = ++rows_before_stop == 3;
    for (int v = 0; row->logits && v < SMALL; v++)
        row->logits[v] = 0;
}

static void test_interrupted(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct osso_engine *e;
    struct osso_session *s;
    struct osso_engine_options o = {.size = sizeof o, .backend = test_backend(), .threads = 1, .context = 64};
    rows_before_stop = 0;
    check_ok(osso_engine_create_rows(SMALL, tell_and_stop, NULL, &o, &e, &err), err);
    osso_engine_set_interrupt(e, &stop_now);
    check_ok(osso_session_create(e, 0, &s, &err), err);
    check_ok(osso_session_sync(s, (int32_t[]){1, 2, 3, 4, 5, 6, 7, 8}, 8, &err), err);
    assert_int_equal(osso_step(e, &s, 1, 0, &err), OSSO_CANCELLED);
    assert_int_equal(rows_before_stop, 3);
    assert_int_equal(osso_session_computed(s), 0);
    stop_now = 0;
    check_ok(osso_step(e, &s, 1, 0, &err), err);
    assert_int_equal(rows_before_stop, 11);
    assert_true(osso_session_ready(s));
    osso_session_free(s);
    osso_engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages), cmocka_unit_test(test_stop_id),     cmocka_unit_test(test_cut),
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_interrupted),
    };
    return cmocka_run_group_tests(tests, builtin_setup, answer_teardown);
}
