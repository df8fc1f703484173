/* info.c: what `osso info` prints: facts from headers and configuration, and the memory a context will take. */
#include "base/buf.h"
#include "base/error.h"
#include "engine/engine_parts.h"
#include "engine/stops.h"
#include "json/jwrite.h"
#include "checkpoint/model_open.h"
#include "checkpoint/plan.h"

#include <stdio.h>
#include <string.h>

static void put_rope(struct buf *b, const struct config *c)
{
    buf_printf(b, "\"rope\":{\"type\":\"%s\",\"theta\":", c->yarn ? "yarn" : "default");
    jwrite_number(b, c->rope_theta);
    if (c->yarn) {
        buf_puts(b, ",\"factor\":");
        jwrite_number(b, c->yarn_factor);
        buf_puts(b, ",\"beta_fast\":");
        jwrite_number(b, c->yarn_beta_fast);
        buf_puts(b, ",\"beta_slow\":");
        jwrite_number(b, c->yarn_beta_slow);
        buf_printf(b, ",\"original_context\":%lld,\"truncate\":%s", (long long)c->yarn_original,
                   c->yarn_truncate ? "true" : "false");
    }
    buf_putc(b, '}');
}

static void put_architecture(struct buf *b, const struct config *c)
{
    int sliding = 0;
    for (int l = 0; l < c->n_layers; l++)
        sliding += c->sliding[l];
    char window[24];
    snprintf(window, sizeof window, "%lld", (long long)c->window);
    const char *name = !c->plain ? "gpt-oss" : c->n_experts > 1 ? "mixtral" : "llama";
    buf_printf(
        b,
        "\"architecture\":{\"name\":\"%s\",\"layers\":%d,\"sliding_layers\":%d,\"hidden\":%lld,\"intermediate\":%lld,"
        "\"vocab\":%lld,\"heads\":%d,\"kv_heads\":%d,\"head_dim\":%d,\"experts\":%d,\"experts_per_token\":%d,"
        "\"window\":%s,\"context\":%lld,\"rms_eps\":",
        name, c->n_layers, sliding, (long long)c->hidden, (long long)c->intermediate, (long long)c->vocab, c->n_heads,
        c->n_kv_heads, c->head_dim, c->n_experts, c->experts_per_token, c->plain ? "null" : window,
        (long long)c->context);
    jwrite_number(b, c->rms_eps);
    if (!c->plain) { /* else a SiLU alone */
        buf_puts(b, ",\"swiglu_alpha\":");
        jwrite_number(b, c->swiglu_alpha);
        buf_puts(b, ",\"swiglu_limit\":");
        jwrite_number(b, c->swiglu_limit);
    }
    buf_printf(b, ",\"tied_embeddings\":%s,\"layer_types\":\"", c->tied ? "true" : "false");
    for (int l = 0; l < c->n_layers; l++) /* s: sliding window, f: full attention */
        buf_putc(b, c->sliding[l] ? 's' : 'f');
    buf_puts(b, "\",");
    put_rope(b, c);
    buf_printf(b, "},\"parameters\":{\"total\":%llu,\"active\":%llu}", (unsigned long long)params_total(c),
               (unsigned long long)params_active(c));
}

/* "stop_ids":[...], and whose word each of them is. */
static void put_stops(struct buf *b, const struct stop_set *set, const struct osso_tokenizer *tokenizer)
{
    bool first = true;
    buf_puts(b, ",\"stop_ids\":[");
    for (int i = 0; i < set->n; i++)
        if (set->list[i].stops) {
            buf_printf(b, "%s%d", first ? "" : ",", (int)set->list[i].id);
            first = false;
        }
    buf_puts(b, "],\"stops\":{");
    for (int i = 0; i < set->n; i++) {
        struct buf text = {0};
        const char *name = "";
        size_t len = 0;
        if (tokenizer && osso_tokenizer_piece(tokenizer, set->list[i].id, &name, &len))
            buf_add(&text, name, len);
        buf_printf(&text, "%s%s%s", len ? ", " : "", set->list[i].from,
                   set->list[i].stops ? "" : ": not taken, it ends a message only");
        buf_printf(b, "%s\"%d\":", i ? "," : "", (int)set->list[i].id);
        jwrite_string(b, text.data, text.len);
        b->failed = b->failed || text.failed;
        buf_free(&text);
    }
    buf_putc(b, '}');
}

