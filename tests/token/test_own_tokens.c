/* Files with tokens of their own on top of o200k, rows that cannot be used, and types that are wrong. */
#include "vocab_test.h"

static void expect_piece(const struct osso_tokenizer *t, int32_t id, const char *want)
{
    const char *bytes;
    size_t len;
    assert_int_equal(osso_tokenizer_piece(t, id, &bytes, &len), want != NULL);
    if (want) {
        assert_int_equal(len, strlen(want));
        assert_memory_equal(bytes, want, len);
    }
}

/* A file's own literals on top of the built-in table: renamed, added inside and past the reserved ids, plain words,
 * a second way to an ordinary token, a name that moved. */
static void own_tokens_on_top(void **state)
{
    (void)state;
    struct osso_tokenizer *builtin;
    check_ok(osso_tokenizer_builtin(&builtin, NULL), (struct osso_error){""});
    static const char added[] = "[{\"id\":200006,\"content\":\"<|start|>\",\"special\":false},"
                                "{\"id\":200013,\"content\":\"<|tool|>\",\"special\":true},"
                                "{\"id\":200018,\"content\":\"<|endofprompt|>\",\"special\":true},"
                                "{\"id\":200019,\"content\":\"kubectl\",\"special\":false},"
                                "{\"id\":24912,\"content\":\"hello\",\"special\":true},"
                                "{\"id\":200030,\"content\":\"<|constrain|>\",\"special\":true},"
                                "{\"id\":201100,\"content\":\"</tool>\",\"special\":true}]";
    struct osso_tokenizer *t;
    struct osso_error err;
    size_t len;
    char *json = make_o200k_json(builtin, -1, -1, added, &len);
    check_ok(tokenizer_from_json(json, len, "own", &t, &err), err);
    mem_free(json);
    assert_true(osso_tokenizer_is_o200k(t));
    assert_null(osso_tokenizer_note(t));
    EXPECT(t, "hello world", 0, 24912, 2375);
    EXPECT(t, "<|tool|>x</tool>", OSSO_ENCODE_SPECIAL, 200013, 87, 201100);
    EXPECT(t, "a kubectl", 0, 64, 220, 200019);
    EXPECT(t, "<|start|><|constrain|><|endofprompt|>", OSSO_ENCODE_SPECIAL, 200006, 200030, 200018);
    assert_int_equal(osso_tokenizer_special(t, "<|start|>"), 200006); /* special whatever the file says */
    assert_int_equal(osso_tokenizer_special(t, "<|reserved_200013|>"), -1);
    assert_int_equal(osso_tokenizer_size(t), 201101);
    expect_piece(t, 200013, "<|tool|>");
    expect_piece(t, 201100, "</tool>");
    expect_piece(t, 200003, NULL); /* its name moved */
    expect_piece(t, 200500, NULL); /* reserved, and not in this file */
    expect_piece(t, 200002, "<|return|>");
    osso_tokenizer_free(t);

    json = make_o200k_json(builtin, -1, -1, "[{\"id\":24912,\"content\":\"goodbye\"}]", &len);
    assert_int_equal(tokenizer_from_json(json, len, "own", &t, &err), OSSO_UNSUPPORTED);
    assert_non_null(strstr(err.text, "goodbye"));
    mem_free(json);
    osso_tokenizer_free(builtin);
}

