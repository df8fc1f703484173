/* eval_test.h: the tokenizer that the tests of evaluations encode with: the bundled model's. */
#ifndef OSSO_EVAL_TEST_H
#define OSSO_EVAL_TEST_H

#include "test.h"

#include "osso/text.h"

static inline struct osso_tokenizer *words(void)
{
    struct osso_tokenizer *t = NULL;
    struct osso_error err = {""};
    char path[512];
    check_ok(osso_tokenizer_open(test_path(path, sizeof path, "models/osso-small"), &t, &err), err);
    return t;
}

#endif
