/* foreign.h: flags of other programs, by the table foreign.def. */
#ifndef OSSO_CLI_FOREIGN_H
#define OSSO_CLI_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

enum foreign_kind { FOREIGN_SAME, FOREIGN_IDLE, FOREIGN_ABSENT };
enum foreign_value { NEVER, ALWAYS, MAYBE };

struct foreign {
    enum foreign_kind kind;
    const char *words;
    enum foreign_value value; /* IDLE */
    const char *text;         /* osso's name, the note, or why not */
};

/* The row of a flag as typed ("-ngl", "--jinja", "--num-ctx=4096"), or NULL. */
const struct foreign *foreign_find(const char *flag);
/* Has the verb that is asked the option `name`? owner: the word that stands before it ("chat's --x": "chat"; else ""),
 * in whose stead it is asked if it is a verb. What is nobody's option is no matter of osso's. */
typedef bool foreign_has_fn(const void *user, const char *owner, const char *name);
/* Why a flag is not here, and of what there is instead as much as there is for this verb. "" if nothing is left. */
const char *foreign_why(const struct foreign *foreign, foreign_has_fn *has, const void *user, char *space, size_t size);
/* Is this word the value of a flag that is taken without effect? */
bool foreign_takes(const struct foreign *foreign, const char *word);

#endif
