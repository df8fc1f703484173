/* must.h: what the caller of an internal function has promised: a bug of osso's, never bad input. must(condition) is
 * checked where OSSO_MUST is defined (the sanitizers' and fuzzers' builds, and the library that tests link), elsewhere
 * it costs nothing: the condition is only compiled. Include it in sources, not in headers: the Makefile compiles those
 * once more for the tests that include it themselves. */
#ifndef OSSO_BASE_MUST_H
#define OSSO_BASE_MUST_H

#ifdef OSSO_MUST
#include <stdio.h>
#include <stdlib.h>

#define must(condition)                                                                                                \
    ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition), abort()))
#else
#define must(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

#endif
