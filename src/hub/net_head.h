/* net_head.h: the lines of an answer's head that say something about a file. */
#ifndef OSSO_HUB_NET_HEAD_H
#define OSSO_HUB_NET_HEAD_H

#include "hub/net_answer.h"

/* One line, as it came: a status line begins the answer anew (100 Continue). */
void net_head_line(struct net_answer *answer, const char *line, size_t n);

#endif
