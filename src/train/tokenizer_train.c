/* tokenizer_train.c: from files to a tokenizer's folder. */
#include "osso/corpus.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "json/pull.h"
#include "token/bpe_train.h"
#include "token/o200k.h"
#include "token/tokenizer_files.h"
#include "train/text_file.h"

#include <string.h>

enum {
    STANDARD_SIZE = 4096,
    MAX_DEPTH = 100,
    CONTEXT = 131072,
    HARMONY_SPECIALS = O200K_ALIAS_ID + 1 - O200K_ORDINARY
};

struct job {
    struct file_map *maps;
    struct bpe_text *texts;
    struct buf *strings; /* of .jsonl files */
    size_t n;
    uint64_t bytes;
    struct osso_error *err;
};

/* ---- texts ---------------------------------------------------------------------------------------------- */

/* Every string that is a value, each on a line of its own: what conversations say, without how JSON spells it. */
static enum osso_status take_strings(struct pull *p, struct buf *out, int depth)
{
    struct buf one = {0};
    char bracket = pull_peek(p);
    if (bracket == '"') {
        if (pull_plain(p, &one)) {
            buf_add(out, one.data, one.len);
            buf_putc(out, '\n');
        }
    } else if (depth < MAX_DEPTH && bracket == '{') {
        pull_enter(p, '{');
        while (pull_plain_member(p, &one))
            take_strings(p, out, depth + 1);
    } else if (depth < MAX_DEPTH && bracket == '[') {
        pull_enter(p, '[');
        while (pull_element(p))
            take_strings(p, out, depth + 1);
    } else {
        pull_skip(p, NULL, NULL);
    }
    buf_free(&one);
    return p->problem ? OSSO_FORMAT : OSSO_OK;
}

static enum osso_status read_lines(const char *text, size_t len, const char *path, struct buf *out,
                                   struct osso_error *err)
{
    size_t number = 1;
    for (const char *s = text, *end = text + len, *next; s < end; s = next, number++) {
        const char *newline = memchr(s, '\n', (size_t)(end - s));
        struct pull p = pull_over(s, (size_t)((newline ? newline : end) - s));
        next = newline ? newline + 1 : end;
        if (pull_at_end(&p))
            continue;
        if ((take_strings(&p, out, 0) || !pull_at_end(&p)) && p.problem != PULL_NO_MEMORY)
            return error_set(err, OSSO_FORMAT, "%s line %zu: no JSON: %s", path, number,
                             p.problem ? pull_says(&p) : "more behind its end");
        out->failed = out->failed || p.problem == PULL_NO_MEMORY;
    }
    return out->failed ? error_nomem(err, len, path) : OSSO_OK;
}

static enum osso_status job_open(struct job *job, const char *path)
{
    size_t i = job->n;
    const char *text;
    size_t len;
    enum osso_status status = text_file_open(path, &job->maps[i], &text, &len, job->err);
    job->n++;
    if (!status && text_file_is_lines(path)) {
        status = read_lines(text, len, path, &job->strings[i], job->err);
        text = job->strings[i].data;
        len = job->strings[i].len;
    }
    job->bytes += len;
    job->texts[i] = (struct bpe_text){(const uint8_t *)text, len};
    return status;
}

static void job_close(struct job *job)
{
    for (size_t i = 0; i < job->n; i++) {
        file_map_close(&job->maps[i]);
        buf_free(&job->strings[i]);
    }
    mem_free(job->maps);
    mem_free(job->texts);
    mem_free(job->strings);
}

/* ---- the folder ----------------------------------------------------------------------------------------- */

static enum osso_status write_folder(const struct osso_tokenizer *tokenizer, const char *folder, struct osso_error *err)
{
    struct vocab_export export = {0};
    struct buf json = {0}, config = {0};
    enum osso_status status = vocab_export_create(tokenizer, osso_tokenizer_size(tokenizer), &export, err);
    if (!status) {
        tokenizer_write_json(&export, &json);
        tokenizer_write_config(&export, CONTEXT, &config);
        status = save_text(folder, "tokenizer.json", &json, err);
    }
    if (!status)
        status = save_text(folder, "tokenizer_config.json", &config, err);
    vocab_export_free(&export);
    buf_free(&json);
    buf_free(&config);
    return status;
}

static enum osso_status make_folder(const char *folder, struct osso_error *err)
{
    bool made;
    char *config = file_join(folder, "config.json");
    enum osso_status status = config ? file_make_dir(folder, &made, err) : error_nomem(err, strlen(folder), "a path");
    if (!status && file_exists(config))
        status = error_set(err, OSSO_USAGE, "%s is a model's folder, whose tokenizer would be lost; name another one",
                           folder);
    mem_free(config);
    return status;
}

/* ---- learning ------------------------------------------------------------------------------------------- */

