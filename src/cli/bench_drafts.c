/* bench_drafts.c: decode of a text with tokens that are run ahead and without, in turns. Where the text has its answer
 * with it the model is led along it, whatever its weights say: what they would have chosen is compared, what guesses
 * bring is then the text's, and a step costs what its experts cost. */
#include "cli/bench_drafts.h"
#include "cli/bench_report.h"
#include "cli/draft_args.h"
#include "cli/input.h"
#include "cli/int_list.h"
#include "cli/model_args.h"
#include "cli/out.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sorted.h"
#include "osso/bench.h"

#include <stdio.h>
#include <string.h>

enum { DEFAULT_TOKENS = 128 };

struct text {
    const char *path;
    struct osso_ids prompt, answer; /* answer empty: the model's own */
    size_t n;                       /* tokens to generate */
};

/* Of one text, each [repetitions]. */
struct turns {
    double *plain, *drafted, *ratio; /* seconds; plain / drafted */
    size_t steps, guessed, came;     /* of the last drafted one */
};

struct drafts_bench {
    struct runner r;
    struct osso_sampler *greedy;
    struct text *texts;
    int n_texts, repetitions;
    struct osso_choice *chosen; /* [most n]: of the first turn, that all others must choose, too */
    uint64_t salt;
    bool shares;                 /* nobody but the engine reads the prompt */
    struct osso_session *prompt; /* then it is here, of the text that is measured */
    const char *form;
    int n_rows;
};

/* ---- texts ---------------------------------------------------------------------------------------------- */

/* Where a line of five = begins, and what is behind it; NULL: no such line. */
static const char *divide(const char *text, size_t len, size_t *prompt_len)
{
    static const char line[] = "\n=====\n";
    for (size_t i = 0; i + sizeof line - 1 <= len; i++)
        if (memcmp(text + i, line, sizeof line - 1) == 0) {
            *prompt_len = i + 1;
            return text + i + sizeof line - 1;
        }
    *prompt_len = len;
    return NULL;
}

static enum osso_status read_text(const struct osso_tokenizer *t, const char *path, int64_t tokens, struct text *out,
                                  struct osso_error *err)
{
    struct buf file = {0};
    size_t n;
    out->path = path;
    enum osso_status status = input_read(path, &file, err);
    if (!status)
        status = input_check_utf8(file.data, file.len, path, err);
    const char *answer = status ? NULL : divide(file.data, file.len, &n);
    if (!status)
        status = osso_tokenizer_encode(t, file.data, n, OSSO_ENCODE_SPECIAL, &out->prompt, err);
    if (!status && answer)
        status = osso_tokenizer_encode(t, answer, (size_t)(file.data + file.len - answer), OSSO_ENCODE_SPECIAL,
                                       &out->answer, err);
    buf_free(&file);
    if (!status && (out->prompt.len == 0 || (answer && out->answer.len < 2)))
        status = error_set(err, OSSO_USAGE, "%s: %s is needed", path,
                           out->prompt.len ? "an answer of two tokens or more" : "a prompt");
    size_t most = tokens > 0 ? (size_t)tokens : answer ? SIZE_MAX : DEFAULT_TOKENS;
    out->n = answer && out->answer.len < most ? out->answer.len : most;
    return status;
}

static enum osso_status read_texts(const struct options *o, struct drafts_bench *b, struct osso_error *err)
{
    const struct option_value *files = &o->v[OPT_draft_text], *gen = &o->v[OPT_n_gen];
    struct int_list tokens = {{0}, 1};
    enum osso_status status = gen->set ? int_list_parse(gen, "0", "-n", &tokens, err) : OSSO_OK;
    if (!status && (tokens.len != 1 || (gen->set && tokens.n[0] < 2)))
        status = error_set(err, OSSO_USAGE, "-n: one number of tokens, 2 or more, goes with --draft");
    b->texts = mem_array(files->n, sizeof *b->texts);
    if (!status && !b->texts)
        status = error_nomem(err, files->n * sizeof *b->texts, "texts");
    for (size_t i = 0; i < files->n && !status; i++)
        status = read_text(b->r.tokenizer, files->list[i], tokens.n[0], &b->texts[b->n_texts++], err);
    return status;
}

/* ---- a turn --------------------------------------------------------------------------------------------- */

static enum osso_status step(struct drafts_bench *b, struct osso_session *s, struct osso_drafter *d, size_t room,
                             struct turns *t, struct osso_error *err)
{
    if (osso_session_ready(s))
        return OSSO_OK;
    if (d)
        osso_drafter_guess(d, s, b->greedy, room);
    double start = clock_seconds();
    enum osso_status status = osso_step(b->r.engine, &s, 1, 0, err);
    if (d)
        osso_drafter_took(d, (clock_seconds() - start) * 1e3);
    t->steps++;
    return status;
}

