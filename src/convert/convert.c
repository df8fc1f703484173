/* convert.c: osso_convert and osso_quantize: IN is opened as for running, every tensor's fate is decided before a byte
 * is written, OUT is built under a temporary name, and IN must be what it was when OUT gets its own. */
#include "convert/conversion.h"
#include "convert/place.h"
#include "convert/shards.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "checkpoint/config_files.h"
#include "json/jdoc.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the source ----------------------------------------------------------------------------------------- */

/* What a file was when it was opened. */
struct stamp {
    dev_t device;
    ino_t number;
    off_t size;
    struct timespec changed;
};

static struct stamp stamp_of(const struct file_map *map)
{
    struct stat st;
    struct stamp s;
    memset(&s, 0, sizeof s);
    if (stat(map->path, &st) == 0) {
        s.device = st.st_dev;
        s.number = st.st_ino;
        s.size = st.st_size;
        s.changed = st.st_mtim;
    }
    return s;
}

static enum osso_status take_stamps(const struct conversion *c, struct stamp **stamps_out)
{
    const struct tensors *set = &c->model->tensors;
    *stamps_out = mem_array((size_t)set->n_maps + 1, sizeof **stamps_out);
    for (int i = 0; *stamps_out && i < set->n_maps; i++)
        (*stamps_out)[i] = stamp_of(&set->maps[i]);
    return *stamps_out ? OSSO_OK : error_nomem(c->err, 1, "the files' dates");
}

static enum osso_status check_stamps(const struct conversion *c, const struct stamp *stamps)
{
    const struct tensors *set = &c->model->tensors;
    for (int i = 0; i < set->n_maps; i++) {
        struct stamp now = stamp_of(&set->maps[i]);
        if (memcmp(&now, &stamps[i], sizeof now) != 0)
            return error_set(c->err, OSSO_IO, "%s changed while it was read; nothing was kept of %s", set->maps[i].path,
                             c->out);
    }
    return OSSO_OK;
}

/* Its own word for what is not quantized: what vectors become again that GGUF has as F32. */
static void find_plain(struct conversion *c)
{
    const struct buf *text = &c->carry.file[CARRY_config];
    struct jdoc *doc = NULL;
    struct osso_error none;
    c->plain = DT_BF16;
    if (!text->data || jdoc_read(text->data, text->len, "config.json", &doc, &none) != OSSO_OK)
        return;
    const struct jval *type = jval_get_type(jdoc_root(doc), "dtype", J_STRING);
    if (!type)
        type = jval_get_type(jdoc_root(doc), "torch_dtype", J_STRING);
    if (type)
        c->plain = jtext_is(type->text, "float32") ? DT_F32 : jtext_is(type->text, "float16") ? DT_F16 : DT_BF16;
    jdoc_release(doc);
}

static void note(const struct conversion *c, const char *text)
{
    if (c->o.note)
        c->o.note(c->o.user, text);
}

static enum osso_status open_source(struct conversion *c)
{
    const struct osso_model_options options = {.size = sizeof options, .ignore_unused = c->o.ignore_unused};
    const struct osso_tokenizer *tokenizer = NULL;
    struct osso_error why = {""};
    enum osso_status status = osso_model_open_with(c->in, &options, &c->model, c->err);
    for (int i = 0; !status && osso_model_warning(c->model, i); i++)
        note(c, osso_model_warning(c->model, i));
    if (!status && osso_model_tokenizer(c->model, &tokenizer, &why) != OSSO_OK)
        note(c, why.text); /* the weights are converted all the same */
    if (!status)
        status = carry_read(c->model, tokenizer, &c->carry, c->err);
    if (!status)
        find_plain(c);
    return status;
}

/* ---- a GGUF file, or its parts -------------------------------------------------------------------------- */

static int part_end(const struct conversion *c, int first)
{
    uint64_t bytes = c->tensors[first].bytes;
    int end = first + 1;
    while (end < c->plan.n && (!c->o.split_bytes || bytes + c->tensors[end].bytes <= c->o.split_bytes))
        bytes += c->tensors[end++].bytes;
    return end;
}

static int count_parts(const struct conversion *c)
{
    int n = 0;
    for (int first = 0; first < c->plan.n; first = part_end(c, first))
        n++;
    return n;
}

/* The file's name, or OUT-00001-of-00003.gguf (mem_free it). */
static char *part_path(const struct conversion *c, int part, int n_parts)
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

