/* libFuzzer: bytes as a model as it lies on a disk: a folder of any form, or the parts of a split GGUF file. Byte 0:
 * which of the two, and what it is converted to. Then files: a byte says which one and whether its bytes are a
 * safetensors header whose length goes before them, two how long it is, four how many zeros follow. What opens must
 * answer every question about itself, and every tensor of it has a fate in another form, or a reason why not. */
#define _GNU_SOURCE /* O_PATH */
#include "memory_file.h"
#include "memory_folder.h"
#include "model_pieces.h"

#include "base/must.h"
#include "checkpoint/model_open.h"
#include "osso/convert.h"
#include "osso/osso.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 7, PLACES = 16, HEADER = 16 /* a bit of the first byte */ };

static const char *const places[PLACES] = {"config.json",
                                           "generation_config.json",
                                           "model.safetensors",
                                           "model.safetensors.index.json",
                                           "model-00001-of-00002.safetensors",
                                           "model-00002-of-00002.safetensors",
                                           "tokenizer.json",
                                           "tokenizer_config.json",
                                           "chat_template.jinja",
                                           "special_tokens_map.json",
                                           "metadata.gguf",
                                           "original/config.json",
                                           "original/model.safetensors",
                                           "m-00001-of-00003.gguf",
                                           "m-00002-of-00003.gguf",
                                           "m-00003-of-00003.gguf"};
static bool there[PLACES];

/* What was there before it keeps its place. */
static void put(int place, bool header, const uint8_t *data, size_t size, size_t zeros)
{
    static uint8_t bytes[8 + UINT16_MAX];
    size_t n = header ? 8 : 0;
    memset(bytes, 0, 8);
    bytes[0] = (uint8_t)size;
    bytes[1] = (uint8_t)(size >> 8);
    memcpy(bytes + n, data, size);
    memory_put(places[place], bytes, n + size, zeros);
    there[place] = true;
}

static void put_files(const uint8_t *data, size_t size)
{
    while (size >= HEAD) {
        size_t n = (size_t)data[1] | (size_t)data[2] << 8, zeros = memory_zeros(data + 3);
        if (n > size - HEAD)
            n = size - HEAD;
        put(data[0] % PLACES, (data[0] & HEADER) != 0, data + HEAD, n, zeros);
        data += HEAD + n;
        size -= HEAD + n;
    }
}

static void check_model(struct osso_model *m)
{
    struct osso_model_dims dims = {.size = sizeof dims};
    struct osso_error err = {""};
    const struct osso_tokenizer *tokenizer;
    osso_model_dims(m, &dims);
    must(dims.form && dims.parameters >= dims.active_parameters);
    model_pieces_check(m);
    must((osso_model_tokenizer(m, &tokenizer, &err) == OSSO_OK) == (tokenizer != NULL));
}

static void tell(void *user, const struct osso_tensor_fate *fate)
{
    (void)user;
    must(fate->name && fate->from && fate->to && fate->rank > 0 && fate->shape[0] > 0);
}

/* Each way of writing in turn; nothing is written. */
static void convert(const char *path, int which)
{
    static const struct {
        const char *to, *type, *expand;
    } ways[] = {{"hf", NULL, NULL},
                {"mlx", NULL, NULL},
                {"original", NULL, NULL},
                {"gguf", NULL, NULL},
                {"hf", NULL, "bf16"},
                {"mlx", NULL, "f16"},
                {"hf", "mxfp4", NULL},
                {"gguf", "mxfp4-q8", NULL},
                {"gguf", "Q4_K", NULL},
                {"gguf", "IQ4_NL", NULL},
                {"gguf", "keep", "f32"},
                {"mlx", "affine4", NULL},
                {"mlx", "mxfp4-q8", NULL},
                {"gguf", "experts=Q5_0", NULL},
                {"gguf", "*.attn_output.weight=Q6_K", NULL},
                {"mlx", "head=affine6-g32", "bf16"}};
    char out[80];
    struct osso_error err = {""};
    snprintf(out, sizeof out, "%s-out", memory_root.path);
    const char *type = ways[which].type;
    const struct osso_convert_options o = {.size = sizeof o,
                                           .to = ways[which].to,
                                           .expand = ways[which].expand,
                                           .dry_run = true,
                                           .threads = 1,
                                           .tensor = tell};
    const struct osso_quantize_options q = {
        .size = sizeof q, .types = &type, .n_types = 1, .fallback = which & 1, .requantize = true};
    enum osso_status status = type ? osso_quantize(path, out, &o, &q, &err) : osso_convert(path, out, &o, &err);
    must((status == OSSO_OK) == (err.text[0] == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { FIRST_PART = 13, LAST_PART = 15 };
    struct osso_model *m;
    struct osso_error err = {""};
    char path[128];
    if (size < 1)
        return 0;
    memset(there, 0, sizeof there);
    snprintf(path, sizeof path, "%s", memory_folder());
    put_files(data + 1, size - 1);
    for (int i = FIRST_PART; i <= LAST_PART && data[0] & 128; i++)
        if (there[i])
            snprintf(path, sizeof path, "%s/%s", memory_root.path, places[i]);
    enum osso_status status = osso_model_open(path, &m, &err);
    must((status == OSSO_OK) == (err.text[0] == 0) && (status == OSSO_OK) == (m != NULL));
    if (!status) {
        check_model(m);
        osso_model_free(m);
        convert(path, data[0] % 16);
    }
    return 0;
}
