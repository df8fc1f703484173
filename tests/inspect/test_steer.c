/* test_steer.c: a direction between glad and sad sentences moves the bundled model's opinion of sentences that it was
 * not made from, the more the stronger it is; a strength of 0 changes no bit; files keep every bit; other models' are
 * refused. */
#include "model_test.h"

#include "osso/steer.h"

static const char MODEL[] = "models/osso-small", OTHER[] = "tests/golden/model/yarn-mxfp4";
enum { CONTEXT = 128, EACH = 8, HELD = 6 };

static const char *const glad[EACH] = {
    "Lily was very happy. She smiled and laughed.",     "The dog was happy and jumped for joy.",
    "Tom had a big smile on his face. He was so glad.", "They all laughed and had a lot of fun.",
    "The girl was so happy that she hugged her mom.",   "It was a good day and everyone was happy.",
    "Ben was excited and clapped his hands with joy.",  "The bird sang a happy song in the sun.",
};
static const char *const sad[EACH] = {
    "Lily was very sad. She cried and cried.",        "The dog was sad and lay down alone.",
    "Tom had tears on his face. He was so upset.",    "They all cried and were very scared.",
    "The girl was so sad that she cried to her mom.", "It was a bad day and everyone was sad.",
    "Ben was angry and hid his face with tears.",     "The bird was hurt and alone in the rain.",
};
static const char *const held_glad[HELD] = {
    "Sue was happy and smiled.",     "The cat was very happy.",   "He laughed with joy.",
    "Mom was happy and hugged him.", "She was glad and had fun.", "The boy smiled a big smile.",
};
static const char *const held_sad[HELD] = {
    "Sue was sad and cried.",    "The cat was very sad.",        "He cried with fear.",
    "Mom was sad and left him.", "She was upset and had tears.", "The boy cried a big tear.",
};

static struct rig open_rig(const char *model, bool exact)
{
    char path[512];
    struct osso_engine_options o = engine_options(exact, CONTEXT);
    o.max_logit_rows = 64;
    return rig_open(test_path(path, sizeof path, model), &o);
}

static struct osso_ids encode(struct rig *r, const char *text)
{
    const struct osso_tokenizer *tokenizer;
    struct osso_ids ids = {0};
    check_ok(osso_model_tokenizer(r->model, &tokenizer, &r->err), r->err);
    check_ok(osso_tokenizer_encode(tokenizer, text, strlen(text), 0, &ids, &r->err), r->err);
    return ids;
}

static struct osso_steering *make(struct rig *r, enum osso_steer_method method, enum osso_pool pool)
{
    struct osso_steering *v;
    struct osso_ids ids[2 * EACH];
    struct osso_embed_text texts[2 * EACH] = {{0}};
    struct osso_steer_options o = {.size = sizeof o, .method = method, .pool = pool};
    for (int i = 0; i < 2 * EACH; i++) {
        ids[i] = encode(r, i < EACH ? glad[i] : sad[i - EACH]);
        texts[i].ids = ids[i].data;
        texts[i].n = ids[i].len;
    }
    check_ok(osso_steering_make(r->engine, texts, EACH, texts + EACH, EACH, &o, &v, NULL, &r->err), r->err);
    for (int i = 0; i < 2 * EACH; i++)
        osso_ids_free(&ids[i]);
    return v;
}

/* Logits of all rows of a text, with what steers it. */
static float *logits_of(struct rig *r, const struct osso_ids *ids, const struct osso_steer *list, size_t n)
{
    struct osso_session *s;
    float *out = calloc(ids->len * (size_t)r->vocab, sizeof *out);
    check_ok(osso_session_create(r->engine, 0, &s, &r->err), r->err);
    check_ok(osso_session_steer(s, list, n, &r->err), r->err);
    check_ok(osso_session_sync(s, ids->data, ids->len, &r->err), r->err);
    osso_session_want_logits(s, 0);
    while (!osso_session_ready(s)) {
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
        collect(r, s, 0, out);
    }
    osso_session_free(s);
    return out;
}

/* Mean log-probability of a text's tokens after the first. */
static double opinion(struct rig *r, const char *text, const struct osso_steer *steer)
{
    struct osso_ids ids = encode(r, text);
    float *logits = logits_of(r, &ids, steer, 1);
    double sum = 0;
    for (size_t p = 0; p + 1 < ids.len; p++) {
        const float *row = logits + p * (size_t)r->vocab;
        double total = 0;
        for (int64_t i = 0; i < r->vocab; i++)
            total += exp((double)row[i]);
        sum += row[ids.data[p + 1]] - log(total);
    }
    sum /= (double)(ids.len - 1);
    free(logits);
    osso_ids_free(&ids);
    return sum;
}

static double difference(struct rig *r, const struct osso_steering *v, double strength, int layer)
{
    double sum = 0;
    struct osso_layers layers = {{(uint64_t)1 << layer}};
    struct osso_steer steer = {.vector = v, .strength = strength, .layers = &layers};
    for (int i = 0; i < HELD; i++)
        sum += opinion(r, held_glad[i], &steer) - opinion(r, held_sad[i], &steer);
    return sum / HELD;
}