static enum osso_status write_gguf(struct conversion *c, struct transcriber *x, const struct stamp *stamps)
{
    int n_parts = count_parts(c), part = 0;
    struct save **saves = mem_array((size_t)n_parts, sizeof *saves);
    enum osso_status status = saves ? OSSO_OK : error_nomem(c->err, sizeof *saves, "the parts");
    for (int first = 0; first < c->plan.n && !status; first = part_end(c, first), part++) {
        char *path = part_path(c, part, n_parts);
        status = path ? save_open(path, &saves[part], c->err) : error_nomem(c->err, strlen(c->out), "a path");
        mem_free(path);
        if (!status)
            status = write_part(c, x, saves[part], part, n_parts, first, part_end(c, first));
    }
    if (!status)
        status = check_stamps(c, stamps);
    for (int i = n_parts - 1; saves && i >= 0; i--) { /* the first part last: without it nothing opens */
        if (!status)
            status = save_commit(saves[i], c->err);
        else
            save_abort(saves[i]);
    }
    mem_free(saves);
    return status;
}

/* ---- a folder ------------------------------------------------------------------------------------------- */

static bool same_packing(const struct plan_choice *a, const struct plan_choice *b)
{
    return a->dtype == b->dtype && a->group == b->group;
}

static int bits_of(enum dtype t)
{
    return dtype_info(t)->block_bytes * 8 / dtype_info(t)->block;
}

static void put_packing(struct buf *out, const struct plan_choice *choice)
{
    buf_printf(out, "\"group_size\": %d, \"bits\": %d, \"mode\": \"%s\"", (int)choice->group, bits_of(choice->dtype),
               choice->dtype == DT_MXFP4_HF ? "mxfp4" : "affine");
}

/* MLX's "quantization": what its experts are holds for all, and each module that is packed otherwise says so. */
static void describe_packing(const struct conversion *c, struct buf *out)
{
    const struct plan_choice *standard = NULL;
    for (int i = 0; i < c->plan.n; i++) {
        const struct plan_tensor *t = &c->plan.list[i];
        if (t->part == 0 && t->container && (!standard || t->row->members[0] == PARAM_gate))
            standard = standard && names_param(t->row)->kind != PARAM_EXPERTS ? standard : &t->choice;
    }
    if (!standard)
        return;
    buf_putc(out, '{');
    put_packing(out, standard);
    for (int i = 0; i < c->plan.n; i++) {
        const struct plan_tensor *t = &c->plan.list[i];
        if (t->part != 0 || !t->container || same_packing(&t->choice, standard))
            continue;
        buf_printf(out, ", \"%.*s\": {", (int)(strlen(t->name) - strlen(t->row->ending[0])), t->name);
        put_packing(out, &t->choice);
        buf_putc(out, '}');
    }
    buf_putc(out, '}');
}

struct folder {
    struct conversion *c;
    struct transcriber *x;
};

static enum osso_status write_one(void *user, struct save *save, int i, struct osso_error *err)
{
    struct folder *f = user;
    (void)err; /* the conversion's */
    return transcriber_write(f->x, save, i);
}

static enum osso_status fill_folder(struct conversion *c, struct transcriber *x, const char *folder)
{
    struct buf metadata = {0}, packed = {0};
    struct carry_weights weights = {.plain = c->plain};
    struct folder user = {c, x};
    carry_metadata(&c->carry, c->to, &metadata);
    for (int i = 0; i < c->plan.n; i++)
        weights.mxfp4 |= c->plan.list[i].row->store == STORE_BLOCKS;
    if (c->to == &names_mlx)
        describe_packing(c, &packed);
    weights.packed = packed.data ? &packed : NULL;
    const struct shards shards = {.folder = folder,
                                  .tensors = c->tensors,
                                  .n = c->plan.n,
                                  .bytes = c->plan.bytes,
                                  .limit = c->o.split_bytes,
                                  .metadata = metadata.data,
                                  .names = c->to == &names_mlx        ? SHARDS_MLX
                                           : c->to == &names_original ? SHARDS_ORIGINAL
                                                                      : SHARDS_HF,
                                  .write = write_one,
                                  .user = &user};
    enum osso_status status = metadata.failed || packed.failed ? error_nomem(c->err, packed.len, "a configuration")
                                                               : shards_write(&shards, c->err);
    if (!status)
        status = carry_folder(&c->carry, c->model, c->to, &weights, folder, c->err);
    buf_free(&metadata);
    buf_free(&packed);
    return status;
}

static enum osso_status write_folder(struct conversion *c, struct transcriber *x, const struct stamp *stamps,
                                     struct place *place)
{
    enum osso_status status = fill_folder(c, x, place->temp);
    if (!status)
        status = check_stamps(c, stamps);
    if (status)
        place_leave(place, false, NULL);
    return status ? status : place_leave(place, true, c->err);
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const struct names *names;
} forms[] = {{"hf", &names_hf}, {"original", &names_original}, {"mlx", &names_mlx}, {"gguf", &names_gguf}};

