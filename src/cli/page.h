/* page.h: a page of HTML that needs nothing but itself: what the reports of eval and inspect have in common. */
#ifndef OSSO_CLI_PAGE_H
#define OSSO_CLI_PAGE_H

#include "base/buf.h"
#include "json/jdoc.h"

/* From the doctype to the heading. `more`: styles of this page; `script`: the one that page_end is given. The page then
 * allows these styles and this script, by their hashes, and nothing else. Both may be NULL. */
void page_begin(struct buf *out, const char *title, const char *heading, const char *more, const char *script);
void page_end(struct buf *out, const char *script);

/* Text that is no markup; control characters are left out. */
void page_text(struct buf *out, struct jtext text);
/* <dt> and <dd> of each member of an object that is a number, a string or a truth; v may be NULL. */
void page_facts(struct buf *out, const struct jval *v, const char *prefix);

#endif
