/* out_gguf.c: OUT as a GGUF file, or as its parts. */
#include "convert/carry_gguf.h"
#include "convert/conversion.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

static int part_end(const struct conversion *c, int first)
{
    uint64_t bytes = c->tensors[first].bytes;
    int end = first + 1;
    while (end < c->plan.n && (!c->o.split_bytes || bytes + c->tensors[end].bytes <= c->o.split_bytes))
        bytes += c->tensors[end++].bytes;
    return end;
}

int out_gguf_parts(const struct conversion *c)
{
    int n = 0;
    for (int first = 0; first < c->plan.n; first = part_end(c, first))
        n++;
    return n;
}

char *out_gguf_path(const struct conversion *c, int part, int n_parts)
{
    size_t n = strlen(c->out);
    struct buf b = {0};
    if (n_parts == 1)
        return mem_strdup(c->out);
    if (n > 5 && strcmp(c->out + n - 5, ".gguf") == 0)
        n -= 5;
    buf_add(&b, c->out, n);
    buf_printf(&b, "-%05d-of-%05d.gguf", part + 1, n_parts);
    return buf_take(&b);
}

/* llama.cpp's number for what most of the file is; -1: none. */
static int file_type(const struct conversion *c)
{
    static const struct {
        enum dtype type;
        int number;
    } types[] = {{DT_F32, 0},     {DT_F16, 1},   {DT_Q4_0, 2},  {DT_Q4_1, 3},  {DT_Q8_0, 7},
                 {DT_Q5_0, 8},    {DT_Q5_1, 9},  {DT_Q4_K, 15}, {DT_Q5_K, 17}, {DT_Q6_K, 18},
                 {DT_IQ4_NL, 25}, {DT_BF16, 32}, {DT_MXFP4, 38}};
    for (int i = 0; i < c->plan.n; i++)
        for (size_t k = 0; k < sizeof types / sizeof types[0]; k++)
            if (c->plan.list[i].row->members[0] == PARAM_down && types[k].type == c->plan.list[i].choice.dtype)
                return types[k].number;
    return -1;
}

/* What a model is called that does not say its name: as its folder is (mem_free it). */
static char *source_name(const struct conversion *c)
{
    size_t n = strlen(c->in), first = 0;
    while (n > 1 && c->in[n - 1] == '/')
        n--;
    for (size_t i = 0; i + 1 < n; i++)
        first = c->in[i] == '/' ? i + 1 : first;
    return mem_strndup(c->in + first, n - first);
}

static enum osso_status all_keys(const struct conversion *c, struct gguf_keys *keys)
{
    int type = file_type(c);
    char *name = source_name(c);
    enum osso_status status = name ? carry_keys(&c->carry, c->model, name, keys, c->err)
                                   : error_nomem(c->err, strlen(c->in), "a name");
    mem_free(name);
    gguf_put_u32(keys, "general.quantization_version", 2);
    if (type >= 0)
        gguf_put_u32(keys, "general.file_type", (uint32_t)type);
    return status;
}

static enum osso_status write_part(struct conversion *c, struct transcriber *x, struct save *save, int part,
                                   int n_parts, int first, int end)
{
    struct gguf_keys keys = {0};
    enum osso_status status = part == 0 ? all_keys(c, &keys) : OSSO_OK;
    if (n_parts > 1) {
        gguf_put_u16(&keys, "split.no", (uint16_t)part);
        gguf_put_u16(&keys, "split.count", (uint16_t)n_parts);
        gguf_put_i32(&keys, "split.tensors.count", c->plan.n);
    }
    if (!status)
        status = gguf_write_header(save, &keys, c->tensors + first, end - first, c->err);
    buf_free(&keys.bytes);
    for (int i = first; i < end && !status; i++) {
        status = transcriber_write(x, save, i);
        if (!status)
            status = gguf_write_pad(save, c->err);
    }
    return status ? status : save_flush(save, c->err);
}

enum osso_status out_gguf_write(struct conversion *c, struct transcriber *x, const struct stamp *stamps)
{
    int n_parts = out_gguf_parts(c), part = 0;
    struct save **saves = mem_array((size_t)n_parts, sizeof *saves);
    enum osso_status status = saves ? OSSO_OK : error_nomem(c->err, sizeof *saves, "the parts");
    for (int first = 0; first < c->plan.n && !status; first = part_end(c, first), part++) {
        char *path = out_gguf_path(c, part, n_parts);
        status = path ? save_open(path, &saves[part], c->err) : error_nomem(c->err, strlen(c->out), "a path");
        mem_free(path);
        if (!status)
            status = write_part(c, x, saves[part], part, n_parts, first, part_end(c, first));
    }
    if (!status)
        status = stamps_check(c, stamps);
    for (int i = n_parts - 1; saves && i >= 0; i--) { /* the first part last: without it nothing opens */
        if (!status)
            status = save_commit(saves[i], c->err);
        else
            save_abort(saves[i]);
    }
    mem_free(saves);
    return status;
}
