/* jdoc_reader.h: the tree reader's state, for its two files: jdoc_read.c (reading) and jdoc_refuse.c (what is wrong).
 */
#ifndef OSSO_JSON_JDOC_READER_H
#define OSSO_JSON_JDOC_READER_H

#include "json/jdoc.h"

enum problem {
    P_NONE,
    P_NO_MEMORY,
    P_VALUE,
    P_RANGE,
    P_BIG,
    P_KEY,
    P_COLON,
    P_COMMA,
    P_DEEP,
    P_AFTER,
    P_MANY,
    P_REPEATED,
    P_STRINGS, /* from here on: inside a string that begins at `from` */
    P_NO_END = P_STRINGS,
    P_CONTROL,
    P_UTF8,
    P_ESCAPE,
    P_SURROGATE,
    P_NUL_KEY,
    N_PROBLEMS
};

struct reader {
    struct jdoc *doc;
    struct jval *root;
    struct jlex in;
    bool harmony;
    const struct jdoc_limits *limits; /* NULL: the rules' own depth, any number of values */
    enum problem problem;
    size_t from; /* where the piece that is wrong begins; it is known up to in.pos */
    char close;  /* the bracket that ends the innermost open container */
};

/* The sentence for what is wrong; FORMAT. */
enum osso_status jdoc_refuse(const struct reader *r, const char *where, struct osso_error *err);

#endif
