/* test_figures.c: the pictures of osso inspect's pages when memory runs out. What they show: tests/e2e/test_report.py.
 */
#include "fault_test.h"

#include "cli/figures/figures.h"

#include "base/error.h"

static const struct drawn {
    figures_fn *figures;
    const char *json;
} all[] = {
    {figures_lens,
     "{\"ids\":[7],\"tokens\":[\"a\"],\"answers\":[{\"position\":0,\"id\":7,\"text\":\"a\",\"probability\":0.5}],"
     "\"records\":[{\"layer\":0,\"head\":null,\"expert\":null,\"position\":0,\"probability\":0.5,\"rank\":1,\"kl\":0,"
     "\"norm\":2,\"top\":[{\"id\":7,\"text\":\"a\",\"probability\":0.5}]}]}"},
    {figures_residual,
     "{\"targets\":[{\"position\":0,\"answer\":{\"id\":7,\"text\":\"a\"},\"wrong\":{\"id\":8},\"difference\":1}],"
     "\"streams\":[{\"position\":0,\"layer\":0,\"norm\":1,\"cosine\":1,\"error\":0}],\"terms\":[{\"position\":0,"
     "\"kind\":\"head\",\"layer\":0,\"head\":0,\"norm\":1,\"cosine\":1,\"attribution\":1}]}"},
    {figures_attention,
     "{\"ids\":[7,8],\"tokens\":null,\"heads\":[{\"layer\":0,\"head\":0,\"sliding\":true,\"previous\":1,\"entropy\":0,"
     "\"span\":1,\"kind\":\"previous\",\"pattern\":[[0.5],[0.5,0.25]]}]}"},
    {figures_experts,
     "{\"ids\":[7],\"tokens\":[\"a\"],\"lengths\":[1],\"n_experts\":2,\"chosen\":2,\"rows\":[{\"text\":0,\"position\":0,"
     "\"id\":7,\"class\":\"word\"}],\"classes\":{\"word\":1},\"layers\":[{\"layer\":0,\"load\":[1,1],\"weight\":[0.5,0.5],"
     "\"together\":[[0,1,1]],\"by_class\":{\"word\":[1,1]},\"experts\":[[0,1]],\"weights\":[[0.5,0.5]]}],"
     "\"effects\":[{\"layer\":0,\"expert\":0,\"kl\":1,\"most\":1,\"row\":0,\"changed\":0}]}"},
    {figures_patch,
     "{\"mode\":\"patch\",\"corrupted_ids\":[7],\"corrupted_tokens\":[\"a\"],\"records\":[{\"layer\":0,\"head\":0,"
     "\"position\":0,\"share\":1,\"difference\":1,\"kl\":0}]}"},
};

static enum osso_status draw(void *arg, struct osso_error *err)
{
    const struct drawn *d = arg;
    struct jdoc *doc = NULL, *pictures = NULL;
    struct buf out = {0};
    enum osso_status status = jdoc_read(d->json, strlen(d->json), "what was found", &doc, err);
    if (status)
        return status;
    buf_putc(&out, '[');
    d->figures(&out, jdoc_root(doc));
    buf_putc(&out, ']');
    status = out.failed ? error_nomem(err, out.len, "a picture") : jdoc_read(out.data, out.len, "it", &pictures, err);
    buf_free(&out);
    jdoc_release(pictures);
    jdoc_release(doc);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_true(fault_each(draw, (void *)(uintptr_t)&all[i], false) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
