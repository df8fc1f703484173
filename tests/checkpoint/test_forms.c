/* test_forms.c: the tensors of a model as other programs lay them out: names, fused tensors, orders of codes. Each form
 * is made of a golden model's tensors here, and must show the same values. */
#include "file_test.h"
#include "weights_test.h"

#include "checkpoint/unused.h"

/* Tensors that a test made: freed together. */
struct made {
    struct tensors set;
    uint8_t *data[64];
    int n;
};

static uint8_t *made_bytes(struct made *m, uint64_t bytes)
{
    assert_true(m->n < 64);
    return m->data[m->n++] = calloc(1, (size_t)bytes);
}

static void made_free(struct made *m)
{
    tensors_close(&m->set);
    while (m->n > 0)
        free(m->data[--m->n]);
}

static void add_tensor(struct made *m, struct tensor t, const char *name)
{
    struct osso_error err;
    t.name = (char *)(uintptr_t)name;
    check_ok(tensors_add(&m->set, &t, &err), err);
    check_ok(tensors_sort(&m->set, &err), err);
}

static void drop(struct made *m, const char *name)
{
    struct tensor *t = find(&m->set, name);
    mem_free(t->name);
    memmove(t, t + 1, (size_t)(m->set.list + m->set.n - (t + 1)) * sizeof *t);
    m->set.n--;
}

/* gate and up of a layer as one tensor, rows in turns or gate's first. */
static void fuse_experts(struct made *m, int layer, const char *kind, bool turns)
{
    char gate[64], up[64], both[64];
    snprintf(gate, sizeof gate, "blk.%d.ffn_gate_exps.%s", layer, kind);
    snprintf(up, sizeof up, "blk.%d.ffn_up_exps.%s", layer, kind);
    snprintf(both, sizeof both, "blk.%d.ffn_gate_up_exps.%s", layer, kind);
    struct tensor a = *find(&m->set, gate), b = *find(&m->set, up), t = a;
    int64_t experts = a.shape[0], rows = a.shape[1];
    size_t row = (size_t)(a.bytes / (uint64_t)(experts * rows));
    uint8_t *to = made_bytes(m, 2 * a.bytes);
    t.shape[1] = 2 * rows;
    t.bytes = 2 * a.bytes;
    t.data = to;
    for (int64_t e = 0; e < experts; e++)
        for (int64_t r = 0; r < rows; r++) {
            int64_t at = e * 2 * rows;
            memcpy(to + (size_t)(at + (turns ? 2 * r : r)) * row, a.data + (size_t)(e * rows + r) * row, row);
            memcpy(to + (size_t)(at + (turns ? 2 * r + 1 : rows + r)) * row, b.data + (size_t)(e * rows + r) * row, row);
        }
    drop(m, gate);
    drop(m, up);
    add_tensor(m, t, both);
}

/* GGUF's blocks of MXFP4 with neighbours in a byte, as Ollama's type 4 has them. */
static void pair_codes(struct made *m, const char *name)
{
    struct tensor *t = find(&m->set, name);
    uint8_t *to = made_bytes(m, t->bytes);
    for (uint64_t b = 0; b < t->bytes / 17; b++) {
        const uint8_t *in = t->data + 17 * b;
        to[17 * b] = in[0];
        for (int i = 0; i < 32; i++) {
            int code = in[1 + i % 16] >> (i / 16 * 4) & 15;
            to[17 * b + 1 + (size_t)i / 2] |= (uint8_t)(code << (i % 2 * 4));
        }
    }
    t->data = to;
    t->dtype = dtype_from_gguf(4);
}

/* F32 made BF16: the values of these models are. */
static void narrow(struct made *m, const char *name)
{
    struct tensor *t = find(&m->set, name);
    uint8_t *to = made_bytes(m, t->bytes / 2);
    assert_int_equal(t->dtype, DT_F32);
    for (uint64_t i = 0; i < t->bytes / 4; i++)
        memcpy(to + 2 * i, t->data + 4 * i + 2, 2);
    t->data = to;
    t->dtype = DT_BF16;
    t->bytes /= 2;
}

static void check_resolved(struct osso_model *m, struct made *made, const struct names *names)
{
    struct weights w;
    struct osso_error err = {""};
    check_ok(weights_resolve(&made->set, &m->config, names, &w, &err), err);
    check_ok(unused_check(&made->set, &m->config, false, NULL, &err), err);
    check_weights(m, &w);
    weights_free(&w);
}

static void test_ollama(void **state)
{
    (void)state;
    struct osso_model *m = golden("yarn-mxfp4/model.gguf");
    struct made made = {.set = copy_table(m)};
    rename_tensor(&made.set, "blk.0.attn_output.weight", "blk.0.attn_out.weight");
    rename_tensor(&made.set, "blk.0.attn_output.bias", "blk.0.attn_out.bias");
    rename_tensor(&made.set, "blk.1.attn_sinks.weight", "blk.1.attn_sinks");
    rename_tensor(&made.set, "blk.2.post_attention_norm.weight", "blk.2.ffn_norm.weight");
    narrow(&made, "blk.0.ffn_down_exps.bias");
    narrow(&made, "blk.1.ffn_gate_exps.bias"); /* and up's stays F32 */
    pair_codes(&made, "blk.1.ffn_down_exps.weight");
    pair_codes(&made, "blk.2.ffn_gate_exps.weight");
    pair_codes(&made, "blk.2.ffn_up_exps.weight");
    pair_codes(&made, "blk.3.ffn_up_exps.weight"); /* gate stays as it is */
    fuse_experts(&made, 0, "weight", true);
    fuse_experts(&made, 0, "bias", true);
    fuse_experts(&made, 2, "weight", true);
    check_resolved(m, &made, &names_gptoss);
    made_free(&made);
    /* The same name means another order in the other architecture. */
    made = (struct made){.set = copy_table(m)};
    fuse_experts(&made, 0, "weight", false);
    fuse_experts(&made, 0, "bias", false);
    check_resolved(m, &made, &names_gguf);
    made_free(&made);
    osso_model_free(m);
}

/* Which of them counts nobody can know. */
static void test_both(void **state)
{
    (void)state;
    struct osso_model *m = golden("yarn-mxfp4/model.gguf");
    struct made made = {.set = copy_table(m)};
    struct tensor gate = *find(&made.set, "blk.0.ffn_gate_exps.weight");
    struct weights w;
    struct osso_error err = {""};
    fuse_experts(&made, 0, "weight", false);
    add_tensor(&made, gate, "blk.0.ffn_gate_exps.weight");
    check_ok(weights_resolve(&made.set, &m->config, &names_gguf, &w, &err), err);
    assert_int_equal(unused_check(&made.set, &m->config, false, NULL, &err), OSSO_UNSUPPORTED);
    assert_non_null(strstr(err.text, "blk.0.ffn_gate_exps.weight"));
    weights_free(&w);
    /* A fused tensor of the wrong height. */
    find(&made.set, "blk.0.ffn_gate_up_exps.weight")->shape[1] /= 2;
    assert_int_equal(weights_resolve(&made.set, &m->config, &names_gguf, &w, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "has the shape"));
    made_free(&made);
    osso_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ollama),
        cmocka_unit_test(test_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
