/* Vocabularies from outside: tokenizer.json and lists, good and bad. */
#include "fault_test.h"

#include "base/buf.h"
#include "base/file.h"
#include "json/jwrite.h"
#include "osso/text.h"
#include "token/split.h"
#include "token/vocab_build.h"
#include "token/vocab_json.h"
#include "base/utf8.h"

#include <unistd.h>

/* ---- writing a small tokenizer.json --------------------------------------------------------------------- */

/* The character of GPT-2's byte alphabet for a byte, as the definition words it: printable bytes are themselves, the
 * others follow from U+0100 in ascending order. */
static uint32_t alphabet_char(int byte)
{
    uint32_t next = 0x100;
    for (int b = 0; b < 256; b++) {
        int printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        if (b == byte)
            return printable ? (uint32_t)b : next;
        next += !printable;
    }
    return 0;
}

static void put_alphabet(struct buf *b, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t c[4];
        unsigned len = utf8_put(c, alphabet_char(((const uint8_t *)bytes)[i]));
        buf_add(b, c, len);
    }
}

static void put_alphabet_json(struct buf *b, const void *bytes, size_t n)
{
    struct buf text = {0};
    put_alphabet(&text, bytes, n);
    jwrite_string(b, text.data, text.len);
    buf_free(&text);
}

#define O200K_SPLIT                                                                                                    \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":%s},"                        \
    "\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}"
#define GPT2_SPLIT "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"

/* What of the file a test wants otherwise; NULL: the good default. */
struct recipe {
    const char *added, *normalizer, *pre, *more_vocab, *merges, *model_extra, *tail;
    int skip_byte; /* leave this byte's token out (0: none) */
};

/* Bytes 0..255 are ids 0..255, then he=256 ll=257 hell=258 "hello"=259 " w"=260 o200k's "\n\n"=261. */
static char *make_json(const struct recipe *r)
{
    struct buf b = {0};
    buf_printf(&b, "{\"version\":\"1.0\",\"truncation\":null,\"added_tokens\":%s,\"normalizer\":%s,\"pre_tokenizer\":",
               r->added ? r->added
                        : "[{\"id\":262,\"content\":\"<|end|>\",\"special\":true},"
                          "{\"id\":264,\"content\":\"[user]\",\"special\":false}]",
               r->normalizer ? r->normalizer : "null");
    if (r->pre) {
        buf_puts(&b, r->pre);
    } else {
        struct buf pattern = {0};
        jwrite_string(&pattern, split_o200k_pattern, strlen(split_o200k_pattern));
        buf_printf(&b, O200K_SPLIT, pattern.data);
        buf_free(&pattern);
    }
    buf_printf(&b, ",\"post_processor\":{\"a\":[1,{\"b\":[]},\"}\\\"\"]},\"model\":{\"type\":\"BPE\",%s\"vocab\":{",
               r->model_extra ? r->model_extra : "");
    for (int i = 0; i < 256; i++) {
        if (r->skip_byte && i == r->skip_byte)
            continue;
        put_alphabet_json(&b, &(uint8_t){(uint8_t)i}, 1);
        buf_printf(&b, " : %d ,\n", i);
    }
    buf_puts(&b, "\"he\":256,\"ll\":257,\"hell\":258,\"hello\":259,\"\\u0120w\":260,\"\xc4\x8a\xc4\x8a\":261");
    buf_puts(&b, r->more_vocab ? r->more_vocab : "");
    buf_printf(&b, "},\"merges\":%s}}%s",
               r->merges ? r->merges
                         : "[[\"h\",\"e\"],[\"l\",\"l\"],[\"he\",\"ll\"],[\"hell\",\"o\"],[\"\\u0120\",\"w\"],"
                           "[\"\xc4\x8a\",\"\xc4\x8a\"]]",
               r->tail ? r->tail : "\n");
    return buf_take(&b);
}

static struct osso_tokenizer *open_recipe(const struct recipe *r)
{
    struct osso_tokenizer *t = NULL;
    struct osso_error err;
    char *json = make_json(r);
    check_ok(tokenizer_from_json(json, strlen(json), "test", &t, &err), err);
    mem_free(json);
    return t;
}

