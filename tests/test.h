/* test.h: what every unit test includes. One cmocka group per file; main returns the number of failures. */
#ifndef OSSO_TEST_H
#define OSSO_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "osso/status.h"

/* Expects success and shows the sentence when there is none. */
#define check_ok(call, err)                                                                                            \
    do {                                                                                                               \
        enum osso_status status_ = (call);                                                                             \
        if (status_ != OSSO_OK)                                                                                        \
            fail_msg("%s: %s (%s)", #call, osso_status_text(status_), (err).text);                                     \
    } while (0)

/* OSSO_TEST_QUICK=1: fewer trials of what is random or slow, for the sanitizers (tests/all.sh sets it for them); 2:
 * fewer still, for emulated CPUs (tests/arm.sh, tests/x86.sh), on which a multiply-add takes a hundred times as long.
 */
static inline int test_quick(void)
{
    const char *quick = getenv("OSSO_TEST_QUICK");
    return quick && quick[0] && quick[0] != '0' ? quick[0] == '2' ? 2 : 1 : 0;
}

/* Is it TSan's build? A look at memory takes ten times as long there, also where one thread computes alone. */
static inline int test_tsan(void)
{
#if defined(__SANITIZE_THREAD__)
    return 1;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
    return 1;
#endif
#endif
    return 0;
}

/* Leaves the test; tests/all.sh shows the line. */
#define skip_test(why)                                                                                                 \
    do {                                                                                                               \
        printf("skip: %s\n", why);                                                                                     \
        skip();                                                                                                        \
    } while (0)

/* The repository's root: tests run from it, or OSSO_ROOT says where it is. */
static inline const char *test_path(char *space, size_t size, const char *relative)
{
    const char *root = getenv("OSSO_ROOT");
    snprintf(space, size, "%s/%s", root ? root : ".", relative);
    return space;
}

#endif
