/* libFuzzer: bytes as a safetensors file. First byte even: the whole file; odd: its header, with as many data bytes as
 * the second and third byte say. What is accepted must lie in the file, be found by name, and resolve or be refused. */
#define _GNU_SOURCE
#include "memory_file.h"

#include "format/tensors.h"
#include "checkpoint/config_files.h"
#include "checkpoint/weights_resolve.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *put_input(const uint8_t *data, size_t size)
{
    struct memory_file *f = memory_file_begin();
    if (data[0] % 2 == 0) {
        memory_file_add(f, data + 1, size - 1);
        return memory_file_end(f, 0);
    }
    uint8_t head[8] = {0};
    size_t n = size - 3;
    for (int i = 0; i < 8; i++)
        head[i] = (uint8_t)((uint64_t)n >> (8 * i));
    memory_file_add(f, head, sizeof head);
    memory_file_add(f, data + 3, n);
    return memory_file_end(f, (size_t)data[1] | (size_t)data[2] << 8);
}

static void check_tensors(const struct tensors *set)
{
    uint64_t total = 0;
    volatile uint8_t sum = 0;
    for (int64_t i = 0; i < set->n; i++) {
        const struct tensor *t = &set->list[i];
        const struct file_map *m = &set->maps[t->map];
        must(tensors_find(set, t->name) == t);
        must(t->bytes <= m->size && t->data >= m->data && t->data <= m->data + m->size - t->bytes);
        if (t->bytes)
            sum = (uint8_t)(sum + t->data[0] + t->data[t->bytes - 1]);
        total += t->bytes;
    }
    must(total <= set->maps[0].size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char json[] =
        "{\"num_hidden_layers\":1,\"hidden_size\":32,\"intermediate_size\":32,\"vocab_size\":4,\"num_attention_heads\":1,"
        "\"num_key_value_heads\":1,\"head_dim\":2,\"num_local_experts\":1,\"num_experts_per_tok\":1}";
    struct tensors set;
    struct config config;
    struct weights weights;
    struct osso_error err = {""};
    if (size < 4)
        return 0;
    enum osso_status status = safetensors_open(put_input(data, size), &set, NULL, &err);
    must((status == OSSO_OK) == (err.text[0] == 0));
    if (!status) {
        check_tensors(&set);
        must(config_from_json(json, sizeof json - 1, "fuzz", &config, NULL, &err) == OSSO_OK);
        const struct names *const forms[] = {&names_hf, &names_mlx, &names_original};
        for (int i = 0; i < 3; i++)
            if (weights_resolve(&set, &config, forms[i], &weights, &err) == OSSO_OK)
                weights_free(&weights);
    }
    tensors_close(&set);
    return 0;
}
