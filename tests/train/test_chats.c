/* What is learned of conversations, against what tools/oracle/oracle_data.py states independently over openai-harmony's
 * rendering for training. Made by: oracle_data.py -n 40 --seed 7 --golden tests/golden/train/chats.jsonl */
#include "file_test.h"

#include "json/jget.h"
#include "train/data.h"

static void same_numbers(const struct jval *want, const int32_t *ids, const float *weights, int64_t n, int line)
{
    int64_t i = 0;
    assert_int_equal(want->n_children, n);
    for (const struct jval *v = want->first; v; v = v->next, i++) {
        double got = ids ? (double)ids[i] : (double)weights[i];
        if (jget_real(v) < got || jget_real(v) > got)
            fail_msg("conversation %d, %s %d: %g, not %g", line, ids ? "id" : "weight", (int)i, got, jget_real(v));
    }
}

static void masks_are_golden(void **state)
{
    (void)state;
    char path[600], *text, *dir = scratch_dir();
    size_t len;
    struct osso_error err = {0};
    struct osso_tokenizer *tokenizer;
    struct train_docs *d;
    struct jdoc *docs[64];
    struct buf lines = {0};
    int n = 0;
    check_ok(osso_tokenizer_builtin(&tokenizer, &err), err);
    check_ok(file_read(test_path(path, sizeof path, "tests/golden/train/chats.jsonl"), 1 << 22, &text, &len, &err),
             err);
    for (char *s = text, *end; n < 64 && (end = strchr(s, '\n')); s = end + 1, n++) {
        check_ok(jdoc_read(s, (size_t)(end - s), "golden", &docs[n], &err), err);
        const struct jval *line = jval_get_type(jdoc_root(docs[n]), "line", J_STRING);
        buf_add(&lines, line->text.s, line->text.len);
        buf_putc(&lines, '\n');
    }
    assert_int_equal(n, 40);
    const char *file = scratch_path(dir, "chats.jsonl");
    put_file(file, lines.data, lines.len);
    check_ok(train_docs_open(&(struct train_docs_options){.val_path = file, .seq_len = 100000, .validation = true},
                             tokenizer, &d, &err),
             err);
    assert_int_equal(train_docs_count(d), n);
    for (int i = 0; i < n; i++) {
        struct doc doc = train_docs_next(d);
        same_numbers(jval_get(jdoc_root(docs[i]), "ids"), doc.ids, NULL, doc.n, i);
        same_numbers(jval_get(jdoc_root(docs[i]), "mask"), NULL, doc.weights, doc.n, i);
        jdoc_release(docs[i]);
    }
    train_docs_free(d);
    osso_tokenizer_free(tokenizer);
    buf_free(&lines);
    mem_free(text);
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(masks_are_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
