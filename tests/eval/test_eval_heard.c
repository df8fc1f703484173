/* What a model has written: its bytes, NUL too, are in the samples, are graded, and survive a run that was ended. */
#include "eval_test.h"

#include "base/file.h"
#include "base/mem.h"
#include "eval/chat_task.h"
#include "json/jget.h"
#include "osso/eval.h"

#include <string.h>

#define QUESTION "Question: q\nAnswer:"
#define SAID "a\0b #### 7" /* as JSON: */
#define SAID_JSON "\"a\\u0000b #### 7\""

static void nul_ends_no_text(void **state)
{
    (void)state;
    static const struct {
        const char *task, *line, *wanted;
        bool chat;
    } cases[] = {
        {"gsm8k", "{\"question\":\"q\",\"answer\":\"#### 7\"}\n", "\"exact_match\":1", false},
        {"gsm8k", "{\"question\":\"q\",\"answer\":\"#### 7\"}\n", "\"exact_match\":1", true},
        {"chat",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"Question: q\\nAnswer:\"}],\"answer\":" SAID_JSON "}\n",
         "\"pred\":" SAID_JSON ",\"acc\":1,\"well_formed\":1", false},
    };
    const char *data = "build/test_eval_heard.jsonl", *samples = "build/test_eval_heard_samples.jsonl";
    struct osso_tokenizer *t = words();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct known k = {.vocab = osso_tokenizer_size(t), .n = 1};
        struct osso_error err = {""};
        struct osso_ids *ids = &k.texts[0];
        bool raw = strcmp(cases[i].task, "gsm8k") == 0 && !cases[i].chat;
        check_ok(raw ? osso_tokenizer_encode(t, QUESTION, strlen(QUESTION), 0, ids, &err)
                     : chat_wrap(t, QUESTION, strlen(QUESTION), true, ids, &err),
                 err);
        check_ok(osso_tokenizer_encode(t, SAID, sizeof SAID - 1, 0, ids, &err), err);
        check_ok(osso_ids_push(ids, osso_tokenizer_special(t, "<|return|>"), &err), err);
        check_ok(save_atomic(data, cases[i].line, strlen(cases[i].line), &err), err);
        struct osso_eval_options o = {.size = sizeof o,
                                      .tasks = cases[i].task,
                                      .data = data,
                                      .samples = samples,
                                      .sessions = 1,
                                      .max_new = 64,
                                      .chat = cases[i].chat,
                                      .progress = end_at_once};
        struct osso_engine *engine = engine_over(&k, 1);
        char *report = NULL;
        bool complete = false;
        assert_int_equal(osso_eval_run(engine, t, &o, &report, &complete, &err), OSSO_CANCELLED);
        o.progress = NULL;
        check_ok(osso_eval_run(engine, t, &o, &report, &complete, &err), err);
        char *text;
        size_t len;
        check_ok(file_read(samples, 1 << 20, &text, &len, &err), err);
        if (!strstr(text, "b #### 7\"") || !strstr(text, cases[i].wanted) || (raw && !strstr(text, SAID_JSON)))
            fail_msg("%s", text);
        mem_free(text);
        osso_free(report);
        osso_engine_free(engine);
        osso_ids_free(ids);
        remove(samples);
    }
    remove(data);
    osso_tokenizer_free(t);
}

static void rules_look_behind_a_nul(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        bool right;
    } cases[] = {
        {"\"answer\":\"a\\u0000b #### 7\"", true}, {"\"answer\":\"a\"", false},
        {"\"pattern\":\"b #### 7\"", true},        {"\"none_of\":[\"#### 7\"]", false},
        {"\"none_of\":[\"a\\u0000b\"]", false},    {"\"none_of\":[\"ab\"]", true},
    };
    struct osso_tokenizer *t = words();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct osso_error err = {""};
        struct osso_ids ids = {0};
        struct chat_verdict v = {0};
        struct jdoc *tree = NULL;
        struct buf line = {0};
        static const char out[] = "<|channel|>final<|message|>" SAID "<|return|>";
        buf_printf(&line, "{\"messages\":[{}],%s}", cases[i].rule);
        check_ok(jdoc_read(line.data, line.len, "a line", &tree, &err), err);
        check_ok(osso_tokenizer_encode(t, out, sizeof out - 1, OSSO_ENCODE_SPECIAL, &ids, &err), err);
        check_ok(chat_grade(t, jdoc_root(tree), ids.data, ids.len, &v, &err), err);
        if (v.right != cases[i].right)
            fail_msg("%s: right is %d", cases[i].rule, v.right);
        buf_free(&v.said);
        buf_free(&line);
        osso_ids_free(&ids);
        jdoc_release(tree);
    }
    osso_tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nul_ends_no_text),
        cmocka_unit_test(rules_look_behind_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
