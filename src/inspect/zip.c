/* zip.c: the parts of a zip archive whose entries are stored as they are, with the 64-bit extension throughout, as
 * NumPy's savez writes it. */
#include "inspect/sheets.h"

#include <string.h>

enum { LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END64 = 0x06064b50, LOCATOR64 = 0x07064b50, END = 0x06054b50 };
enum { VERSION = 45, JANUARY_1_1980 = 0x21, STORED = 0 };

static void put(struct buf *b, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_putc(b, (char)(value >> 8 * i & 0xff));
}

/* What both of an entry's headers say of it; `more` bytes follow the name. */
static void put_entry(struct buf *b, const char *name, uint32_t crc, int more)
{
    put(b, VERSION, 2);
    put(b, 1 << 11, 2); /* the name is UTF-8 */
    put(b, STORED, 2);
    put(b, 0, 2);
    put(b, JANUARY_1_1980, 2);
    put(b, crc, 4);
    put(b, UINT32_MAX, 4);
    put(b, UINT32_MAX, 4);
    put(b, strlen(name), 2);
    put(b, (uint64_t)more, 2);
}

void zip_entry(struct buf *b, const char *name, uint32_t crc, uint64_t bytes)
{
    put(b, LOCAL, 4);
    put_entry(b, name, crc, 20);
    buf_puts(b, name);
    put(b, 1, 2);
    put(b, 16, 2);
    put(b, bytes, 8);
    put(b, bytes, 8);
}

void zip_directory_entry(struct buf *b, const char *name, uint32_t crc, uint64_t bytes, uint64_t offset)
{
    put(b, CENTRAL, 4);
    put(b, VERSION, 2);
    put_entry(b, name, crc, 28);
    put(b, 0, 2);          /* no comment */
    put(b, 0, 2);          /* the first disk */
    put(b, 0, 2);          /* attributes */
    put(b, 0644 << 16, 4); /* Unix's, by readers that ask */
    put(b, UINT32_MAX, 4);
    buf_puts(b, name);
    put(b, 1, 2);
    put(b, 24, 2);
    put(b, bytes, 8);
    put(b, bytes, 8);
    put(b, offset, 8);
}

void zip_end(struct buf *b, uint64_t entries, uint64_t at, uint64_t bytes)
{
    put(b, END64, 4);
    put(b, 44, 8);
    put(b, VERSION, 2);
    put(b, VERSION, 2);
    put(b, 0, 8);
    put(b, entries, 8);
    put(b, entries, 8);
    put(b, bytes, 8);
    put(b, at, 8);
    put(b, LOCATOR64, 4);
    put(b, 0, 4);
    put(b, at + bytes, 8);
    put(b, 1, 4);
    put(b, END, 4);
    put(b, 0, 4);
    put(b, UINT16_MAX, 2);
    put(b, UINT16_MAX, 2);
    put(b, UINT32_MAX, 4);
    put(b, UINT32_MAX, 4);
    put(b, 0, 2);
}
