/* verb_man.c: prints a manual page; make install keeps them all. */
#include "cli/man.h"
#include "cli/out.h"
#include "cli/verb_words.h"

int verb_man(const struct options *o)
{
    int used = 0;
    if (o->n_operands == 0) {
        man_program();
        return 0;
    }
    char *words[2] = {(char *)o->operand[0], o->n_operands > 1 ? (char *)o->operand[1] : NULL};
    const struct verb *verb = verb_find(o->n_operands, words, &used);
    if (verb && used == o->n_operands) {
        man_verb(verb);
        return 0;
    }
    if (verb) {
        say("the manual has a page for one verb at a time; '%s' is one more word", o->operand[used]);
        return 2;
    }
    if (verb_is_family(words[0]))
        return verb_unknown_second(words[0], words[1]);
    return verb_unknown(o->n_operands, words);
}
