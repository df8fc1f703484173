/* file_test.h: what the tests of file formats share: scratch folders, files from bytes, memory in use. */
#ifndef OSSO_FILE_TEST_H
#define OSSO_FILE_TEST_H

#include "test.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

/* A new folder; scratch_remove deletes it with the files in it. */
static inline char *scratch_dir(void)
{
    const char *tmp = getenv("TMPDIR");
    if (!tmp && access("/dev/shm", W_OK) == 0)
        tmp = "/dev/shm"; /* thousands of small files */
    char *path = malloc(256);
    snprintf(path, 256, "%s/osso-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void scratch_clear(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char *path = file_join(dir, e->d_name);
        if (e->d_name[0] != '.' && unlink(path) != 0 && file_is_dir(path)) {
            scratch_clear(path);
            rmdir(path);
        }
        mem_free(path);
    }
    if (d)
        closedir(d);
}

static inline void scratch_remove(char *dir)
{
    scratch_clear(dir);
    rmdir(dir);
    free(dir);
}

/* dir/name as a string that stays until fifteen more calls. */
static inline const char *scratch_path(const char *dir, const char *name)
{
    static char space[16][600];
    static int next;
    next = (next + 1) % 16;
    snprintf(space[next], sizeof space[next], "%s/%s", dir, name);
    return space[next];
}

static inline void put_file(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
}

static inline void put_le(struct buf *b, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_putc(b, (char)(value >> (8 * i)));
}

/* A safetensors file: this header, and data bytes 0, 1, 2, ... */
static inline void put_safetensors(const char *path, const char *header, size_t data_bytes)
{
    struct buf b = {0};
    put_le(&b, strlen(header), 8);
    buf_puts(&b, header);
    for (size_t i = 0; i < data_bytes; i++)
        buf_putc(&b, (char)i);
    put_file(path, b.data, b.len);
    buf_free(&b);
}

/* Resident bytes of this process that are not file pages. */
static inline uint64_t resident(void)
{
    unsigned long long size = 0, all = 0, shared = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%llu %llu %llu", &size, &all, &shared) != 3)
            all = shared = 0;
        fclose(f);
    }
    return (all - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Expects a failure that says `words` (NULL: success). */
#define check_says(status, err, words, name)                                                                           \
    do {                                                                                                               \
        const char *words_ = (words);                                                                                  \
        if (!words_ && (status))                                                                                       \
            fail_msg("%s: %s", (name), (err).text);                                                                    \
        if (words_ && !(status))                                                                                       \
            fail_msg("%s: accepted; expected: %s", (name), words_);                                                    \
        if (words_ && !strstr((err).text, words_))                                                                     \
            fail_msg("%s: \"%s\" does not say \"%s\"", (name), (err).text, words_);                                    \
    } while (0)

/* Counts and lengths at which parsers of other systems have broken. */
static const uint64_t edge_counts[] = {0,
                                       1,
                                       2,
                                       0x7fffffff,
                                       0x80000000,
                                       0x80000001,
                                       0xffffffff,
                                       0x100000000,
                                       0x100000001,
                                       0x3fffffffffffffff,
                                       0x7fffffffffffffff,
                                       0x8000000000000000,
                                       0x8000000000000001,
                                       0xfffffffffffffff8,
                                       0xffffffffffffffff};
enum { N_EDGE_COUNTS = sizeof edge_counts / sizeof edge_counts[0] };

#endif
