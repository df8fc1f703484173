/* Vocabularies from outside: tokenizer.json and lists, good and bad. */
#include "fault_test.h"

#include "vocab_test.h"

/* ---- good files ----------------------------------------------------------------------------------------- */

static void small_files(void **state)
{
    (void)state;
    struct osso_tokenizer *t = open_recipe(&(struct recipe){0});
    expect_small(t);
    osso_tokenizer_free(t);

    /* Merges in the older spelling, and specials that stand in the vocabulary too. */
    t = open_recipe(
        &(struct recipe){.merges = "[\"h e\",\"l l\",\"he ll\",\"hell o\",\"\xc4\xa0 w\",\"\xc4\x8a \xc4\x8a\"]",
                         .more_vocab = ",\"<|end|>\":262"});
    expect_small(t);
    osso_tokenizer_free(t);

    t = open_recipe(&(struct recipe){.pre = GPT2_SPLIT});
    EXPECT(t, "12345 hello", 0, '1', '2', '3', '4', '5', ' ', 259);
    osso_tokenizer_free(t);
}

static void merge_order_is_the_list(void **state)
{
    (void)state;
    /* hel-lo: with "l l" first, "hell" is out of reach of "he l"; with "he l" first, "hel" is made. */
    const char *vocab = ",\"hel\":263";
    struct osso_tokenizer *t = open_recipe(
        &(struct recipe){.more_vocab = vocab,
                         .merges = "[[\"h\",\"e\"],[\"he\",\"l\"],[\"l\",\"l\"],[\"he\",\"ll\"],[\"hell\",\"o\"]]"});
    /* "hello" and "hell" are tokens that these merges never make. */
    EXPECT(t, "hello", 0, 263, 'l', 'o');
    EXPECT(t, "hell", 0, 263, 'l');
    osso_tokenizer_free(t);
    t = open_recipe(
        &(struct recipe){.more_vocab = vocab,
                         .model_extra = "\"ignore_merges\":true,",
                         .merges = "[[\"h\",\"e\"],[\"he\",\"l\"],[\"l\",\"l\"],[\"he\",\"ll\"],[\"hell\",\"o\"]]"});
    EXPECT(t, "hello", 0, 259);
    EXPECT(t, " hello", 0, ' ', 263, 'l', 'o');
    osso_tokenizer_free(t);
}

/* ---- bad files ------------------------------------------------------------------------------------------ */

