/* convert_report.c: the table of tensors goes to standard output, progress and notes to standard error. */
#define _GNU_SOURCE
#include "cli/convert_report.h"

#include "base/clock.h"
#include "cli/model_args.h"
#include "cli/out.h"
#include "json/jwrite.h"

#include <string.h>

/* On a terminal one line that counts, elsewhere a line for each tenth. */
static int progress(void *user, uint64_t done, uint64_t total)
{
    struct convert_report *r = user;
    char size[32], speed[32];
    int percent = total ? (int)((double)done * 100.0 / (double)total) : 100;
    double seconds = clock_seconds() - r->began, rate = seconds > 0 ? (double)done / seconds : 0;
    double left = rate > 0 ? (double)(total - done) / rate : 0;
    bool terminal = err_is_terminal();
    if (percent == r->percent || (!terminal && percent / 10 <= (r->percent < 0 ? 0 : r->percent / 10)))
        return interrupted();
    r->percent = percent;
    human_bytes(speed, (uint64_t)rate);
    if (terminal)
        fprintf(stderr, "\rwriting %d %%, %s/s, %.0f s left\033[K%s", percent, speed, left,
                done == total ? "\r\033[K" : "");
    else
        say("writing %s: %d %% of %s, %s/s, %.0f s left", r->out, percent, human_bytes(size, total), speed, left);
    return interrupted();
}

static void add_json(struct convert_report *r, const struct osso_tensor_fate *f)
{
    struct buf *b = &r->list;
    buf_puts(b, r->n > 1 ? ",\n  {\"name\":" : "\n  {\"name\":");
    jwrite_string(b, f->name, strlen(f->name));
    buf_printf(b, ",\"from\":\"%s\",\"to\":\"%s\",\"shape\":[", f->from, f->to);
    for (int i = 0; i < f->rank; i++)
        buf_printf(b, "%s%lld", i ? "," : "", (long long)f->shape[i]);
    buf_printf(b, "],\"bytes_before\":%llu,\"bytes\":%llu,\"moved\":%s", (unsigned long long)f->bytes_before,
               (unsigned long long)f->bytes, f->moved ? "true" : "false");
    if (f->measured) {
        buf_puts(b, ",\"relative_mse\":");
        jwrite_number(b, f->relative_mse);
        buf_puts(b, ",\"largest_error\":");
        jwrite_number(b, f->largest_error);
        buf_printf(b, ",\"worst\":{\"row\":%lld,\"block\":%lld,\"relative_mse\":", (long long)f->worst_row,
                   (long long)f->worst_block);
        jwrite_number(b, f->worst_mse);
        buf_putc(b, '}');
    }
    buf_putc(b, '}');
}

static void add_line(const struct osso_tensor_fate *f)
{
    struct buf b = {0};
    char before[32], after[32];
    buf_printf(&b, "%-52s %-8s", f->name, f->from);
    buf_printf(&b, " -> %-8s %9s -> %9s", f->to, human_bytes(before, f->bytes_before), human_bytes(after, f->bytes));
    if (f->measured && f->largest_error > 0)
        buf_printf(&b, "  mse %.3g, largest error %.3g, worst block %lld of row %lld (%.3g)", f->relative_mse,
                   f->largest_error, (long long)f->worst_block, (long long)f->worst_row, f->worst_mse);
    buf_putc(&b, '\n');
    if (b.data)
        out_model_text(b.data, b.len);
    buf_free(&b);
}

static void tensor(void *user, const struct osso_tensor_fate *f)
{
    struct convert_report *r = user;
    r->n++;
    r->bytes_before += f->bytes_before;
    r->bytes += f->bytes;
    if (r->json)
        add_json(r, f);
    else if (r->table)
        add_line(f);
}

static void note(void *user, const char *text)
{
    (void)user;
    say("%s", text);
}

struct osso_convert_options convert_args(const struct options *o, struct convert_report *r)
{
    const struct option_value *v = o->v;
    *r = (struct convert_report){.out = o->operand[1],
                                 .json = v[OPT_json].set,
                                 .table = v[OPT_dry_run].set || v[OPT_convert_tensors].set,
                                 .percent = -1,
                                 .began = clock_seconds()};
    return (struct osso_convert_options){
        .size = sizeof(struct osso_convert_options),
        .to = v[OPT_convert_to].set ? v[OPT_convert_to].s : NULL,
        .expand = v[OPT_expand].set ? v[OPT_expand].s : NULL,
        .split_bytes = v[OPT_split_size].set ? (uint64_t)v[OPT_split_size].i : 0,
        .dry_run = v[OPT_dry_run].set,
        .force = v[OPT_force].set,
        .ignore_unused = v[OPT_ignore_unused].set,
        .threads = v[OPT_convert_threads].set && v[OPT_convert_threads].i > 0 ? (int)v[OPT_convert_threads].i : 0,
        .progress = progress,
        .tensor = tensor,
        .note = note,
        .user = r,
        .untie = v[OPT_untie].set,
    };
}

int convert_end(struct convert_report *r, enum osso_status status, const struct osso_error *err)
{
    char before[32], after[32];
    if (status && r->percent >= 0 && err_is_terminal())
        fprintf(stderr, "\r\033[K");
    if (!status && r->json) {
        struct buf head = {0};
        buf_puts(&head, "{\"out\":");
        jwrite_string(&head, r->out, strlen(r->out));
        buf_printf(&head, ",\"bytes_before\":%llu,\"bytes\":%llu,\"tensors\":[", (unsigned long long)r->bytes_before,
                   (unsigned long long)r->bytes);
        out_write(head.data, head.len);
        out_write(r->list.data ? r->list.data : "", r->list.len);
        out_puts("\n]}\n");
        buf_free(&head);
    } else if (!status) {
        say("%s: %d tensors, %s -> %s", r->out, r->n, human_bytes(before, r->bytes_before),
            human_bytes(after, r->bytes));
    }
    buf_free(&r->list);
    return out_end(status == OSSO_CANCELLED ? 130 : exit_code(status, err));
}
