/* vocab_json.c: tokenizer.json of Hugging Face. The small parts (added tokens, pre-tokenizer) become JSON trees; the
 * vocabulary and the merges, which are nearly all of its 27 MB, are only streamed through. */
#include "token/vocab_json.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "json/pull.h"
#include "token/added.h"
#include "token/o200k.h"
#include "token/vocab_build.h"

enum { KEY_CAP = 2 * VOCAB_MAX_TOKEN }; /* a byte is at most two bytes in the alphabet */

/* Where the parts of the file are; data is NULL for a part that is absent. */
enum part {
    ADDED_TOKENS,
    NORMALIZER,
    PRE_TOKENIZER,
    MODEL,
    TOP_PARTS,
    TYPE = TOP_PARTS,
    DROPOUT,
    WORD_PREFIX,
    WORD_SUFFIX,
    BYTE_FALLBACK,
    IGNORE_MERGES,
    VOCAB,
    MERGES,
    N_PARTS
};
static const char *const part_names[N_PARTS] = {
    "added_tokens",       "normalizer",    "pre_tokenizer", "model", "type",  "dropout", "continuing_subword_prefix",
    "end_of_word_suffix", "byte_fallback", "ignore_merges", "vocab", "merges"};

struct document {
    struct text_slice parts[N_PARTS];
    struct osso_tokenizer *builtin; /* set once the vocabulary turns out to be o200k */
    size_t n_beyond;                /* tokens that it lists past the ordinary ones, harmony's own not counted */
    enum split_kind split;
    struct unusable bad;
    struct jdoc *added_doc;
    const struct jval *added; /* the list; NULL: there is none */
    char key[KEY_CAP];
};

static enum osso_status syntax(const struct pull *p, struct osso_error *err)
{
    const char *cut = p->in.pos >= p->in.len ? "; is the download complete?" : "";
    return error_set(err, OSSO_FORMAT, "byte %zu: %s%s", p->in.pos, pull_says(p), cut);
}

/* ---- finding the parts ---------------------------------------------------------------------------------- */

/* If the vocabulary that comes next is o200k, steps over it and sets d->builtin; otherwise stays before it. */
static enum osso_status match_o200k(struct document *d, struct pull *p, struct osso_error *err)
{
    struct pull trial = *p;
    struct o200k_match match;
    size_t len;
    uint32_t id;
    if (p->in.len - p->in.pos < O200K_ORDINARY_BYTES + 4 * O200K_ORDINARY) /* quotes, colon and comma of each */
        return OSSO_OK;
    enum osso_status status = o200k_match_begin(&match, err);
    if (status != OSSO_OK)
        return status;
    pull_enter(&trial, '{');
    while (pull_member(&trial, d->key, sizeof d->key, &len) && pull_u32(&trial, &id) &&
           o200k_match_token(&match, id, d->key, len))
        d->n_beyond += id >= O200K_ORDINARY &&
                       !added_is_builtin(match.builtin, &(struct own_token){id, VOCAB_SPECIAL, d->key, len});
    if (!trial.problem && o200k_match_all(&match)) {
        d->builtin = match.builtin;
        match.builtin = NULL;
        d->parts[VOCAB].len = (size_t)(trial.in.text + trial.in.pos - d->parts[VOCAB].data);
        *p = trial;
    }
    o200k_match_end(&match);
    return OSSO_OK;
}

/* The merges of an o200k vocabulary need not be read: are all parts known that do matter? */
static bool seen_enough(const struct document *d)
{
    return d->builtin && !d->n_beyond && d->parts[ADDED_TOKENS].data && d->parts[NORMALIZER].data &&
           d->parts[PRE_TOKENIZER].data;
}

/* Walks one object and notes its members that are parts `from`..`to`. */
static enum osso_status find_parts(struct document *d, struct pull *p, int from, int to, struct osso_error *err)
{
    size_t len;
    pull_enter(p, '{');
    while (!seen_enough(d) && pull_member(p, d->key, sizeof d->key, &len)) {
        int part = from;
        while (part < to && (strlen(part_names[part]) != len || memcmp(part_names[part], d->key, len) != 0))
            part++;
        struct text_slice *slice = part < to ? &d->parts[part] : &(struct text_slice){NULL, 0};
        if (slice->data)
            return error_set(err, OSSO_FORMAT, "\"%s\" is there twice", part_names[part]);
        enum osso_status status = OSSO_OK;
        slice->data = p->in.text + p->in.pos;
        if (part == MODEL)
            status = find_parts(d, p, TOP_PARTS, N_PARTS, err); /* one level, never deeper: MODEL is not in there */
        else if (part == VOCAB)
            status = match_o200k(d, p, err);
        if (status != OSSO_OK)
            return status;
        if (part != MODEL && !(part == VOCAB && d->builtin))
            pull_skip(p, &slice->data, &slice->len);
    }
    return p->problem ? syntax(p, err) : OSSO_OK;
}

