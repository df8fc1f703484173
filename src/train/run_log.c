/* run_log.c: floats with nine digits, which name an f32 exactly; what is no number is null. */
#define _GNU_SOURCE
#include "train/run_log.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t MAX_LOG = UINT64_C(1) << 36;

/* Bytes of the whole lines of steps up to `step`. */
static size_t lines_up_to(const char *text, size_t len, int64_t step)
{
    static const char begin[] = "{\"step\":";
    const char *line = text, *end;
    while ((end = memchr(line, '\n', (size_t)(text + len - line)))) {
        if (strncmp(line, begin, sizeof begin - 1) != 0 || strtoll(line + sizeof begin - 1, NULL, 10) > step)
            break;
        line = end + 1;
    }
    return (size_t)(line - text);
}

enum osso_status run_log_open(const char *path, int64_t step, struct run_log *log, struct osso_error *err)
{
    char *text = NULL;
    size_t len = 0;
    *log = (struct run_log){.path = mem_strdup(path), .fd = -1};
    enum osso_status status = log->path ? OSSO_OK : error_nomem(err, strlen(path), "a path");
    if (!status && step > 0 && file_exists(path))
        status = file_read(path, MAX_LOG, &text, &len, err);
    if (!status)
        log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (!status && (log->fd < 0 || ftruncate(log->fd, text ? (off_t)lines_up_to(text, len, step) : 0) != 0))
        status = error_set(err, OSSO_IO, "cannot write %s: %s", path, strerror(errno));
    mem_free(text);
    if (status)
        run_log_close(log);
    return status;
}

enum osso_status run_log_sync(struct run_log *log, struct osso_error *err)
{
    if (log->path && fdatasync(log->fd) != 0 && errno != EINVAL && errno != EROFS)
        return error_set(err, OSSO_IO, "cannot flush %s: %s", log->path, strerror(errno));
    return OSSO_OK;
}

void run_log_close(struct run_log *log)
{
    if (log->path && log->fd >= 0)
        close(log->fd);
    mem_free(log->path);
    *log = (struct run_log){.fd = -1};
}

static void put_real(struct buf *b, const char *key, double value)
{
    if (isfinite(value))
        buf_printf(b, ",\"%s\":%.9g", key, value);
    else
        buf_printf(b, ",\"%s\":null", key);
}

static enum osso_status write_line(struct run_log *log, struct buf *line, struct osso_error *err)
{
    enum osso_status status = line->failed ? error_nomem(err, line->len, "a line of the log") : OSSO_OK;
    for (size_t done = 0; log->path && !status && done < line->len;) {
        ssize_t n = write(log->fd, line->data + done, line->len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            status = error_set(err, OSSO_IO, "cannot write %s: %s", log->path, n ? strerror(errno) : "no space");
    }
    buf_free(line);
    return status;
}

enum osso_status run_log_step(struct run_log *log, const struct osso_train_report *r, struct osso_error *err)
{
    struct buf b = {0};
    buf_printf(&b, "{\"step\":%lld", (long long)r->step);
    put_real(&b, "loss", r->loss);
    put_real(&b, "balance_loss", r->balance_loss);
    put_real(&b, "z_loss", r->z_loss);
    put_real(&b, "grad_norm", r->skipped ? NAN : r->grad_norm);
    put_real(&b, "lr", r->lr);
    buf_printf(&b, ",\"tokens\":%lld,\"targets\":%lld", (long long)r->tokens, (long long)r->targets);
    put_real(&b, "seconds", r->seconds);
    put_real(&b, "max_load", r->max_load);
    buf_printf(&b, ",\"dead_experts\":%lld,\"skipped\":%d}\n", (long long)r->dead_experts, r->skipped);
    return write_line(log, &b, err);
}

enum osso_status run_log_validation(struct run_log *log, const struct osso_train_validation *v, struct osso_error *err)
{
    struct buf b = {0};
    buf_printf(&b, "{\"step\":%lld", (long long)v->step);
    put_real(&b, "val_loss", v->loss);
    put_real(&b, "val_bpb", v->bits_per_byte);
    buf_puts(&b, "}\n");
    return write_line(log, &b, err);
}