static void expect_ids(const struct osso_tokenizer *t, const char *text, unsigned flags, const int32_t *expected,
                       size_t n)
{
    struct osso_ids ids = {0};
    struct osso_error err;
    check_ok(osso_tokenizer_encode(t, text, strlen(text), flags, &ids, &err), err);
    if (ids.len != n || memcmp(ids.data, expected, n * sizeof *expected) != 0) {
        print_error("%s:", text);
        for (size_t i = 0; i < ids.len; i++)
            print_error(" %d", ids.data[i]);
        fail_msg(" is not what was expected");
    }
    osso_ids_free(&ids);
}
#define EXPECT(t, text, flags, ...)                                                                                    \
    expect_ids(t, text, flags, (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

/* ---- good files ----------------------------------------------------------------------------------------- */

static void expect_small(const struct osso_tokenizer *t)
{
    EXPECT(t, "hello", 0, 259);
    EXPECT(t, "hell wo", 0, 258, 260, 'o');
    EXPECT(t, "help", 0, 256, 'l', 'p');
    EXPECT(t, "\n\n\n", 0, 261, 10);
    EXPECT(t, "é", 0, 0xc3, 0xa9);
    EXPECT(t, "a<|end|>", OSSO_ENCODE_SPECIAL, 'a', 262);
    EXPECT(t, "<|end|>", 0, '<', '|', 'e', 'n', 'd', '|', '>');
    EXPECT(t, "a[user]hello", 0, 'a', 264, 259);
    assert_int_equal(osso_tokenizer_size(t), 265);
    assert_int_equal(osso_tokenizer_special(t, "<|end|>"), 262);
    assert_int_equal(osso_tokenizer_special(t, "[user]"), -1);
    assert_false(osso_tokenizer_is_o200k(t));
    const char *bytes;
    size_t len;
    assert_false(osso_tokenizer_piece(t, 263, &bytes, &len)); /* a hole */
    assert_true(osso_tokenizer_piece(t, 260, &bytes, &len));
    assert_int_equal(len, 2);
    assert_memory_equal(bytes, " w", 2);
}

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
        {{.more_vocab = ",\"\":263"}, OSSO_FORMAT, "0 bytes"},
        {{.more_vocab = ",\"a b\":263"}, OSSO_FORMAT, "byte alphabet"},
        {{.more_vocab = ",\"\xe4\xb8\xad\":263"}, OSSO_FORMAT, "byte alphabet"},
        {{.more_vocab = ",\"\xff\":263"}, OSSO_FORMAT, "byte alphabet"},
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

/* The o200k vocabulary as a tokenizer.json; `change` is an id that gets other bytes, `twice` one that stands in the
 * place of the next lower one too (-1: none). */
static char *make_o200k_json(const struct osso_tokenizer *builtin, int32_t change, int32_t twice, const char *added,
                             size_t *len_out)
{
    struct buf b = {0}, pattern = {0};
    jwrite_string(&pattern, split_o200k_pattern, strlen(split_o200k_pattern));
    buf_printf(&b, "{\"added_tokens\":%s,\"normalizer\":null,\"pre_tokenizer\":", added);
    buf_printf(&b, O200K_SPLIT, pattern.data);
    buf_puts(&b, ",\"model\":{\"type\":\"BPE\",\"vocab\":{");
    for (int32_t i = 199997; i >= 0; i--) { /* the order does not matter */
        int32_t id = i == twice - 1 ? twice : i;
        const char *bytes;
        size_t len;
        osso_tokenizer_piece(builtin, id, &bytes, &len);
        if (id == change)
            put_alphabet_json(&b, "\x01\x02\x03\x04", 4);
        else
            put_alphabet_json(&b, bytes, len);
        buf_printf(&b, ":%d%s", id, i ? "," : "");
    }
    buf_puts(&b, "},\"merges\":[]}}");
    buf_free(&pattern);
    *len_out = b.len;
    return buf_take(&b);
}

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

    json = make_o200k_json(builtin, -1, -1, "[{\"id\":200006,\"content\":\"<|begin|>\"}]", &len);
    assert_int_equal(tokenizer_from_json(json, len, "o200k", &t, &err), OSSO_UNSUPPORTED);
    assert_non_null(strstr(err.text, "<|begin|>"));
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

    l.types[7] = 6;
    assert_int_equal(tokenizer_from_lists(&in, &t, &err), OSSO_UNSUPPORTED);
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
