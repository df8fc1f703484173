/* toolset.c: the tools of a request. */
#include "serve/api/toolset.h"

#include "base/mem.h"
#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

enum { MOST_TOOLS = 512, MOST_NAME = 128 };

static bool is_name(struct jtext name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    return name.len > 0 && name.len <= MOST_NAME && strspn(name.s, letters) == name.len;
}

static bool no_memory(struct refusal *r)
{
    return refuse(r, 503, NULL, "not enough memory for the request's tools");
}

static bool same(const char *a, struct jtext b)
{
    return a ? b.s && strlen(a) == b.len && memcmp(a, b.s, b.len) == 0 : !b.s;
}

const struct tool *toolset_named(const struct toolset *set, struct jtext name, struct jtext space)
{
    for (size_t i = 0; i < set->n; i++)
        if (same(set->tools[i].name, name) && (!space.s || same(set->tools[i].space, space)))
            return set->tools + i;
    return NULL;
}

const char *toolset_plain(const char *recipient)
{
    return strncmp(recipient, "functions.", 10) == 0 ? recipient + 10 : recipient;
}

const struct tool *toolset_called(const struct toolset *set, const char *recipient)
{
    const char *name = toolset_plain(recipient);
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->tools[i].shown, name) == 0)
            return set->tools + i;
    return NULL;
}

void toolset_input(struct buf *out, const char *arguments, size_t len)
{
    struct jdoc *doc = NULL;
    struct osso_error ignored;
    const struct jval *input = jdoc_read_harmony(arguments, len, "arguments", &doc, &ignored)
                                   ? NULL
                                   : jval_get_type(jdoc_root(doc), "input", J_STRING);
    if (input)
        buf_add(out, input->text.s, input->text.len);
    else
        buf_add(out, arguments, len);
    jdoc_release(doc);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static void put_member(struct buf *out, const char *key, const struct jval *value)
{
    buf_printf(out, ",\"%s\":", key);
    if (value)
        jwrite_value(out, value, JWRITE_SPELT);
    else
        buf_puts(out, "null");
}

/* What the model reads; and what a response says that it was given. */
static void put_tool(struct toolset *set, const struct tool *tool, const struct jval *f)
{
    static const char one_text[] =
        "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}";
    const struct jval *description = jval_get_type(f, "description", J_STRING);
    const struct jval *parameters = jval_given(f, "parameters");
    buf_puts(&set->shown, set->shown.len ? "," : "[");
    buf_puts(&set->shown, "{\"type\":\"function\",\"function\":{\"name\":");
    jwrite_string(&set->shown, tool->shown, strlen(tool->shown));
    if (description)
        put_member(&set->shown, "description", description);
    if (tool->custom)
        buf_printf(&set->shown, ",\"parameters\":%s", one_text);
    else if (parameters)
        put_member(&set->shown, "parameters", parameters);
    buf_puts(&set->shown, "}}");
    buf_printf(&set->given, "%s{\"type\":\"function\",\"name\":", set->given.len ? "," : "");
    jwrite_string(&set->given, tool->name, strlen(tool->name));
    put_member(&set->given, "description", description);
    if (tool->custom)
        buf_printf(&set->given, ",\"parameters\":%s", one_text);
    else
        put_member(&set->given, "parameters", parameters && parameters->type == J_OBJECT ? parameters : NULL);
    put_member(&set->given, "strict", jval_get_type(f, "strict", J_BOOL));
    buf_putc(&set->given, '}');
}

static bool is_shown(const struct toolset *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->tools[i].shown, name) == 0)
            return true;
    return false;
}

