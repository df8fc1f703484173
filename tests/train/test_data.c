/* The documents of a run: texts cut by their rules, what is held out, the order, weights of sources, and files that
 * cannot be learned from. The masks of conversations are golden: tools/oracle/oracle_data.py. */
#include "file_test.h"

#include "base/sha256.h"
#include "osso/corpus.h"
#include "osso/train.h"
#include "train/data.h"

static struct osso_tokenizer *tokenizer;
static char *dir;

static struct train_docs *open_docs(const struct train_docs_options *o)
{
    struct train_docs *d;
    struct osso_error err = {0};
    check_ok(train_docs_open(o, tokenizer, &d, &err), err);
    return d;
}

static const char *put_text(const char *name, const char *text)
{
    const char *path = scratch_path(dir, name);
    put_file(path, text, strlen(text));
    return path;
}

/* The next document's text; its markers are left out. */
static char *next_text(struct train_docs *d, float *all)
{
    static char text[8192];
    size_t len = 0;
    struct doc doc = train_docs_next(d);
    assert_true(doc.n > 1 && doc.weights[0] == 0);
    *all = 1;
    for (int64_t i = 0; i < doc.n; i++) {
        const char *bytes;
        size_t k;
        *all = i > 0 && doc.weights[i] < *all ? doc.weights[i] : *all;
        if (osso_tokenizer_is_special(tokenizer, doc.ids[i]))
            continue;
        assert_true(osso_tokenizer_piece(tokenizer, doc.ids[i], &bytes, &k) && len + k < sizeof text);
        memcpy(text + len, bytes, k);
        len += k;
    }
    text[len] = 0;
    return text;
}

static void hashes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t first, last;
    } known[] = {{"", 0xe3, 0x55},
                 {"abc", 0xba, 0xad},
                 {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 0x24, 0xc1}};
    uint8_t hash[SHA256_LEN];
    for (int i = 0; i < 3; i++) {
        sha256(known[i].text, strlen(known[i].text), hash);
        assert_int_equal(hash[0], known[i].first);
        assert_int_equal(hash[31], known[i].last);
    }
}

static void texts_are_cut(void **state)
{
    (void)state;
    static const char text[] = " \n = One = \n\n a b \n = = Part = = \n c\r\n\n\nd\ne<|endoftext|>\n = Two = \n f";
    static const struct {
        const char *split;
        const char *docs[12];
    } cases[] = {
        {NULL, {text}},
        {"none", {text}},
        {"line", {" = One = ", " a b ", " = = Part = = ", " c", "d", "e<|endoftext|>", " = Two = ", " f"}},
        {"blank", {" \n = One = ", " a b \n = = Part = = \n c", "d\ne<|endoftext|>\n = Two = \n f"}},
        {"marker", {" \n = One = \n\n a b \n = = Part = = \n c\r\n\n\nd\ne", " = Two = \n f"}},
        {"heading", {" \n = One = \n\n a b \n = = Part = = \n c\r\n\n\nd\ne<|endoftext|>\n", " = Two = \n f"}},
    };
    const char *path = put_text("text", text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* As a val_data: everything, in its own order. */
        float all;
        struct train_docs *d = open_docs(&(struct train_docs_options){
            .val_path = path, .val_split = cases[i].split, .seq_len = 500, .validation = true});
        for (int j = 0; cases[i].docs[j]; j++)
            assert_string_equal(next_text(d, &all), cases[i].docs[j]);
        train_docs_free(d);
        struct train_source source = {.path = path, .split = cases[i].split};
        d = open_docs(&(struct train_docs_options){
            .sources = &source, .n_sources = 1, .val_path = "elsewhere", .seq_len = 500, .seed = 5});
        int64_t n = train_docs_count(d), bytes = 0;
        bool seen[12] = {0};
        for (int64_t k = 0; k < n; k++) {
            const char *got = next_text(d, &all);
            int found = -1;
            for (int j = 0; cases[i].docs[j]; j++)
                if (!seen[j] && strcmp(cases[i].docs[j], got) == 0)
                    found = j;
            if (found < 0)
                fail_msg("%s: '%s'", cases[i].split, got);
            seen[found] = true;
            bytes += (int64_t)strlen(got);
            assert_true(all == 1);
        }
        assert_true(n < 12 && !cases[i].docs[n] && seen[n - 1]);
        assert_int_equal(bytes, train_docs_bytes(d));
        train_docs_free(d);
    }
}

