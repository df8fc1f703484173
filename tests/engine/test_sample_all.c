/* test_sample_all.c: choices that are made together against the same choices one by one, and masks of every kind
 * against what a mask means: logits of -infinity. */
#define _DEFAULT_SOURCE
#include "alloc_count.h"
#include "model_test.h"

#include <stdlib.h>
#include <unistd.h>

enum { VOCAB = 5003, SESSIONS = 64, WORDS = (VOCAB + 31) / 32, ROUNDS = 3 }; /* no multiple of anything */

/* ---- sessions, each with logits, settings and a mask of its own -------------------------------------------- */

enum form { NO_MASK, SAYS_NONE, SAYS_FORBID, SAYS_ALLOW, SAYS_BITS, OWN_BITS, FORMS };

struct rule {
    enum form form;
    int32_t ids[24]; /* with repetitions, and some that no vocabulary has */
    size_t n_ids;
    uint32_t bits[WORDS];
    int calls, wait_us; /* wait_us: each answer takes so long */
};

struct one {
    struct osso_sampling o;
    struct osso_logit_bias bias[3];
    struct rule rule;
    size_t n_top;
    struct osso_session *session;
    struct osso_sampler *sampler;
};

static float logits_of[SESSIONS][VOCAB];

static bool allowed(const struct rule *r, int32_t id)
{
    bool listed = false;
    for (size_t i = 0; i < r->n_ids; i++)
        listed = listed || r->ids[i] == id;
    switch (r->form) {
    case SAYS_FORBID: return !listed;
    case SAYS_ALLOW: return listed;
    case SAYS_BITS:
    case OWN_BITS: return r->bits[id / 32] >> id % 32 & 1;
    default: return true;
    }
}

static enum osso_mask_kind ask(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    struct rule *r = user;
    size_t n;
    osso_session_tokens(session, &n);
    if (n == 0 || mask->vocab != VOCAB || mask->size < sizeof *mask)
        abort(); /* on any thread: no cmocka here */
    r->calls++;
    usleep((useconds_t)r->wait_us);
    mask->ids = r->ids;
    mask->n_ids = r->n_ids;
    switch (r->form) {
    case SAYS_FORBID: return OSSO_MASK_FORBID;
    case SAYS_ALLOW: return OSSO_MASK_ALLOW;
    case SAYS_BITS: memcpy(mask->space, r->bits, sizeof r->bits); return OSSO_MASK_BITS;
    case OWN_BITS: mask->bits = r->bits; return OSSO_MASK_BITS;
    default: memset(mask->space, 0, sizeof r->bits); return OSSO_MASK_NONE; /* it may scribble */
    }
}

static void script(void *user, const int32_t *tokens, size_t n, float *out)
{
    const struct one *ones = user; /* NULL: the logits as they are, else what masks leave of them */
    (void)n;
    memcpy(out, logits_of[tokens[0]], sizeof logits_of[0]);
    for (int32_t i = 0; ones && i < VOCAB; i++)
        if (!allowed(&ones[tokens[0]].rule, i))
            out[i] = -INFINITY;
}