/* One function or custom tool. Two of one name can only be told apart by their namespaces. */
static bool add(struct toolset *set, const struct jval *f, const struct jval *space, bool custom, const char *at,
                struct refusal *r)
{
    const struct jval *name = jval_get_type(f, "name", J_STRING), *parameters = jval_given(f, "parameters");
    char shown[2 * MOST_NAME + 2];
    if (!name || !is_name(name->text))
        return refuse(r, 400, at, "a tool's \"name\" must be 1 to %d of A-Z, a-z, 0-9, '_', '.' and '-'", MOST_NAME);
    if (parameters && parameters->type != J_OBJECT)
        return refuse(r, 400, at, "a function's \"parameters\" must be a JSON schema, an object");
    if (set->n == MOST_TOOLS)
        return refuse(r, 400, "tools", "more than %d tools", MOST_TOOLS);
    snprintf(shown, sizeof shown, "%s", name->text.s);
    if (is_shown(set, shown) && space)
        snprintf(shown, sizeof shown, "%s_%s", space->text.s, name->text.s);
    if (is_shown(set, shown))
        return refuse(r, 400, at, "two tools are called \"%s\"", shown);
    struct tool *tool = set->tools + set->n;
    *tool = (struct tool){
        .shown = mem_strdup(shown), .name = mem_strdup(name->text.s), .custom = custom, .is_allowed = true};
    tool->space = space ? mem_strdup(space->text.s) : NULL;
    set->n++;
    if (!tool->shown || !tool->name || (space && !tool->space))
        return no_memory(r);
    put_tool(set, tool, f);
    return true;
}

/* Is the name one of the list "a, b, c"? */
static bool is_listed(const struct buf *list, const char *name)
{
    for (const char *at = list->data; at && (at = strstr(at, name)); at++) {
        const char *end = at + strlen(name);
        if ((at == list->data || at[-1] == ' ') && (!*end || *end == ','))
            return true;
    }
    return false;
}

/* It goes into a header and a log, so it is visible ASCII there, whatever it is. */
static void skip(struct toolset *set, struct jtext type)
{
    char name[40];
    size_t n = 0;
    for (; n < type.len && n + 1 < sizeof name; n++)
        name[n] = type.s[n] > ' ' && type.s[n] < 127 && type.s[n] != ',' ? type.s[n] : '?';
    if (!n)
        name[n++] = '?';
    name[n] = 0;
    if (set->skipped.len < 400 && !is_listed(&set->skipped, name))
        buf_printf(&set->skipped, "%s%s", set->skipped.len ? ", " : "", name);
}

/* A function or a custom tool, alone or of a namespace; any other kind is skipped. */
static bool add_one(struct toolset *set, const struct jval *v, const struct jval *space, const char *at,
                    struct refusal *r)
{
    const struct jval *type = jval_given(v, "type"), *function = jval_get_type(v, "function", J_OBJECT),
                      *custom = jval_get_type(v, "custom", J_OBJECT);
    if (type && type->type != J_STRING)
        return refuse(r, 400, at, "a tool's \"type\" must be text");
    if (!type || jtext_is(type->text, "function"))
        return add(set, function ? function : v, space, false, at, r);
    if (jtext_is(type->text, "custom"))
        return add(set, custom ? custom : v, space, true, at, r);
    skip(set, type->text);
    return true;
}

static bool add_space(struct toolset *set, const struct jval *v, const char *at, struct refusal *r)
{
    const struct jval *name = jval_get_type(v, "name", J_STRING), *tools = jval_get_type(v, "tools", J_ARRAY);
    if (!name || !is_name(name->text) || !tools)
        return refuse(r, 400, at, "a namespace of tools needs a \"name\" and a list \"tools\"");
    for (const struct jval *f = tools->first; f; f = f->next)
        if (!add_one(set, f, name, at, r))
            return false;
    return true;
}

static bool add_any(struct toolset *set, const struct jval *v, const char *at, struct refusal *r)
{
    const struct jval *type = jval_get_type(v, "type", J_STRING);
    if (v->type != J_OBJECT)
        return refuse(r, 400, at, "a tool must be an object");
    return type && jtext_is(type->text, "namespace") ? add_space(set, v, at, r) : add_one(set, v, NULL, at, r);
}

/* ---- the choice ----------------------------------------------------------------------------------------- */