/* ---- the parts that must be what osso does -------------------------------------------------------------- */

static bool part_is(const struct document *d, enum part part, const char *text)
{
    const struct text_slice *s = &d->parts[part];
    return s->data && s->len == strlen(text) && memcmp(s->data, text, s->len) == 0;
}

static bool part_is_off(const struct document *d, enum part part)
{
    return !d->parts[part].data || part_is(d, part, "null") || part_is(d, part, "false") || part_is(d, part, "\"\"");
}

static enum osso_status check_model(const struct document *d, struct osso_error *err)
{
    if (!d->parts[VOCAB].data)
        return error_set(err, OSSO_FORMAT, "there is no model with a vocabulary");
    if (d->parts[TYPE].data && !part_is(d, TYPE, "\"BPE\""))
        return error_set(err, OSSO_UNSUPPORTED, "the model is not byte pair encoding (\"BPE\")");
    if (!part_is_off(d, NORMALIZER))
        return error_set(err, OSSO_UNSUPPORTED, "it normalizes text, which osso does not do");
    for (int part = DROPOUT; part <= BYTE_FALLBACK; part++)
        if (!part_is_off(d, (enum part)part))
            return error_set(err, OSSO_UNSUPPORTED, "the model sets \"%s\", which osso does not know",
                             part_names[part]);
    return OSSO_OK;
}

static bool is_string(const struct jval *v, const char *text)
{
    return v && v->type == J_STRING && jtext_is(v->text, text);
}

static bool is_true(const struct jval *object, const char *key)
{
    const struct jval *v = jval_get_type(object, key, J_BOOL);
    return v && v->truth;
}

static bool is_byte_level(const struct jval *v, bool use_regex)
{
    const struct jval *prefix = jval_get_type(v, "add_prefix_space", J_BOOL);
    return is_string(jval_get(v, "type"), "ByteLevel") && prefix && !prefix->truth &&
           (!jval_get(v, "use_regex") || is_true(v, "use_regex")) == use_regex;
}

static bool is_o200k_split(const struct jval *v)
{
    return is_string(jval_get(v, "type"), "Split") &&
           is_string(jval_get(jval_get(v, "pattern"), "Regex"), split_o200k_pattern) &&
           is_string(jval_get(v, "behavior"), "Isolated") && !is_true(v, "invert");
}

/* Two ways of splitting are known: the o200k pattern and then bytes, or GPT-2's. */
static enum osso_status check_pre_tokenizer(struct document *d, struct osso_error *err)
{
    struct jdoc *doc = NULL;
    enum osso_status status = OSSO_OK;
    if (d->parts[PRE_TOKENIZER].data)
        status = jdoc_read(d->parts[PRE_TOKENIZER].data, d->parts[PRE_TOKENIZER].len, "pre_tokenizer", &doc, err);
    if (status != OSSO_OK)
        return status;
    const struct jval *root = doc ? jdoc_root(doc) : NULL, *list = jval_get_type(root, "pretokenizers", J_ARRAY);
    if (is_string(jval_get(root, "type"), "Sequence") && list && list->n_children == 2 && is_o200k_split(list->first) &&
        is_byte_level(list->last, false))
        d->split = SPLIT_O200K;
    else if (is_byte_level(root, true))
        d->split = SPLIT_GPT2;
    else
        status = error_set(err, OSSO_UNSUPPORTED,
                           "its pre_tokenizer is neither o200k's pattern with ByteLevel nor GPT-2's ByteLevel "
                           "(without a prefix space); osso splits text in these two ways only");
    jdoc_release(doc);
    return status;
}

/* ---- added tokens --------------------------------------------------------------------------------------- */

static enum osso_status parse_added(struct document *d, struct osso_error *err)
{
    const struct text_slice *part = &d->parts[ADDED_TOKENS];
    if (part_is_off(d, ADDED_TOKENS))
        return OSSO_OK;
    enum osso_status status = jdoc_read(part->data, part->len, "added_tokens", &d->added_doc, err);
    if (status == OSSO_OK && jdoc_root(d->added_doc)->type != J_ARRAY)
        return error_set(err, OSSO_FORMAT, "added_tokens is not a list");
    d->added = status == OSSO_OK ? jdoc_root(d->added_doc) : NULL;
    return status;
}

