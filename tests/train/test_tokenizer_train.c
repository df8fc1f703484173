/* Learning a tokenizer: the tokens and ids of Hugging Face's tokenizers (tools/oracle/oracle_tokenizer.py --golden
 * tests/golden/token/trained.json), for any number of threads. */
#include "file_test.h"

#include "json/jget.h"
#include "osso/corpus.h"
#include "token/bpe_train.h"
#include "token/tokenizer.h"

static void has_tokens(const struct osso_tokenizer *t, const struct jval *want)
{
    uint32_t id = 256;
    for (const struct jval *v = want->first; v; v = v->next, id++) {
        /* GPT-2's alphabet, the part that such texts use: printable bytes are themselves, others compare by their id */
        const char *bytes;
        size_t len;
        assert_true(osso_tokenizer_piece(t, (int32_t)id, &bytes, &len));
        bool plain = true;
        for (size_t i = 0; i < v->text.len; i++)
            plain = plain && v->text.s[i] > 0x20 && v->text.s[i] < 0x7f;
        if (plain && (len != v->text.len || memcmp(bytes, v->text.s, len) != 0))
            fail_msg("token %u is '%.*s', not '%s'", id, (int)len, bytes, v->text.s);
    }
}

static void same_ids(const struct osso_tokenizer *t, const struct jval *text, const struct jval *want)
{
    struct osso_ids ids = {0};
    struct osso_error err = {0};
    size_t i = 0;
    check_ok(osso_tokenizer_encode(t, text->text.s, text->text.len, 0, &ids, &err), err);
    assert_int_equal(ids.len, want->n_children);
    for (const struct jval *v = want->first; v; v = v->next, i++)
        assert_int_equal(ids.data[i], (int)jget_real(v));
    osso_ids_free(&ids);
}

static void as_hugging_face(void **state)
{
    (void)state;
    char path[600], *dir = scratch_dir();
    struct osso_error err = {0};
    struct jdoc *golden;
    check_ok(jdoc_read_file(test_path(path, sizeof path, "tests/golden/token/trained.json"), 1 << 22, &golden, &err),
             err);
    const struct jval *root = jdoc_root(golden), *text = jval_get_type(root, "text", J_STRING);
    const struct jval *strings = jval_get(root, "strings");
    const char *file = scratch_path(dir, "text"), *out = scratch_path(dir, "out");
    put_file(file, text->text.s, text->text.len);
    int cases = 0;
    for (const struct jval *c = jval_get(root, "cases")->first; c; c = c->next, cases++) {
        const char *split = jval_get(c, "split")->text.s;
        const struct jval *ids = jval_get(c, "ids")->first;
        struct osso_tokenizer *t;
        struct osso_tokenizer_train_options o = {.size = sizeof o,
                                                 .vocab_size = strcmp(split, "o200k") == 0 ? 721 : 701,
                                                 .split = split,
                                                 .threads = cases + 1};
        check_ok(osso_tokenizer_train(&file, 1, &o, out, NULL, &err), err);
        check_ok(osso_tokenizer_open(out, &t, &err), err);
        assert_int_equal(osso_tokenizer_size(t), o.vocab_size);
        assert_int_equal(osso_tokenizer_special(t, "<|endoftext|>"), cases ? 700 : 701);
        has_tokens(t, jval_get(c, "tokens"));
        for (const struct jval *s = strings->first; s; s = s->next, ids = ids->next)
            same_ids(t, s, ids);
        osso_tokenizer_free(t);
    }
    assert_int_equal(cases, 2);
    jdoc_release(golden);
    scratch_remove(dir);
}

/* Texts of more than one chunk give the counts of one thread, whatever the team; of more than 64, too. */
static void threads_change_nothing(void **state)
{
    (void)state;
    struct buf text = {0};
    uint64_t seed = 5;
    for (int i = 0; text.len < 3 << 20; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned x = (unsigned)(seed >> 40);
        buf_printf(&text, x % 7 ? "%c%c%c " : "%c%c\n%c 12345 ", 'a' + (int)(x % 5), 'a' + (int)(x / 8 % 26),
                   'a' + (int)(x / 256 % 3));
    }
    struct bpe_text texts[] = {{(const uint8_t *)text.data, text.len}, {(const uint8_t *)"x y", 3}};
    struct bpe_tokens want = {0}, got;
    struct osso_error err = {0};
    static const int threads[] = {1, 2, 3, 70};
    for (int k = 0; k < 4; k++) {
        struct team *team;
        struct bpe_words words;
        check_ok(team_create(threads[k], &team, &err), err);
        check_ok(bpe_count(texts, 2, SPLIT_O200K, 1, team, &words, &err), err);
        check_ok(bpe_train(&words, 400, &got, &err), err);
        assert_int_equal(got.n, 400);
        if (k > 0)
            assert_true(got.n_bytes == want.n_bytes && memcmp(got.bytes, want.bytes, got.n_bytes) == 0);
        for (uint32_t id = 256; id < got.n; id++) /* no merge inside a number */
            for (uint32_t i = got.start[id]; i < got.start[id + 1]; i++)
                assert_false(got.bytes[i] >= '0' && got.bytes[i] <= '9');
        bpe_tokens_free(&want);
        want = got;
        bpe_words_free(&words);
        team_free(team);
    }
    bpe_tokens_free(&want);
    buf_free(&text);
}

/* Of pairs that occur equally often the lowest ids; runs overlap; a text that is used up gives fewer tokens. */
static void small_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *tokens[6];
    } cases[] = {
        {"zb ab", {"ab", "zb", " ab"}}, /* ab before zb: both occur once; then the blank */
        {"aaaaa", {"aa", "aaa", "aaaaa"}},
        {"abab", {"ab", "abab"}},
    };
    struct osso_error err = {0};
    struct team *team;
    check_ok(team_create(1, &team, &err), err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bpe_text text = {(const uint8_t *)cases[i].text, strlen(cases[i].text)};
        struct bpe_words words;
        struct bpe_tokens got;
        check_ok(bpe_count(&text, 1, SPLIT_GPT2, 0, team, &words, &err), err);
        check_ok(bpe_train(&words, 1000, &got, &err), err);
        for (uint32_t k = 0; cases[i].tokens[k]; k++) {
            uint32_t id = 256 + k, len = id < got.n ? got.start[id + 1] - got.start[id] : 0;
            if (len != strlen(cases[i].tokens[k]) || memcmp(got.bytes + got.start[id], cases[i].tokens[k], len) != 0)
                fail_msg("'%s': token %u is '%.*s', not '%s'", cases[i].text, id, (int)len,
                         (const char *)got.bytes + got.start[id], cases[i].tokens[k]);
            assert_true(cases[i].tokens[k + 1] || got.n == id + 1);
        }
        bpe_tokens_free(&got);
        bpe_words_free(&words);
    }
    team_free(team);
}

static void no_memory(void **state)
{
    (void)state;
    char *dir = scratch_dir();
    const char *file = scratch_path(dir, "text.jsonl"), *out = scratch_path(dir, "out");
    const char text[] = "{\"a\":[\"some words and some more words\"]}\n";
    struct osso_tokenizer_train_options o = {.size = sizeof o, .vocab_size = 285, .threads = 1};
    put_file(file, text, sizeof text - 1);
    for (uint64_t n = 1;; n++) {
        struct osso_error err = {0};
        mem_fail_at(n);
        enum osso_status status = osso_tokenizer_train(&file, 1, &o, out, NULL, &err);
        mem_fail_at(0);
        if (!status)
            break;
        assert_true(status == OSSO_NOMEM && n < 20000);
    }
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_hugging_face),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(small_texts),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
