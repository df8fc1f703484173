/* libFuzzer: bytes as the state of a file that a pull has begun. Whatever they say, a piece counts after the check only
 * if the disk holds it with that sum. The first byte: how long the file is, whether the state has a true head; then
 * records, one in two with a true check, so that what lies behind checks is reached. */
#define _GNU_SOURCE
#include "memory_folder.h"

#include "base/crc32c.h"
#include "base/must.h"
#include "hub/part.h"

#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD = 12, SAID = 9 };
static const char key[] = "key";

static bool go_on(void *user, uint64_t bytes)
{
    (void)bytes;
    return ++*(int *)user < 100;
}

/* A head as osso writes it, and behind it what the bytes say. */
static void put_state(const char *path, const char *state, uint64_t file_bytes, const uint8_t *data, size_t size)
{
    static uint32_t records[1024][RECORD / 4];
    struct part p;
    struct osso_error err;
    bool again;
    size_t n = 0;
    must(part_open(path, key, file_bytes, &p, &again, &err) == OSSO_OK && !again);
    for (; size >= SAID && n < 1024; data += SAID, size -= SAID) {
        uint32_t *record = records[n++];
        memcpy(record, data + 1, 8);
        record[0] = data[0] & 2 ? record[0] : record[0] & 3;
        if (data[0] & 4)
            record[1] = crc32c(0, (char[100]){0}, 100); /* of a last piece that is a hole */
        record[2] = data[0] & 1 ? crc32c(p.head_crc, record, 8) : (uint32_t)data[0] * 0x1010101u;
    }
    part_close(&p);
    int fd = open(state, O_WRONLY | O_APPEND | O_CLOEXEC);
    must(fd >= 0 && write(fd, records, n * RECORD) == (ssize_t)(n * RECORD));
    must(write(fd, data, size) == (ssize_t)size); /* torn */
    close(fd);
}

static void expect_whole(const struct part *p)
{
    static uint8_t piece[PIECE];
    struct osso_error err;
    for (uint32_t i = 0; i < p->n; i++)
        must(!p->there[i] || (!part_get(p, i, 0, piece, part_piece_bytes(p, i), &err) &&
                              crc32c(0, piece, part_piece_bytes(p, i)) == p->crc[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sizes[] = {0, 1, 100, PIECE - 1, PIECE, PIECE + 100, 3 * PIECE + 100, 20 * PIECE};
    struct part p;
    struct osso_error err = {""};
    char path[128], part[160], state[160];
    uint32_t bad;
    int asked = 0;
    bool again;
    if (size < 1)
        return 0;
    uint64_t file_bytes = sizes[data[0] >> 1 & 7];
    snprintf(path, sizeof path, "%s/blob", memory_folder());
    snprintf(part, sizeof part, "%s.osso-part", path);
    snprintf(state, sizeof state, "%s.osso-state", path);
    if (data[0] & 1)
        put_state(path, state, file_bytes, data + 1, size - 1);
    else {
        int fd = open(state, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        must(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)size - 1);
        close(fd);
    }
    must(part_peek(path, key, file_bytes) <= file_bytes);
    must(part_open(path, key, file_bytes, &p, &again, &err) == OSSO_OK);
    enum osso_status status = part_check(&p, go_on, &asked, &bad, &err);
    must(status == OSSO_OK && bad <= p.n);
    expect_whole(&p);
    part_close(&p);
    must(unlink(part) == 0 && unlink(state) == 0);
    return 0;
}
