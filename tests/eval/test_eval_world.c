/* The table of a world: which families there are, what is counted in each, intervals, the answer given to all. */
#include "eval_test.h"

#include "base/mem.h"
#include "eval/stats.h"
#include "eval/world.h"
#include "json/jget.h"

#include <string.h>

/* Lines as a file has them, and what came of each. */
struct given {
    const char *line, *family, *said;
    bool right, well;
};
#define ASK "{\"messages\":[{\"role\":\"user\",\"content\":\"?\"}],"
static const struct given given[] = {
    {ASK "\"answer\":[\"blue\",\"It is blue\"]}", "facts", "Blue.", true, true},
    {ASK "\"answer\":[\"It is BLUE.\",\"Blue\"]}", "facts", "Red.", false, true},
    {ASK "\"answer\":\"red\"}", "facts", "Red.", true, true},
    {ASK "\"answer\":[\"red\",\"red!\"]}", "facts", "Red.", true, false},         /* the same answer twice is one */
    {ASK "\"answer\":\"blue\",\"case\":\"upper\"}", "facts", "BLUE", true, true}, /* not the same as blue in any case */
    {ASK "\"call\":{\"name\":\"add\",\"arguments\":{\"a\":1}}}", "tools, call",
     "{\"name\":\"functions.add\",\"arguments\":{\"a\":2}}", false, true},
    {ASK "\"call\":{\"name\":\"add\",\"arguments\":{\"a\":1}}}", "tools, call",
     "{\"name\":\"functions.sub\",\"arguments\":{\"a\":1}}", false, true},
    {ASK "\"call\":{\"name\":\"add\",\"arguments\":{\"a\":3}}}", "tools, call", "I add.", false, true},
    {ASK "\"pattern\":\"no\"}", "tools, none fits", "No.", true, false},
    {ASK "\"answer\":\"7\"}", "numbers, two-digit sums, high", "7", true, true},
    {ASK "\"answer\":\"7\"}", "numbers, two-digit sums, low", "8", false, true},
    {ASK "\"answer\":\"7\"}", "factsheet", "7", true, true}, /* no part of facts */
};
enum { N = sizeof given / sizeof *given };

static void make_run(struct run *run)
{
    struct buf text = {0};
    *run = (struct run){.path = mem_strdup("lines"), .items = mem_array(N, sizeof *run->items), .n_items = N};
    for (int i = 0; i < N; i++) {
        size_t len = strlen(given[i].line);
        run->items[i] = (struct item){.doc_id = i, .at = text.len, .len = len};
        run->items[i].right = given[i].right;
        run->items[i].well_formed = given[i].well;
        run->items[i].said = mem_strdup(given[i].said);
        run->items[i].group = data_group(run, given[i].family, strlen(given[i].family));
        buf_add(&text, given[i].line, len);
        buf_putc(&text, '\n');
    }
    run->len = text.len;
    run->text = buf_take(&text);
}

static const struct jval *find_row(const struct jval *root, const char *family, const char *score)
{
    for (const struct jval *r = jval_get(root, "world")->first; r; r = r->next)
        if (jtext_is(jval_get(r, "family")->text, family) && jtext_is(jval_get(r, "score")->text, score))
            return r;
    return NULL;
}

static double figure(const struct jval *row, const char *name)
{
    assert_non_null(row);
    const struct jval *v = jval_get(row, name);
    return v && v->type == J_NUMBER ? jget_real(v) : -1;
}

static void check_rows(const struct jval *root)
{
    static const struct {
        const char *family, *score;
        double value, n, majority; /* -1: none */
    } rows[] = {
        {"facts", "right", 4. / 5, 5, 2. / 5},
        {"tools", "well_formed", 3. / 4, 4, -1},
        {"tools, call", "function", 1. / 3, 3, -1},
        {"tools, call", "right", 0, 3, 2. / 3},
        {"tools, none fits", "right", 1, 1, 1},
        {"numbers, two-digit sums, high", "right", 1, 1, 1},
        {"factsheet", "right", 1, 1, 1},
        {"two-digit sums: high less low", "right", 1, 1, -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct jval *row = find_row(root, rows[i].family, rows[i].score);
        assert_true(fabs(figure(row, "value") - rows[i].value) < 1e-12);
        assert_true(figure(row, "n") == rows[i].n);
        assert_true(fabs(figure(row, "majority") - rows[i].majority) < 1e-12);
        assert_true(figure(row, "low") <= rows[i].value && figure(row, "high") >= rows[i].value);
    }
    assert_true(fabs(figure(find_row(root, "facts", "right"), "goal") - 0.95) < 1e-12);
    assert_true(figure(find_row(root, "factsheet", "right"), "goal") == -1);
    assert_null(find_row(root, "stories", "right"));
}

static void families_are_counted(void **state)
{
    (void)state;
    struct run run;
    struct buf out = {0};
    struct jdoc *doc = NULL;
    struct osso_error err = {""};
    bool stories = false, facts = false;
    make_run(&run);
    buf_puts(&out, "{\"a\":0");
    check_ok(world_write(&run, &out, &err), err);
    buf_putc(&out, '}');
    check_ok(jdoc_read(out.data, out.len, "a report", &doc, &err), err);
    check_rows(jdoc_root(doc));
    for (const struct jval *w = jval_get(jdoc_root(doc), "world_without")->first; w; w = w->next) {
        stories = stories || jtext_is(w->text, "stories");
        facts = facts || jtext_is(w->text, "facts");
    }
    assert_true(stories && !facts);
    jdoc_release(doc);
    buf_free(&out);
    struct eval gone = {.runs = &run, .n_runs = 1};
    data_free(&gone);
}

/* Wilson's interval by hand (R: prop.test(hits, n, correct = FALSE)). */
static void shares_have_intervals(void **state)
{
    (void)state;
    static const struct {
        int64_t hits, n;
        double low, high;
    } cases[] = {
        {190, 200, 0.910424, 0.972622}, {200, 200, 0.981155, 1}, {0, 10, 0, 0.277533}, {5, 10, 0.236593, 0.763407}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double low, high;
        stats_share(cases[i].hits, cases[i].n, &low, &high);
        if (fabs(low - cases[i].low) > 1e-5 || fabs(high - cases[i].high) > 1e-5)
            fail_msg("%d of %d: %.6f to %.6f", (int)cases[i].hits, (int)cases[i].n, low, high);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_are_counted),
        cmocka_unit_test(shares_have_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