/* The choice, where the first turn made the same, or makes it. */
static enum osso_status choose(struct drafts_bench *b, const struct text *text, struct osso_session *s, size_t i,
                               bool first, int32_t *id, struct osso_error *err)
{
    struct osso_choice choice;
    enum osso_status status = osso_sample(b->greedy, s, &choice, NULL, 0, err);
    if (first)
        b->chosen[i] = choice;
    else if (!status && memcmp(&choice, &b->chosen[i], sizeof choice) != 0)
        status = error_set(err, OSSO_NUMERIC, "%s: token %zu is %d (%.9g), and was %d (%.9g) in the first turn",
                           text->path, i + 1, choice.id, (double)choice.logprob, b->chosen[i].id,
                           (double)b->chosen[i].logprob);
    *id = text->answer.len ? text->answer.data[i] : choice.id;
    return status;
}

static enum osso_status generate(struct drafts_bench *b, const struct text *text, struct osso_session *s,
                                 struct osso_drafter *d, bool first, struct turns *t, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    t->steps = 0;
    for (size_t i = 0; i < text->n && !status; i++) {
        int32_t id = 0;
        status = choose(b, text, s, i, first, &id, err);
        if (!status)
            status = osso_session_append(s, id, err);
        if (!status && d)
            osso_drafter_came(d, id);
        if (!status && i + 1 < text->n)
            status = step(b, s, d, text->n - i - 2, t, err);
    }
    return status;
}

static enum osso_status run_prompt(struct drafts_bench *b, const struct text *text, struct osso_session **session_out,
                                   struct osso_error *err)
{
    enum osso_status status = osso_session_create(b->r.engine, ++b->salt, session_out, err);
    if (!status)
        status = osso_session_sync(*session_out, text->prompt.data, text->prompt.len, err);
    while (!status && !osso_session_ready(*session_out))
        status = osso_step(b->r.engine, session_out, 1, 0, err);
    return status;
}

/* The prompt is computed, in a session that a model which guesses has not seen. Without one all turns share it. */
static enum osso_status open_prompt(struct drafts_bench *b, const struct text *text, struct osso_session **session_out,
                                    struct osso_error *err)
{
    if (!b->prompt)
        return run_prompt(b, text, session_out, err);
    enum osso_status status = osso_session_fork(b->prompt, session_out, err);
    while (!status && !osso_session_ready(*session_out))
        status = osso_step(b->r.engine, session_out, 1, 0, err);
    return status;
}

