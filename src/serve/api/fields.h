/* fields.h: the fields of a request by their table. */
#ifndef OSSO_SERVE_FIELDS_H
#define OSSO_SERVE_FIELDS_H

#include "json/jdoc.h"
#include "serve/api/refusal.h"

enum { API_CHAT = 1, API_RESPONSES = 2, API_COMPLETIONS = 4 };

enum field_type {
    FIELD_BOOL,
    FIELD_INT,
    FIELD_REAL,
    FIELD_TEXT,
    FIELD_LIST,
    FIELD_OBJECT,
    FIELD_TEXT_OR_LIST,
    FIELD_TEXT_OR_LIST_OF_ITEMS,
    FIELD_TEXT_OR_OBJECT,
    FIELD_PROMPT
};

struct field {
    const char *name;
    unsigned apis;
    enum field_type type;
    double least, most;
    const char *text;
};
/* Field i of the list, NULL past the last. */
const struct field *field_at(size_t i);
/* "an integer from 1 to 16" */
void field_says(const struct field *field, char *text, size_t size);

/* Has every known field of the request its type, within its limits? What is no object is refused, too. */
bool fields_check(const struct jval *root, unsigned api, struct refusal *r);

/* Of a request that was checked: the field, or NULL; its value, or `absent`. What the table does not list for this API
 * is absent, whatever a client says: nobody has looked at it. */
const struct jval *field_given(const struct jval *root, unsigned api, const char *name);
int64_t field_int(const struct jval *root, unsigned api, const char *name, int64_t absent);
double field_real(const struct jval *root, unsigned api, const char *name, double absent);
bool field_bool(const struct jval *root, unsigned api, const char *name, bool absent);

#endif
