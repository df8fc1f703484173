/* verb_tokenizer_train.c: a tokenizer from texts. */
#include "cli/model_args.h"
#include "cli/out.h"

#include "osso/corpus.h"

int verb_tokenizer_train(const struct options *o)
{
    const struct option_value *v = o->v;
    struct osso_error err = {0};
    struct osso_tokenizer_trained trained = {.size = sizeof trained};
    struct osso_tokenizer_train_options t = {
        .size = sizeof t,
        .vocab_size = v[OPT_vocab_size].i,
        .split = v[OPT_tokenizer_split].s,
        .digits = v[OPT_digits].set ? v[OPT_digits].s[0] - '0' : 0,
        .threads = v[OPT_tokenizer_threads].i > 0 ? (int)v[OPT_tokenizer_threads].i : 0,
    };
    char a[32], b[32];
    if (!v[OPT_tokenizer_out].set) {
        say("tokenizer train needs -o DIR: the folder to write");
        return 2;
    }
    enum osso_status status = osso_tokenizer_train(o->operand, (size_t)o->n_operands, &t, v[OPT_tokenizer_out].s,
                                                   &trained, &err);
    if (!status)
        say("%s: %lld tokens from %s of text with %s different pieces", v[OPT_tokenizer_out].s,
            (long long)(t.vocab_size ? t.vocab_size : 4096), human_bytes(a, trained.bytes),
            human_count(b, trained.pieces));
    return exit_code(status, &err);
}
