/* chat_learned.c: the mask of a conversation. */
#include "train/chat_learned.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/must.h"

/* The markers as ids, and how many ids the word assistant has. */
struct marks {
    int32_t start, message, end, stop, call;
    size_t role_len;
};

/* Where message i lies among the ids: <|start|>, the first id behind <|message|>, the id that ends it. */
struct place {
    size_t start, content, last;
};

static enum osso_status find_marks(const struct osso_tokenizer *t, struct marks *m, struct osso_error *err)
{
    struct osso_ids role = {0};
    *m = (struct marks){osso_tokenizer_special(t, "<|start|>"), osso_tokenizer_special(t, "<|message|>"),
                        osso_tokenizer_special(t, "<|end|>"),   osso_tokenizer_special(t, "<|return|>"),
                        osso_tokenizer_special(t, "<|call|>"),  0};
    enum osso_status status = osso_tokenizer_encode(t, "assistant", 9, 0, &role, err);
    m->role_len = role.len;
    osso_ids_free(&role);
    return status;
}

/* The message behind which the last turn begins: the last one of the user, or nothing (0 messages are before it). */
static size_t turn_begin(const struct osso_conversation *c)
{
    size_t i = c->n_messages;
    while (i > 0 && c->messages[i - 1].role != OSSO_ROLE_USER)
        i--;
    return i;
}

/* Earlier turns lose their analysis. */
static void drop_analysis(struct osso_conversation *c)
{
    size_t kept = 0, bound = turn_begin(c);
    for (size_t i = 0; i < c->n_messages; i++)
        if (i < bound && jtext_is(c->messages[i].channel, "analysis"))
            message_clear(&c->messages[i]);
        else
            c->messages[kept++] = c->messages[i];
    c->n_messages = kept;
}

static void weigh(float *weights, size_t from, size_t to, double weight)
{
    for (size_t i = from; i < to; i++)
        weights[i] = (float)weight;
}

/* Messages [turn, end) of the last turn. */
static void weigh_turn(const struct osso_conversation *c, const struct place *places, const struct marks *m,
                       const int32_t *ids, size_t turn, const double *message_weight, float *weights)
{
    size_t end = c->n_messages;
    while (end > turn && !(c->messages[end - 1].role == OSSO_ROLE_ASSISTANT &&
                           (ids[places[end - 1].last] == m->stop || ids[places[end - 1].last] == m->call)))
        end--;
    for (size_t i = turn; i < end; i++) {
        const struct place *p = &places[i];
        double weight = message_weight[c->messages[i].request_message];
        bool goes_on = i > turn && c->messages[i - 1].role == OSSO_ROLE_ASSISTANT && ids[places[i - 1].last] == m->end;
        if (c->messages[i].role == OSSO_ROLE_ASSISTANT)
            weigh(weights, goes_on ? p->start : p->start + 1 + m->role_len, p->last + 1, weight);
    }
}

/* Special tokens are never text, so each <|start|> begins a message. */
static void find_places(const int32_t *ids, size_t n, const struct marks *m, struct place *places)
{
    size_t k = 0;
    bool header = false;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == m->start) {
            places[k++].start = i;
            header = true;
        } else if (header && ids[i] == m->message) {
            places[k - 1].content = i + 1;
            header = false;
        }
        places[k - 1].last = i;
    }
}

static enum osso_status weigh_all(const struct osso_conversation *c, const double *message_weight,
                                  const struct marks *m, const struct osso_ids *ids, float *weights,
                                  struct osso_error *err)
{
    size_t turn = turn_begin(c);
    struct place *places = mem_array(c->n_messages, sizeof *places);
    if (!places)
        return error_nomem(err, c->n_messages * sizeof *places, "the messages");
    must(ids->len > 0 && ids->data[0] == m->start);
    find_places(ids->data, ids->len, m, places);
    weigh(weights, 0, ids->len, 0);
    for (size_t i = 0; i < turn; i++)
        if (c->messages[i].role == OSSO_ROLE_ASSISTANT)
            weigh(weights, places[i].content, places[i].last, message_weight[c->messages[i].request_message]);
    weigh_turn(c, places, m, ids->data, turn, message_weight, weights);
    mem_free(places);
    return OSSO_OK;
}

enum osso_status chat_learned(struct osso_conversation *c, const double *message_weight,
                              const struct osso_tokenizer *tokenizer, struct osso_ids *ids, float **weights,
                              size_t *cap, struct osso_error *err)
{
    struct osso_render_options render = {
        .size = sizeof render, .purpose = OSSO_RENDER_TRAINING, .drop = OSSO_DROP_NONE};
    struct marks marks;
    ids->len = 0;
    drop_analysis(c);
    enum osso_status status = find_marks(tokenizer, &marks, err);
    if (!status)
        status = osso_conversation_render(c, tokenizer, &render, ids, err);
    if (!status && ids->len > *cap) {
        float *grown = mem_grow(*weights, ids->len, sizeof *grown);
        if (!grown)
            return error_nomem(err, ids->len * sizeof *grown, "a conversation");
        *weights = grown;
        *cap = ids->len;
    }
    return status ? status : weigh_all(c, message_weight, &marks, ids, *weights, err);
}
