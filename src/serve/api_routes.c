/* api_routes.c: the handlers of the three dialects: a body becomes a request, that goes to work (work.c). */
#include "serve/api_routes.h"

#include "json/jwrite.h"
#include "serve/exchange.h"
#include "serve/recall.h"
#include "serve/refusal_send.h"
#include "serve/stored.h"
#include "serve/work.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* What reading a request needs, for the owner of its key. */
struct reader {
    struct desk *desk;
    uint64_t owner;
    struct buf stored; /* what was looked up last */
    char date[16];
};

static const char *find_part(struct reader *reader, const char *id, enum stored_part part)
{
    buf_clear(&reader->stored);
    return stored_get(reader->desk->responses, reader->owner, id, part, &reader->stored) ? reader->stored.data : NULL;
}

static const char *find_stored(void *user, const char *id)
{
    return find_part(user, id, STORED_ALL);
}

static const char *find_said(void *user, const char *id)
{
    return find_part(user, id, STORED_OUTPUT);
}

static enum osso_status recall(void *user, struct osso_conversation **conversation, struct osso_error *err)
{
    struct reader *reader = user;
    return recall_turns(reader->desk->turns, reader->owner, reader->desk->tokenizer, conversation, err);
}

static struct request_world reader_world(struct desk *desk, struct reader *reader, const struct exchange *x)
{
    time_t t = time(NULL);
    struct tm day;
    *reader = (struct reader){.desk = desk, .owner = exchange_key_id(x)};
    if (!desk->date && gmtime_r(&t, &day))
        strftime(reader->date, sizeof reader->date, "%Y-%m-%d", &day);
    return (struct request_world){.tokenizer = desk->tokenizer,
                                  .vocab = desk->vocab,
                                  .defaults = &desk->defaults,
                                  .date = desk->date ? desk->date : reader->date,
                                  .stored = find_stored,
                                  .said = find_said,
                                  .recall = recall,
                                  .user = reader};
}

static void reader_free(struct reader *reader)
{
    buf_free(&reader->stored);
}

static bool check_length(const struct desk *desk, const struct request *q, struct refusal *r)
{
    for (size_t i = 0; i < q->n_prompts; i++) {
        size_t n = q->prompts[i].len, most = (size_t)desk->context - (q->no_tokens ? 0 : 1);
        if (n <= most)
            continue;
        refuse(
            r, 400,
            q->api == API_CHAT        ? "messages"
            : q->api == API_RESPONSES ? "input"
                                      : "prompt",
            "This model's maximum context length is %lld tokens; the prompt has %zu and leaves no room for an answer. "
            "Shorten it.",
            (long long)desk->context, n);
        r->code = "context_length_exceeded";
        return false;
    }
    return true;
}

static bool read_body(struct desk *desk, unsigned api, const char *body, size_t len, const struct request_world *world,
                      struct request **q, struct refusal *r)
{
    desk_begin_text(desk, len);
    bool ok = request_read(api, body, len, world, q, r) && check_length(desk, *q, r);
    desk_end_text(desk, len);
    return ok;
}

static struct request *read_request(struct exchange *x, unsigned api, struct refusal *r)
{
    struct desk *desk = desk_of(x);
    struct reader reader;
    struct request *q = NULL;
    size_t len;
    const char *body = exchange_body(x, &len);
    if (!atomic_load(&desk->ready)) {
        refuse(r, 503, NULL, "the model is being loaded; try again later");
        return NULL;
    }
    struct request_world world = reader_world(desk, &reader, x);
    bool ok = read_body(desk, api, body, len, &world, &q, r);
    reader_free(&reader);
    if (ok) {
        exchange_drop_body(x);
        return q;
    }
    request_free(q);
    return NULL;
}

static void take(struct exchange *x, unsigned api)
{
    struct refusal r = {0};
    struct request *q = read_request(x, api, &r);
    if (!q || !work_begin(x, desk_of(x), q, &r))
        refusal_send(x, &r);
}

void api_chat(struct exchange *x)
{
    take(x, API_CHAT);
}

void api_responses(struct exchange *x)
{
    take(x, API_RESPONSES);
}

void api_completions(struct exchange *x)
{
    take(x, API_COMPLETIONS);
}

/* ---- without an answer ---------------------------------------------------------------------------------- */

void api_input_tokens(struct exchange *x)
{
    struct refusal r = {0};
    char text[96];
    struct request *q = read_request(x, API_RESPONSES, &r);
    if (!q) {
        refusal_send(x, &r);
        return;
    }
    int n = snprintf(text, sizeof text, "{\"object\":\"response.input_tokens\",\"input_tokens\":%zu}", q->prompts->len);
    exchange_reply(x, 200, NULL, "application/json", text, (size_t)n);
    request_free(q);
}

void api_apply_template(struct exchange *x)
{
    struct refusal r = {0};
    struct buf prompt = {0}, out = {0};
    struct request *q = read_request(x, API_CHAT, &r);
    if (!q) {
        refusal_send(x, &r);
        return;
    }
    request_spell(q, 0, desk_of(x)->tokenizer, &prompt);
    buf_puts(&out, "{\"prompt\":");
    jwrite_string(&out, prompt.data, prompt.len);
    buf_puts(&out, "}");
    exchange_reply(x, 200, NULL, "application/json", out.data, out.len);
    request_free(q);
    buf_free(&prompt);
    buf_free(&out);
}
