/* builtin_test.h: the built-in tokenizer, made once for a test's group: pass builtin_setup and builtin_teardown to
 * cmocka. */
#ifndef OSSO_BUILTIN_TEST_H
#define OSSO_BUILTIN_TEST_H

#include "test.h"

#include "osso/text.h"

static struct osso_tokenizer *builtin;

static inline int builtin_setup(void **state)
{
    (void)state;
    return osso_tokenizer_builtin(&builtin, NULL);
}

static inline int builtin_teardown(void **state)
{
    (void)state;
    osso_tokenizer_free(builtin);
    return 0;
}

#endif
