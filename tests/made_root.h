/* made_root.h: a folder with a made-up proc/ and sys/, for what reads them below a root. */
#ifndef OSSO_MADE_ROOT_H
#define OSSO_MADE_ROOT_H

#include "file_test.h"

static char *root;

static int setup(void **state)
{
    (void)state;
    root = scratch_dir();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(root);
    return 0;
}

/* Writes a file under the root, its folders made. */
static void put(const char *name, const char *text)
{
    struct osso_error err;
    char *path = file_join(root, name), *slash = strrchr(path, '/');
    *slash = 0;
    assert_int_equal(file_make_dirs(path, &err), OSSO_OK);
    *slash = '/';
    put_file(path, text, strlen(text));
    mem_free(path);
}

#endif
