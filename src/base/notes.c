/* notes.c: sentences about what was passed over. */
#include "base/notes.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void notes_add(struct notes *notes, const char *format, ...)
{
    char line[NOTES_TEXT];
    struct osso_error clean;
    va_list args;
    if (!notes)
        return;
    if (notes->n == NOTES_MAX) {
        snprintf(notes->text[NOTES_MAX - 1], NOTES_TEXT, "and more of the kind");
        return;
    }
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    error_set(&clean, OSSO_OK, "%s", line); /* one place cleans what files say */
    snprintf(notes->text[notes->n++], NOTES_TEXT, "%s", clean.text);
}