static void put_sampling(struct buf *b, const struct config *c)
{
    buf_puts(b, ",\"sampling\":{\"temperature\":");
    jwrite_number(b, c->temperature < 0 ? 1 : c->temperature);
    buf_printf(b, ",\"top_k\":%lld,\"top_p\":", (long long)c->top_k);
    jwrite_number(b, c->top_p);
    buf_puts(b, ",\"min_p\":");
    jwrite_number(b, c->min_p);
    buf_puts(b, ",\"repetition_penalty\":");
    jwrite_number(b, c->repetition_penalty);
    buf_putc(b, '}');
}

/* The U8 tensors of a checkpoint are MXFP4 blocks and scales. */
static const char *type_name(const struct tensor *t)
{
    return t->dtype == DT_U8 ? "MXFP4" : t->type;
}

/* ,"bytes":{"total":...,"by_type":{...}} in the order in which types first appear. */
static uint64_t put_bytes(struct buf *b, const struct tensors *set)
{
    enum { MAX_TYPES = 32 };
    const char *names[MAX_TYPES];
    uint64_t bytes[MAX_TYPES], total = 0;
    int n = 0;
    for (int64_t i = 0; i < set->n; i++) {
        int k = 0;
        while (k < n && strcmp(names[k], type_name(&set->list[i])) != 0)
            k++;
        if (k == MAX_TYPES)
            k--;
        else if (k == n) {
            names[n] = type_name(&set->list[i]);
            bytes[n++] = 0;
        }
        bytes[k] += set->list[i].bytes; /* disjoint parts of mapped files: no sum can wrap */
        total += set->list[i].bytes;
    }
    buf_printf(b, ",\"bytes\":{\"total\":%llu,\"by_type\":{", (unsigned long long)total);
    for (int k = 0; k < n; k++)
        buf_printf(b, "%s\"%s\":%llu", k ? "," : "", names[k], (unsigned long long)bytes[k]);
    buf_puts(b, "}}");
    return total;
}

/* The published forms of a preset, by type. */
static enum osso_status put_preset_bytes(struct buf *b, const struct config *c, uint64_t *weights_out,
                                         struct osso_error *err)
{
    const struct {
        const char *key;
        const struct names *names;
    } forms[] = {{"hf", names_folder(c)}, {"gguf", &names_gguf}}; /* a plain block has no second one */
    enum osso_status status = OSSO_OK;
    buf_puts(b, ",\"bytes\":{");
    for (int form = 0; form < (c->plain ? 1 : 2) && !status; form++) {
        struct plan plan;
        status = plan_create(c, forms[form].names, &plan, err);
        if (status)
            break;
        uint64_t mxfp4 = 0;
        for (int i = 0; i < plan.n; i++)
            if (plan.list[i].dtype == DT_U8 || plan.list[i].dtype == DT_MXFP4)
                mxfp4 += plan.list[i].bytes;
        buf_printf(b, "%s\"%s\":{\"total\":%llu,\"experts_mxfp4\":%llu}", form ? "," : "", forms[form].key,
                   (unsigned long long)plan.bytes, (unsigned long long)mxfp4);
        *weights_out = plan.bytes;
        plan_free(&plan);
    }
    buf_putc(b, '}');
    return status;
}

static enum osso_status put_memory(struct buf *b, const struct config *c, uint64_t weights, int64_t context,
                                   const char *kv_type, struct osso_error *err)
{
    struct engine_memory m;
    if (context == 0)
        context = c->context;
    if (context < 1 || context > c->context)
        return error_set(err, OSSO_USAGE, "a context of %lld tokens: this model has from 1 to %lld", (long long)context,
                         (long long)c->context);
    enum osso_status status = engine_needs(c, NULL,
                                           &(struct osso_engine_options){.size = sizeof(struct osso_engine_options),
                                                                         .context = context,
                                                                         .kv_type = kv_type},
                                           &m, err);
    if (status)
        return status;
    buf_printf(b,
               ",\"memory\":{\"context\":%lld,\"kv_type\":\"%s\",\"weights\":%llu,\"kv\":%llu,\"kv_full_layers\":%llu,"
               "\"kv_sliding_layers\":%llu,\"activations\":%llu,\"tables\":%llu,\"total\":%llu}",
               (long long)context, kv_type_name(m.kv_type), (unsigned long long)weights, (unsigned long long)m.kv,
               (unsigned long long)m.kv_full, (unsigned long long)(m.kv - m.kv_full), (unsigned long long)m.activations,
               (unsigned long long)m.tables, (unsigned long long)(weights + m.kv + m.activations + m.tables));
    return OSSO_OK;
}