static int32_t best_of(const float *logits)
{
    int32_t best = 0;
    for (int32_t i = 1; i < VOCAB; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}

static void make_rule(struct rule *r, enum form form, const float *logits, struct rng *rng)
{
    *r = (struct rule){.form = form};
    r->n_ids = 1 + rng_below(rng, 20);
    for (size_t i = 0; i < r->n_ids; i++)
        r->ids[i] = (int32_t)rng_below(rng, VOCAB);
    if (form == SAYS_FORBID && rng_below(rng, 2))
        r->ids[r->n_ids - 1] = best_of(logits); /* another one becomes the largest */
    if (form == SAYS_FORBID && rng_below(rng, 8) == 0)
        r->n_ids = 0;
    if (form == SAYS_ALLOW && rng_below(rng, 4) == 0) {
        r->n_ids = 1;
        r->ids[0] = VOCAB - 1; /* in a word of bits that the vocabulary ends in */
    }
    if (r->n_ids) {
        r->ids[r->n_ids++] = r->ids[0];
        r->ids[r->n_ids++] = rng_below(rng, 2) ? VOCAB : -1;
        r->ids[r->n_ids++] = INT32_MAX;
    }
    uint64_t thin = rng_below(rng, 4);
    for (int w = 0; w < WORDS; w++)
        for (int b = 0; b < 32; b++) {
            bool on = thin == 0   ? true
                      : thin == 1 ? rng_below(rng, 2)
                      : thin == 2 ? rng_below(rng, 200) == 0
                                  : w % 64 == 3;
            r->bits[w] |= (uint32_t)on << b;
        }
}

static void make_one(struct one *s, int i, struct rng *rng)
{
    static const double temperatures[] = {1, 1, 0, 0.7, 3, 1e-31}, top_ps[] = {1, 1, 0.95, 0.4},
                        min_ps[] = {0, 0, 0.05};
    static const int64_t top_ks[] = {0, 0, 1, 40, 256, 300, VOCAB};
    *s = (struct one){0};
    double width = i % 5 == 0 ? 0 : 1 + (double)rng_below(rng, 8); /* now and then all are equal */
    for (int j = 0; j < VOCAB; j++)
        logits_of[i][j] = (float)(width * rng_unit(rng) * rng_unit(rng) - 2);
    if (i % 3 == 1) /* far above: where it is forbidden the others' weights are not what they were beside it */
        logits_of[i][rng_below(rng, VOCAB)] = 300;
    osso_sampling_defaults(&s->o);
    s->o.seed = (uint64_t)i + 7;
    s->o.temperature = temperatures[rng_below(rng, 6)];
    s->o.top_p = top_ps[rng_below(rng, 4)];
    s->o.min_p = min_ps[rng_below(rng, 3)];
    s->o.top_k = top_ks[rng_below(rng, 7)];
    if (rng_below(rng, 3) == 0) {
        s->o.repetition_penalty = 1.3;
        s->o.frequency_penalty = 0.5;
    }
    if (rng_below(rng, 3) == 0) {
        for (int b = 0; b < 3; b++)
            s->bias[b] = (struct osso_logit_bias){(int32_t)rng_below(rng, VOCAB), (float)rng_below(rng, 9) - 2};
        s->o.bias = s->bias;
        s->o.n_bias = 3;
    }
    s->n_top = rng_below(rng, 8);
    make_rule(&s->rule, (enum form)(i % FORMS), logits_of[i], rng);
}

static struct osso_engine *open_engine(struct one *masked, int threads, int n)
{
    struct osso_engine_options o = {.size = sizeof o,
                                    .backend = test_backend(),
                                    .threads = threads,
                                    .context = 32,
                                    .max_sessions = n,
                                    .max_rows = n,
                                    .max_logit_rows = n,
                                    .isa = getenv("OSSO_ISA")};
    struct osso_engine *e;
    struct osso_error err;
    check_ok(osso_engine_create_scripted(VOCAB, script, masked, &o, &e, &err), err);
    return e;
}

static void step_all(struct osso_engine *e, struct one *ones, int n)
{
    struct osso_session *all[SESSIONS];
    struct osso_error err;
    for (int i = 0; i < n; i++)
        all[i] = ones[i].session;
    check_ok(osso_step(e, all, n, 0, &err), err);
}

/* Sessions of the tokens that say whose logits they want, and fresh samplers. */
static struct osso_engine *open_all(struct one *ones, int n, struct one *masked, int threads)
{
    struct osso_engine *e = open_engine(masked, threads, n);
    struct osso_error err;
    for (int i = 0; i < n; i++) {
        check_ok(osso_session_create(e, 0, &ones[i].session, &err), err);
        check_ok(osso_session_append(ones[i].session, i, &err), err);
        check_ok(osso_sampler_create(&ones[i].o, VOCAB, &ones[i].sampler, &err), err);
        if (!masked && ones[i].rule.form != NO_MASK)
            osso_sampler_set_mask(ones[i].sampler, ask, &ones[i].rule);
    }
    step_all(e, ones, n);
    return e;
}

static void close_all(struct osso_engine *e, struct one *ones, int n)
{
    for (int i = 0; i < n; i++) {
        osso_session_free(ones[i].session);
        osso_sampler_free(ones[i].sampler);
    }
    osso_engine_free(e);
}

/* ---- together and one by one ------------------------------------------------------------------------------ */

struct result {
    struct osso_choice choice, top[8];
};
static struct result alone[ROUNDS][SESSIONS], again[ROUNDS][SESSIONS], meant[ROUNDS][SESSIONS];

static void append_all(struct osso_engine *e, struct one *ones, struct result (*of)[SESSIONS], int round)
{
    struct osso_error err;
    for (int i = 0; i < SESSIONS; i++)
        check_ok(osso_session_append(ones[i].session, of[round][i].choice.id, &err), err);
    step_all(e, ones, SESSIONS);
}

static void one_by_one(struct one *ones, struct one *masked, struct result (*out)[SESSIONS])
{
    struct osso_error err;
    struct osso_engine *e = open_all(ones, SESSIONS, masked, 1);
    memset(out, 0, sizeof alone);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = SESSIONS; i-- > 0;) {
            struct result *r = &out[round][i];
            check_ok(osso_sample(ones[i].sampler, ones[i].session, &r->choice, r->top, ones[i].n_top, &err), err);
        }
        append_all(e, ones, out, round);
    }
    close_all(e, ones, SESSIONS);
}