/* What stands on top: of GPT-2 its one marker, else what published gpt-oss files have. NULL ends the list. */
static void list_specials(bool harmony, char names[HARMONY_SPECIALS][O200K_NAME],
                          const char *list[HARMONY_SPECIALS + 1])
{
    int n = 0;
    for (uint32_t id = O200K_ORDINARY; harmony && id < O200K_ALIAS_ID; id++, n++) {
        o200k_name(id, names[n]);
        list[n] = names[n];
    }
    list[n] = harmony ? O200K_ALIAS : "<|endoftext|>";
    list[n + 1] = NULL;
}

static enum osso_status learn(const struct osso_tokenizer_train_options *o, struct job *job, struct team *team,
                              const char *folder, uint64_t *n_pieces_out)
{
    bool harmony = !o->split || strcmp(o->split, "o200k") == 0;
    enum split_kind split = harmony ? SPLIT_O200K : SPLIT_GPT2;
    int digits = harmony && o->digits == 3 ? 0 : o->digits; /* o200k's pattern has no more than three */
    uint32_t n_tokens = (uint32_t)o->vocab_size - (harmony ? HARMONY_SPECIALS : 1);
    char names[HARMONY_SPECIALS][O200K_NAME];
    const char *specials[HARMONY_SPECIALS + 1];
    struct osso_tokenizer *tokenizer = NULL;
    struct bpe_words words = {0};
    struct bpe_tokens tokens = {0};
    enum osso_status status = bpe_count(job->texts, job->n, split, digits, team, &words, job->err);
    *n_pieces_out = words.n;
    if (!status)
        status = bpe_train(&words, n_tokens, &tokens, job->err);
    if (!status && tokens.n < n_tokens)
        status = error_set(job->err, OSSO_USAGE,
                           "the texts give a vocabulary of %lld at most, not %lld: ask for a smaller one, or give more",
                           (long long)(tokens.n + o->vocab_size - n_tokens), (long long)o->vocab_size);
    if (!status) {
        list_specials(harmony, names, specials);
        status = tokenizer_from_tokens(&tokens, split, specials, &tokenizer, job->err);
    }
    if (!status)
        status = write_folder(tokenizer, folder, job->err);
    osso_tokenizer_free(tokenizer);
    bpe_words_free(&words);
    bpe_tokens_free(&tokens);
    return status;
}

static enum osso_status check(const struct osso_tokenizer_train_options *o, size_t n_paths, struct osso_error *err)
{
    bool harmony = !o->split || strcmp(o->split, "o200k") == 0;
    int64_t least = 256 + (harmony ? HARMONY_SPECIALS : 1);
    if (!harmony && strcmp(o->split, "gpt2") != 0)
        return error_set(err, OSSO_USAGE, "split '%s' is none of o200k, gpt2", o->split);
    if (o->digits != 0 && o->digits != 1 && o->digits != 3)
        return error_set(err, OSSO_USAGE, "%d digits; 1 or 3 will do", o->digits);
    if (o->vocab_size < least || o->vocab_size > VOCAB_MAX_IDS)
        return error_set(err, OSSO_USAGE, "a vocabulary of %lld; from %lld (every byte and the special tokens) to %d",
                         (long long)o->vocab_size, (long long)least, VOCAB_MAX_IDS);
    if (n_paths == 0)
        return error_set(err, OSSO_USAGE, "there is no text to learn from");
    return OSSO_OK;
}

enum osso_status osso_tokenizer_train(const char *const *paths, size_t n_paths,
                                      const struct osso_tokenizer_train_options *options, const char *folder,
                                      struct osso_tokenizer_trained *trained_out, struct osso_error *err)
{
    struct osso_tokenizer_train_options o = {.size = sizeof o};
    struct osso_tokenizer_trained trained = {0};
    struct job job = {.err = err};
    struct team *team = NULL;
    enum osso_status status = sized_check(options, "osso_tokenizer_train_options", err);
    if (!status && (status = sized_check(trained_out, "osso_tokenizer_trained", err)))
        return status;
    sized_in(&o, sizeof o, options);
    o.vocab_size = o.vocab_size ? o.vocab_size : STANDARD_SIZE;
    if (!status)
        status = check(&o, n_paths, err);
    if (status)
        return status;
    job.maps = mem_array(n_paths, sizeof *job.maps);
    job.texts = mem_array(n_paths, sizeof *job.texts);
    job.strings = mem_array(n_paths, sizeof *job.strings);
    if (!job.maps || !job.texts || !job.strings)
        status = error_nomem(err, n_paths * sizeof *job.maps, "the texts");
    for (size_t i = 0; i < n_paths && !status; i++)
        status = job_open(&job, paths[i]);
    if (!status)
        status = make_folder(folder, err);
    if (!status)
        status = team_create(o.threads > 0 ? o.threads : cpu_count(), &team, err);
    if (!status)
        status = learn(&o, &job, team, folder, &trained.pieces);
    trained.bytes = job.bytes;
    if (trained_out && !status)
        sized_out(trained_out, &trained, sizeof trained);
    team_free(team);
    job_close(&job);
    return status;
}