static enum osso_status turn(struct drafts_bench *b, const struct text *text, bool drafted, bool first, struct turns *t,
                             double *seconds, struct osso_error *err)
{
    struct osso_session *s = NULL;
    struct osso_drafter_counts counts = {.size = sizeof counts};
    enum osso_status status = open_prompt(b, text, &s, err);
    if (!status && drafted)
        status = draft_anew(b->r.drafting, err);
    struct osso_drafter *d = drafted ? draft_drafter(b->r.drafting) : NULL;
    double start = clock_seconds();
    if (!status)
        status = generate(b, text, s, d, first, t, err);
    *seconds = clock_seconds() - start;
    if (!status && d) {
        osso_drafter_counts(d, &counts);
        t->guessed = counts.n_made;
        t->came = counts.n_came;
        draft_say(b->r.drafting);
    }
    osso_session_free(s);
    return status;
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

static void report(struct drafts_bench *b, const struct text *text, struct turns *t)
{
    size_t n = (size_t)b->repetitions;
    double tokens = (double)(text->n - 1), ratio = median_of(t->ratio, n);
    double plain = tokens / median_of(t->plain, n), drafted = tokens / median_of(t->drafted, n);
    double each = tokens / (double)t->steps, share = t->guessed ? 100 * (double)t->came / (double)t->guessed : 0;
    bool json = strcmp(b->form, "json") == 0, csv = strcmp(b->form, "csv") == 0, first = b->n_rows++ == 0;
    const char *kind = text->answer.len ? "given" : "model's";
    if (json) {
        printf(first ? "[\n  {\"text\": " : ",\n  {\"text\": ");
        bench_quoted(text->path, true);
        printf(", \"answer\": \"%s\", \"n_prompt\": %zu, \"n_gen\": %zu, \"repetitions\": %zu, \"plain_ts\": %.3f, "
               "\"draft_ts\": %.3f, \"ratio\": %.4f, \"tokens_per_step\": %.3f, \"draft_n\": %zu, "
               "\"draft_n_accepted\": %zu, \"same\": true}",
               kind, text->prompt.len, text->n, n, plain, drafted, ratio, each, t->guessed, t->came);
    } else if (csv) {
        if (first)
            printf("text,answer,n_prompt,n_gen,repetitions,plain_ts,draft_ts,ratio,tokens_per_step,draft_n,"
                   "draft_n_accepted\n");
        bench_quoted(text->path, false);
        printf(",%s,%zu,%zu,%zu,%.3f,%.3f,%.4f,%.3f,%zu,%zu\n", kind, text->prompt.len, text->n, n, plain, drafted,
               ratio, each, t->guessed, t->came);
    } else {
        if (first)
            printf("| text | answer | tokens | plain t/s | drafted t/s | ratio | tokens a step | guesses | came |\n"
                   "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        printf("| %s | %s | %zu | %.2f | %.2f | %.3f | %.2f | %zu | %.0f %% |\n", text->path, kind, text->n, plain,
               drafted, ratio, each, t->guessed, share);
    }
    out_flush();
}

/* One turn that is not measured, then in turns, each kind first as often as the other. */
static enum osso_status measure(struct drafts_bench *b, const struct text *text, struct osso_error *err)
{
    size_t n = (size_t)b->repetitions;
    double *space = mem_array(3 * n, sizeof *space), ignored;
    b->chosen = mem_array(text->n, sizeof *b->chosen);
    if (!space || !b->chosen) {
        mem_free(space);
        return error_nomem(err, text->n * sizeof *b->chosen, "tokens");
    }
    struct turns t = {.plain = space, .drafted = space + n, .ratio = space + 2 * n}, unused = t;
    enum osso_status status = b->shares ? run_prompt(b, text, &b->prompt, err) : OSSO_OK;
    if (!status)
        status = turn(b, text, false, true, &unused, &ignored, err);
    for (size_t i = 0; i < n && !status; i++) {
        bool ahead = i % 2 == 1;
        if (err_is_terminal())
            fprintf(stderr, "\r%s: %zu of %zu\033[K", text->path, i + 1, n);
        status = turn(b, text, ahead, false, ahead ? &t : &unused, ahead ? &t.drafted[i] : &t.plain[i], err);
        if (!status)
            status = turn(b, text, !ahead, false, ahead ? &unused : &t, ahead ? &t.plain[i] : &t.drafted[i], err);
        t.ratio[i] = t.plain[i] / t.drafted[i];
    }
    if (err_is_terminal())
        fputs("\r\033[K", stderr);
    if (!status)
        report(b, text, &t);
    mem_free(space);
    mem_free(b->chosen);
    osso_session_free(b->prompt);
    b->chosen = NULL;
    b->prompt = NULL;
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static enum osso_status start(const struct options *o, struct drafts_bench *b, struct osso_error *err)
{
    struct osso_sampling greedy;
    struct osso_engine_options e = engine_args(o, &b->r);
    size_t longest = 0;
    for (int i = 0; i < b->n_texts; i++) {
        size_t n = b->texts[i].prompt.len + b->texts[i].n;
        longest = n > longest ? n : longest;
    }
    e.max_sessions = 3; /* runner_start has one of its own */
    e.context = o->v[OPT_ctx_size].set ? e.context : (int64_t)longest + 1;
    enum osso_status status = runner_start(&b->r, &e, err);
    if (!status && b->r.dims.file_bytes < mem_available())
        status = osso_bench_touch(b->r.engine, err);
    if (!status)
        status = draft_start(b->r.drafting, b->r.engine, &e, NULL, err);
    osso_sampling_defaults(&greedy);
    greedy.temperature = 0;
    return status ? status : osso_sampler_create(&greedy, b->r.dims.vocab, &b->greedy, err);
}

static void end(struct drafts_bench *b)
{
    for (int i = 0; i < b->n_texts; i++) {
        osso_ids_free(&b->texts[i].prompt);
        osso_ids_free(&b->texts[i].answer);
    }
    mem_free(b->texts);
    osso_sampler_free(b->greedy);
    runner_close(&b->r);
}

enum osso_status bench_drafts(const struct options *o, struct osso_error *err)
{
    struct options with = *o; /* what opens a model knows one --draft */
    struct drafts_bench b = {.form = o->v[OPT_output].set ? o->v[OPT_output].s : "md",
                             .repetitions = o->v[OPT_repetitions].set ? (int)o->v[OPT_repetitions].i : 5};
    with.v[OPT_draft] = o->v[OPT_bench_draft];
    b.shares = strcmp(o->v[OPT_bench_draft].s, "lookup") == 0;
    if (strcmp(o->v[OPT_bench_draft].s, "off") == 0)
        return error_set(err, OSSO_USAGE, "--draft off leaves nothing to measure; give lookup, or a model");
    if (!o->v[OPT_draft_text].set)
        return error_set(err, OSSO_USAGE, "--draft needs texts: give --draft-text FILE (bench/drafts has some)");
    enum osso_status status = runner_open(&with, &b.r, err);
    if (!status)
        status = runner_tokenizer(&b.r, err);
    if (!status)
        status = read_texts(o, &b, err);
    if (!status)
        status = start(&with, &b, err);
    for (int i = 0; i < b.n_texts && !status; i++)
        status = measure(&b, &b.texts[i], err);
    if (!status && strcmp(b.form, "json") == 0)
        printf("\n]\n");
    end(&b);
    return status;
}
