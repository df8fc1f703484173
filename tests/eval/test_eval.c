/* Whole evaluations over engines whose logits are known: uniform, in favour of the right answer, of a wrong one, and no
 * numbers at all. */
#include "eval_test.h"

#include "eval/eval_parts.h"
#include "json/jget.h"
#include "osso/eval.h"

static const char *data_folder(void)
{
    static char path[512];
    return test_path(path, sizeof path, "tests/golden/eval/data");
}

/* A run's report, as a tree. */
static struct jdoc *evaluate(struct known *k, const struct osso_tokenizer *t, const char *tasks, const char *data,
                             const char *samples, int sessions, bool *complete)
{
    struct osso_error err = {""};
    char *report = NULL;
    struct jdoc *doc = NULL;
    struct osso_engine *engine = engine_over(k, sessions);
    struct osso_eval_options o = {
        .size = sizeof o, .tasks = tasks, .data = data, .samples = samples, .sessions = sessions, .max_new = 64};
    check_ok(osso_eval_run(engine, t, &o, &report, complete, &err), err);
    check_ok(jdoc_read(report, strlen(report), "report", &doc, &err), err);
    osso_free(report);
    osso_engine_free(engine);
    return doc;
}

static double field(const struct jdoc *report, const char *task, const char *name)
{
    const struct jval *v = jval_get(jval_get(jval_get(jdoc_root(report), "results"), task), name);
    if (!v)
        fail_msg("%s has no %s", task, name);
    return jget_real(v);
}

/* The right text of every item, or that with the choice after the right one. */
static void learn(struct known *k, const struct osso_tokenizer *t, bool right)
{
    struct osso_error err = {""};
    struct eval e = {.o = {.tasks = "all", .data = data_folder()}};
    struct doc doc = {0};
    check_ok(data_load(&e, &err), err);
    for (int r = 0; r < e.n_runs; r++)
        for (int64_t i = 0; i < e.runs[r].n_items && e.runs[r].task->kind != ROLLING; i++) {
            const struct item *item = &e.runs[r].items[i];
            struct buf text = {0};
            check_ok(data_doc(&e.runs[r], item, &doc, &err), err);
            int pick = right ? doc.gold : (doc.gold + 1) % doc.n;
            if (item->group >= 0)
                buf_puts(&text, e.runs[r].groups[item->group].head.data);
            buf_add(&text, doc.space.data + doc.context[pick].at, doc.context[pick].len);
            bool generate = e.runs[r].task->kind == GENERATE;
            if (!generate && e.runs[r].task->kind == CONTINUATION && !right)
                buf_puts(&text, " nothing at all");
            else if (generate)
                buf_add(&text, doc.space.data + doc.answer.at, right ? doc.answer.len : 1);
            else
                buf_add(&text, doc.space.data + doc.continuation[pick].at, doc.continuation[pick].len);
            assert_true(k->n < MOST);
            struct osso_ids *ids = &k->texts[k->n++];
            check_ok(osso_tokenizer_encode(t, text.data, text.len, 0, ids, &err), err);
            if (generate)
                check_ok(osso_ids_push(ids, osso_tokenizer_special(t, "<|return|>"), &err), err);
            buf_free(&text);
        }
    doc_free(&doc);
    data_free(&e);
    mem_free(e.runs);
}

static void forget(struct known *k)
{
    for (int i = 0; i < k->n; i++)
        osso_ids_free(&k->texts[i]);
}

static void who_knows_all_is_right_everywhere(void **state)
{
    (void)state;
    struct osso_tokenizer *t = words();
    for (int right = 0; right < 2; right++) {
        struct known k = {.vocab = osso_tokenizer_size(t)};
        bool complete = false;
        learn(&k, t, right);
        struct jdoc *report = evaluate(&k, t, "all", data_folder(), NULL, 7, &complete);
        assert_true(complete);
        const struct jval *results = jval_get(jdoc_root(report), "results");
        int scores = 0;
        for (const struct jval *task = results->first; task; task = task->next)
            for (const struct jval *f = task->first; f; f = f->next) {
                bool judged = jtext_is(f->key, "acc,none") || jtext_is(f->key, "acc_norm,none") ||
                              jtext_is(f->key, "exact_match,strict-match") ||
                              jtext_is(f->key, "exact_match,flexible-extract");
                if (judged && jget_real(f) != (double)right)
                    fail_msg("%s: %s is %s", task->key.s, f->key.s, f->text.s);
                scores += judged;
            }
        assert_true(scores >= 20);
        jdoc_release(report);
        forget(&k);
    }
    osso_tokenizer_free(t);
}

static char *read_all(const char *path)
{
    struct osso_error err = {""};
    char *text;
    size_t len;
    check_ok(file_read(path, 64 << 20, &text, &len, &err), err);
    return text;
}

