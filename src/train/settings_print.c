/* settings_print.c: the settings as a configuration that reads back equal. */
#include "train/settings.h"

#include "base/error.h"
#include "json/jwrite.h"

#include <string.h>

struct row {
    const char *section;
    enum train_key id; /* without a section */
};
static const struct row rows[] = {
#define TRAIN_SECTION(id, title) {#id, N_TRAIN_KEYS},
#define TRAIN_KEY(key, ...) {NULL, TRAIN_##key},
#define TRAIN_SWITCH(key, ...) {NULL, TRAIN_##key},
#define TRAIN_LIST(key, ...) {NULL, TRAIN_##key},
#include "osso/train_keys.def"
};

static void put_text(struct buf *b, const char *text)
{
    jwrite_string(b, text, strlen(text)); /* what JSON writes, YAML reads */
}

static void put_sources(struct buf *b, const struct osso_train_config *c)
{
    for (int i = 0; i < c->n_sources; i++) {
        buf_puts(b, "\n    - {path: ");
        put_text(b, c->sources[i].path);
        if (c->sources[i].weight != 1) {
            buf_puts(b, ", weight: ");
            jwrite_number(b, c->sources[i].weight);
        }
        if (c->sources[i].split) {
            buf_puts(b, ", split: ");
            put_text(b, c->sources[i].split);
        }
        buf_putc(b, '}');
    }
}

static void put_value(struct buf *b, const struct osso_train_config *c, enum train_key id)
{
    const struct setting *v = &c->v[id];
    switch (settings_key(id)->kind) {
    case KEY_INT: buf_printf(b, " %lld", (long long)v->number); break;
    case KEY_REAL:
        buf_putc(b, ' ');
        jwrite_number(b, v->number);
        break;
    case KEY_SWITCH: buf_puts(b, v->on ? " true" : " false"); break;
    case KEY_INTS:
        for (int i = 0; i < v->n_ints; i++)
            buf_printf(b, "%s%lld", i ? ", " : " [", (long long)v->ints[i]);
        buf_putc(b, ']');
        break;
    case KEY_LIST: put_sources(b, c); break;
    default: buf_putc(b, ' '); put_text(b, v->text);
    }
}

/* Set, or with a default that is a value of its own. */
static bool is_shown(const struct osso_train_config *c, enum train_key id)
{
    const struct key *k = settings_key(id);
    bool number = k->kind == KEY_INT || k->kind == KEY_REAL;
    return settings_has(c, id) || c->v[id].text || (number && k->standard && !strchr(k->standard, ' '));
}

enum osso_status osso_train_config_print(const struct osso_train_config *c, char **text_out, struct osso_error *err)
{
    struct buf b = {0};
    const char *section = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].section)
            section = rows[i].section;
        else if (is_shown(c, rows[i].id)) {
            if (section)
                buf_printf(&b, "%s:\n", section);
            section = NULL;
            buf_printf(&b, "  %s:", settings_key(rows[i].id)->name);
            put_value(&b, c, rows[i].id);
            buf_putc(&b, '\n');
        }
    }
    if (c->quantize)
        buf_printf(&b, "quantization:\n  enable_quantization: true\n  bits: 4\n  quantize_moe_weights: %s\n",
                   c->quantize_experts ? "true" : "false");
    *text_out = buf_take(&b);
    return *text_out ? OSSO_OK : error_nomem(err, 0, "the settings as text");
}