/* In an order of `turn`, with more threads than this machine has. */
static void together(struct one *ones, int threads, int turn)
{
    struct osso_error err, why[SESSIONS];
    static struct osso_draw draws[SESSIONS];
    struct osso_engine *e = open_all(ones, SESSIONS, NULL, threads);
    memset(again, 0, sizeof again);
    for (int round = 0; round < ROUNDS; round++) {
        for (int at = 0; at < SESSIONS; at++) {
            int i = (at * 5 + turn) % SESSIONS;
            draws[at] = (struct osso_draw){.size = sizeof draws[at],
                                           .sampler = ones[i].sampler,
                                           .session = ones[i].session,
                                           .top = again[round][i].top,
                                           .n_top = ones[i].n_top,
                                           .err = &why[i]};
        }
        check_ok(osso_sample_all(e, draws, SESSIONS, &err), err);
        for (int at = 0; at < SESSIONS; at++) {
            assert_int_equal(draws[at].status, OSSO_OK);
            again[round][(at * 5 + turn) % SESSIONS].choice = draws[at].choice;
        }
        append_all(e, ones, again, round);
    }
    close_all(e, ones, SESSIONS);
}

/* The model's own distribution, in double. */
static double logprob_of(const float *logits, int32_t id)
{
    double sum = 0;
    for (int i = 0; i < VOCAB; i++)
        sum += exp((double)logits[i] - logits[id]);
    return -log(sum);
}

static void test_together(void **state)
{
    (void)state;
    static struct one ones[SESSIONS];
    static const int threads[] = {1, 2, 3, 5};
    for (int set = 0; set < (test_quick() ? 2 : 6); set++) {
        struct rng rng;
        rng_seed(&rng, (uint64_t)set + 1);
        for (int i = 0; i < SESSIONS; i++)
            make_one(&ones[i], i, &rng);
        one_by_one(ones, NULL, alone);
        one_by_one(ones, ones, meant);
        for (int round = 0; round < ROUNDS; round++)
            for (int i = 0; i < SESSIONS; i++) {
                struct result *r = &alone[round][i];
                if (r->choice.id != meant[round][i].choice.id)
                    fail_msg("set %d, session %d, mask %d: %d, logits of -infinity give %d", set, i, ones[i].rule.form,
                             r->choice.id, meant[round][i].choice.id);
                assert_true(allowed(&ones[i].rule, r->choice.id));
                assert_true(fabs(r->choice.logprob - logprob_of(logits_of[i], r->choice.id)) < 1e-4);
                for (size_t t = 0; t < ones[i].n_top; t++)
                    assert_true(fabs(r->top[t].logprob - logprob_of(logits_of[i], r->top[t].id)) < 1e-4);
            }
        for (int t = 0; t < 4; t++) {
            together(ones, threads[t], 7 * t + set);
            assert_memory_equal(again, alone, sizeof alone);
        }
        for (int i = 0; i < SESSIONS; i++)
            assert_int_equal(ones[i].rule.calls, ones[i].rule.form == NO_MASK ? 0 : 5 * ROUNDS);
    }
}

/* ---- what goes wrong ---------------------------------------------------------------------------------------- */

enum { FEW = 6 };

static void fill_draws(struct osso_draw *draws, struct one *ones, struct osso_error *why)
{
    for (int i = 0; i < FEW; i++)
        draws[i] = (struct osso_draw){
            .size = sizeof *draws, .sampler = ones[i].sampler, .session = ones[i].session, .err = &why[i]};
}

/* broken: the logits of session 2 are. */
static struct osso_engine *open_few(struct one *ones, bool broken, int threads)
{
    struct rng rng;
    rng_seed(&rng, 3);
    for (int i = 0; i < FEW; i++) {
        make_one(&ones[i], i, &rng);
        ones[i].rule.form = NO_MASK;
        ones[i].o.temperature = 1;
    }
    ones[5].rule = (struct rule){.form = SAYS_ALLOW};
    logits_of[2][77] = broken ? NAN : 0;
    return open_all(ones, FEW, NULL, threads);
}

