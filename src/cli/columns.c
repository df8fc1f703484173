/* columns.c: the C library's widths, which the line editor goes by too; main.c has set a locale of UTF-8. */
#define _GNU_SOURCE
#include "cli/columns.h"

#include "base/utf8.h"

#include <wchar.h>

int char_columns(uint32_t c)
{
    int columns = c < 0x7f ? 1 : wcwidth((wchar_t)c);
    return columns < 0 ? 1 : columns;
}

bool char_is_shown(uint32_t c)
{
    return wcwidth((wchar_t)c) >= 0;
}

size_t text_char(const char *s, size_t n, int *columns_out)
{
    unsigned len = 0;
    *columns_out = 1;
    if (utf8_sequence((const uint8_t *)s, n) == 0)
        return 1;
    *columns_out = char_columns(utf8_get((const uint8_t *)s, &len));
    return len;
}

int text_columns(const char *s, size_t n)
{
    int sum = 0, columns;
    for (size_t i = 0; i < n; sum += columns)
        i += text_char(s + i, n - i, &columns);
    return sum;
}
