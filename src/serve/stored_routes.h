/* stored_routes.h: kept responses over HTTP. */
#ifndef OSSO_SERVE_STORED_ROUTES_H
#define OSSO_SERVE_STORED_ROUTES_H

struct exchange;

void stored_read(struct exchange *x);
void stored_delete(struct exchange *x);
void stored_items(struct exchange *x);

#endif
