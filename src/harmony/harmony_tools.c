/* harmony_tools.c: the tools section of a prompt, and the two built-in namespaces. The texts are those the models were
 * trained with, byte for byte. */
#include "harmony/harmony_tools.h"

#include "base/mem.h"
#include "harmony/harmony_schema.h"

#include <stdlib.h>
#include <string.h>

/* ---- the built-in namespaces ---------------------------------------------------------------------------- */

static const char browser_json[] =
    "{\"name\":\"browser\",\"description\":\"Tool for browsing.\\nThe `cursor` appears in brackets before each "
    "browsing display: `[{cursor}]`.\\nCite information from the tool using the following "
    "format:\\n`【{cursor}†L{line_start}(-L{line_end})?】`, for example: `【6†L9-L11】` or "
    "`【8†L3】`.\\nDo not quote more than 10 words directly from the tool output.\\nsources=web (default: web)\","
    "\"tools\":[{\"name\":\"search\",\"description\":\"Searches for information related to `query` and displays "
    "`topn` results.\",\"parameters\":{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\"},"
    "\"topn\":{\"type\":\"number\",\"default\":10},\"source\":{\"type\":\"string\"}},\"required\":[\"query\"]}},"
    "{\"name\":\"open\",\"description\":\"Opens the link `id` from the page indicated by `cursor` starting at line "
    "number `loc`, showing `num_lines` lines.\\nValid link ids are displayed with the formatting: "
    "`【{id}†.*】`.\\nIf `cursor` is not provided, the most recent page is implied.\\nIf `id` is a string, it is "
    "treated as a fully qualified URL associated with `source`.\\nIf `loc` is not provided, the viewport will be "
    "positioned at the beginning of the document or centered on the most relevant passage, if available.\\nUse this "
    "function without `id` to scroll to a new location of an opened page.\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{\"id\":{\"type\":[\"number\",\"string\"],\"default\":-1},\"cursor\":{\"type\":\"number\","
    "\"default\":-1},\"loc\":{\"type\":\"number\",\"default\":-1},\"num_lines\":{\"type\":\"number\",\"default\":-1},"
    "\"view_source\":{\"type\":\"boolean\",\"default\":false},\"source\":{\"type\":\"string\"}}}},{\"name\":\"find\","
    "\"description\":\"Finds exact matches of `pattern` in the current page, or the page given by `cursor`.\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"pattern\":{\"type\":\"string\"},"
    "\"cursor\":{\"type\":\"number\",\"default\":-1}},\"required\":[\"pattern\"]}}]}";

static const char python_text[] =
    "Use this tool to execute Python code in your chain of thought. The code will not be shown to the user. This "
    "tool should be used for internal reasoning, but not for code that is intended to be visible to the user (e.g. "
    "when creating plots, tables, or files).\n\nWhen you send a message containing Python code to python, it will be "
    "executed in a stateful Jupyter notebook environment. python will respond with the output of the execution or "
    "time out after 120.0 seconds. The drive at '/mnt/data' can be used to save and persist user files. Internet "
    "access for this session is UNKNOWN. Depends on the cluster.";

struct jval *harmony_browser(struct jdoc *doc)
{
    return jdoc_graft(doc, browser_json, strlen(browser_json));
}

struct jval *harmony_python(struct jdoc *doc)
{
    struct jval *space = jdoc_new(doc, J_OBJECT);
    bool ok = jdoc_put(space, "name", jdoc_string(doc, "python", 6)) &&
              jdoc_put(space, "description", jdoc_string(doc, python_text, strlen(python_text))) &&
              jdoc_put(space, "tools", jdoc_new(doc, J_ARRAY));
    return ok ? space : NULL;
}

/* ---- the section ---------------------------------------------------------------------------------------- */

/* Each line of the text, with the prefix before and LF after it. CR is part of the line end only before LF, and an
 * empty last line is none. */
static void add_lines(struct buf *out, struct jtext text, const char *prefix)
{
    const char *s = text.s, *end = text.s + text.len;
    while (s < end) {
        const char *lf = memchr(s, '\n', (size_t)(end - s));
        size_t len = (size_t)((lf ? lf : end) - s);
        buf_puts(out, prefix);
        buf_add(out, s, lf && len > 0 && s[len - 1] == '\r' ? len - 1 : len);
        buf_putc(out, '\n');
        s = lf ? lf + 1 : end;
    }
}

static void add_text(struct buf *out, struct jtext text)
{
    buf_add(out, text.s, text.len);
}

static void add_function(struct buf *out, const struct jval *tool)
{
    const struct jval *parameters = jval_get(tool, "parameters");
    add_lines(out, jval_get(tool, "description")->text, "// ");
    buf_puts(out, "type ");
    add_text(out, jval_get(tool, "name")->text);
    if (parameters && parameters->type != J_NULL) {
        buf_puts(out, " = (_: ");
        harmony_schema(out, parameters);
        buf_puts(out, ") => any;\n\n");
    } else {
        buf_puts(out, " = () => any;\n\n");
    }
}

static void add_namespace(struct buf *out, const struct jval *space)
{
    struct jtext name = jval_get(space, "name")->text;
    const struct jval *description = jval_get_type(space, "description", J_STRING);
    const struct jval *tools = jval_get(space, "tools");
    bool has_functions = tools->n_children > 0;
    buf_puts(out, "\n\n## ");
    add_text(out, name);
    buf_puts(out, "\n\n");
    if (description)
        add_lines(out, description->text, has_functions ? "// " : "");
    if (has_functions) {
        buf_puts(out, "namespace ");
        add_text(out, name);
        buf_puts(out, " {\n\n");
        for (const struct jval *tool = tools->first; tool; tool = tool->next)
            add_function(out, tool);
        buf_puts(out, "} // namespace ");
        add_text(out, name);
        buf_putc(out, '\n');
    }
    /* The lines of a block are joined, not ended, by LF. */
    if (!out->failed)
        out->data[--out->len] = 0;
}

static int by_key(const void *pa, const void *pb)
{
    const struct jval *const *a = pa, *const *b = pb;
    return jtext_compare((*a)->key, (*b)->key);
}

void harmony_tools(struct buf *out, const struct jval *tools)
{
    const struct jval **sorted = mem_array(tools->n_children, sizeof *sorted);
    size_t n = 0;
    if (!sorted) {
        out->failed = true;
        return;
    }
    for (const struct jval *space = tools->first; space; space = space->next)
        sorted[n++] = space;
    qsort(sorted, n, sizeof *sorted, by_key);
    buf_puts(out, "# Tools");
    for (size_t i = 0; i < n; i++)
        add_namespace(out, sorted[i]);
    mem_free(sorted);
}
