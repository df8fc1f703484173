/* deadlines.c: the heads of the lists, and once a second a look at every answer under way. */
#include "serve/deadlines.h"

#include "serve/server.h"

enum { LONGEST_MS = 60000, LOOK_MS = 1000 };

/* How long a connection may stay in a state; 0: as long as it takes. */
static int time_of(const struct server *s, enum connection_state state)
{
    switch (state) {
    case CONNECTION_HEAD: return s->o.head_ms;
    case CONNECTION_BODY: return s->o.body_ms;
    case CONNECTION_IDLE: return s->o.idle_ms;
    default: return 0;
    }
}

static int look_ms(const struct server *s)
{
    int least = s->o.write_ms < s->o.silence_ms ? s->o.write_ms : s->o.silence_ms;
    return least / 4 < LOOK_MS ? least / 4 + 1 : LOOK_MS;
}

int64_t deadlines_wait(const struct server *s, int64_t now, int64_t until)
{
    int64_t due = now + LONGEST_MS < until ? now + LONGEST_MS : until;
    for (int state = 0; state < CONNECTION_STATES; state++) {
        const struct connection *c = s->connections.list[state].first;
        int64_t time = time_of(s, (enum connection_state)state);
        if (c && time && c->since_ms + time < due)
            due = c->since_ms + time;
    }
    if (s->connections.list[CONNECTION_BUSY].first && s->looked_ms + look_ms(s) < due)
        due = s->looked_ms + look_ms(s);
    return due > now ? due - now : 0;
}

static void count(struct server *s, enum connection_state state)
{
    s->count.closed_head += state == CONNECTION_HEAD;
    s->count.closed_body += state == CONNECTION_BODY;
    s->count.closed_idle += state == CONNECTION_IDLE;
}

void deadlines_pass(struct server *s, int64_t now)
{
    for (int state = 0; state < CONNECTION_STATES; state++) {
        int64_t time = time_of(s, (enum connection_state)state);
        for (struct connection *c; time && (c = s->connections.list[state].first) && c->since_ms + time <= now;) {
            count(s, (enum connection_state)state);
            connections_leave(&s->connections, c, now);
        }
    }
    if (now < s->looked_ms + look_ms(s))
        return;
    s->looked_ms = now;
    for (struct connection *c = s->connections.list[CONNECTION_BUSY].first, *next; c; c = next) {
        next = c->next;
        if (!c->exchange)
            continue;
        exchange_remind(c->exchange, now - s->o.silence_ms, now);
        if (c->exchange->queued && connection_stalled(c, c->exchange->sent, now) >= s->o.write_ms) {
            s->count.closed_write++;
            connections_leave(&s->connections, c, now);
        }
    }
}
