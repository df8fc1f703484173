/* pair.c: from two texts to ids and the place where the second begins. */
#include "eval/pair.h"

#include "base/buf.h"
#include "base/error.h"
#include "eval/space.h"

#include <string.h>

enum osso_status pair_prefix(const struct pair_rules *r, struct osso_ids *ids, struct osso_error *err)
{
    if (r->prefix >= 0)
        return osso_ids_push(ids, r->prefix, err);
    return error_set(err, OSSO_UNSUPPORTED,
                     "the tokenizer names no token that begins or ends a text; say which with --prefix-id N");
}

/* The whole text's ids; *n_context: how many the context has alone. */
static enum osso_status encode_both(const struct pair_rules *r, const char *context, size_t n, const char *continuation,
                                    size_t n_more, struct osso_ids *ids, size_t *n_context, struct osso_error *err)
{
    size_t kept = n - space_trailing(context, n);
    struct buf whole = {0};
    struct osso_ids alone = {0};
    buf_add(&whole, context, n);
    buf_add(&whole, continuation, n_more);
    enum osso_status status = whole.failed ? error_nomem(err, n + n_more, "a text") : OSSO_OK;
    if (!status)
        status = osso_tokenizer_encode(r->tokenizer, whole.data ? whole.data : "", whole.len, 0, ids, err);
    if (!status)
        status = osso_tokenizer_encode(r->tokenizer, context, kept, 0, &alone, err);
    *n_context = alone.len;
    osso_ids_free(&alone);
    buf_free(&whole);
    return status;
}

enum osso_status pair_encode(const struct pair_rules *r, const char *context, size_t n, const char *continuation,
                             size_t n_more, struct score_request *q, struct osso_error *err)
{
    struct osso_ids ids = {0};
    size_t from = 0;
    enum osso_status status = encode_both(r, context, n, continuation, n_more, &ids, &from, err);
    if (!status && from == 0 && ids.len > 0) {
        if (ids.data[0] == r->prefix)
            from = 1;
        else
            status = pair_prefix(r, &q->ids, err);
    }
    if (!status && from >= ids.len && !(from == 0 && ids.len > 0))
        status = error_set(err, OSSO_FORMAT, "the continuation has no tokens of its own");
    if (!status && ids.len - from > r->max_length)
        status = error_set(err, OSSO_LIMIT, "a continuation of %zu tokens, and the model is fed %zu at once",
                           ids.len - from, r->max_length);
    size_t whole = q->ids.len + ids.len, most = r->max_length + 1, cut = whole > most ? whole - most : 0;
    q->from = from > 0 ? from : 1;
    if (!status)
        status = osso_ids_append(&q->ids, ids.data + cut, ids.len - cut, err);
    q->from -= cut;
    osso_ids_free(&ids);
    return status;
}

enum osso_status pair_prompt(const struct pair_rules *r, const char *context, size_t len, int max_new,
                             struct score_request *q, struct osso_error *err)
{
    struct osso_ids ids = {0};
    enum osso_status status = osso_tokenizer_encode(r->tokenizer, context, len, 0, &ids, err);
    if (!status && (size_t)max_new >= r->max_length)
        status = error_set(err, OSSO_LIMIT,
                           "%d new tokens leave no room for a question in a context of %zu; give more with -c", max_new,
                           r->max_length);
    if (!status && ids.len == 0)
        status = error_set(err, OSSO_FORMAT, "the question has no tokens");
    size_t most = status ? 0 : r->max_length - (size_t)max_new, cut = ids.len > most ? ids.len - most : 0;
    if (!status)
        status = osso_ids_append(&q->ids, ids.data + cut, ids.len - cut, err);
    q->max_new = max_new;
    q->from = q->ids.len; /* what is generated begins here */
    osso_ids_free(&ids);
    return status;
}

bool pair_window(const struct pair_rules *r, const struct osso_ids *ids, int number, size_t *first, size_t *from,
                 size_t *end)
{
    size_t done = (size_t)number * r->max_length; /* ids[0] is the prefix: what is scored begins at 1 */
    size_t n = ids->len - 1;
    if (done >= n)
        return false;
    size_t more = n - done < r->max_length ? n - done : r->max_length;
    *from = 1 + done;
    *end = *from + more;
    *first = number == 0 || *end <= r->max_length + 1 ? 0 : *end - r->max_length - 1;
    return true;
}

bool pair_stride(const struct osso_ids *ids, size_t window, size_t stride, int number, size_t *first, size_t *from,
                 size_t *end)
{
    *first = (size_t)number * stride;
    *from = number == 0 ? 1 : *first - stride + window + 1; /* where the one before has ended */
    *end = *first + window + 1 < ids->len ? *first + window + 1 : ids->len;
    return *from < ids->len;
}

bool pair_llama(const struct osso_ids *ids, size_t window, int number, size_t *first, size_t *from, size_t *end)
{
    *first = 1 + (size_t)number * window;
    *from = *first + window / 2 + 1;
    *end = *first + window;
    return *end <= ids->len;
}
