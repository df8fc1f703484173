/* doctor_json.c: what osso doctor has found, for programs: one object, always with the same keys; null: not known, or
 * there is none. */
#include "cli/doctor.h"

#include "cli/parts.h"
#include "json/jwrite.h"

#include <string.h>

static void put_text(struct buf *b, const char *key, const char *text)
{
    buf_printf(b, "\"%s\":", key);
    if (text && *text)
        jwrite_string(b, text, strlen(text));
    else
        buf_puts(b, "null");
    buf_putc(b, ',');
}

static void put_bytes(struct buf *b, const char *key, uint64_t bytes)
{
    if (bytes == UINT64_MAX)
        buf_printf(b, "\"%s\":null,", key);
    else
        buf_printf(b, "\"%s\":%llu,", key, (unsigned long long)bytes);
}

static void put_speed(struct buf *b, const char *key, double value)
{
    buf_printf(b, "\"%s\":", key);
    if (value > 0)
        jwrite_number(b, value);
    else
        buf_puts(b, "null");
    buf_putc(b, ',');
}

/* The comma behind the last member goes. */
static void close_with(struct buf *b, char bracket)
{
    if (!b->failed && b->len && b->data[b->len - 1] == ',')
        b->data[--b->len] = 0;
    buf_putc(b, bracket);
}

static void put_machine(struct buf *b, const struct doctor *d)
{
    const struct osso_machine *m = &d->machine;
    buf_puts(b, "\"cpu\":{");
    put_text(b, "name", m->cpu);
    put_text(b, "isa", d->rates.isa);
    put_text(b, "best_isa", m->isa);
    put_text(b, "better_isa", m->better);
    put_text(b, "better_needs", m->needs);
    buf_printf(b, "\"threads\":%d,\"online\":%d,\"allowed\":%d,\"quota\":", d->rates.threads, m->cpus_online,
               m->cpus_allowed);
    buf_printf(b, m->cpus_quota ? "%d" : "null", m->cpus_quota);
    buf_puts(b, "},\"measured\":{");
    put_speed(b, "read_gbps", d->rates.read_gbps);
    put_speed(b, "int8_tops", d->rates.int8_tops);
    put_speed(b, "kernel_gbps", d->rates.kernel_gbps);
    put_speed(b, "prompt_tops", d->rates.prompt_tops);
    put_speed(b, "token_gbps", d->rates.token_gbps);
    put_speed(b, "head_gbps", d->rates.head_gbps);
    close_with(b, '}');
    buf_puts(b, ",\"memory\":{");
    put_bytes(b, "total", m->memory_bytes);
    put_bytes(b, "free", m->available_bytes);
    put_bytes(b, "reachable", m->reachable_bytes);
    put_bytes(b, "swap", m->swap_bytes);
    put_bytes(b, "control_group", m->group_bytes);
    put_bytes(b, "address_space", m->address_bytes);
    put_text(b, "huge_pages", m->huge_pages);
    close_with(b, '}');
}

static void put_gpus(struct buf *b, const struct doctor *d)
{
    buf_puts(b, ",\"gpus\":[");
    for (int i = 0; i < d->n_gpus; i++) {
        const struct osso_gpu *g = &d->gpu[i];
        buf_printf(b, "%s{\"number\":%d,", i ? "," : "", g->number);
        put_text(b, "name", g->name);
        put_text(b, "driver", g->driver);
        put_text(b, "lacks", g->lacks[0] ? g->lacks : NULL);
        buf_printf(b, "\"memory\":%llu,\"on_cpu\":%s}", (unsigned long long)g->memory_bytes,
                   g->on_cpu ? "true" : "false");
    }
    buf_putc(b, ']');
}

