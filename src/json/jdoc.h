/* jdoc.h: a JSON text as a tree. Nodes live in one arena; the tree is immutable once it is read and shared by
 * reference counting (by one thread). Strings may hold NUL, objects keep their order, numbers their spelling.
 *
 * There are two sets of rules. osso's own files (jdoc_read) must be clear: a repeated key, a NUL in a key, an integer
 * beyond 64 bits are refused. What is rendered into a prompt (jdoc_read_harmony) is read as openai-harmony reads it.
 * The prompt prints the numbers and the order of a tool's schema, so integers above int64, the reference's own reading
 * of decimals, and repeated keys (in a schema the last value wins, at the place of the first) survive. */
#ifndef OSSO_JSON_JDOC_H
#define OSSO_JSON_JDOC_H

#include "base/buf.h"
#include "json/jlex.h"
#include "osso/status.h"

enum jtype { J_NULL, J_BOOL, J_NUMBER, J_STRING, J_ARRAY, J_OBJECT };

/* Texts of a tree are NUL-terminated. */
struct jval {
    enum jtype type;
    bool truth;        /* J_BOOL */
    bool repeated;     /* this key was there more than once */
    struct jtext text; /* J_STRING: the bytes; J_NUMBER: as it is printed (harmony's way if it was read by its rules) */
    struct jtext spelt;               /* J_NUMBER: as it was in the text */
    struct jtext key;                 /* in an object */
    struct jval *first, *last, *next; /* children of arrays and objects; the next sibling */
    struct jval *earlier; /* the value this key had before: no part of the object, but it must be well-formed */
    size_t n_children;
};

struct jdoc;

enum { JDOC_DEPTH = 128, HARMONY_DEPTH = 127 }; /* everything below that walks a tree may recurse this deep */

/* `where` names the text in the error sentence (a path, "standard input"); *doc_out is the caller's (jdoc_release). */
enum osso_status jdoc_read(const char *text, size_t len, const char *where, struct jdoc **doc_out,
                           struct osso_error *err);
enum osso_status jdoc_read_file(const char *path, uint64_t limit, struct jdoc **doc_out, struct osso_error *err);
enum osso_status jdoc_read_harmony(const char *text, size_t len, const char *where, struct jdoc **doc_out,
                                   struct osso_error *err);
/* By harmony's rules, for texts of strangers: nested at most `depth` deep (at most HARMONY_DEPTH) with at most `values`
 * values, lists and objects included; what is refused is refused before more than that was made of it. A tree takes up
 * to 112 bytes a value beside the text's own length. Errors say at which byte of the text. */
struct jdoc_limits {
    size_t depth, values;
};
enum osso_status jdoc_read_limited(const char *text, size_t len, const char *where, const struct jdoc_limits *limits,
                                   struct jdoc **doc_out, struct osso_error *err);
/* Reads one more text into the arena of `doc`; NULL when memory runs out (the text is one of osso's own). */
struct jval *jdoc_graft(struct jdoc *doc, const char *text, size_t len);
/* An empty document, to be filled with jdoc_new and jdoc_put. */
struct jdoc *jdoc_create(void);
const struct jval *jdoc_root(const struct jdoc *doc);
struct jdoc *jdoc_keep(struct jdoc *doc);
void jdoc_release(struct jdoc *doc); /* NULL is fine */

/* For the reader: zeroed bytes that live as long as the document, and its root. */
void *jdoc_take(struct jdoc *doc, size_t bytes);
void jdoc_set_root(struct jdoc *doc, struct jval *root);
/* For the reader, when an object ends: the last value of a repeated key takes the place of the first (jdoc_repeat.c).
 * False: no memory. *repeat_out: which member is the first to repeat a key, in the order of the text; 0: none does. */
bool jdoc_settle(struct jdoc *doc, struct jval *object, size_t *repeat_out);
/* Where the key of member `n` begins, of the object whose bracket is at text[object] and which has been read. */
size_t jdoc_key_at(struct jlex text, size_t object, size_t n);

/* Building: NULL when memory runs out, and a NULL parent or value is passed on, so one look at the end is enough. */
struct jval *jdoc_new(struct jdoc *doc, enum jtype type);
struct jval *jdoc_string(struct jdoc *doc, const char *s, size_t len);
/* Appends to an array (key NULL) or object (key a literal); returns value. */
struct jval *jdoc_put(struct jval *parent, const char *key, struct jval *value);

/* The member of an object, or NULL (also when `v` is no object). */
const struct jval *jval_get(const struct jval *v, const char *key);
/* The same, unless it is null. */
const struct jval *jval_given(const struct jval *v, const char *key);
/* The same, if it has this type. */
const struct jval *jval_get_type(const struct jval *v, const char *key, enum jtype type);
bool jtext_is(struct jtext t, const char *literal);
int jtext_compare(struct jtext a, struct jtext b); /* by bytes; the shorter first */

#endif