static void a_uniform_model_has_the_logarithm_of_its_vocabulary(void **state)
{
    (void)state;
    struct osso_tokenizer *t = words();
    struct known k = {.vocab = osso_tokenizer_size(t), .base = 3.5f};
    struct osso_error err = {""};
    struct osso_ids ids = {0};
    struct doc doc = {0};
    struct pair_rules rules = {t, 0, CONTEXT};
    char license[512];
    bool complete = false;
    struct jdoc *report = evaluate(&k, t, "all", data_folder(), "build/test_eval.jsonl", 5, &complete);
    assert_true(complete);
    /* lambada_openai: each continuation is so many tokens, and all of them are as likely */
    struct eval e = {.o = {.tasks = "lambada_openai", .data = data_folder()}};
    double sum = 0;
    check_ok(data_load(&e, &err), err);
    for (int64_t i = 0; i < e.runs[0].n_items; i++) {
        struct score_request q = {0};
        check_ok(data_doc(&e.runs[0], &e.runs[0].items[i], &doc, &err), err);
        check_ok(pair_encode(&rules, doc.space.data + doc.context[0].at, doc.context[0].len,
                             doc.space.data + doc.continuation[0].at, doc.continuation[0].len, &q, &err),
                 err);
        sum -= (double)(q.ids.len - q.from) * log((double)k.vocab);
        osso_ids_free(&q.ids);
    }
    double expected = exp(-sum / (double)e.runs[0].n_items);
    assert_true(fabs(field(report, "lambada_openai", "perplexity,none") / expected - 1) < 1e-6);
    /* of a whole text each token is as likely as any other */
    assert_true(fabs(field(report, "wikitext", "token_perplexity,none") / (double)k.vocab - 1) < 1e-6);
    struct jdoc *text = evaluate(&k, t, "bpb", test_path(license, sizeof license, "LICENSE"), NULL, 3, &complete);
    double tokens = field(text, "bpb", "tokens"), bytes = field(text, "bpb", "bytes");
    assert_true(field(text, "bpb", "n") == 1 && tokens > 2 * CONTEXT && bytes > 2 * tokens); /* several windows */
    assert_true(fabs(field(text, "bpb", "bits_per_byte,none") / (tokens * log2((double)k.vocab) / bytes) - 1) < 1e-6);
    jdoc_release(text);
    text = evaluate(&k, t, "ppl", license, NULL, 3, &complete);
    assert_true(fabs(field(text, "ppl", "token_perplexity,none") / (double)k.vocab - 1) < 1e-6);
    assert_true(field(text, "ppl", "tokens") == tokens);
    jdoc_release(text);
    /* and it is taken as it is: here a conversation, which begins as a web page does */
    check_ok(save_atomic("build/test_eval.txt", "<|start|>user<|message|>Hello<|end|>", 36, &err), err);
    text = evaluate(&k, t, "bpb", "build/test_eval.txt", NULL, 3, &complete);
    assert_true(field(text, "bpb", "bytes") == 36 && field(text, "bpb", "words") == 1);
    remove("build/test_eval.txt");
    jdoc_release(text);
    /* mmlu: four letters, equally likely: the first, which is right once in four */
    assert_true(field(report, "mmlu", "acc,none") == 0.25);
    char *samples = read_all("build/test_eval.jsonl");
    assert_non_null(strstr(samples, "\"task\":\"mmlu\",\"doc_id\":3"));
    assert_non_null(strstr(samples, "\"pred\":0,\"gold\":3,\"acc\":0"));
    mem_free(samples);
    remove("build/test_eval.jsonl");
    data_free(&e);
    mem_free(e.runs);
    doc_free(&doc);
    osso_ids_free(&ids);
    jdoc_release(report);
    osso_tokenizer_free(t);
}

static void company_changes_nothing(void **state)
{
    (void)state;
    struct osso_tokenizer *t = words();
    struct known k = {.vocab = osso_tokenizer_size(t)};
    bool complete;
    learn(&k, t, true);
    jdoc_release(evaluate(&k, t, "all", data_folder(), "build/test_eval_1.jsonl", 1, &complete));
    jdoc_release(evaluate(&k, t, "all", data_folder(), "build/test_eval_9.jsonl", 9, &complete));
    char *one = read_all("build/test_eval_1.jsonl"), *nine = read_all("build/test_eval_9.jsonl");
    assert_string_equal(one, nine);
    assert_true(strlen(one) > 1000);
    mem_free(one);
    mem_free(nine);
    remove("build/test_eval_1.jsonl");
    remove("build/test_eval_9.jsonl");
    forget(&k);
    osso_tokenizer_free(t);
}

/* "Q: " begins the texts of social_iqa and of no other task. */
static void no_numbers_fail_their_task_alone(void **state)
{
    (void)state;
    struct osso_tokenizer *t = words();
    struct osso_error err = {""};
    struct osso_ids ids = {0};
    check_ok(osso_tokenizer_encode(t, "Q: Anna", 7, 0, &ids, &err), err);
    struct known k = {.vocab = osso_tokenizer_size(t), .nan_after = ids.data[0]};
    bool complete = true;
    struct jdoc *report = evaluate(&k, t, "social_iqa,copa", data_folder(), NULL, 4, &complete);
    assert_false(complete);
    const struct jval *results = jval_get(jdoc_root(report), "results"), *task = jval_get(results, "social_iqa");
    const struct jval *why = jval_get(task, "error");
    assert_non_null(why);
    assert_non_null(strstr(why->text.s, "social_iqa_val.jsonl, line 1"));
    assert_null(jval_get(task, "acc,none"));
    struct known all_alike = {.vocab = k.vocab};
    struct jdoc *alone = evaluate(&all_alike, t, "copa", data_folder(), NULL, 4, &complete);
    assert_true(complete && field(report, "copa", "acc,none") == field(alone, "copa", "acc,none"));
    jdoc_release(alone);
    jdoc_release(report);
    osso_ids_free(&ids);
    osso_tokenizer_free(t);
}

