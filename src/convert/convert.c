/* convert.c: osso_convert and osso_quantize: IN is opened as for running, every tensor's fate is decided before a byte
 * is written, OUT is built under a temporary name, and IN must be what it was when OUT gets its own. */
#include "convert/carry.h"
#include "convert/conversion.h"
#include "convert/place.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "checkpoint/config_files.h"
#include "json/jdoc.h"

#include <string.h>

/* ---- the source ----------------------------------------------------------------------------------------- */

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
    if (!status && c->model->config.plain)
        status = error_set(
            c->err, OSSO_UNSUPPORTED,
            "%s is a model of the plain block (Mixtral's or Llama's layer), which osso has in Hugging Face's "
            "form alone; osso export writes that as bf16 or f32",
            c->in);
    for (int i = 0; !status && osso_model_warning(c->model, i); i++)
        note(c, osso_model_warning(c->model, i));
    if (!status && osso_model_tokenizer(c->model, &tokenizer, &why) != OSSO_OK)
        note(c, why.text); /* the weights are converted all the same */
    if (!status)
        status = carry_read(c->model, tokenizer, &c->carry, c->err);
    if (!status)
        find_plain(c);
    if (!status && c->o.untie && c->model->config.tied) {
        c->model->config.tied = false; /* weights.head is there, and looks at the embedding */
        status = carry_untie(&c->carry, c->err);
    }
    return status;
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

/* A form that has words for it, and a reader that does not understand them. */
static void tell_tied(const struct conversion *c)
{
    if (c->to == &names_gguf && c->model->config.tied)
        note(c, "the head is the embedding and is not written a second time; llama.cpp opens no gpt-oss without one: "
                "--untie writes it");
}

static enum osso_status check_out(const struct conversion *c)
{
    bool gguf = c->to == &names_gguf;
    int n_parts = gguf ? out_gguf_parts(c) : 1;
    enum osso_status status = OSSO_OK;
    if (n_parts > UINT16_MAX)
        return error_set(c->err, OSSO_USAGE, "%d parts; a split GGUF file has at most 65535: make them larger",
                         n_parts);
    for (int i = 0; i < n_parts && !status; i++) {
        char *path = gguf ? out_gguf_path(c, i, n_parts) : mem_strdup(c->out);
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
        status = folder ? out_folder_write(c, x, stamps, &place) : out_gguf_write(c, x, stamps);
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
        status = stamps_take(c, &stamps);
    if (!status)
        status = fates_create(c);
    if (!status)
        status = check_out(c);
    if (!status)
        tell_tied(c);
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
