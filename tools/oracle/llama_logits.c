/* llama_logits.c: llama.cpp's logits at every position of some ids, as a file of floats: llama_logits MODEL IDS OUT. IDS: a file
 * of numbers. oracle_llama.py builds it against a checkout of llama.cpp. */
#include "llama.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 2048 };

static void quiet(enum ggml_log_level level, const char *text, void *user)
{
    (void)user;
    if (level >= GGML_LOG_LEVEL_ERROR)
        fputs(text, stderr);
}

int main(int argc, char **argv)
{
    static llama_token ids[MOST];
    static int8_t wanted[MOST];
    int n = 0;
    FILE *in = argc == 4 ? fopen(argv[2], "r") : NULL, *out = argc == 4 ? fopen(argv[3], "wb") : NULL;
    while (in && n < MOST && fscanf(in, "%d%*[, \n]", &ids[n]) == 1)
        wanted[n++] = 1;
    if (!in || !out || n == 0)
        return 2;
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model_params plain = llama_model_default_params();
    plain.use_extra_bufts = false; /* repacked for AMX, some types end the process */
    struct llama_model *model = llama_model_load_from_file(argv[1], plain);
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = MOST, params.n_batch = MOST, params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    struct llama_context *context = model ? llama_init_from_model(model, params) : NULL;
    struct llama_batch batch = llama_batch_init(n, 0, 1);
    for (int i = 0; i < n; i++) {
        batch.token[i] = ids[i], batch.pos[i] = i, batch.logits[i] = wanted[i];
        batch.n_seq_id[i] = 1, batch.seq_id[i][0] = 0;
    }
    batch.n_tokens = n;
    if (!context || llama_decode(context, batch) != 0)
        return 1;
    size_t vocab = (size_t)llama_vocab_n_tokens(llama_model_get_vocab(model));
    for (int i = 0; i < n; i++)
        if (fwrite(llama_get_logits_ith(context, i), sizeof(float), vocab, out) != vocab)
            return 1;
    return fclose(out) != 0;
}
