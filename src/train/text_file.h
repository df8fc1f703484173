/* text_file.h: a file that something is learned from. */
#ifndef OSSO_TRAIN_TEXT_FILE_H
#define OSSO_TRAIN_TEXT_FILE_H

#include "base/file.h"

/* Maps a text: UTF-8 without NUL (a byte order mark is left out), at least a byte. FORMAT, with file and line, for what
 * is none. */
enum osso_status text_file_open(const char *path, struct file_map *map_out, const char **text_out, size_t *len_out,
                                struct osso_error *err);

/* Does it hold JSON lines, by its name: .jsonl, .json? */
bool text_file_is_lines(const char *path);

#endif
