/* libFuzzer: any bytes as a request's body, in the dialect that the first byte chooses, read up to its prompt. What is
 * refused is refused as the API says no; what is taken keeps its promises to those who compute it; and what would be
 * stored of it can be continued. */
#include "base/must.h"
#include "json/jdoc.h"
#include "serve/api/request.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { START = 200006, MESSAGE = 200008, VOCAB = 201088 };

static struct osso_tokenizer *tokenizer;
static struct osso_sampling defaults;
static const char *stored;

static const char *find_stored(void *user, const char *id)
{
    (void)user;
    return id[0] == 'r' ? stored : NULL;
}

static bool ask(unsigned api, const char *body, size_t len, struct request **q, struct refusal *r)
{
    struct request_world world = {
        .tokenizer = tokenizer, .vocab = VOCAB, .defaults = &defaults, .date = "2026-01-15", .stored = find_stored};
    *r = (struct refusal){0};
    return request_read(api, body, len, &world, q, r);
}

static void expect_json(const char *text, size_t len)
{
    struct jdoc *doc = NULL;
    struct osso_error err;
    must(jdoc_read_harmony(text, len, "fuzz", &doc, &err) == OSSO_OK);
    jdoc_release(doc);
}

static void expect_refusal(const struct refusal *r)
{
    struct buf out = {0};
    must((r->status == 400 || r->status == 404) && r->err.text[0]);
    refusal_write(&out, r);
    expect_json(out.data, out.len);
    buf_free(&out);
}

/* Text of a client never becomes a special token: as many messages begin as have a body. */
static void expect_prompts(const struct request *q)
{
    must(q->n_prompts >= 1 && q->n_prompts <= 64 && q->n >= 1 && q->n <= 16 && q->n_stop <= 4);
    for (size_t i = 0; i < q->n_prompts; i++) {
        size_t starts = 0, bodies = 0;
        must(q->prompts[i].len > 0);
        for (size_t k = 0; k < q->prompts[i].len; k++) {
            must(q->prompts[i].data[k] >= 0 && q->prompts[i].data[k] < VOCAB);
            starts += q->prompts[i].data[k] == START;
            bodies += q->prompts[i].data[k] == MESSAGE;
        }
        must(!q->harmony || starts == bodies + 1);
    }
}

/* A later request that continues this one is read, too. */
static void expect_continuation(const struct request *q)
{
    static const char later[] = "{\"input\":\"more\",\"previous_response_id\":\"r\"}";
    struct request *again;
    struct refusal r;
    struct buf list = {0};
    buf_puts(&list, "[");
    buf_add(&list, q->items.data ? q->items.data : "", q->items.len);
    buf_puts(&list, "]");
    must(!list.failed);
    expect_json(list.data, list.len);
    stored = list.data;
    must(ask(API_RESPONSES, later, sizeof later - 1, &again, &r));
    expect_prompts(again);
    request_free(again);
    stored = NULL;
    buf_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned apis[] = {API_CHAT, API_RESPONSES, API_COMPLETIONS};
    struct request *q;
    struct refusal r;
    if (!tokenizer) {
        must(osso_tokenizer_builtin(&tokenizer, NULL) == OSSO_OK);
        osso_sampling_defaults(&defaults);
    }
    if (size == 0)
        return 0;
    bool ok = ask(apis[data[0] % 3], (const char *)data + 1, size - 1, &q, &r);
    if (!ok)
        expect_refusal(&r);
    else
        expect_prompts(q);
    if (ok && q->api == API_RESPONSES)
        expect_continuation(q);
    request_free(q);
    return 0;
}