static void test_held_out(void **state)
{
    (void)state;
    struct rig r = open_rig(MODEL, false);
    for (int way = 0; way < 2; way++) {
        struct osso_steering *v = make(&r, way ? OSSO_STEER_PCA : OSSO_STEER_MEAN, OSSO_POOL_MEAN);
        double before = -INFINITY;
        for (int strength = -2; strength <= 2; strength++) {
            double now = difference(&r, v, strength, 2);
            print_message("%s %+d: %.4f\n", way ? "pca" : "mean", strength, now);
            assert_true(now > before);
            before = now;
        }
        osso_steering_free(v);
    }
    rig_close(&r);
}

static void test_no_strength_no_bit(void **state)
{
    (void)state;
    struct rig r = open_rig(MODEL, false);
    struct osso_steering *v = make(&r, OSSO_STEER_MEAN, OSSO_POOL_LAST);
    struct osso_ids ids = encode(&r, "Once upon a time there was a little fox who was very sad because");
    size_t bytes = ids.len * (size_t)r.vocab * sizeof(float);
    struct osso_steer list[3] = {{.vector = v}, {.vector = v, .strength = 1}, {.vector = v, .strength = -1}};
    struct osso_session *s, *fork;
    float *plain = logits_of(&r, &ids, NULL, 0), *zero = logits_of(&r, &ids, list, 1);
    float *one = logits_of(&r, &ids, list + 1, 1), *none = logits_of(&r, &ids, list + 1, 2);
    float *again = logits_of(&r, &ids, NULL, 0);
    assert_memory_equal(plain, zero, bytes);
    assert_memory_equal(plain, again, bytes); /* nothing was left behind for others */
    assert_memory_equal(plain, none, bytes);  /* what is added is summed up first */
    assert_memory_not_equal(plain, one, bytes);
    check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
    check_ok(osso_session_sync(s, ids.data, ids.len, &r.err), r.err);
    check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err); /* clean; then it is steered, and so is its fork */
    check_ok(osso_session_steer(s, list + 1, 1, &r.err), r.err);
    check_ok(osso_session_fork(s, &fork, &r.err), r.err);
    osso_session_free(s);
    check_ok(osso_step(r.engine, &fork, 1, 0, &r.err), r.err);
    assert_memory_equal(osso_session_logits(fork, ids.len - 1), one + (ids.len - 1) * (size_t)r.vocab,
                        (size_t)r.vocab * sizeof *one);
    check_ok(osso_session_steer(fork, NULL, 0, &r.err), r.err);
    check_ok(osso_step(r.engine, &fork, 1, 0, &r.err), r.err);
    assert_memory_equal(osso_session_logits(fork, ids.len - 1), plain + (ids.len - 1) * (size_t)r.vocab,
                        (size_t)r.vocab * sizeof *one);
    osso_session_free(fork);
    free(plain), free(zero), free(one), free(none), free(again);
    osso_ids_free(&ids);
    osso_steering_free(v);
    rig_close(&r);
}

static void test_files(void **state)
{
    (void)state;
    struct rig r = open_rig(MODEL, false), other = open_rig(OTHER, false);
    struct osso_steering *v = make(&r, OSSO_STEER_MEAN, OSSO_POOL_LAST), *back;
    struct osso_session *s;
    static const char *const names[] = {"build/steer_test.safetensors", "build/steer_test.gguf"};
    char path[512], words[64];
    struct osso_model_dims dims = {.size = sizeof dims};
    osso_model_dims(r.model, &dims);
    const int64_t width = dims.hidden;
    snprintf(words, sizeof words, "%lld values, where the model has 32", (long long)width);
    assert_null(osso_steering_direction(v, 0));
    assert_null(osso_steering_direction(v, 6));
    for (int i = 0; i < 2; i++) {
        test_path(path, sizeof path, names[i]);
        check_ok(osso_steering_save(v, path, &r.err), r.err);
        check_ok(osso_steering_open(path, &back, &r.err), r.err);
        assert_int_equal(osso_steering_width(back), width);
        assert_null(osso_steering_direction(back, 0));
        for (int l = 1; l < 6; l++)
            assert_memory_equal(osso_steering_direction(v, l), osso_steering_direction(back, l),
                                (size_t)width * sizeof(float));
        check_ok(osso_session_create(other.engine, 0, &s, &other.err), other.err);
        struct osso_steer steer = {.vector = back, .strength = 1};
        assert_int_equal(osso_session_steer(s, &steer, 1, &other.err), OSSO_USAGE);
        assert_non_null(strstr(other.err.text, words));
        osso_session_free(s);
        osso_steering_free(back);
        remove(path);
    }
    test_path(path, sizeof path, "models/osso-small/model.safetensors");
    assert_int_equal(osso_steering_open(path, &back, &r.err), OSSO_FORMAT);
    assert_non_null(strstr(r.err.text, "no steering vector"));
    test_path(path, sizeof path, "tests/golden/model/f32-gguf/model.gguf");
    assert_int_equal(osso_steering_open(path, &back, &r.err), OSSO_FORMAT);
    osso_steering_free(v);
    rig_close(&r);
    rig_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held_out),
        cmocka_unit_test(test_no_strength_no_bit),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