static void put_tensors(struct buf *b, const struct tensors *set)
{
    buf_puts(b, ",\"tensors\":[");
    for (int64_t i = 0; i < set->n; i++) {
        const struct tensor *t = &set->list[i];
        buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
        jwrite_string(b, t->name, strlen(t->name));
        buf_printf(b, ",\"type\":\"%s\",\"shape\":[", t->type);
        for (int k = 0; k < t->rank; k++)
            buf_printf(b, "%s%lld", k ? "," : "", (long long)t->shape[k]);
        buf_printf(b, "],\"bytes\":%llu}", (unsigned long long)t->bytes);
    }
    buf_putc(b, ']');
}

static void put_plan_tensors(struct buf *b, const struct plan *plan)
{
    buf_puts(b, ",\"tensors\":[");
    for (int i = 0; i < plan->n; i++) {
        const struct plan_tensor *t = &plan->list[i];
        buf_printf(b, "%s{\"name\":\"%s\",\"type\":\"%s\",\"shape\":[", i ? "," : "", t->name,
                   t->dtype == DT_U8 ? "U8" : dtype_info(t->dtype)->name);
        for (int k = 0; k < t->rank; k++)
            buf_printf(b, "%s%lld", k ? "," : "", (long long)t->shape[k]);
        buf_printf(b, "],\"bytes\":%llu}", (unsigned long long)t->bytes);
    }
    buf_putc(b, ']');
}

static enum osso_status preset_info(struct buf *b, const char *preset, int64_t context, const char *kv_type,
                                    bool tensors, struct osso_error *err)
{
    struct config c;
    struct plan plan = {0};
    uint64_t weights = 0;
    enum osso_status status = plan_config(preset, &c, err);
    if (status)
        return status;
    buf_puts(b, "{\"preset\":");
    jwrite_string(b, preset, strlen(preset));
    buf_putc(b, ',');
    put_architecture(b, &c);
    status = put_preset_bytes(b, &c, &weights, err);
    if (!status)
        status = put_memory(b, &c, weights, context, kv_type, err);
    put_sampling(b, &c);
    struct stop_set stops;
    stop_set_make(&c, NULL, &stops);
    put_stops(b, &stops, NULL);
    if (!status && tensors && !(status = plan_create(&c, names_folder(&c), &plan, err)))
        put_plan_tensors(b, &plan);
    plan_free(&plan);
    return status;
}

static enum osso_status path_info(struct buf *b, const char *path, int64_t context, const char *kv_type, bool tensors,
                                  struct osso_error *err)
{
    struct osso_model *m = NULL;
    enum osso_status status = model_create(path, &m, err);
    if (!status)
        status = model_open_files(m, err);
    if (!status) {
        buf_puts(b, "{\"path\":");
        jwrite_string(b, path, strlen(path));
        buf_printf(b, ",\"format\":\"%s\",\"form\":\"%s\",\"files\":%d,", m->gguf ? "gguf" : "safetensors",
                   m->names->form, m->tensors.n_maps);
        put_architecture(b, &m->config);
        uint64_t weights = put_bytes(b, &m->tensors);
        status = put_memory(b, &m->config, weights, context, kv_type, err);
        put_sampling(b, &m->config);
        struct stop_set stops;
        stop_set_of(m, &stops);
        put_stops(b, &stops, m->tokenizer);
        if (tensors)
            put_tensors(b, &m->tensors);
    }
    osso_model_free(m);
    return status;
}

enum osso_status osso_info_json(const char *path, const char *preset, int64_t context, const char *kv_type,
                                bool tensors, char **json_out, struct osso_error *err)
{
    struct buf b = {0};
    *json_out = NULL;
    if (err)
        err->text[0] = 0;
    if (!path == !preset)
        return error_set(err, OSSO_USAGE, "name either a model's path or a preset");
    enum osso_status status = path ? path_info(&b, path, context, kv_type, tensors, err)
                                   : preset_info(&b, preset, context, kv_type, tensors, err);
    buf_putc(&b, '}');
    if (!status && !(*json_out = buf_take(&b)))
        status = error_nomem(err, b.len, "the description of a model");
    buf_free(&b);
    return status;
}
