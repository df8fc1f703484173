/* script.c: an engine whose forward pass is a file of rules (script.h): which rule answers a prompt, and what a row's
 * logits are. */
#define _GNU_SOURCE
#include "osso/script.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sized.h"
#include "base/utf8.h"
#include "engine/engine_parts.h"
#include "engine/stops.h"
#include "json/jget.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { CONTEXT = 131072, NEVER = -1 };
static const uint64_t MOST_BYTES = 256 << 20;
static const double MOST_MS = 3600e3;

struct rule {
    char *match; /* NULL: any prompt */
    size_t match_len;
    int64_t times; /* left; NEVER: no end */
    struct osso_ids ids;
    double prefill_ms, delay_ms;
    int64_t fail_at; /* NEVER: it does not */
};

struct osso_script {
    char *path;
    const struct osso_tokenizer *tokenizer;
    struct rule *rules;
    size_t n, cap;
    int32_t end; /* <|return|> */
    int64_t vocab;
    float *plain;                /* [vocab] of a row for which the script says nothing */
    double prefill_ms, delay_ms; /* of the step in progress: the sum, the longest */
    uint64_t step;
};

struct osso_script_turn {
    const struct rule *rule;
    size_t n_prompt;
};

/* ---- rules ---------------------------------------------------------------------------------------------- */

static void rule_free(struct rule *rule)
{
    mem_free(rule->match);
    osso_ids_free(&rule->ids);
}

static enum osso_status check_keys(const struct jval *line, const char *where, struct osso_error *err)
{
    static const char *const keys[] = {"match", "times", "text", "ids", "prefill_ms", "delay_ms", "fail_at"};
    if (line->type != J_OBJECT)
        return error_set(err, OSSO_FORMAT, "%s: a rule must be an object", where);
    for (const struct jval *v = line->first; v; v = v->next) {
        bool known = false;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            known = known || jtext_is(v->key, keys[i]);
        if (!known || v->repeated)
            return error_set(err, OSSO_FORMAT, "%s: \"%.40s\" %s", where, v->key.s,
                             known ? "stands there twice" : "is no key of a rule");
    }
    if (!jval_given(line, "text") == !jval_given(line, "ids"))
        return error_set(err, OSSO_FORMAT, "%s: a rule needs \"text\" or \"ids\", one of them", where);
    return OSSO_OK;
}

static enum osso_status read_ids(const struct osso_script *s, const struct jval *list, struct rule *rule,
                                 const char *where, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    int64_t id;
    if (list->type != J_ARRAY)
        return error_set(err, OSSO_FORMAT, "%s: \"ids\" must be a list", where);
    for (const struct jval *v = list->first; v && !status; v = v->next) {
        if (!jget_integer(v, &id) || id < 0 || id >= s->vocab)
            return error_set(err, OSSO_FORMAT, "%s: \"ids\" must be whole numbers from 0 to %lld", where,
                             (long long)s->vocab - 1);
        status = osso_ids_push(&rule->ids, (int32_t)id, err);
    }
    return status;
}

static enum osso_status read_ms(const struct jval *line, const char *key, double *out, const char *where,
                                struct osso_error *err)
{
    enum osso_status status = jget_f64(line, key, out, NULL, where, err);
    if (!status && !(*out >= 0 && *out <= MOST_MS))
        status = error_set(err, OSSO_FORMAT, "%s: \"%s\" must be from 0 to %.0f", where, key, MOST_MS);
    return status;
}

static enum osso_status read_rule(const struct osso_script *s, const struct jval *line, struct rule *rule,
                                  const char *where, struct osso_error *err)
{
    const struct jval *match = jval_given(line, "match"), *text = jval_given(line, "text");
    *rule = (struct rule){.times = NEVER, .fail_at = NEVER};
    enum osso_status status = check_keys(line, where, err);
    if (!status && ((match && match->type != J_STRING) || (text && text->type != J_STRING)))
        status = error_set(err, OSSO_FORMAT, "%s: \"%s\" must be text", where,
                           match && match->type != J_STRING ? "match" : "text");
    if (!status)
        status = jget_i64(line, "times", 0, INT64_MAX, &rule->times, NULL, where, err);
    if (!status)
        status = jget_i64(line, "fail_at", 0, INT64_MAX, &rule->fail_at, NULL, where, err);
    if (!status)
        status = read_ms(line, "prefill_ms", &rule->prefill_ms, where, err);
    if (!status)
        status = read_ms(line, "delay_ms", &rule->delay_ms, where, err);
    if (!status && match) {
        rule->match = mem_strndup(match->text.s, match->text.len);
        rule->match_len = match->text.len;
        status = rule->match ? OSSO_OK : error_nomem(err, match->text.len, where);
    }
    if (!status && text)
        status = osso_tokenizer_encode(s->tokenizer, text->text.s, text->text.len, OSSO_ENCODE_SPECIAL, &rule->ids,
                                       err);
    else if (!status)
        status = read_ids(s, jval_given(line, "ids"), rule, where, err);
    return status;
}

