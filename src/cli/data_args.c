#include "cli/data_args.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/words.h"

#include <string.h>

static bool is_split(const char *word)
{
    return word_in("none line blank marker heading", ' ', word);
}

enum osso_status data_arg(const char *text, struct osso_corpus_source *source, char **space_out, struct osso_error *err)
{
    char *path = mem_strdup(text), *colon = path ? strrchr(path, ':') : NULL;
    *source = (struct osso_corpus_source){.path = path};
    *space_out = path;
    if (!path)
        return error_nomem(err, strlen(text), "a path");
    if (colon && parse_f64(colon + 1, &source->weight)) {
        *colon = 0;
        char *before = strrchr(path, ':');
        if (before && is_split(before + 1)) {
            colon = before;
        } else { /* a name with a number behind its colon */
            *colon = ':';
            source->weight = 0;
        }
    }
    if (colon && is_split(colon + 1)) {
        *colon = 0;
        source->split = colon + 1;
    }
    return OSSO_OK;
}
