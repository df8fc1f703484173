/* torture_parse [N [SEED]]: N ids (100 million), random or mutated from rendered conversations, through the tolerant
 * parser; to be run in the asan build. Prints the rate. Fails on any error and on deltas that do not add up to the
 * texts. */
#include "noise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STREAM = 4096 };

static void die(const char *what, const struct osso_error *err)
{
    fprintf(stderr, "torture_parse: %s: %s\n", what, err->text);
    exit(1);
}

static void parse(const struct osso_tokenizer *tokenizer, const int32_t *ids, size_t n, const char *role,
                  unsigned flags)
{
    struct osso_parser *p;
    struct osso_parser_state s = {.size = sizeof s};
    struct osso_error err = {0};
    struct osso_message m = {.size = sizeof m};
    size_t n_deltas = 0, n_text = 0;
    if (osso_parser_create(tokenizer, role, flags, &p, &err))
        die("create", &err);
    for (size_t i = 0; i < n; i++) {
        if (osso_parser_push(p, ids[i], &s, &err) && !flags)
            die("push", &err);
        n_deltas += s.delta_len;
    }
    if (osso_parser_finish(p, &s, &err) && !flags)
        die("finish", &err);
    n_deltas += s.delta_len;
    const struct osso_conversation *c = osso_parser_messages(p);
    for (size_t i = 0; i < osso_conversation_size(c); i++) {
        if (osso_conversation_get(c, i, &m, &err))
            die("get", &err);
        n_text += m.text_len;
    }
    if (n_text != n_deltas)
        die("the deltas do not add up", &err);
    osso_parser_free(p);
}

int main(int argc, char **argv)
{
    unsigned long long total = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000000, done = 0;
    struct osso_tokenizer *tokenizer;
    struct osso_error err = {0};
    struct osso_ids said = {0};
    struct rng r;
    struct timespec t0, t1;
    static int32_t ids[STREAM];
    rng_seed(&r, argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
    if (osso_tokenizer_builtin(&tokenizer, &err))
        die("tokenizer", &err);
    if (osso_tokenizer_encode(tokenizer, noise_spoils, strlen(noise_spoils), OSSO_ENCODE_SPECIAL, &said, &err))
        die("encode", &err);
    clock_gettime(CLOCK_MONOTONIC, &t0);
    for (unsigned long long k = 0; done < total; k++) {
        noise_fill(&r, &said, 0, ids, STREAM);
        size_t n = 1 + rng_below(&r, STREAM);
        parse(tokenizer, ids, n, k & 1 ? "assistant" : NULL, k % 8 == 7 ? OSSO_PARSE_STRICT : 0);
        done += n;
    }
    clock_gettime(CLOCK_MONOTONIC, &t1);
    double seconds = (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec);
    printf("%llu ids in %.1f s: %.2f million a second\n", done, seconds, (double)done / seconds * 1e-6);
    osso_ids_free(&said);
    osso_tokenizer_free(tokenizer);
    return 0;
}