static enum osso_status add_line(struct osso_script *s, const char *text, size_t len, size_t number,
                                 struct osso_error *err)
{
    static const struct jdoc_limits limits = {.depth = 8, .values = 8 << 20};
    struct buf where = {0};
    struct jdoc *doc = NULL;
    buf_printf(&where, "%s: line %zu", s->path, number);
    struct rule *rules = mem_room(s->rules, s->n, &s->cap, sizeof *rules);
    s->rules = rules ? rules : s->rules;
    enum osso_status status = where.failed || !rules ? error_nomem(err, len, "a script") : OSSO_OK;
    if (!status)
        status = jdoc_read_limited(text, len, where.data, &limits, &doc, err);
    if (!status)
        status = read_rule(s, jdoc_root(doc), &s->rules[s->n++], where.data, err);
    jdoc_release(doc);
    buf_free(&where);
    return status;
}

static enum osso_status read_file(struct osso_script *s, struct osso_error *err)
{
    char *data;
    size_t len, number = 1;
    enum osso_status status = file_read(s->path, MOST_BYTES, &data, &len, err);
    if (status)
        return status;
    for (size_t at = utf8_mark(data, len); at < len && !status; number++) {
        const char *line = data + at, *end = memchr(line, '\n', len - at);
        size_t n = end ? (size_t)(end - line) : len - at, blank = strspn(line, " \t\r");
        if (blank < n)
            status = add_line(s, line, n, number, err);
        at += n + 1;
    }
    mem_free(data);
    if (!status && s->n == 0)
        status = error_set(err, OSSO_FORMAT, "%s: no rule in it; each line is one, {\"text\": \"...\"} for example",
                           s->path);
    return status;
}

/* ---- scripts -------------------------------------------------------------------------------------------- */

enum osso_status osso_script_open(const char *path, const struct osso_tokenizer *tokenizer,
                                  struct osso_script **script_out, struct osso_error *err)
{
    *script_out = NULL;
    struct osso_script *s = mem_alloc(sizeof *s);
    if (!s)
        return error_nomem(err, sizeof *s, "a script");
    s->tokenizer = tokenizer;
    s->vocab = osso_tokenizer_size(tokenizer);
    s->end = osso_tokenizer_special(tokenizer, "<|return|>");
    s->path = mem_strdup(path);
    s->plain = mem_array((size_t)s->vocab, sizeof *s->plain);
    enum osso_status status = s->path && s->plain ? OSSO_OK
                                                  : error_nomem(err, (uint64_t)s->vocab * sizeof *s->plain, "a script");
    for (int64_t id = 0; id < s->vocab && !status; id++)
        s->plain[id] = (float)(-(double)id / 1e6);
    if (!status && s->end < 0)
        status = error_set(err, OSSO_UNSUPPORTED, "the tokenizer has no <|return|>: a script's answers could not end");
    if (!status)
        status = read_file(s, err);
    if (status)
        osso_script_free(s);
    else
        *script_out = s;
    return status;
}

void osso_script_free(struct osso_script *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        rule_free(&s->rules[i]);
    mem_free(s->rules);
    mem_free(s->plain);
    mem_free(s->path);
    mem_free(s);
}

int64_t osso_script_vocab(const struct osso_script *s)
{
    return s->vocab;
}

/* ---- requests ------------------------------------------------------------------------------------------- */

static bool matches(const struct rule *rule, const struct buf *text)
{
    bool found = !rule->match_len || (text->len && memmem(text->data, text->len, rule->match, rule->match_len));
    return rule->times != 0 && found;
}