static void bad_files(void **state)
{
    (void)state;
    static const struct {
        struct recipe recipe;
        enum osso_status status;
        const char *words;
    } cases[] = {
        {{.skip_byte = 'q'}, OSSO_FORMAT, "no token for the byte 0x71"},
        {{.more_vocab = ",\"xy\":256"}, OSSO_FORMAT, "two tokens have the id 256"},
        {{.more_vocab = ",\"he\":263"}, OSSO_FORMAT, "are the same"},
        {{.more_vocab = ",\"xy\":262"}, OSSO_FORMAT, "two tokens have the id 262"},
        {{.more_vocab = ",\"xy\":1000000"}, OSSO_FORMAT, "far beyond"},
        {{.more_vocab = ",\"xy\":99999999999"}, OSSO_FORMAT, "too large"},
        {{.more_vocab = ",\"xy\":-1"}, OSSO_FORMAT, "whole number"},
        {{.more_vocab = ",\"xy\":1.5"}, OSSO_FORMAT, "comma or a closing bracket"},
        {{.more_vocab = ",\"\\ud800\":263"}, OSSO_FORMAT, "surrogate"},
        {{.more_vocab = ",\"\\q\":263"}, OSSO_FORMAT, "escape"},
        {{.merges = "[[\"h\",\"e\"],[\"h\",\"e\"]]"}, OSSO_FORMAT, "repeats merge 0"},
        {{.merges = "[[\"h\",\"q\"]]"}, OSSO_FORMAT, "token that it makes"},
        {{.merges = "[[\"hex\",\"q\"]]"}, OSSO_FORMAT, "left part"},
        {{.merges = "[[\"q\",\"\"]]"}, OSSO_FORMAT, "right part"},
        {{.merges = "[[\"h\"]]"}, OSSO_FORMAT, "fewer than two"},
        {{.merges = "[[\"h\",\"e\",\"l\"]]"}, OSSO_FORMAT, "more than two"},
        {{.merges = "[\"he\"]"}, OSSO_FORMAT, "no space"},
        {{.merges = "[17]"}, OSSO_FORMAT, "list is missing"},
        {{.merges = "{}"}, OSSO_FORMAT, "list is missing"},
        {{.added = "[{\"id\":262,\"content\":\"x\"},{\"id\":262,\"content\":\"y\"}]"}, OSSO_FORMAT, "two tokens"},
        {{.added = "[{\"id\":262,\"content\":\"x\",\"special\":true},{\"id\":263,\"content\":\"x\"}]"},
         OSSO_FORMAT,
         "same name"},
        {{.added = "[{\"id\":-2,\"content\":\"x\"}]"}, OSSO_FORMAT, "added token"},
        {{.added = "[{\"id\":262,\"content\":\"\"}]"}, OSSO_FORMAT, "added token"},
        {{.added = "[{\"id\":262,\"content\":\"x\",\"lstrip\":true}]"}, OSSO_UNSUPPORTED, "lstrip"},
        {{.added = "[7]"}, OSSO_FORMAT, "added token"},
        {{.added = "{}"}, OSSO_FORMAT, "not a list"},
        {{.normalizer = "{\"type\":\"NFC\"}"}, OSSO_UNSUPPORTED, "normalizes"},
        {{.pre = "null"}, OSSO_UNSUPPORTED, "pre_tokenizer"},
        {{.pre = "{\"type\":\"Whitespace\"}"}, OSSO_UNSUPPORTED, "pre_tokenizer"},
        {{.pre = "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"use_regex\":true}"}, OSSO_UNSUPPORTED, "prefix"},
        {{.model_extra = "\"dropout\":0.1,"}, OSSO_UNSUPPORTED, "dropout"},
        {{.model_extra = "\"byte_fallback\":true,"}, OSSO_UNSUPPORTED, "byte_fallback"},
        {{.model_extra = "\"vocab\":{},"}, OSSO_FORMAT, "there twice"},
        {{.tail = "x"}, OSSO_FORMAT, "follows the end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct osso_tokenizer *t = (void *)&t;
        struct osso_error err = {""};
        char *json = make_json(&cases[i].recipe);
        enum osso_status status = tokenizer_from_json(json, strlen(json), "test.json", &t, &err);
        mem_free(json);
        if (status != cases[i].status || !strstr(err.text, cases[i].words))
            fail_msg("case %zu (\"%s\"): status %d, \"%s\"", i, cases[i].words, status, err.text);
        assert_null(t);
        assert_memory_equal(err.text, "test.json: ", 11);
    }
}

/* Every beginning of a good file is an error, and so is every file with one byte changed or it is fine: never a crash.
 */
static void cut_and_changed_files(void **state)
{
    (void)state;
    char *json = make_json(&(struct recipe){0});
    size_t len = strlen(json);
    struct osso_tokenizer *t;
    struct osso_error err;
    for (size_t n = 0; n + 2 < len; n += n < 200 || n + 300 > len ? 1 : 17) {
        assert_int_not_equal(tokenizer_from_json(json, n, "cut", &t, &err), OSSO_OK);
        assert_null(t);
    }
    for (size_t i = 0; i < len; i += 3) {
        static const char changes[] = "\"{}[]:,\\0x\x80\xff";
        char old = json[i];
        json[i] = changes[i / 3 % (sizeof changes - 1)];
        enum osso_status status = tokenizer_from_json(json, len, "changed", &t, &err);
        assert_true((status == OSSO_OK) == (t != NULL));
        osso_tokenizer_free(t);
        json[i] = old;
    }
    mem_free(json);
}

static void deep_brackets(void **state)
{
    (void)state;
    enum { N = 1000000 };
    char *json = malloc(N + 16);
    strcpy(json, "{\"x\":");
    memset(json + 5, '[', N);
    struct osso_tokenizer *t;
    struct osso_error err;
    assert_int_equal(tokenizer_from_json(json, N + 5, "deep", &t, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "nested"));
    free(json);
}

/* ---- o200k is recognised -------------------------------------------------------------------------------- */

static void o200k_is_recognised(void **state)
{
    (void)state;
    struct osso_tokenizer *builtin, *t;
    struct osso_error err;
    size_t len;
    check_ok(osso_tokenizer_builtin(&builtin, &err), err);

    char *json = make_o200k_json(
        builtin, -1, -1, "[{\"id\":200006,\"content\":\"<|start|>\"},{\"id\":200018,\"content\":\"<|endofprompt|>\"}]",
        &len);
    check_ok(tokenizer_from_json(json, len, "o200k", &t, &err), err);
    assert_true(osso_tokenizer_is_o200k(t));
    EXPECT(t, "hello world", 0, 24912, 2375);
    osso_tokenizer_free(t);
    mem_free(json);

    json = make_o200k_json(builtin, -1, 150001, "[]", &len);
    assert_int_equal(tokenizer_from_json(json, len, "o200k with a hole", &t, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "150001"));
    mem_free(json);

    json = make_o200k_json(builtin, 150000, -1, "[]", &len);
    check_ok(tokenizer_from_json(json, len, "nearly o200k", &t, &err), err);
    assert_false(osso_tokenizer_is_o200k(t));
    osso_tokenizer_free(t);
    mem_free(json);
    osso_tokenizer_free(builtin);
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

enum { N_LISTED = 262 };
struct listed {
    struct buf text[N_LISTED];
    struct text_slice tokens[N_LISTED];
    int32_t types[N_LISTED];
};

static void make_lists(struct listed *l)
{
    memset(l, 0, sizeof *l);
    for (int i = 0; i < N_LISTED; i++) {
        if (i < 256)
            put_alphabet(&l->text[i], &(uint8_t){(uint8_t)i}, 1);
        else
            buf_puts(&l->text[i],
                     (const char *const[]){"he", "ll", "hell", "<|end|>", "[PAD260]", "\xc4\xa0he"}[i - 256]);
        l->tokens[i] = (struct text_slice){l->text[i].data, l->text[i].len};
        l->types[i] = i == 259 ? 3 : i == 260 ? 5 : 1;
    }
}

static void lists(void **state)
{
    (void)state;
    static struct listed l;
    static const struct text_slice merges[] = {{"h e", 3}, {"l l", 3}, {"he ll", 5}, {"\xc4\xa0 he", 5}};
    struct osso_tokenizer *t;
    struct osso_error err;
    make_lists(&l);
    struct vocab_lists in = {N_LISTED, l.tokens, l.types, 4, merges, SPLIT_O200K, false};
    check_ok(tokenizer_from_lists(&in, &t, &err), err);
    EXPECT(t, "hell he", 0, 258, 261);
    EXPECT(t, "<|end|>he", OSSO_ENCODE_SPECIAL, 259, 256);
    EXPECT(t, "[PAD260]", OSSO_ENCODE_SPECIAL, '[', 'P', 'A', 'D', '2', '6', '0', ']');
    assert_int_equal(osso_tokenizer_size(t), 262);
    osso_tokenizer_free(t);

    /* Whatever type the row has, <|end|> is harmony's; a byte row and an empty row are no loss here. */
    for (int type = 0; type <= 7; type++) {
        l.types[259] = type;
        l.types[7] = 6;
        l.tokens[260].len = type == 1 ? 0 : 8;
        l.types[260] = type == 1 ? 1 : 5;
        check_ok(tokenizer_from_lists(&in, &t, &err), err);
        assert_int_equal(osso_tokenizer_special(t, "<|end|>"), 259);
        EXPECT(t, "<|end|>", 0, '<', '|', 'e', 'n', 'd', '|', '>');
        EXPECT(t, "hell he", 0, 258, 261);
        assert_int_equal(osso_tokenizer_note(t) != NULL, type == 1);
        osso_tokenizer_free(t);
    }
    l.types[7] = 5;
    assert_int_equal(tokenizer_from_lists(&in, &t, &err), OSSO_FORMAT);
    l.types[7] = 1;
    in.n_merges = (size_t)1 << 40;
    assert_int_equal(tokenizer_from_lists(&in, &t, &err), OSSO_LIMIT);
    in.n_merges = 4;
    in.n_tokens = 0;
    assert_int_equal(tokenizer_from_lists(&in, &t, &err), OSSO_LIMIT);
    assert_null(t);
    for (int i = 0; i < N_LISTED; i++)
        buf_free(&l.text[i]);
}

/* ---- memory runs out ------------------------------------------------------------------------------------ */

static enum osso_status from_json(void *json, struct osso_error *err)
{
    struct osso_tokenizer *t = NULL;
    enum osso_status status = tokenizer_from_json(json, strlen(json), "test", &t, err);
    assert_true((status == OSSO_OK) == (t != NULL));
    osso_tokenizer_free(t);
    return status;
}

static enum osso_status make_builtin(void *arg, struct osso_error *err)
{
    struct osso_tokenizer *t = NULL;
    (void)arg;
    enum osso_status status = osso_tokenizer_builtin(&t, err);
    assert_true((status == OSSO_OK) == (t != NULL));
    osso_tokenizer_free(t);
    return status;
}

static enum osso_status encode_long(void *tokenizer, struct osso_error *err)
{
    static char text[20000];
    struct osso_ids ids = {0};
    memset(text, 'h', sizeof text);
    memcpy(text, "\xff hello", 8);
    enum osso_status status = osso_tokenizer_encode(tokenizer, text, sizeof text, 0, &ids, err);
    osso_ids_free(&ids);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    char *json = make_json(&(struct recipe){0});
    struct osso_tokenizer *t;
    struct osso_error err;
    assert_true(fault_each(from_json, json, false) > 7);
    check_ok(tokenizer_from_json(json, strlen(json), "test", &t, &err), err);
    assert_true(fault_each(encode_long, t, true) > 3); /* remembering pieces may fail unnoticed */
    osso_tokenizer_free(t);
    mem_free(json);
    fault_each(make_builtin, NULL, false);
}

/* ---- paths ---------------------------------------------------------------------------------------------- */

static void paths(void **state)
{
    (void)state;
    char dir[] = "/tmp/osso_vocab_XXXXXX", file[64];
    struct osso_tokenizer *t;
    struct osso_error err;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(osso_tokenizer_open(dir, &t, &err), OSSO_NOTFOUND);
    assert_null(t);
    snprintf(file, sizeof file, "%s/tokenizer.json", dir);
    assert_int_equal(osso_tokenizer_open(file, &t, &err), OSSO_IO);
    char *json = make_json(&(struct recipe){0});
    check_ok(save_atomic(file, json, strlen(json), &err), err);
    check_ok(osso_tokenizer_open(dir, &t, &err), err);
    expect_small(t);
    osso_tokenizer_free(t);
    check_ok(osso_tokenizer_open(file, &t, &err), err);
    osso_tokenizer_free(t);
    check_ok(save_atomic(file, "", 0, &err), err);
    assert_int_equal(osso_tokenizer_open(file, &t, &err), OSSO_FORMAT);
    mem_free(json);
    unlink(file);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_files),   cmocka_unit_test(merge_order_is_the_list),
        cmocka_unit_test(bad_files),     cmocka_unit_test(cut_and_changed_files),
        cmocka_unit_test(deep_brackets), cmocka_unit_test(o200k_is_recognised),
        cmocka_unit_test(lists),         cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
