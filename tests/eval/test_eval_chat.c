/* Answers of a chat model, graded as their labels say (tools/golden/golden_chat_cases.py wrote both by hand). */
#include "eval_test.h"

#include "base/file.h"
#include "base/mem.h"
#include "eval/chat_task.h"
#include "json/jget.h"

#include <string.h>

static void grade_one(const struct osso_tokenizer *t, const struct jval *one, int number, int *wrong)
{
    struct osso_error err = {""};
    struct osso_ids ids = {0};
    struct chat_verdict v = {0};
    int64_t right, well;
    struct jtext out = jval_get_type(one, "out", J_STRING)->text;
    check_ok(osso_tokenizer_encode(t, out.s, out.len, OSSO_ENCODE_SPECIAL, &ids, &err), err);
    check_ok(chat_grade(t, jval_get(one, "line"), ids.data, ids.len, &v, &err), err);
    assert_true(jget_integer(jval_get(one, "right"), &right) && jget_integer(jval_get(one, "well"), &well));
    if (v.right != right || v.well_formed != well) {
        print_error("case %d (%s): right %d, well-formed %d; the label says %d, %d: %s\n", number,
                    jval_get(one, "kind")->text.s, v.right, v.well_formed, (int)right, (int)well, out.s);
        ++*wrong;
    }
    buf_free(&v.said);
    osso_ids_free(&ids);
}

static void answers_are_graded_as_labelled(void **state)
{
    (void)state;
    struct osso_tokenizer *t = words();
    struct osso_error err = {""};
    char path[512], *text = NULL;
    size_t len = 0;
    int n = 0, wrong = 0;
    check_ok(file_read(test_path(path, sizeof path, "tests/golden/eval/chat_cases.jsonl"), 1 << 20, &text, &len, &err),
             err);
    for (const char *s = text; *s; n++) {
        struct jdoc *tree = NULL;
        size_t line = strcspn(s, "\n");
        check_ok(jdoc_read(s, line, "a case", &tree, &err), err);
        grade_one(t, jdoc_root(tree), n + 1, &wrong);
        jdoc_release(tree);
        s += line + (s[line] == '\n');
    }
    assert_true(n >= 400);
    assert_int_equal(wrong, 0);
    mem_free(text);
    osso_tokenizer_free(t);
}

