/* hook_table.c: hooks.def expanded. */
#include "inspect/hooks.h"

#define AXES2(a, b)                                                                                                    \
    {                                                                                                                  \
        a, b, NO_AXIS                                                                                                  \
    }
#define AXES3(a, b, c)                                                                                                 \
    {                                                                                                                  \
        a, b, c                                                                                                        \
    }
#define WRITES true
#define READS false
static const struct hook_row table[] = {
#define HOOK(name, tap, form, axes, access, what) {name, what, OSSO_TAP_##tap, HOOK_##form, axes, access},
#define MODULE(name, tap, axes, access, what) {name, what, OSSO_TAP_##tap, HOOK_ROW, axes, access},
#include "inspect/hooks.def"
};
#undef WRITES
#undef READS

static const struct {
    const char *word, *name;
} words[] = {
#define WORD(word, name) {word, name},
#include "inspect/hooks.def"
};

const struct hook_row *hook_row(int i)
{
    return i >= 0 && (size_t)i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const char *hook_word(int i, const char **name_out)
{
    if (i < 0 || (size_t)i >= sizeof words / sizeof *words)
        return NULL;
    *name_out = words[i].name;
    return words[i].word;
}