/* To walk the added tokens: the first of them. */
static const struct jval *first_added(const struct document *d)
{
    return d->added ? d->added->first : NULL;
}

/* Is every token past o200k's ordinary ones an added one? Otherwise merging makes it, and the built-in table is none.
 */
static bool beyond_is_added(struct document *d, const struct own_token *own, size_t n)
{
    struct pull p = pull_over(d->parts[VOCAB].data, d->parts[VOCAB].len);
    size_t len;
    uint32_t id;
    pull_enter(&p, '{');
    while (d->n_beyond && pull_member(&p, d->key, sizeof d->key, &len) && pull_u32(&p, &id)) {
        if (id < O200K_ORDINARY || added_is_builtin(d->builtin, &(struct own_token){id, VOCAB_SPECIAL, d->key, len}))
            continue;
        if (!added_has(own, n, id, d->key, len))
            return false;
    }
    return true;
}

/* The built-in tokenizer with the file's own literals; d->builtin is NULL afterwards if the file needs more than that.
 */
static enum osso_status finish_o200k(struct document *d, struct osso_error *err)
{
    size_t n = 0;
    struct own_token *own = mem_array(d->added ? d->added->n_children + 1 : 1, sizeof *own);
    enum osso_status status = own ? OSSO_OK : error_nomem(err, sizeof *own, "the added tokens");
    for (const struct jval *v = first_added(d); v && status == OSSO_OK; v = v->next)
        status = added_read(v, &own[n++], err);
    if (status == OSSO_OK)
        added_sort(own, n);
    if (status == OSSO_OK && beyond_is_added(d, own, n)) {
        status = added_put_on_top(d->builtin, own, n, err);
        d->builtin->split = d->split;
        d->builtin->o200k = d->split == SPLIT_O200K;
    } else if (status == OSSO_OK) {
        osso_tokenizer_free(d->builtin);
        d->builtin = NULL;
    }
    mem_free(own);
    return status;
}

/* ---- any other vocabulary ------------------------------------------------------------------------------- */

/* One past the highest id. Ids far beyond the number of tokens are refused, so that a small file cannot ask for much
 * memory. */
static enum osso_status measure_vocab(struct document *d, uint32_t *n_ids_out, struct osso_error *err)
{
    struct pull p = pull_over(d->parts[VOCAB].data, d->parts[VOCAB].len);
    size_t count = d->added ? d->added->n_children : 0, len;
    uint32_t id, highest = 0;
    for (const struct jval *v = first_added(d); v; v = v->next) {
        struct own_token a;
        enum osso_status status = added_read(v, &a, err);
        if (status != OSSO_OK)
            return status;
        highest = a.id > highest ? a.id : highest;
    }
    pull_enter(&p, '{');
    while (pull_member(&p, d->key, sizeof d->key, &len) && pull_u32(&p, &id)) {
        highest = id > highest ? id : highest;
        count++;
    }
    if (p.problem)
        return syntax(&p, err);
    if (highest >= 2 * count + 1024 || highest >= VOCAB_MAX_IDS)
        return error_set(err, OSSO_FORMAT, "token id %u is far beyond the number of tokens, %zu", highest, count);
    *n_ids_out = highest + 1;
    return OSSO_OK;
}

static enum osso_status fill_added(const struct document *d, struct vocab *v, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (const struct jval *t = first_added(d); t && status == OSSO_OK; t = t->next) {
        struct own_token a;
        status = added_read(t, &a, err);
        if (status == OSSO_OK)
            status = vocab_set(v, a.id, a.name, a.len, a.kind, err);
    }
    return status;
}

/* Added tokens may be listed in the vocabulary too, as the same literal with the same id. */
static enum osso_status fill_text(struct document *d, struct vocab *v, struct osso_error *err)
{
    struct pull p = pull_over(d->parts[VOCAB].data, d->parts[VOCAB].len);
    enum osso_status status = OSSO_OK;
    size_t len;
    uint32_t id;
    pull_enter(&p, '{');
    while (status == OSSO_OK && pull_member(&p, d->key, sizeof d->key, &len) && pull_u32(&p, &id)) {
        const struct vocab_token *t = id < v->n_ids ? &v->tokens[id] : NULL;
        bool added = t && (t->kind == VOCAB_SPECIAL || t->kind == VOCAB_ADDED);
        if (added && t->len == len && memcmp(v->bytes + t->start, d->key, len) == 0)
            continue;
        if (added_kind(d->key, len, VOCAB_TEXT) == VOCAB_SPECIAL)
            status = vocab_set(v, id, d->key, len, VOCAB_SPECIAL, err);
        else if (build_usable(&d->bad, id, d->key, len))
            status = build_text(v, id, d->key, len, err);
    }
    return status == OSSO_OK && p.problem ? syntax(&p, err) : status;
}