static void test_failures(void **state)
{
    (void)state;
    static struct one ones[FEW];
    struct osso_draw draws[FEW];
    struct osso_error err, why[FEW];
    struct osso_choice first[FEW], c;
    struct osso_engine *e = open_few(ones, true, 3);
    for (int i = 0; i < FEW; i++)
        if (i != 2 && i != 5)
            check_ok(osso_sample(ones[i].sampler, ones[i].session, &first[i], NULL, 0, &err), err);
    close_all(e, ones, FEW);
    e = open_few(ones, true, 3);
    check_ok(osso_session_append(ones[4].session, 4, &err), err); /* its last token has no logits yet */
    fill_draws(draws, ones, why);
    assert_int_equal(osso_sample_all(e, draws, FEW, &err), OSSO_NUMERIC); /* the first in the list that failed */
    assert_non_null(strstr(err.text, "not finite"));
    assert_string_equal(err.text, why[2].text);
    assert_int_equal(draws[2].status, OSSO_NUMERIC);
    assert_int_equal(draws[4].status, OSSO_USAGE);
    assert_non_null(strstr(why[4].text, "osso_step"));
    assert_int_equal(draws[5].status, OSSO_USAGE);
    assert_non_null(strstr(why[5].text, "no token"));
    for (int i = 0; i < FEW; i++)
        if (draws[i].status)
            assert_int_equal(draws[i].choice.id, -1);
        else
            assert_memory_equal(&draws[i].choice, &first[i], sizeof c);
    close_all(e, ones, FEW);
}

/* A member that waits for a mask leaves its share to the others, who come to it last and from its end: the failure that
 * is told is still the first of the list. */
static void test_first_failure(void **state)
{
    (void)state;
    static struct one ones[FEW];
    struct osso_draw draws[FEW];
    struct osso_error err, why[FEW];
    for (int late = 0; late < FEW; late++) {
        struct osso_engine *e = open_few(ones, true, 2);
        ones[late].rule.form = late == 5 ? SAYS_ALLOW : SAYS_NONE;
        ones[late].rule.wait_us = 20000;
        osso_sampler_set_mask(ones[late].sampler, ask, &ones[late].rule);
        fill_draws(draws, ones, why);
        assert_int_equal(osso_sample_all(e, draws, FEW, &err), OSSO_NUMERIC);
        assert_string_equal(err.text, why[2].text);
        assert_int_equal(draws[5].status, OSSO_USAGE);
        close_all(e, ones, FEW);
    }
}

/* Calls that make no sense choose nothing: no sampler has used a number. */
static void test_refusals(void **state)
{
    (void)state;
    static struct one ones[FEW];
    struct osso_draw draws[FEW];
    struct osso_error err, why[FEW];
    struct osso_choice first, c;
    struct osso_session *stranger;
    struct osso_engine *e = open_few(ones, true, 3);
    check_ok(osso_sample(ones[0].sampler, ones[0].session, &first, NULL, 0, &err), err);
    close_all(e, ones, FEW);
    e = open_few(ones, true, 3);
    struct osso_engine *other = open_engine(NULL, 1, 1);
    check_ok(osso_session_create(other, 0, &stranger, &err), err);
    for (int wrong = 0; wrong < 5; wrong++) {
        fill_draws(draws, ones, why);
        switch (wrong) {
        case 0: draws[3].sampler = ones[1].sampler; break;
        case 1: draws[3].session = stranger; break;
        case 2: draws[3].size = 0; break;
        case 3: draws[3].size = sizeof *draws - 8; break;
        case 4: draws[3].sampler = NULL; break;
        }
        err.text[0] = 0;
        assert_int_equal(osso_sample_all(e, draws, FEW, &err), OSSO_USAGE);
        assert_true(err.text[0] != 0);
    }
    check_ok(osso_sample_all(e, draws, 0, &err), err);
    fill_draws(draws, ones, why);
    draws[1].size = draws[0].size;
    check_ok(osso_sample_all(e, draws, 2, &err), err); /* nobody is still taken for one that draws */
    assert_memory_equal(&draws[0].choice, &first, sizeof c);
    osso_session_free(stranger);
    osso_engine_free(other);
    close_all(e, ones, FEW);
}

