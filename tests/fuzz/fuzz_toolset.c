/* libFuzzer: any JSON as the object that holds a request's tools and their choice. What is taken is told as JSON, by
 * names of which no two are equal, and each tool is found again by the name that the model calls. */
#include "base/must.h"
#include "json/jdoc.h"
#include "serve/api/fields.h"
#include "serve/api/toolset.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_json(const char *before, const struct buf *text, const char *after)
{
    struct buf whole = {0};
    struct jdoc *doc = NULL;
    struct osso_error err;
    buf_puts(&whole, before);
    buf_add(&whole, text->data ? text->data : "", text->len);
    buf_puts(&whole, after);
    must(!whole.failed && jdoc_read_harmony(whole.data, whole.len, "fuzz", &doc, &err) == OSSO_OK);
    must(jdoc_root(doc)->type == J_ARRAY);
    jdoc_release(doc);
    buf_free(&whole);
}

static void expect_tools(const struct toolset *set)
{
    size_t allowed = 0;
    for (size_t i = 0; i < set->n; i++) {
        const struct tool *tool = set->tools + i;
        char recipient[512];
        snprintf(recipient, sizeof recipient, "functions.%s", tool->shown);
        must(toolset_called(set, recipient) == tool && toolset_called(set, tool->shown) != NULL);
        must(toolset_named(set, (struct jtext){tool->name, strlen(tool->name)}, (struct jtext){0}) != NULL);
        must(strlen(tool->name) >= 1 && strlen(tool->name) <= 128);
        allowed += tool->is_allowed;
    }
    must(set->choice != TOOLS_REQUIRED || allowed > 0);
    must(!set->is_one || allowed == 1);
    for (size_t i = 0; i < set->skipped.len; i++)
        must(set->skipped.data[i] >= ' ' && set->skipped.data[i] < 127);
    if (set->shown.len)
        expect_json("", &set->shown, "");
    expect_json("[", &set->given, "]");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jdoc *doc = NULL;
    struct toolset set = {0};
    struct refusal r = {0};
    struct buf input = {0};
    toolset_input(&input, (const char *)data, size);
    must(!input.failed);
    buf_free(&input);
    if (!jdoc_read_harmony((const char *)data, size, "fuzz", &doc, &r.err) &&
        fields_check(jdoc_root(doc), API_CHAT, &r)) {
        r = (struct refusal){0};
        if (toolset_read(jdoc_root(doc), API_CHAT, &set, &r))
            expect_tools(&set);
        else
            must(r.status == 400 && r.err.text[0] && r.param[0]);
        toolset_free(&set);
    }
    jdoc_release(doc);
    return 0;
}
