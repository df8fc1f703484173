/* vitals.h: answers that need no model. */
#ifndef OSSO_SERVE_VITALS_H
#define OSSO_SERVE_VITALS_H

struct exchange;

void vitals_root(struct exchange *x);
void vitals_health(struct exchange *x);
void vitals_metrics(struct exchange *x);

#endif
