/* notes.h: what a reader passed over and its caller should hear of: sentences, one line each. Nothing is allocated. */
#ifndef OSSO_BASE_NOTES_H
#define OSSO_BASE_NOTES_H

enum { NOTES_MAX = 16, NOTES_TEXT = 512 };

struct notes {
    int n; /* the last one stands for all that found no room */
    char text[NOTES_MAX][NOTES_TEXT];
};

/* Control characters become '?', as in errors. notes may be NULL: nobody listens. */
void notes_add(struct notes *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