static enum osso_mask_kind wrong_mask(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    int wrong = *(const int *)user;
    (void)session;
    mask->n_ids = 1;
    mask->bits = NULL;
    return wrong == 0   ? OSSO_MASK_FORBID
           : wrong == 1 ? OSSO_MASK_ALLOW
           : wrong == 2 ? OSSO_MASK_BITS
                        : (enum osso_mask_kind)(OSSO_MASK_BITS + 1);
}

static void test_wrong_masks(void **state)
{
    (void)state;
    static struct one ones[FEW];
    struct osso_error err;
    struct osso_choice c;
    struct osso_engine *e = open_few(ones, true, 3);
    for (int wrong = 0; wrong < 4; wrong++) {
        osso_sampler_set_mask(ones[0].sampler, wrong_mask, &wrong);
        assert_int_equal(osso_sample(ones[0].sampler, ones[0].session, &c, NULL, 0, &err), OSSO_USAGE);
        assert_non_null(strstr(err.text, "mask"));
        assert_int_equal(c.id, -1);
    }
    close_all(e, ones, FEW);
}

/* ---- ids to be avoided ---------------------------------------------------------------------------------------- */

/* Avoided means forbidden, unless that leaves nothing; then the mask alone says what may come. */
static void test_avoid(void **state)
{
    (void)state;
    static struct one ones[FEW];
    struct osso_error err;
    for (int form = 0; form < FORMS; form++) {
        struct rng rng;
        rng_seed(&rng, (uint64_t)form + 9);
        for (int i = 0; i < FEW; i++) {
            make_one(&ones[i], i, &rng);
            make_rule(&ones[i].rule, (enum form)form, logits_of[i], &rng);
            ones[i].o.temperature = i % 2;
        }
        struct osso_engine *e = open_all(ones, FEW, NULL, 2);
        for (int i = 0; i < FEW; i++) {
            int32_t *all = malloc((VOCAB + 2) * sizeof *all);
            for (int32_t id = 0; id < VOCAB + 2; id++)
                all[id] = id - 1;
            struct osso_draw d = {.size = sizeof d, .sampler = ones[i].sampler, .session = ones[i].session};
            check_ok(osso_sample_all(e, &d, 1, &err), err);
            int32_t usual = d.choice.id;
            d.avoid = &usual;
            d.n_avoid = 1;
            size_t others = 0;
            for (int32_t id = 0; id < VOCAB; id++)
                others += id != usual && allowed(&ones[i].rule, id);
            check_ok(osso_sample_all(e, &d, 1, &err), err);
            assert_true(others == 0 || d.choice.id != usual);
            assert_true(allowed(&ones[i].rule, d.choice.id));
            d.avoid = all;
            d.n_avoid = VOCAB + 2;
            check_ok(osso_sample_all(e, &d, 1, &err), err);
            assert_true(allowed(&ones[i].rule, d.choice.id));
            free(all);
        }
        close_all(e, ones, FEW);
    }
}

/* ---- answers -------------------------------------------------------------------------------------------------- */

struct said {
    int32_t id[8];
    float logprob[8];
    struct osso_choice top[8][3];
    int n;
    enum osso_stop stop;
};

static void note(struct said *said, const struct osso_event *event)
{
    said->id[said->n] = event->id;
    said->logprob[said->n] = event->logprob;
    assert_int_equal(event->n_top, 3);
    memcpy(said->top[said->n++], event->top, sizeof said->top[0]);
    said->stop = event->stop;
}

