/* fault_test.h: makes each allocation of an attempt fail in turn. (tests/engine/test_faults.c does it with leaks
 * counted, and with the allocations of borrowed libraries.) */
#ifndef OSSO_FAULT_TEST_H
#define OSSO_FAULT_TEST_H

#include "test.h"

#include "base/mem.h"

#include <stdbool.h>

/* What is tried; it undoes what it did (the sanitizers see to leaks). */
typedef enum osso_status fault_attempt(void *arg, struct osso_error *err);

/* The attempt succeeds before and after; in between each of its allocations fails once, and then it must say
 * OSSO_NOMEM with a sentence, or, where `may_pass`, may succeed. Returns how often it was refused. */
static inline uint64_t fault_each(fault_attempt *attempt, void *arg, bool may_pass)
{
    struct osso_error err = {""};
    uint64_t before = mem_count(), refused = 0;
    check_ok(attempt(arg, &err), err);
    uint64_t need = mem_count() - before;
    for (uint64_t n = 1; n <= need; n++) {
        err.text[0] = 0;
        mem_fail_at(n);
        enum osso_status status = attempt(arg, &err);
        mem_fail_at(0);
        if (status != OSSO_NOMEM && !(may_pass && !status))
            fail_msg("allocation %d of %d fails: %s (%s)", (int)n, (int)need, osso_status_text(status), err.text);
        if (status && !err.text[0])
            fail_msg("allocation %d of %d fails without a word", (int)n, (int)need);
        refused += status != OSSO_OK;
    }
    check_ok(attempt(arg, &err), err);
    return refused;
}

#endif