static enum osso_status find_form(struct conversion *c, const char *to)
{
    for (size_t i = 0; to && i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(forms[i].name, to) == 0)
            c->to = forms[i].names;
    if (!c->to)
        return error_set(c->err, OSSO_USAGE, "no form is named \"%s\"; there are hf, original, mlx and gguf",
                         to ? to : "");
    const char *e = c->o.expand;
    if (e && strcmp(e, "bf16") != 0 && strcmp(e, "f16") != 0 && strcmp(e, "f32") != 0)
        return error_set(c->err, OSSO_USAGE, "values expand to bf16, f16 or f32, not to \"%s\"", e);
    return OSSO_OK;
}

/* What the form's configuration cannot say. */
static enum osso_status check_config(const struct conversion *c)
{
    struct buf none = {0};
    enum osso_status status = OSSO_OK;
    if (c->to == &names_gguf)
        status = config_check_gguf(&c->model->config, c->in, c->err);
    else if (c->to == &names_original)
        status = config_write_original(&c->model->config, c->in, &none, c->err);
    buf_free(&none);
    return status;
}

static enum osso_status check_space(const struct conversion *c)
{
    const double mib = 1 << 20;
    uint64_t left = file_space_left(c->out);
    if (c->plan.bytes <= left)
        return OSSO_OK;
    return error_set(c->err, OSSO_IO,
                     "%s needs %.1f MiB on disk and about %.1f MiB are free there; choose another place", c->out,
                     (double)c->plan.bytes / mib, (double)left / mib);
}

static enum osso_status check_out(const struct conversion *c)
{
    bool gguf = c->to == &names_gguf;
    int n_parts = gguf ? count_parts(c) : 1;
    enum osso_status status = OSSO_OK;
    if (n_parts > UINT16_MAX)
        return error_set(c->err, OSSO_USAGE, "%d parts; a split GGUF file has at most 65535: make them larger",
                         n_parts);
    for (int i = 0; i < n_parts && !status; i++) {
        char *path = gguf ? part_path(c, i, n_parts) : mem_strdup(c->out);
        status = path ? place_check(c->in, path, !gguf, c->o.force, c->err) : error_nomem(c->err, 1, "a path");
        mem_free(path);
    }
    return status;
}

static void tell_all(struct conversion *c)
{
    for (int i = 0; i < c->plan.n; i++)
        if (c->plan.list[i].part == 0 && c->o.tensor) {
            struct osso_tensor_fate fate = fates_tell(c, i);
            c->o.tensor(c->o.user, &fate);
        }
}

static enum osso_status write_out(struct conversion *c, const struct stamp *stamps)
{
    struct transcriber *x = NULL;
    struct place place = {.fd = -1};
    bool folder = c->to != &names_gguf;
    enum osso_status status = team_create(c->o.threads > 0 ? c->o.threads : cpu_count(), &c->team, c->err);
    if (!status && folder) /* first: what a killed run left may fill the disk */
        status = place_take(c->out, &place, c->err);
    if (!status)
        status = check_space(c);
    if (!status)
        status = transcriber_create(c, &x);
    if (!status)
        status = folder ? write_folder(c, x, stamps, &place) : write_gguf(c, x, stamps);
    place_leave(&place, false, NULL); /* if it is still there */
    transcriber_free(x);
    team_free(c->team);
    return status;
}

static enum osso_status run(struct conversion *c, bool quantizes)
{
    struct stamp *stamps = NULL;
    const char *to = c->o.to;
    enum osso_status status = open_source(c);
    if (!status && quantizes)
        status = rules_create(c, &to);
    if (!status)
        status = find_form(c, to);
    if (!status)
        status = check_config(c);
    if (!status)
        status = take_stamps(c, &stamps);
    if (!status)
        status = fates_create(c);
    if (!status)
        status = check_out(c);
    if (!status && c->o.dry_run)
        tell_all(c);
    if (!status && !c->o.dry_run)
        status = write_out(c, stamps);
    mem_free(stamps);
    mem_free(c->tensors);
    plan_free(&c->plan);
    rules_free(c);
    carry_free(&c->carry);
    osso_model_free(c->model);
    return status;
}

enum osso_status osso_quantize(const char *in, const char *out, const struct osso_convert_options *options,
                               const struct osso_quantize_options *quantize, struct osso_error *err)
{
    struct conversion c = {.in = in, .out = out, .err = err};
    if (err)
        err->text[0] = 0;
    enum osso_status status = sized_check(options, "osso_convert_options", err);
    if (!status)
        status = sized_check(quantize, "osso_quantize_options", err);
    if (status)
        return status;
    sized_in(&c.o, sizeof c.o, options);
    sized_in(&c.q, sizeof c.q, quantize);
    return run(&c, true);
}

enum osso_status osso_convert(const char *in, const char *out, const struct osso_convert_options *options,
                              struct osso_error *err)
{
    struct conversion c = {.in = in, .out = out, .err = err};
    if (err)
        err->text[0] = 0;
    enum osso_status status = sized_check(options, "osso_convert_options", err);
    if (status)
        return status;
    sized_in(&c.o, sizeof c.o, options);
    return run(&c, false);
}