/* A piece begins with the last id of the one before; together they are the text. */
static void long_texts_are_pieces(void **state)
{
    (void)state;
    struct buf text = {0};
    for (int i = 0; i < 200; i++)
        buf_printf(&text, "word%d ", i);
    struct osso_ids want = {0};
    struct osso_error err = {0};
    check_ok(osso_tokenizer_encode(tokenizer, text.data, text.len, 0, &want, &err), err);
    const char *path = put_text("long", text.data);
    struct train_docs *d = open_docs(&(struct train_docs_options){.val_path = path, .seq_len = 32, .validation = true});
    size_t at = 0;
    int32_t before = osso_tokenizer_special(tokenizer, "<|startoftext|>");
    assert_int_equal(train_docs_tokens(d), want.len + 1);
    for (int64_t k = train_docs_count(d); k > 0; k--) {
        struct doc doc = train_docs_next(d);
        assert_true(k == 1 ? doc.n <= 33 : doc.n == 33);
        assert_int_equal(doc.ids[0], before);
        for (int64_t i = 1; i < doc.n; i++, at++)
            assert_int_equal(doc.ids[i],
                             at < want.len ? want.data[at] : osso_tokenizer_special(tokenizer, "<|endoftext|>"));
        before = doc.ids[doc.n - 1];
    }
    assert_int_equal(at, want.len + 1);
    train_docs_free(d);
    osso_ids_free(&want);
    buf_free(&text);
}

static const char *many_lines(const char *name, const char *word, int n)
{
    struct buf text = {0};
    for (int i = 0; i < n; i++)
        buf_printf(&text, "%s %d\n", word, i);
    const char *path = put_text(name, text.data);
    buf_free(&text);
    return path;
}

/* Training and validation share no document and together have all; which is which, the hash says. */
static void held_out(void **state)
{
    (void)state;
    struct train_source source = {.path = many_lines("lines", "line", 1000), .split = "line"};
    struct train_docs_options o = {.sources = &source, .n_sources = 1, .seq_len = 64};
    int64_t counts[2], expected = 0;
    for (int i = 0; i < 1000; i++) {
        char text[32];
        uint8_t hash[SHA256_LEN];
        snprintf(text, sizeof text, "line %d", i);
        sha256(text, strlen(text), hash);
        expected += hash[0] < 13;
    }
    for (int v = 0; v < 2; v++) {
        o.validation = v;
        struct train_docs *d = open_docs(&o);
        counts[v] = train_docs_count(d);
        for (int64_t i = 0; i < counts[v]; i++) {
            float all;
            uint8_t hash[SHA256_LEN];
            const char *text = next_text(d, &all);
            sha256(text, strlen(text), hash);
            assert_int_equal(hash[0] < 13, v);
        }
        train_docs_free(d);
    }
    assert_int_equal(counts[1], expected);
    assert_int_equal(counts[0] + counts[1], 1000);
}

/* Every epoch has every document, in another order; another seed, another order; a seek goes on with the same. */
static void order(void **state)
{
    (void)state;
    enum { N = 40, EPOCHS = 3 };
    struct train_source source = {.path = many_lines("order", "n", N), .split = "line"};
    struct train_docs_options o = {
        .sources = &source, .n_sources = 1, .val_path = "elsewhere", .seq_len = 64, .seed = 1};
    int got[2][EPOCHS * N];
    for (int seed = 0; seed < 2; seed++) {
        o.seed = (uint64_t)seed;
        struct train_docs *d = open_docs(&o);
        for (int i = 0; i < EPOCHS * N; i++) {
            float all;
            assert_int_equal(train_docs_position(d), i);
            assert_int_equal(sscanf(next_text(d, &all), "n %d", &got[seed][i]), 1);
        }
        for (int at = 0; at < EPOCHS * N; at += 7) {
            struct osso_error err = {0};
            float all;
            int n;
            check_ok(train_docs_seek(d, (uint64_t)at, &err), err);
            for (int i = at; i < EPOCHS * N; i++) {
                assert_int_equal(sscanf(next_text(d, &all), "n %d", &n), 1);
                assert_int_equal(n, got[seed][i]);
            }
        }
        train_docs_free(d);
        for (int e = 0; e < EPOCHS; e++) {
            bool seen[N] = {0};
            for (int i = 0; i < N; i++) {
                assert_false(seen[got[seed][e * N + i]]);
                seen[got[seed][e * N + i]] = true;
            }
            assert_true(e == 0 || memcmp(got[seed], got[seed] + e * N, N * sizeof(int)) != 0);
        }
    }
    assert_memory_not_equal(got[0], got[1], sizeof got[0]);
}