static enum osso_status fill_merges(struct document *d, struct vocab *v, struct osso_error *err)
{
    struct pull p = pull_over(d->parts[MERGES].data, d->parts[MERGES].len), counting = p;
    char *left = d->key, *right = d->key + KEY_CAP / 2;
    enum osso_status status;
    size_t n = 0, n_left, n_right;
    for (pull_enter(&counting, '['); pull_element(&counting) && pull_skip(&counting, NULL, NULL);)
        n++;
    if (counting.problem)
        return syntax(&counting, err);
    status = build_index(v, n, err);
    pull_enter(&p, '[');
    for (uint32_t rank = 0; status == OSSO_OK && pull_element(&p); rank++) {
        if (pull_peek(&p) == '"') { /* "a b", or ["a","b"] in newer files */
            if (pull_string(&p, d->key, KEY_CAP, &n_left))
                status = build_merge_string(v, rank, d->key, n_left, err);
        } else if (pull_enter(&p, '[') && pull_element(&p) && pull_string(&p, left, KEY_CAP / 2, &n_left) &&
                   pull_element(&p) && pull_string(&p, right, KEY_CAP / 2, &n_right)) {
            status = build_merge(v, rank, left, n_left, right, n_right, err);
            if (status == OSSO_OK && pull_element(&p))
                status = error_set(err, OSSO_FORMAT, "merge %u has more than two parts", rank);
        } else if (!p.problem) {
            status = error_set(err, OSSO_FORMAT, "merge %u has fewer than two parts", rank);
        }
    }
    return status == OSSO_OK && p.problem ? syntax(&p, err) : status;
}

static enum osso_status build_from_document(struct document *d, struct osso_tokenizer **tokenizer_out,
                                            struct osso_error *err)
{
    struct vocab v = {0};
    uint32_t n_ids = 0;
    if (!d->parts[MERGES].data)
        return error_set(err, OSSO_FORMAT, "the model has no merges");
    enum osso_status status = measure_vocab(d, &n_ids, err);
    if (status == OSSO_OK)
        status = vocab_init(&v, n_ids, (size_t)n_ids * 8, err);
    if (status == OSSO_OK)
        status = fill_added(d, &v, err);
    if (status == OSSO_OK)
        status = fill_text(d, &v, err);
    if (status == OSSO_OK)
        status = build_judge(&d->bad, n_ids, err);
    if (status == OSSO_OK)
        status = fill_merges(d, &v, err);
    if (status == OSSO_OK)
        status = build_finish(&v, part_is(d, IGNORE_MERGES, "true"), err);
    if (status == OSSO_OK)
        status = tokenizer_wrap(&v, d->split, NULL, 0, tokenizer_out, err);
    if (status == OSSO_OK)
        build_note(&d->bad, *tokenizer_out);
    vocab_free(&v);
    return status;
}

enum osso_status tokenizer_from_json(const char *json, size_t len, const char *where,
                                     struct osso_tokenizer **tokenizer_out, struct osso_error *err)
{
    *tokenizer_out = NULL;
    size_t mark = utf8_mark(json, len);
    struct pull p = pull_over(json + mark, len - mark);
    struct document *d = mem_alloc(sizeof *d);
    if (!d)
        return error_nomem(err, sizeof *d, "reading a tokenizer");
    enum osso_status status = find_parts(d, &p, 0, TOP_PARTS, err);
    if (status == OSSO_OK && !seen_enough(d) && !pull_at_end(&p))
        status = error_set(err, OSSO_FORMAT, "byte %zu: something follows the end of the JSON text", p.in.pos);
    if (status == OSSO_OK)
        status = check_model(d, err);
    if (status == OSSO_OK)
        status = check_pre_tokenizer(d, err);
    if (status == OSSO_OK)
        status = parse_added(d, err);
    if (status == OSSO_OK && d->builtin)
        status = finish_o200k(d, err);
    if (status == OSSO_OK && d->builtin) {
        *tokenizer_out = d->builtin;
        d->builtin = NULL;
    } else if (status == OSSO_OK) {
        status = build_from_document(d, tokenizer_out, err);
    }
    jdoc_release(d->added_doc);
    osso_tokenizer_free(d->builtin);
    mem_free(d);
    return status == OSSO_OK ? status : error_prefix(err, status, where);
}
