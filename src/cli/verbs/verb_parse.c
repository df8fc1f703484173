/* verb_parse.c: ids in, harmony messages as JSON out. */
#include "cli/input.h"
#include "cli/model_args.h"
#include "cli/out.h"

#include "base/error.h"
#include "json/jwrite.h"

#include <string.h>

/* What ended a message; a stop that is missing (the next <|start|>, the end of the stream) cut it. */
static const char *ending(const struct osso_tokenizer *tokenizer, int32_t id)
{
    static const char *const stops[][2] = {{"<|call|>", "call"}, {"<|return|>", "return"}, {"<|end|>", "end"}};
    for (size_t i = 0; i < sizeof stops / sizeof *stops && id >= 0; i++)
        if (id == osso_tokenizer_special(tokenizer, stops[i][0]))
            return stops[i][1];
    return "cut";
}

/* Each new message's ending, in the order of the messages. */
static void note_endings(const struct osso_parser *parser, const struct osso_tokenizer *tokenizer, int32_t id,
                         size_t *n_done, struct buf *endings)
{
    for (size_t n = osso_conversation_size(osso_parser_messages(parser)); *n_done < n; ++*n_done)
        buf_add(endings, ending(tokenizer, id), strlen(ending(tokenizer, id)) + 1);
}

/* The messages' JSON with "ended" in each. */
static enum osso_status print_ended(const char *json, const struct buf *endings, struct osso_error *err)
{
    struct jdoc *doc;
    struct buf out = {0};
    enum osso_status status = jdoc_read_harmony(json, strlen(json), "the messages", &doc, err);
    if (status)
        return status;
    const char *word = endings->data;
    buf_puts(&out, "{\"messages\":[");
    for (const struct jval *m = jval_get(jdoc_root(doc), "messages")->first; m; m = m->next) {
        jwrite_value(&out, m, JWRITE_SPELT);
        if (out.failed)
            break;
        out.len--; /* its '}' */
        buf_printf(&out, ",\"ended\":\"%s\"}%s", word, m->next ? "," : "");
        word += strlen(word) + 1;
    }
    buf_puts(&out, "]}\n");
    if (out.failed)
        status = error_nomem(err, out.len, "the messages");
    else
        out_write(out.data, out.len);
    buf_free(&out);
    jdoc_release(doc);
    return status;
}

int verb_parse(const struct options *o)
{
    struct osso_tokenizer *tokenizer = NULL;
    struct osso_parser *parser = NULL;
    struct osso_ids ids = {0};
    struct buf in = {0}, endings = {0};
    size_t n_done = 0;
    struct osso_error err = {0};
    char *json = NULL;
    const char *path = o->v[OPT_file].set ? o->v[OPT_file].s : NULL;
    enum osso_status status = input_read(path, &in, &err);
    if (!status)
        status = input_ids(in.data ? in.data : "", in.len, path && strcmp(path, "-") ? path : "standard input", &ids,
                           &err);
    if (!status)
        status = tokenizer_args(o, &tokenizer, &err);
    if (!status) {
        /* Whole messages say themselves whose they are. */
        bool whole = ids.len > 0 && ids.data[0] == osso_tokenizer_special(tokenizer, "<|start|>");
        const char *role = whole ? NULL : o->v[OPT_role].set ? o->v[OPT_role].s : "assistant";
        status = osso_parser_create(tokenizer, role, o->v[OPT_strict].set ? OSSO_PARSE_STRICT : 0, &parser, &err);
    }
    struct osso_parser_state state = {.size = sizeof state};
    for (size_t i = 0; i < ids.len && !status; i++)
        if (!(status = osso_parser_push(parser, ids.data[i], &state, &err)))
            note_endings(parser, tokenizer, state.end_id, &n_done, &endings);
    if (!status && !(status = osso_parser_finish(parser, NULL, &err)))
        note_endings(parser, tokenizer, -1, &n_done, &endings);
    if (!status && endings.failed)
        status = error_nomem(&err, endings.len, "the messages");
    if (!status)
        status = osso_conversation_to_json(osso_parser_messages(parser), &json, &err);
    if (!status && o->v[OPT_ended].set) {
        status = print_ended(json, &endings, &err);
    } else if (!status) {
        out_puts(json);
        out_puts("\n");
    }
    osso_free(json);
    buf_free(&in);
    buf_free(&endings);
    osso_ids_free(&ids);
    osso_parser_free(parser);
    osso_tokenizer_free(tokenizer);
    return exit_code(status, &err);
}
