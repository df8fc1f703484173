/* inspect_page.c: what --json prints as a page of pictures. The page has the numbers as JSON, in a script element that
 * is no script, and inspect_page.js, which draws them; the files inspect_page.* beside this one are read by the
 * assembler. */
#include "cli/inspect_page.h"

#include "base/error.h"
#include "base/file.h"
#include "cli/out.h"
#include "cli/page.h"

#include <stdio.h>
#include <string.h>

#define PART(kind)                                                                                                     \
    extern const char inspect_page_##kind[] __attribute__((visibility("hidden")));                                     \
    __asm__(".pushsection .rodata, \"a\"\n"                                                                            \
            ".hidden inspect_page_" #kind "\n"                                                                         \
            ".global inspect_page_" #kind "\n"                                                                         \
            "inspect_page_" #kind ":\n"                                                                                \
            ".incbin \"src/cli/inspect_page." #kind "\"\n"                                                             \
            ".byte 0\n"                                                                                                \
            ".popsection\n");
PART(js)
PART(css)

enum {
    PRINT_AT = 1 << 20,
    TREE = 16 /* bytes of memory that a byte of JSON may take as a tree, about */
};

enum osso_status inspect_page_check(const struct options *o, struct osso_error *err)
{
    const char *path = o->v[OPT_inspect_report].set ? o->v[OPT_inspect_report].s : NULL,
               *dot = path ? strrchr(path, '.') : NULL;
    if (path && (!dot || strcmp(dot, ".html") != 0))
        return error_set(err, OSSO_USAGE, "--report %s: the file's name ends in .html (--json prints the numbers)",
                         path);
    return OSSO_OK;
}

static void draw(struct buf *page, const char *name, const struct jval *root, const struct buf *figures)
{
    char heading[64];
    snprintf(heading, sizeof heading, "osso inspect %s", name);
    page_begin(page, heading, heading, inspect_page_css, inspect_page_js);
    buf_puts(page, "<dl>\n");
    page_facts(page, root, "");
    buf_puts(
        page,
        "</dl>\n<noscript><p class=\"why\">The pictures are drawn by a script in this page; without scripts run the same "
        "with --json for the numbers.</p></noscript>\n"
        "<p class=\"keys\">In a picture the arrow keys move from cell to cell, Home and End along a row, Page Up and Page Down "
        "along a column; the line above it says what is there.</p>\n"
        "<div id=\"figures\"></div>\n<script type=\"application/json\" id=\"data\">[");
    buf_puts(page, figures->data ? figures->data : "");
    buf_puts(page, "]</script>\n");
    page_end(page, inspect_page_js);
}

static enum osso_status write_page(const struct options *o, const struct buf *json, figures_fn *figures,
                                   struct osso_error *err)
{
    struct jdoc *doc = NULL;
    struct buf drawn = {0}, page = {0};
    uint64_t most = o->v[OPT_look_bytes].set ? (uint64_t)o->v[OPT_look_bytes].i : (uint64_t)2 << 30;
    if (json->len > most / TREE)
        return error_set(
            err, OSSO_USAGE,
            "--report: %zu bytes of numbers would take about %llu of memory to draw, and at most %llu is taken%s; take fewer layers, "
            "heads or positions",
            json->len, (unsigned long long)json->len * TREE, (unsigned long long)most,
            verb_takes(o->verb, &option_table[OPT_look_bytes]) ? " (--max-bytes)" : "");
    enum osso_status status = jdoc_read(json->data, json->len, "the numbers of a page", &doc, err);
    if (status)
        return status;
    figures(&drawn, jdoc_root(doc));
    draw(&page, o->verb->second, jdoc_root(doc), &drawn);
    if (drawn.failed || page.failed)
        status = error_nomem(err, json->len, "a page");
    else
        status = save_atomic(o->v[OPT_inspect_report].s, page.data, page.len, err);
    buf_free(&drawn);
    buf_free(&page);
    jdoc_release(doc);
    return status;
}

/* ---- printing ------------------------------------------------------------------------------------------------------
 */

static void pass_on(struct inspect_out *out)
{
    const struct option_value *v = out->options->v;
    if (out->text.failed || out->text.len == 0)
        return;
    if (out->json && v[OPT_inspect_report].set)
        buf_add(&out->page, out->text.data, out->text.len);
    if (out->json == v[OPT_json].set)
        out_write(out->text.data, out->text.len);
    buf_clear(&out->text);
}

void inspect_row(struct inspect_out *out)
{
    if (out->text.len >= PRINT_AT)
        pass_on(out);
}

enum osso_status inspect_show(const struct options *o, inspect_fn *json, inspect_fn *table, figures_fn *figures,
                              void *found, struct osso_error *err)
{
    struct inspect_out out = {.options = o, .json = true};
    bool report = o->v[OPT_inspect_report].set;
    if (o->v[OPT_json].set || report) {
        json(&out, found);
        pass_on(&out);
    }
    out.json = false;
    if (!o->v[OPT_json].set) {
        table(&out, found);
        pass_on(&out);
    }
    enum osso_status status = out.text.failed || out.page.failed
                                  ? error_nomem(err, out.text.len + out.page.len, "what is to be printed")
                                  : OSSO_OK;
    if (!status && report)
        status = write_page(o, &out.page, figures, err);
    buf_free(&out.text);
    buf_free(&out.page);
    return status;
}