/* What is kept of an earlier run is read as it was written, or refused with the number of its line. */
static void what_was_kept_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *task, *line; /* NULL: as it was written */
        bool good;
    } cases[] = {
        {"gsm8k", NULL, true},
        {"gsm8k", "{\"task\":\"gsm8k\",\"doc_id\":0,\"ll\":[0],\"greedy\":[true]}", false},
        {"gsm8k", "{\"task\":\"gsm8k\",\"doc_id\":-1,\"text\":\"\"}", false},
        {"copa", NULL, true},
        {"copa", "{\"task\":\"copa\",\"doc_id\":0,\"ll\":[null,-1],\"greedy\":[false,false]}", true}, /* -infinite */
        {"copa", "{\"task\":\"copa\",\"doc_id\":0,\"text\":\"#### 1\"}", false},
        {"copa", "{\"task\":\"copa\",\"doc_id\":0,\"ll\":[\"a\",-1],\"greedy\":[false,false]}", false},
        {"copa", "{\"task\":\"copa\",\"doc_id\":0,\"ll\":[-1,-1],\"greedy\":[0,1]}", false},
        {"copa", "{\"task\":\"copa\",\"doc_id\":0,\"ll\":[-1,-1],\"greedy\":[true]}", false},
        {"copa", "{\"task\":\"other\",\"doc_id\":0,\"ll\":[-1,-1],\"greedy\":[true,true]}", false},
    };
    const char *samples = "build/test_eval_kept.jsonl", *partial = "build/test_eval_kept.jsonl.partial";
    struct osso_tokenizer *t = words();
    struct known k = {.vocab = osso_tokenizer_size(t)};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct osso_error err = {""};
        struct osso_engine *engine = engine_over(&k, 4);
        struct osso_eval_options o = {.size = sizeof o,
                                      .tasks = cases[i].task,
                                      .data = data_folder(),
                                      .samples = samples,
                                      .sessions = 4,
                                      .max_new = 4,
                                      .progress = end_at_once};
        char *report = NULL;
        bool complete = false;
        remove(partial); /* of a run that failed */
        assert_int_equal(osso_eval_run(engine, t, &o, &report, &complete, &err), OSSO_CANCELLED);
        char *kept = read_all(partial);
        struct buf text = {0};
        buf_add(&text, kept, (size_t)(strchr(kept, '\n') - kept) + 1);
        buf_puts(&text, cases[i].line ? cases[i].line : strchr(kept, '\n') + 1);
        buf_putc(&text, '\n');
        check_ok(save_atomic(partial, text.data, text.len - !cases[i].line, &err), err);
        o.progress = NULL;
        enum osso_status status = osso_eval_run(engine, t, &o, &report, &complete, &err);
        assert_int_equal(status, cases[i].good ? OSSO_OK : OSSO_FORMAT);
        assert_true(cases[i].good == !strstr(err.text, "line 2: no result of an item"));
        osso_free(report);
        mem_free(kept);
        buf_free(&text);
        remove(samples);
        remove(partial);
        osso_engine_free(engine);
    }
    osso_tokenizer_free(t);
}

/* One text, once. */
static enum osso_status next_text(void *user, struct score_request **out, struct osso_error *err)
{
    struct score_request **left = user;
    (void)err;
    *out = *left;
    *left = NULL;
    return OSSO_OK;
}

static void drop_text(void *user, struct score_request *r)
{
    (void)user;
    r->number++;
}

static void a_text_without_anything_to_score_is_refused(void **state)
{
    (void)state;
    int32_t ids[] = {1, 2, 3};
    struct known k = {.vocab = 64};
    struct osso_error err = {""};
    struct osso_engine *engine = engine_over(&k, 1);
    struct score_request request = {.ids = {.data = ids, .len = 3}, .from = 3}, *left = &request;
    struct score_source source = {.next = next_text, .drop = drop_text, .user = &left};
    assert_int_equal(score_run(engine, 1, &source, &err), OSSO_USAGE);
    assert_non_null(strstr(err.text, "3 tokens has none to score from token 3 on"));
    assert_int_equal(request.number, 1);
    osso_engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_knows_all_is_right_everywhere),
        cmocka_unit_test(a_uniform_model_has_the_logarithm_of_its_vocabulary),
        cmocka_unit_test(company_changes_nothing),
        cmocka_unit_test(no_numbers_fail_their_task_alone),
        cmocka_unit_test(what_was_kept_is_checked),
        cmocka_unit_test(a_text_without_anything_to_score_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
