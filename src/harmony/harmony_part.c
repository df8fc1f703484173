/* harmony_part.c: the texts of system and developer messages. */
#include "harmony/harmony_part.h"

#include "harmony/harmony_tools.h"

static void add_text(struct buf *out, struct jtext text)
{
    buf_add(out, text.s, text.len);
}

/* Two newlines between sections; nothing before the first (`start` is where this part began). */
static void section(struct buf *out, bool *first)
{
    if (!*first)
        buf_puts(out, "\n\n");
    *first = false;
}

static void add_tools(struct buf *out, const struct jval *part, bool *first)
{
    const struct jval *tools = jval_get_type(part, "tools", J_OBJECT);
    if (!tools || tools->n_children == 0)
        return;
    section(out, first);
    harmony_tools(out, tools);
}

/* Identity, cutoff and date: one section of up to three lines. */
static void add_top(struct buf *out, const struct jval *v, bool *first)
{
    static const char *const lines[3][2] = {{"model_identity", ""},
                                            {"knowledge_cutoff", "Knowledge cutoff: "},
                                            {"conversation_start_date", "Current date: "}};
    bool any = false;
    for (int i = 0; i < 3; i++) {
        const struct jval *line = jval_get_type(v, lines[i][0], J_STRING);
        if (!line)
            continue;
        if (any)
            buf_putc(out, '\n');
        else
            section(out, first);
        buf_puts(out, lines[i][1]);
        add_text(out, line->text);
        any = true;
    }
}

static void add_channels(struct buf *out, const struct jval *v, bool has_functions, bool *first)
{
    const struct jval *config = jval_get_type(v, "channel_config", J_OBJECT);
    const struct jval *channels = jval_get(config, "valid_channels");
    if (!channels || channels->n_children == 0)
        return;
    section(out, first);
    buf_puts(out, "# Valid channels: ");
    for (const struct jval *c = channels->first; c; c = c->next) {
        if (c != channels->first)
            buf_puts(out, ", ");
        add_text(out, c->text);
    }
    buf_putc(out, '.');
    if (jval_get(config, "channel_required")->truth)
        buf_puts(out, " Channel must be included for every message.");
    if (has_functions)
        buf_puts(out, "\nCalls to these tools must go to the commentary channel: 'functions'.");
}

static void system_text(struct buf *out, const struct jval *v, bool has_functions)
{
    bool first = true;
    const struct jval *effort = jval_get_type(v, "reasoning_effort", J_STRING);
    add_top(out, v, &first);
    if (effort) {
        section(out, &first);
        buf_puts(out, "Reasoning: ");
        buf_puts(out, jtext_is(effort->text, "Low") ? "low" : jtext_is(effort->text, "High") ? "high" : "medium");
    }
    add_tools(out, v, &first);
    add_channels(out, v, has_functions, &first);
}

static void developer_text(struct buf *out, const struct jval *v)
{
    bool first = true;
    const struct jval *instructions = jval_get_type(v, "instructions", J_STRING);
    if (instructions) {
        section(out, &first);
        buf_puts(out, "# Instructions\n\n");
        add_text(out, instructions->text);
    }
    add_tools(out, v, &first);
}

void harmony_part_text(struct buf *out, const struct part *part, bool has_functions)
{
    switch (part->kind) {
    case PART_TEXT: add_text(out, part->text); break;
    case PART_SYSTEM: system_text(out, part->value, has_functions); break;
    case PART_DEVELOPER: developer_text(out, part->value); break;
    }
}
