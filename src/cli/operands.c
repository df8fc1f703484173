/* operands.c: what the words without a dash mean, and flags that would do nothing (vain.def). */
#include "cli/operands.h"

#include "base/error.h"
#include "base/file.h"

#include "osso/engine.h"

#include <stdio.h>
#include <string.h>

/* One word beside chat is a model, also one that is not there: a mistyped name must not become a message to another
 * model. A sentence is no name, unless there is such a file. */
static bool is_sentence(const char *word)
{
    return word[strcspn(word, " \t\n\r")] != 0 && !file_exists(word);
}

/* The last operand is the text. */
static enum osso_status take_text(struct options *o, struct osso_error *err)
{
    struct option_value *prompt = &o->v[OPT_prompt], *file = &o->v[OPT_file];
    const char *text = o->operand[--o->n_operands];
    if (prompt->set)
        return error_set(err, OSSO_USAGE, "the text is given twice, as '%s' and with -p; give one of them", text);
    if (file->set && o->verb != &verbs[VERB_chat]) /* a chat puts them together */
        return error_set(err, OSSO_USAGE, "the text is given twice, as '%s' and with -f; give one of them", text);
    *prompt = (struct option_value){.set = true, .typed = true, .s = text};
    return OSSO_OK;
}

enum osso_status operands_place(struct options *o, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (o->n_operands == 0)
        return OSSO_OK;
    bool chat = o->verb == &verbs[VERB_chat];
    bool names = o->verb == &verbs[VERB_inspect_capture]; /* its operands are hooks */
    if (!names && verb_takes(o->verb, &option_table[OPT_prompt]) &&
        (!chat || o->n_operands > 1 || is_sentence(o->operand[0])))
        status = take_text(o, err);
    if (status || o->n_operands == 0 || !(chat || o->verb == &verbs[VERB_info] || o->verb == &verbs[VERB_serve]))
        return status;
    if (o->v[OPT_model].typed)
        return error_set(err, OSSO_USAGE, "two models are given: '%s' and, with -m, '%s'; give one%s", o->operand[0],
                         o->v[OPT_model].s, chat ? " (a text goes with -p)" : "");
    o->v[OPT_model] = (struct option_value){.set = true, .typed = true, .s = o->operand[--o->n_operands]};
    return OSSO_OK;
}

static const struct vain {
    enum verb_id verb;
    enum option_id flag, other;
    bool against;
} vain[] = {
#define NEEDS(verb, flag, other) {VERB_##verb, OPT_##flag, OPT_##other, false},
#define AGAINST(verb, flag, other) {VERB_##verb, OPT_##flag, OPT_##other, true},
#include "cli/vain.def"
};

/* --isa, whatever the verb does with it later: what this machine cannot run is a slip of the command line. */
enum osso_status isa_is_known(const struct options *o, struct osso_error *err)
{
    const struct option_value *isa = &o->v[OPT_isa];
    char list[256] = "";
    for (int i = 0; osso_isa_name(i); i++) {
        if (!isa->set || strcmp(isa->s, osso_isa_name(i)) == 0)
            return OSSO_OK;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? "|" : "", osso_isa_name(i));
    }
    return error_set(err, OSSO_USAGE, "--isa: '%s' is none of %s, which are what this CPU can run", isa->s, list);
}

enum osso_status flags_in_vain(const struct options *o, struct osso_error *err)
{
    for (size_t i = 0; i < sizeof vain / sizeof *vain; i++)
        if (o->verb == &verbs[vain[i].verb] && o->v[vain[i].flag].typed && o->v[vain[i].other].set == vain[i].against) {
            const char *flag = option_table[vain[i].flag].name, *other = option_table[vain[i].other].name;
            if (vain[i].against)
                return error_set(err, OSSO_USAGE, "a %s has no effect beside --%s; give one of them", flag, other);
            return error_set(err, OSSO_USAGE, "--%s has no effect without --%s; add it, or leave --%s out", flag, other,
                             flag);
        }
    return OSSO_OK;
}