enum osso_status osso_script_admit(struct osso_script *s, const int32_t *prompt, size_t n,
                                   struct osso_script_turn **turn_out, struct osso_error *err)
{
    struct buf text = {0};
    *turn_out = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *piece;
        size_t len;
        if (osso_tokenizer_piece(s->tokenizer, prompt[i], &piece, &len))
            buf_add(&text, piece, len);
    }
    struct osso_script_turn *turn = mem_alloc(sizeof *turn);
    enum osso_status status = text.failed || !turn ? error_nomem(err, text.len, "a script's prompt") : OSSO_OK;
    for (size_t i = 0; i < s->n && !status && !turn->rule; i++)
        if (matches(&s->rules[i], &text)) {
            s->rules[i].times -= s->rules[i].times > 0;
            *turn = (struct osso_script_turn){&s->rules[i], n};
        }
    buf_free(&text);
    if (!status && !turn->rule)
        status = error_set(err, OSSO_FORMAT,
                           "%s: no rule matches this prompt of %zu tokens, or those that do are used up", s->path, n);
    if (status)
        mem_free(turn);
    else
        *turn_out = turn;
    return status;
}

void osso_script_turn_free(struct osso_script_turn *turn)
{
    mem_free(turn);
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

static void fill(const struct osso_script *s, const struct osso_script_turn *turn, size_t n_tokens, float *logits)
{
    bool said = turn && n_tokens >= turn->n_prompt;
    size_t step = said ? n_tokens - turn->n_prompt : 0;
    if (!turn || (said && turn->rule->fail_at >= 0 && step >= (uint64_t)turn->rule->fail_at)) {
        for (int64_t id = 0; id < s->vocab; id++)
            logits[id] = NAN;
        return;
    }
    memcpy(logits, s->plain, (size_t)s->vocab * sizeof *logits);
    if (said)
        logits[step < turn->rule->ids.len ? turn->rule->ids.data[step] : s->end] = 100;
}

/* An interruption ends the wait too: the step is void then. */
static void wait_ms(const struct osso_engine *e, double ms)
{
    static const double slice_ms = 50;
    for (; ms > 0 && !engine_interrupted(e); ms -= slice_ms) {
        struct timespec t = {.tv_nsec = (long)(fmin(ms, slice_ms) * 1e6)};
        nanosleep(&t, NULL);
    }
}

static void play(void *user, const struct osso_script_row *row)
{
    struct osso_script *s = user;
    const struct osso_engine *e = row->session->engine;
    const struct osso_script_turn *turn = row->user == (const void *)row->session ? NULL : row->user;
    if (s->step != e->step_count) /* the one before may have been interrupted */
        s->prefill_ms = s->delay_ms = 0;
    s->step = e->step_count;
    if (turn && !row->replayed && (row->n_tokens <= turn->n_prompt || !row->logits))
        s->prefill_ms += turn->rule->prefill_ms;
    if (turn && row->logits && row->n_tokens >= turn->n_prompt)
        s->delay_ms = fmax(s->delay_ms, turn->rule->delay_ms);
    if (row->logits)
        fill(s, turn, row->n_tokens, row->logits);
    if (row->last)
        wait_ms(e, s->prefill_ms + s->delay_ms);
}

enum osso_status osso_script_engine(struct osso_script *s, const struct osso_engine_options *options,
                                    struct osso_engine **engine_out, struct osso_error *err)
{
    struct osso_engine_options o = {.size = sizeof o};
    struct stop_set stops;
    *engine_out = NULL;
    enum osso_status status = sized_check(options, "osso_engine_options", err);
    if (status)
        return status;
    sized_in(&o, sizeof o, options);
    o.size = sizeof o;
    o.context = o.context ? o.context : CONTEXT;
    status = osso_engine_create_rows(s->vocab, play, s, &o, engine_out, err);
    if (status)
        return status;
    struct config *c = &(*engine_out)->config;
    stop_set_make(c, s->tokenizer, &stops);
    for (int i = 0; i < stops.n && c->n_stop_ids < MAX_STOP_IDS; i++)
        c->stop_ids[c->n_stop_ids++] = stops.list[i].id;
    return OSSO_OK;
}