/* Answers whose likeliest id stops them, from their second or third token on. */
static void run_answers(bool together_, struct said *said)
{
    static struct one ones[FEW];
    struct osso_answer *answers[FEW];
    struct osso_draw draws[FEW];
    struct osso_error err, why[FEW];
    struct osso_engine *e = open_few(ones, false, 3);
    memset(said, 0, FEW * sizeof *said);
    for (int i = 0; i < FEW; i++) {
        int32_t stop = best_of(logits_of[i]);
        struct osso_answer_options o = {
            .size = sizeof o, .stop_ids = &stop, .n_stop_ids = 1, .min_tokens = 1 + i % 2, .max_tokens = 6, .n_top = 3};
        osso_sampler_free(ones[i].sampler);
        ones[i].o.temperature = i < 3 ? 0 : 1;
        check_ok(osso_sampler_create(&ones[i].o, VOCAB, &ones[i].sampler, &err), err);
        check_ok(osso_answer_create(ones[i].session, ones[i].sampler, &o, &answers[i], &err), err);
    }
    for (int going = FEW; going > 0;) {
        struct osso_event event = {.size = sizeof event};
        int which[FEW], n = 0;
        step_all(e, ones, FEW);
        for (int i = 0; i < FEW; i++) {
            if (osso_answer_stop(answers[i]))
                continue;
            if (!together_) {
                check_ok(osso_answer_next(answers[i], &event, &err), err);
                note(&said[i], &event);
                continue;
            }
            draws[n].size = sizeof draws[n];
            check_ok(osso_answer_draw(answers[i], &draws[n], &err), err);
            draws[n].err = &why[i];
            which[n++] = i;
        }
        if (n)
            check_ok(osso_sample_all(e, draws, (size_t)n, &err), err);
        for (int j = 0; j < n; j++) {
            check_ok(osso_answer_take_drawn(answers[which[j]], &draws[j], &event, &err), err);
            note(&said[which[j]], &event);
        }
        going = 0;
        for (int i = 0; i < FEW; i++)
            going += osso_answer_stop(answers[i]) == OSSO_STOP_NONE;
    }
    struct osso_draw late = {.size = sizeof late};
    struct osso_event event = {.size = sizeof event};
    assert_int_equal(osso_answer_draw(answers[0], &late, &err), OSSO_USAGE); /* it has ended */
    late = (struct osso_draw){.size = sizeof late, .session = ones[0].session, .status = OSSO_NUMERIC, .err = &why[0]};
    snprintf(why[0].text, sizeof why[0].text, "the reason");
    assert_int_equal(osso_answer_take_drawn(answers[0], &late, &event, &err), OSSO_NUMERIC);
    assert_string_equal(err.text, "the reason");
    assert_int_equal(osso_answer_take_drawn(answers[1], &late, &event, &err), OSSO_USAGE); /* another's draw */
    for (int i = 0; i < FEW; i++)
        osso_answer_free(answers[i]);
    close_all(e, ones, FEW);
}

static void test_answers(void **state)
{
    (void)state;
    static struct said one[FEW], all[FEW];
    run_answers(false, one);
    run_answers(true, all);
    assert_memory_equal(all, one, sizeof one);
    for (int i = 0; i < 3; i++) { /* greedy: the stop comes as soon as it may */
        assert_int_equal(one[i].n, 2 + i % 2);
        assert_int_equal(one[i].stop, OSSO_STOP_ID);
        for (int j = 0; j + 1 < one[i].n; j++)
            assert_true(one[i].id[j] != best_of(logits_of[i]));
    }
}

/* ---- memory --------------------------------------------------------------------------------------------------- */

/* More draws than the engine takes at a time, all of one session, and no memory for any of them. */
static void test_many(void **state)
{
    (void)state;
    enum { N = 600 };
    static struct osso_draw draws[N];
    static struct one ones[FEW];
    struct osso_error err;
    struct osso_choice c;
    struct osso_engine *e = open_few(ones, false, 3);
    struct osso_sampling o;
    osso_sampling_defaults(&o);
    for (int i = 0; i < N; i++) {
        draws[i] = (struct osso_draw){.size = sizeof draws[i], .session = ones[0].session};
        o.seed = (uint64_t)i;
        check_ok(osso_sampler_create(&o, VOCAB, &draws[i].sampler, &err), err);
    }
    long long calls = alloc_count(), mem = (long long)mem_count();
    check_ok(osso_sample_all(e, draws, N, &err), err);
    assert_int_equal(alloc_count() - calls, 0);
    assert_int_equal((long long)mem_count() - mem, 0);
    for (int i = 0; i < N; i++) {
        struct osso_sampler *s;
        o.seed = (uint64_t)i;
        check_ok(osso_sampler_create(&o, VOCAB, &s, &err), err);
        check_ok(osso_sample(s, ones[0].session, &c, NULL, 0, &err), err);
        assert_memory_equal(&c, &draws[i].choice, sizeof c);
        osso_sampler_free(s);
        osso_sampler_free(draws[i].sampler);
    }
    close_all(e, ones, FEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_together),      cmocka_unit_test(test_failures),
                                       cmocka_unit_test(test_first_failure), cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_wrong_masks),   cmocka_unit_test(test_avoid),
                                       cmocka_unit_test(test_answers),       cmocka_unit_test(test_many)};
    return cmocka_run_group_tests_name("sample_all", tests, NULL, NULL);
}