static void weights_of_sources(void **state)
{
    (void)state;
    enum { N = 30, EPOCHS = 8 };
    struct train_source sources[] = {{.path = many_lines("a", "a", N), .split = "line"},
                                     {.path = many_lines("b", "b", N), .split = "line", .weight = 2.5},
                                     {.path = many_lines("c", "c", N), .split = "line", .weight = 0.25}};
    struct train_docs *d = open_docs(&(struct train_docs_options){
        .sources = sources, .n_sources = 3, .val_path = "elsewhere", .seq_len = 64, .seed = 9});
    int times[3][N] = {{0}};
    assert_int_equal(train_docs_count(d), 113); /* 112.5 */
    for (int i = 0; i < EPOCHS * N * 15 / 4; i++) {
        float all;
        char source;
        int n;
        assert_int_equal(sscanf(next_text(d, &all), "%c %d", &source, &n), 2);
        times[source - 'a'][n]++;
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(times[0][i], EPOCHS);
        assert_int_equal(times[1][i], EPOCHS * 5 / 2);
        assert_int_equal(times[2][i], EPOCHS / 4);
    }
    train_docs_free(d);
}

#define LINE "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"yes\"%s}]}\n"

static void bad_data(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        size_t len; /* 0: up to the NUL */
        const char *split, *words;
    } cases[] = {
        {"empty", "", 0, NULL, "empty is empty"},
        {"mark", "\xef\xbb\xbf", 0, NULL, "mark is empty"},
        {"blank", " \n\n", 0, NULL, "blank holds no documents"},
        {"zero", "a\nb\0c", 5, NULL, "zero line 2: a zero byte"},
        {"latin", "a\nb\nc\xfc", 0, NULL, "latin line 3: not UTF-8"},
        {"utf16", "a\0b\0c\0d\0", 8, NULL, "UTF-16"},
        {"text", "a", 0, "words", "split 'words' is none of"},
        {"x.jsonl", "{}", 0, "line", "split 'line' is for texts"},
        {"n.jsonl", "\n\n", 0, NULL, "holds no documents"},
        {"j.jsonl", "{\"text\":\"a\"}\n\n{\"text\":", 0, NULL, "j.jsonl line 3: "},
        {"o.jsonl", "[1]\n", 0, NULL, "o.jsonl line 1: it has neither"},
        {"k.jsonl", "{\"prompt\":\"a\"}\n", 0, NULL, "k.jsonl line 1: it has neither"},
        {"u.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", 0, NULL, "u.jsonl line 1: nothing of it"},
        {"r.jsonl", "{\"messages\":[{\"role\":\"bot\",\"content\":\"a\"}]}", 0, NULL,
         "line 1: the conversation: message 0: role"},
        {"i.jsonl", "{\"instruction\":\"a\"}", 0, NULL, "i.jsonl line 1: \"instruction\", \"output\""},
    };
    struct osso_error err = {0};
    struct train_docs *d;
    struct train_source source = {0};
    struct train_docs_options o = {.sources = &source, .n_sources = 1, .val_path = "elsewhere", .seq_len = 64};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        source = (struct train_source){.path = scratch_path(dir, cases[i].name), .split = cases[i].split};
        put_file(source.path, cases[i].text, cases[i].len ? cases[i].len : strlen(cases[i].text));
        enum osso_status status = train_docs_open(&o, tokenizer, &d, &err);
        assert_null(d);
        check_says(status, err, cases[i].words, cases[i].name);
    }
    char line[256];
    snprintf(line, sizeof line, LINE, ",\"weight\":-1");
    source = (struct train_source){.path = put_text("w.jsonl", line)};
    check_says(train_docs_open(&o, tokenizer, &d, &err), err, "w.jsonl line 1: message 1: \"weight\"", "weight");
    snprintf(line, sizeof line, LINE, ",\"weight\":0");
    source = (struct train_source){.path = put_text("v.jsonl", line)};
    check_says(train_docs_open(&o, tokenizer, &d, &err), err, "line 1: nothing of it would be learned", "weight 0");
    source = (struct train_source){.path = scratch_path(dir, "missing")};
    check_says(train_docs_open(&o, tokenizer, &d, &err), err, "missing: No such file", "missing");
    source = (struct train_source){.path = put_text("good", "a b c"), .weight = -2};
    check_says(train_docs_open(&o, tokenizer, &d, &err), err, "a weight of -2", "weight");
    source.weight = 0;
    o.val_path = NULL;
    o.validation = true; /* one document, which is not held out */
    assert_int_equal(train_docs_open(&o, tokenizer, &d, &err), OSSO_NOTFOUND);
    o.n_sources = 0;
    check_says(train_docs_open(&o, tokenizer, &d, &err), err, "there is no data", "none");
}

