/* train_curve.c: lines of the log become points of an SVG. */
#include "cli/train_curve.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 720, HEIGHT = 360, LEFT = 60, RIGHT = 20, TOP = 30, BOTTOM = 40, MOST_POINTS = 700 };

struct series {
    double *step, *value;
    size_t n, room;
};

struct plot {
    struct series loss, val;
    double last, low, high; /* step; values */
};

static bool push(struct series *s, double step, double value)
{
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : 1024;
        double *a = mem_grow(s->step, room, sizeof *a);
        s->step = a ? a : s->step;
        double *b = mem_grow(s->value, room, sizeof *b);
        s->value = b ? b : s->value;
        if (!a || !b)
            return false;
        s->room = room;
    }
    s->step[s->n] = step;
    s->value[s->n++] = value;
    return true;
}

/* The number behind "key": in a line of the log. */
static bool number(const char *line, const char *key, double *out)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(line, quoted);
    char *end = NULL;
    if (!at)
        return false;
    *out = strtod(at + strlen(quoted), &end);
    return end > at + strlen(quoted) && isfinite(*out);
}

static bool read_lines(struct plot *p, char *text)
{
    p->low = INFINITY;
    p->high = -INFINITY;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        double step = 0, value = 0;
        *end = 0;
        bool val = number(line, "val_loss", &value);
        if (!number(line, "step", &step) || (!val && !number(line, "loss", &value)))
            continue;
        if (!push(val ? &p->val : &p->loss, step, value))
            return false;
        p->last = step > p->last ? step : p->last;
        p->low = value < p->low ? value : p->low;
        p->high = value > p->high ? value : p->high;
    }
    return true;
}

static double x_of(const struct plot *p, double step)
{
    return LEFT + step / p->last * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct plot *p, double value)
{
    double span = p->high > p->low ? p->high - p->low : 1;
    return TOP + (p->high - value) / span * (HEIGHT - TOP - BOTTOM);
}

/* At most MOST_POINTS of them; each the mean of the `window` values up to it. */
static void put_line(struct buf *b, const struct plot *p, const struct series *s, size_t window, const char *style)
{
    size_t every = s->n / MOST_POINTS + 1;
    double sum = 0;
    buf_printf(b, "<polyline fill=\"none\" %s points=\"", style);
    for (size_t i = 0; i < s->n; i++) {
        sum += s->value[i] - (i >= window ? s->value[i - window] : 0);
        if (i % every == 0 || i + 1 == s->n)
            buf_printf(b, "%.1f,%.1f ", x_of(p, s->step[i]), y_of(p, sum / (double)(i < window ? i + 1 : window)));
    }
    buf_puts(b, "\"/>\n");
}

static void put_axes(struct buf *b, const struct plot *p)
{
    enum { TICKS = 5 };
    for (int i = 0; i <= TICKS; i++) {
        double value = p->low + (p->high - p->low) * i / TICKS, step = p->last * i / TICKS;
        buf_printf(b, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", LEFT, WIDTH - RIGHT,
                   y_of(p, value), y_of(p, value));
        buf_printf(b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>\n", LEFT - 6, y_of(p, value) + 4,
                   value);
        buf_printf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n", x_of(p, step),
                   HEIGHT - BOTTOM + 18, step);
    }
    buf_printf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">step</text>\n", (LEFT + WIDTH - RIGHT) / 2,
               HEIGHT - 6);
    buf_printf(b, "<text x=\"%d\" y=\"18\" fill=\"#1f77b4\">loss</text>\n", LEFT);
    if (p->val.n)
        buf_printf(b, "<text x=\"%d\" y=\"18\" fill=\"#d62728\">val_loss</text>\n", LEFT + 60);
}

static void draw(struct buf *b, const struct plot *p)
{
    buf_printf(b,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
               "font-size=\"11\">\n<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n",
               WIDTH, HEIGHT, WIDTH, HEIGHT);
    put_axes(b, p);
    put_line(b, p, &p->loss, 1, "stroke=\"#1f77b4\" stroke-opacity=\"0.35\"");
    put_line(b, p, &p->loss, p->loss.n / 50 + 1, "stroke=\"#1f77b4\" stroke-width=\"1.5\"");
    if (p->val.n)
        put_line(b, p, &p->val, 1, "stroke=\"#d62728\" stroke-width=\"1.5\"");
    for (size_t i = 0; i < p->val.n; i++)
        buf_printf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"#d62728\"/>\n", x_of(p, p->val.step[i]),
                   y_of(p, p->val.value[i]));
    buf_puts(b, "</svg>\n");
}

enum osso_status train_curve_write(const char *log, const char *out, struct osso_error *err)
{
    struct plot p = {0};
    struct buf b = {0};
    char *text = NULL, *path = file_join(out, "loss.svg");
    size_t len;
    enum osso_status status = path ? file_read(log, UINT64_C(1) << 34, &text, &len, err)
                                   : error_nomem(err, 0, "a path");
    if (!status && !read_lines(&p, text))
        status = error_nomem(err, len, "the loss curve");
    if (!status && p.loss.n > 0) {
        draw(&b, &p);
        status = b.failed ? error_nomem(err, b.len, "the loss curve") : save_atomic(path, b.data, b.len, err);
    }
    struct series *all[] = {&p.loss, &p.val};
    for (int i = 0; i < 2; i++) {
        mem_free(all[i]->step);
        mem_free(all[i]->value);
    }
    buf_free(&b);
    mem_free(text);
    mem_free(path);
    return status;
}
