/* data_lines.h: one line of JSON as a document. */
#ifndef OSSO_TRAIN_DATA_LINES_H
#define OSSO_TRAIN_DATA_LINES_H

#include "train/data_parts.h"

/* {"messages": [...], "tools": [...]}, {"instruction", "input", "output"} or {"text"}; `where` names it in errors. */
enum osso_status docs_read_line(struct docs_maker *m, const char *line, size_t len, const char *where);

#endif
