/* libFuzzer: bytes as a GGUF model. The first four: how many zeros follow the others, so that a header alone is
 * a model. What opens must answer every question about itself and give its tokenizer or say why. */
#define _GNU_SOURCE
#include "memory_file.h"
#include "model_pieces.h"

#include "format/tensors.h"
#include "checkpoint/config_files.h"
#include "checkpoint/model_open.h"
#include "osso/osso.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_model(struct osso_model *m)
{
    struct osso_model_dims dims = {.size = sizeof dims};
    struct osso_error err = {""};
    const struct osso_tokenizer *tokenizer;
    osso_model_dims(m, &dims);
    must(dims.parameters >= dims.active_parameters);
    model_pieces_check(m);
    (void)osso_model_tokenizer(m, &tokenizer, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tensors set;
    struct gguf *g;
    struct config config;
    struct osso_model *m;
    struct osso_error err = {""};
    if (size < 4)
        return 0;
    size_t zeros = memory_zeros(data);
    struct memory_file *f = memory_file_begin();
    memory_file_add(f, data + 4, size - 4);
    const char *path = memory_file_end(f, zeros);
    enum osso_status status = gguf_open(path, &set, &g, &err);
    must((status == OSSO_OK) == (err.text[0] == 0));
    volatile uint8_t sum = 0;
    for (int64_t i = 0; i < set.n; i++) {
        const struct tensor *t = &set.list[i];
        must(tensors_find(&set, t->name) == t && t->bytes <= size + zeros);
        if (t->bytes)
            sum = (uint8_t)(sum + t->data[0] + t->data[t->bytes - 1]);
    }
    if (!status && config_from_gguf(g, &set, "fuzz", &config, NULL, &err) == OSSO_OK &&
        osso_model_open(path, &m, &err) == OSSO_OK) {
        check_model(m);
        osso_model_free(m);
    }

    gguf_free(g);
    tensors_close(&set);
    return 0;
}
