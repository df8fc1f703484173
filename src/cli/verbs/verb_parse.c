/* verb_parse.c: ids in, harmony messages as JSON out. */
#include "cli/input.h"
#include "cli/model_args.h"
#include "cli/out.h"

#include <string.h>

int verb_parse(const struct options *o)
{
    struct osso_tokenizer *tokenizer = NULL;
    struct osso_parser *parser = NULL;
    struct osso_ids ids = {0};
    struct buf in = {0};
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
        status = osso_parser_push(parser, ids.data[i], &state, &err);
    if (!status)
        status = osso_parser_finish(parser, NULL, &err);
    if (!status)
        status = osso_conversation_to_json(osso_parser_messages(parser), &json, &err);
    if (!status) {
        out_puts(json);
        out_puts("\n");
    }
    osso_free(json);
    buf_free(&in);
    osso_ids_free(&ids);
    osso_parser_free(parser);
    osso_tokenizer_free(tokenizer);
    return exit_code(status, &err);
}