/* The same in a GGUF's lists, where every id has a row. */
static void own_rows_on_top(void **state)
{
    (void)state;
    enum { ROWS = 201090 };
    static struct text_slice rows[ROWS];
    static int32_t types[ROWS];
    struct osso_tokenizer *builtin, *t;
    struct osso_error err;
    struct buf text = {0};
    static size_t start[ROWS + 1];
    check_ok(osso_tokenizer_builtin(&builtin, &err), err);
    for (int32_t id = 0; id < ROWS; id++) {
        const char *bytes = "";
        size_t len = 0;
        start[id] = text.len;
        if (id < 199998 && osso_tokenizer_piece(builtin, id, &bytes, &len))
            put_alphabet(&text, bytes, len);
        else if (id == 200013 || id == 201089)
            buf_puts(&text, id == 200013 ? "<|tool|>" : "</tool>");
        else if (id <= 200018 && osso_tokenizer_piece(builtin, id, &bytes, &len))
            buf_add(&text, bytes, len);
        else
            buf_printf(&text, "[PAD%d]", id);
        types[id] = id < 199998 ? 1 : id <= 200018 || id == 201089 ? 3 : 5;
    }
    start[ROWS] = text.len;
    for (int32_t id = 0; id < ROWS; id++)
        rows[id] = (struct text_slice){text.data + start[id], start[id + 1] - start[id]};
    for (int typed = 1; typed >= 0; typed--) { /* without types names tell */
        struct vocab_lists in = {ROWS - !typed, rows, typed ? types : NULL, 0, NULL, SPLIT_O200K, false};
        if (!typed)
            rows[200013] = (struct text_slice){"[PAD200013]", 11};
        check_ok(tokenizer_from_lists(&in, &t, &err), err);
        EXPECT(t, "hello world", 0, 24912, 2375);
        expect_piece(t, 201089, typed ? "</tool>" : NULL);
        if (typed)
            EXPECT(t, "<|tool|>x</tool>", OSSO_ENCODE_SPECIAL, 200013, 87, 201089);
        assert_int_equal(osso_tokenizer_special(t, "<|call|>"), 200012);
        osso_tokenizer_free(t);
    }
    /* A row of ordinary text among them: with merges these count, without any the built-in ones do; no id is lost. */
    rows[200019] = (struct text_slice){"\xc4\xa0kubectl", 9};
    types[200019] = 1;
    struct vocab_lists none = {ROWS, rows, types, 0, NULL, SPLIT_O200K, false};
    check_ok(tokenizer_from_lists(&none, &t, &err), err);
    EXPECT(t, "hello world", 0, 24912, 2375);
    EXPECT(t, "</tool>", OSSO_ENCODE_SPECIAL, 201089);
    expect_piece(t, 200019, " kubectl");
    expect_piece(t, 201089, "</tool>");
    assert_int_equal(osso_tokenizer_special(t, "<|call|>"), 200012);
    osso_tokenizer_free(t);
    rows[200019] = (struct text_slice){"no byte-level text", 18};
    check_ok(tokenizer_from_lists(&none, &t, &err), err);
    EXPECT(t, "hello world", 0, 24912, 2375);
    expect_piece(t, 200019, NULL);
    assert_non_null(strstr(osso_tokenizer_note(t), "row 200019"));
    osso_tokenizer_free(t);
    rows[5] = rows[6]; /* not o200k any more */
    assert_int_equal(tokenizer_from_lists(&none, &t, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "no merges"));
    buf_free(&text);
    osso_tokenizer_free(builtin);
}

/* ---- rows that cannot be used, types that are wrong ----------------------------------------------------- */

static void unusable_rows(void **state)
{
    (void)state;
    static const char *const rows[] = {",\"\":263", ",\"a b\":263", ",\"\xe4\xb8\xad\":263", ",\"\xff\":263"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct osso_tokenizer *t = open_recipe(&(struct recipe){.more_vocab = rows[i]});
        expect_small(t);
        expect_piece(t, 263, NULL);
        assert_non_null(strstr(osso_tokenizer_note(t), "row 263"));
        osso_tokenizer_free(t);
    }
    struct osso_tokenizer *t = open_recipe(
        &(struct recipe){.more_vocab = ",\"<|start|>\":263", .added = "[{\"id\":262,\"content\":\"<|end|>\"}]"});
    assert_int_equal(osso_tokenizer_special(t, "<|start|>"), 263);
    assert_int_equal(osso_tokenizer_special(t, "<|end|>"), 262);
    EXPECT(t, "<|end|>", 0, '<', '|', 'e', 'n', 'd', '|', '>'); /* what a person writes stays text */
    assert_null(osso_tokenizer_note(t));
    osso_tokenizer_free(t);

    struct buf many = {0}; /* another kind of vocabulary altogether */
    for (int i = 0; i < 100; i++)
        buf_printf(&many, ",\"\xe2\x96\x81%d\":%d", i, 263 + i + (i > 0));
    char *json = make_json(&(struct recipe){.more_vocab = many.data});
    struct osso_error err;
    assert_int_equal(tokenizer_from_json(json, strlen(json), "test", &t, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "no byte-level vocabulary"));
    mem_free(json);
    buf_free(&many);
}

static void byte_order_mark(void **state)
{
    (void)state;
    char *json = make_json(&(struct recipe){0});
    struct buf marked = {0};
    struct osso_tokenizer *t;
    struct osso_error err;
    buf_printf(&marked, "\xef\xbb\xbf%s", json);
    check_ok(tokenizer_from_json(marked.data, marked.len, "marked", &t, &err), err);
    expect_small(t);
    osso_tokenizer_free(t);
    buf_free(&marked);
    mem_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_tokens_on_top),
        cmocka_unit_test(own_rows_on_top),
        cmocka_unit_test(unusable_rows),
        cmocka_unit_test(byte_order_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