static void chats_that_are_too_long(void **state)
{
    (void)state;
    char line[256];
    snprintf(line, sizeof line, LINE "{\"text\":\"hi\"}\n", "");
    struct train_source source = {.path = put_text("l.jsonl", line)};
    struct train_docs_options o = {.sources = &source, .n_sources = 1, .val_path = "elsewhere", .seq_len = 200};
    struct train_docs *d = open_docs(&o);
    int64_t longest = 0;
    assert_int_equal(train_docs_left_out(d), 0);
    for (int i = 0; i < 2; i++) {
        struct doc doc = train_docs_next(d);
        longest = doc.n > longest ? doc.n : longest;
    }
    train_docs_free(d);
    for (int less = 1; less <= 2; less++) {
        o.seq_len = longest - less;
        d = open_docs(&o);
        assert_int_equal(train_docs_left_out(d), less == 1 ? 0 : 1);
        assert_int_equal(train_docs_count(d), less == 1 ? 2 : 1);
        train_docs_free(d);
    }
}

/* The n-th allocation fails: an error, and nothing leaks. */
static void chats_with_a_date(void **state)
{
    (void)state;
    char chat[200], line[256];
    float all;
    snprintf(chat, sizeof chat, LINE, "");
    snprintf(line, sizeof line, "{\"date\":\"2031-02-03\",%s", chat + 1);
    struct train_source source = {.path = put_text("date.jsonl", line)};
    struct train_docs_options o = {.sources = &source, .n_sources = 1, .val_path = "elsewhere", .seq_len = 200};
    struct train_docs *d = open_docs(&o);
    assert_non_null(strstr(next_text(d, &all), "\nCurrent date: 2031-02-03\n"));
    train_docs_free(d);
}

static void no_memory(void **state)
{
    (void)state;
    char line[256];
    snprintf(line, sizeof line, LINE, "");
    struct train_source sources[] = {{.path = put_text("m.jsonl", line)}, {.path = put_text("m", "a b c")}};
    struct train_docs_options o = {.sources = sources, .n_sources = 2, .val_path = "elsewhere", .seq_len = 200};
    for (uint64_t n = 1;; n++) {
        struct train_docs *d;
        struct osso_error err = {0};
        mem_fail_at(n);
        enum osso_status status = train_docs_open(&o, tokenizer, &d, &err);
        mem_fail_at(0);
        train_docs_free(d);
        if (!status)
            break;
        assert_int_equal(status, OSSO_NOMEM);
        assert_true(n < 10000);
    }
}

/* The settings of a run likewise; with a val_data nothing is ever held out of data. */
static void no_memory_for_a_run(void **state)
{
    (void)state;
    enum { N = 200 };
    struct osso_train_config *config;
    struct osso_error err = {0};
    char path[600];
    const char *settings[][2] = {{"data", many_lines("run", "line", N)},
                                 {"val_data", put_text("val", "a b c")},
                                 {"tokenizer", test_path(path, sizeof path, "models/osso-small")}};
    check_ok(osso_train_config_create(&config, &err), err);
    for (int i = 0; i < 3; i++) {
        char value[700];
        snprintf(value, sizeof value, "%s%s", settings[i][1], i ? "" : ":line");
        check_ok(osso_train_config_set(config, settings[i][0], value, "here", &err), err);
    }
    for (uint64_t n = 1;; n++) {
        struct osso_corpus_info info = {.size = sizeof info};
        struct osso_corpus *corpus;
        mem_fail_at(n);
        enum osso_status status = osso_corpus_open_run(config, false, &corpus, &err);
        mem_fail_at(0);
        if (!status) {
            osso_corpus_info(corpus, &info);
            assert_int_equal(info.documents, N);
            osso_corpus_free(corpus);
            break;
        }
        assert_true(status == OSSO_NOMEM && n < 10000);
    }
    osso_train_config_free(config);
}

static int setup(void **state)
{
    char path[600];
    (void)state;
    dir = scratch_dir();
    return osso_tokenizer_open(test_path(path, sizeof path, "models/osso-small"), &tokenizer, NULL);
}

static int teardown(void **state)
{
    (void)state;
    osso_tokenizer_free(tokenizer);
    scratch_remove(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes),
        cmocka_unit_test(texts_are_cut),
        cmocka_unit_test(long_texts_are_pieces),
        cmocka_unit_test(held_out),
        cmocka_unit_test(order),
        cmocka_unit_test(weights_of_sources),
        cmocka_unit_test(bad_data),
        cmocka_unit_test(chats_that_are_too_long),
        cmocka_unit_test(chats_with_a_date),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(no_memory_for_a_run),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
