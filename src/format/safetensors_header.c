/* safetensors_header.c: the words for what is wrong in a header. */
#include "format/safetensors_header.h"

#include "base/error.h"

enum osso_status header_bad(const struct header *h, const char *what)
{
    return error_set(h->err, OSSO_FORMAT, "%s: safetensors header, byte %zu: %s", h->path, h->in.in.pos, what);
}

enum osso_status header_status(const struct header *h)
{
    static const char no_character[] = "a \\u escape that is no character, or NUL";
    static const char *const words[N_PULL_PROBLEMS] = {
        [PULL_NO_OBJECT] = "expected '{'",
        [PULL_NO_LIST] = "expected '['",
        [PULL_NO_STRING] = "expected '\"'",
        [PULL_NO_COMMA] = "expected ','",
        [PULL_NO_COLON] = "expected ':'",
        [PULL_NO_END] = "the header ends inside a string",
        [PULL_CONTROL] = "a control character in a string",
        [PULL_ESCAPE] = "an unknown escape in a string",
        [PULL_HEX_END] = no_character,
        [PULL_HEX] = no_character,
        [PULL_SURROGATE] = no_character,
        [PULL_NUL] = no_character,
        [PULL_UTF8] = "not UTF-8",
        [PULL_NO_NUMBER] = "expected an integer from 0 up",
        [PULL_LARGE] = "a number above 2^63 - 1",
        [PULL_FRACTION] = "a number that is not written as an integer",
    };
    enum pull_problem problem = h->in.problem;
    if (problem == PULL_NO_MEMORY)
        return error_nomem(h->err, h->text.len, "a name in a safetensors header");
    return problem ? header_bad(h, words[problem] ? words[problem] : pull_says(&h->in)) : OSSO_OK;
}