static bool allow(struct toolset *set, const struct jval *v, struct refusal *r)
{
    static const char *const wrap[] = {"function", "custom"};
    const struct jval *name = jval_get_type(v, "name", J_STRING), *space = jval_get_type(v, "namespace", J_STRING);
    for (size_t i = 0; i < 2 && !name; i++)
        name = jval_get_type(jval_given(v, wrap[i]), "name", J_STRING);
    const struct tool *found = name ? toolset_named(set, name->text, space ? space->text : (struct jtext){0}) : NULL;
    if (!found)
        return refuse(r, 400, "tool_choice", "\"tool_choice\" names %s%s, which is none of the request's tools",
                      name ? "the tool " : "no tool", name ? name->text.s : "");
    set->tools[found - set->tools].is_allowed = true;
    return true;
}

static bool choose_mode(struct toolset *set, struct jtext mode, struct refusal *r)
{
    if (jtext_is(mode, "none"))
        set->choice = TOOLS_NONE;
    else if (jtext_is(mode, "required"))
        set->choice = TOOLS_REQUIRED;
    else if (!jtext_is(mode, "auto"))
        return refuse(r, 400, "tool_choice", "\"tool_choice\" is \"%s\"; it must be auto, none, required or a tool",
                      mode.s);
    if (set->choice == TOOLS_REQUIRED && set->n == 0)
        return refuse(r, 400, "tool_choice", "\"tool_choice\" requires a call, but the request has no tools");
    return true;
}

static bool choose(struct toolset *set, const struct jval *v, struct refusal *r)
{
    if (v->type == J_STRING)
        return choose_mode(set, v->text, r);
    const struct jval *type = jval_get_type(v, "type", J_STRING), *inner = jval_given(v, "allowed_tools");
    if (!type || !jtext_is(type->text, "allowed_tools")) {
        for (size_t i = 0; i < set->n; i++)
            set->tools[i].is_allowed = false;
        set->choice = TOOLS_REQUIRED;
        set->is_one = true;
        return allow(set, v, r);
    }
    const struct jval *from = inner ? inner : v;
    const struct jval *mode = jval_get_type(from, "mode", J_STRING), *tools = jval_get_type(from, "tools", J_ARRAY);
    if (!tools || !tools->first)
        return refuse(r, 400, "tool_choice", "\"allowed_tools\" needs a list of tools");
    for (size_t i = 0; i < set->n; i++)
        set->tools[i].is_allowed = false;
    for (const struct jval *tool = tools->first; tool; tool = tool->next)
        if (!allow(set, tool, r))
            return false;
    return !mode || choose_mode(set, mode->text, r);
}

bool toolset_read(const struct jval *root, unsigned api, struct toolset *set, struct refusal *r)
{
    const struct jval *list = field_given(root, api, "tools"), *choice = field_given(root, api, "tool_choice");
    size_t i = 0;
    list = list ? list : field_given(root, api, "functions");
    choice = choice ? choice : field_given(root, api, "function_call");
    set->tools = mem_array(MOST_TOOLS, sizeof *set->tools);
    if (!set->tools)
        return no_memory(r);
    for (const struct jval *v = list ? list->first : NULL; v; v = v->next, i++) {
        char at[32];
        snprintf(at, sizeof at, "%s[%zu]", list->key.s, i);
        if (!add_any(set, v, at, r))
            return false;
    }
    if (set->shown.len)
        buf_putc(&set->shown, ']');
    if (set->shown.failed || set->given.failed)
        return no_memory(r);
    return !choice || choose(set, choice, r);
}

void toolset_free(struct toolset *set)
{
    for (size_t i = 0; i < set->n; i++) {
        mem_free(set->tools[i].shown);
        mem_free(set->tools[i].name);
        mem_free(set->tools[i].space);
    }
    mem_free(set->tools);
    buf_free(&set->shown);
    buf_free(&set->given);
    buf_free(&set->skipped);
    *set = (struct toolset){0};
}