static void put_cache(struct buf *b, const struct doctor *d)
{
    const struct osso_volume *v = &d->volume;
    buf_puts(b, ",\"cache\":{");
    put_text(b, "path", d->cache);
    put_text(b, "file_system", v->type);
    put_bytes(b, "free", v->free_bytes);
    buf_printf(b, "\"there\":%s,\"writable\":%s,\"maps\":%s,\"remote\":%s,\"in_memory\":%s}",
               v->there ? "true" : "false", v->writable ? "true" : "false",
               v->maps < 0 ? "null"
               : v->maps   ? "true"
                           : "false",
               v->remote ? "true" : "false", v->in_memory ? "true" : "false");
}

static void put_lists(struct buf *b, const struct doctor *d)
{
    buf_puts(b, ",\"parts\":[");
    for (int i = 0; i < PART_COUNT; i++) {
        struct part part = parts_at(i);
        buf_putc(b, '{');
        put_text(b, "part", part.what);
        put_text(b, "library", part.library);
        put_text(b, "missing", part.missing);
        put_text(b, "packages", part.packages);
        close_with(b, '}');
        buf_putc(b, ',');
    }
    close_with(b, ']');
    buf_puts(b, ",\"models\":[");
    for (int i = 0; i < d->shelf.n; i++) {
        const struct model_shelf_row *m = &d->shelf.models[i];
        buf_putc(b, '{');
        put_text(b, "name", m->name);
        put_text(b, "path", m->found->path);
        put_text(b, "state", model_shelf_state_word(m->state));
        put_bytes(b, "bytes", m->bytes);
        close_with(b, '}');
        buf_putc(b, ',');
    }
    close_with(b, ']');
}

static void put_forecast(struct buf *b, const struct doctor_forecast *f)
{
    const struct osso_forecast *c = &f->forecast;
    buf_putc(b, '{');
    put_text(b, "name", f->name);
    buf_printf(b, "\"preset\":%s,", f->preset ? "true" : "false");
    put_text(b, "error", f->known ? NULL : f->why.text);
    put_bytes(b, "weights", f->known ? c->weight_bytes : UINT64_MAX);
    put_bytes(b, "activations", f->known ? c->activation_bytes : UINT64_MAX);
    put_bytes(b, "in_memory", f->known && !f->preset ? c->there_bytes : UINT64_MAX);
    put_speed(b, "disk_gbps", c->disk_gbps);
    put_text(b, "limit", f->known ? c->limit : NULL);
    buf_puts(b, "\"contexts\":[");
    for (int i = 0; i < c->n_contexts; i++)
        buf_printf(b, "%s{\"tokens\":%lld,\"kv\":%llu,\"fit\":\"%s\"}", i ? "," : "", (long long)c->context[i].tokens,
                   (unsigned long long)c->context[i].kv_bytes, doctor_fit_word(c->context[i].fit));
    buf_puts(b, "],");
    put_speed(b, "prefill_tokens_per_second", c->prefill_ts);
    put_text(b, "prefill_reason", c->prefill_why);
    put_speed(b, "decode_tokens_per_second", c->decode_ts);
    put_text(b, "decode_reason", c->decode_why);
    close_with(b, '}');
}

void doctor_put_json(struct buf *b, const struct doctor *d)
{
    buf_putc(b, '{');
    put_machine(b, d);
    put_gpus(b, d);
    put_cache(b, d);
    put_lists(b, d);
    buf_puts(b, ",\"forecasts\":[");
    for (int i = 0; i < d->n_forecasts; i++) {
        put_forecast(b, &d->forecast[i]);
        buf_putc(b, ',');
    }
    close_with(b, ']');
    buf_puts(b, ",\"findings\":[");
    for (size_t i = 0; i < d->n_findings; i++) {
        buf_printf(b, "{\"broken\":%s,", d->finding[i].broken ? "true" : "false");
        put_text(b, "text", d->finding[i].text);
        put_text(b, "remedy", d->finding[i].remedy);
        close_with(b, '}');
        buf_putc(b, ',');
    }
    close_with(b, ']');
    buf_printf(b, ",\"works\":%s}\n", d->broken ? "false" : "true");
}
