/* verb_synth.c: a checkpoint of true shapes with random weights. */
#include "cli/model_args.h"
#include "cli/out.h"

#include <stdio.h>
#include <stdlib.h>

struct shown {
    const char *out;
    int percent; /* -1: nothing yet */
};

/* On a terminal one line that counts, elsewhere a line for each tenth. */
static int progress(void *user, uint64_t done, uint64_t total)
{
    struct shown *shown = user;
    char size[32];
    int percent = total ? (int)((double)done * 100.0 / (double)total) : 0;
    bool terminal = err_is_terminal();
    if (terminal && percent != shown->percent)
        fprintf(stderr, "\rwriting %d %%%s", percent, done == total ? "\r\033[K" : "");
    else if (!terminal && percent / 10 > (shown->percent < 0 ? 0 : shown->percent / 10))
        say("writing %s: %d %% of %s", shown->out, percent, human_bytes(size, total));
    shown->percent = percent;
    return interrupted();
}

int verb_synth(const struct options *o)
{
    const struct option_value *v = o->v;
    struct osso_error err = {0};
    struct shown shown = {.out = o->operand[0], .percent = -1};
    struct osso_synth_options s = {
        .size = sizeof s,
        .preset = v[OPT_synth_preset].set ? v[OPT_synth_preset].s : "20b",
        .format = v[OPT_format].set ? v[OPT_format].s : "gguf",
        .seed = v[OPT_synth_seed].u,
        .layers = v[OPT_layers].set ? (int)v[OPT_layers].i : 0,
        .tokenizer = v[OPT_tokenizer].set ? v[OPT_tokenizer].s : NULL,
        .progress = progress,
        .user = &shown,
        .force = v[OPT_force].set,
        .skew = v[OPT_skew].set ? v[OPT_skew].f : 0,
    };
    if (v[OPT_synth_seed].random) {
        say("--seed of synth is a number: what it writes can be written again");
        return 2;
    }
    interrupt_catch(INTERRUPT_TIDY); /* a half-written file must go */
    enum osso_status status = osso_synth(o->operand[0], &s, &err);
    interrupt_release();
    if (status && shown.percent >= 0 && err_is_terminal())
        fprintf(stderr, "\r\033[K");
    return status == OSSO_CANCELLED ? 130 : exit_code(status, &err);
}