/* Lines that cannot be graded are refused before anything is asked. */
static void lines_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *line, *word; /* NULL: fine */
    } cases[] = {
        {"{\"messages\":[{}],\"answer\":\"a\"}", NULL},
        {"{\"messages\":[{}],\"answer\":[\"a\",\"b\"],\"effort\":\"high\",\"family\":\"f\",\"tools\":[]}", NULL},
        {"{\"answer\":\"a\"}", "'messages'"},
        {"{\"messages\":[],\"answer\":\"a\"}", "'messages'"},
        {"{\"messages\":[{}]}", "nothing says what is right"},
        {"{\"messages\":[{}],\"answer\":\"a\",\"pattern\":\"a\",\"all_of\":[\"a\"],\"none_of\":[\"b\"],\"no_repeats\":2}",
         NULL},
        {"{\"messages\":[{}],\"call\":{\"name\":\"f\",\"arguments\":{}},\"none_of\":[\"b\"]}", "stands alone"},
        {"{\"messages\":[{}],\"answer\":\"a\",\"all_of\":[]}", "'all_of'"},
        {"{\"messages\":[{}],\"all_of\":\"a\"}", "'all_of'"},
        {"{\"messages\":[{}],\"all_of\":[\"a\",\"(b\"]}", "regular expression"},
        {"{\"messages\":[{}],\"case\":\"title\"}", "'case'"},
        {"{\"messages\":[{}],\"case\":true}", "'case'"},
        {"{\"messages\":[{}],\"no_repeats\":1}", "'no_repeats'"},
        {"{\"messages\":[{}],\"no_repeats\":2.5}", "'no_repeats'"},
        {"{\"messages\":[{}],\"no_repeats\":\"6\"}", "'no_repeats'"},
        {"{\"messages\":[{}],\"answer\":[]}", "'answer'"},
        {"{\"messages\":[{}],\"answer\":3}", "'answer'"},
        {"{\"messages\":[{}],\"none_of\":\"a\"}", "'none_of'"},
        {"{\"messages\":[{}],\"none_of\":[\"a\",1]}", "'none_of'"},
        {"{\"messages\":[{}],\"pattern\":\"(a\"}", "regular expression"},
        {"{\"messages\":[{}],\"pattern\":\"\"}", "'pattern'"},
        {"{\"messages\":[{}],\"call\":{\"name\":\"f\"}}", "'call'"},
        {"{\"messages\":[{}],\"call\":{\"name\":\"f\",\"arguments\":[]}}", "'call'"},
        {"{\"messages\":[{}],\"answer\":\"a\",\"effort\":\"most\"}", "'effort'"},
        {"{\"messages\":[{}],\"answer\":\"a\",\"family\":\"\"}", "'family'"},
        {"{\"messages\":[{}],\"answer\":\"a\",\"date\":20260115}", "'date'"},
        {"{\"messages\":[{}],\"answer\":\"a\",\"tools\":{}}", "'tools'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct osso_error err = {""};
        struct jdoc *tree = NULL;
        check_ok(jdoc_read(cases[i].line, strlen(cases[i].line), "line 1", &tree, &err), err);
        enum osso_status status = chat_check(jdoc_root(tree), "line 1", &err);
        assert_int_equal(status, cases[i].word ? OSSO_FORMAT : OSSO_OK);
        if (cases[i].word && (!strstr(err.text, cases[i].word) || strncmp(err.text, "line 1", 6) != 0))
            fail_msg("%s: %s", cases[i].line, err.text);
        jdoc_release(tree);
    }
}

/* A pattern that can be looked for at once, and one that is an attack. */
static void patterns_are_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *word;
    } cases[] = {
        {"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}", NULL},
        {"\\\\{9999}(a{,3}b{2,}){20}|(())+", NULL},
        {"[^]{9999}(+[:alpha:]{9999}]+[\\\\]+\\\\(+", NULL},
        {"([a-z]+, )+[a-z]+ and [a-z]+ or [a-z]+ or [a-z]+ or [a-z]+ or [a-z]+", NULL},
        {"a{1999}", NULL},
        {"a{2001}", "repeats written out"},
        {"((((a{99}){99}){99}){99}){99}", "repeats written out"},
        {"((((((((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+", "repeats written out"},
        {"a+++++++++++++++++++++++++++++", "repeats written out"},
        {"(a?b?){1,1000}c", "repeats written out"},
        {"(a{99}[)]){99}", "repeats written out"},
        {"(a{99}[[:alpha:])]){99}", "repeats written out"},
        {"(a{99}[\\\\])){99}", NULL}, /* the set ends, and the group: the second ) is a character */
        {"(a{99}[\\\\]){99}", "repeats written out"},
        {"(.*)*\\\\1x", "refers back"},
        {"a{99999999999999999999}", "repeats written out"},
        {"a{3", "regular expression"},
        {"[a", "regular expression"},
        {"[[:alpha:", "regular expression"},
        {"a\\\\", "regular expression"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct osso_error err = {""};
        struct jdoc *tree = NULL;
        char line[300];
        int n = snprintf(line, sizeof line, "{\"all_of\":[\"a\",\"%s\"]}", cases[i].pattern);
        check_ok(jdoc_read(line, (size_t)n, "line 1", &tree, &err), err);
        enum osso_status status = chat_rules_check(jdoc_root(tree), "line 1", &err);
        if (status != (cases[i].word ? OSSO_FORMAT : OSSO_OK) || (cases[i].word && !strstr(err.text, cases[i].word)))
            fail_msg("%s: %s", cases[i].pattern, err.text);
        jdoc_release(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_graded_as_labelled),
        cmocka_unit_test(lines_are_checked),
        cmocka_unit_test(patterns_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
