/* Any bytes as a line of a file of conversations. What is accepted has a weight for each id, and what is refused a
 * sentence. */
#include "base/must.h"
#include "base/mem.h"
#include "train/data_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct osso_tokenizer *tokenizer;
    struct docs_source source = {.weight = 1};
    struct train_docs d = {.sources = &source, .seq_len = 512};
    struct osso_error err = {0};
    if (!tokenizer)
        must(osso_tokenizer_builtin(&tokenizer, NULL) == OSSO_OK);
    struct docs_maker m = {.docs = &d, .tokenizer = tokenizer, .begin = 199998, .end = 199999, .err = &err};
    enum osso_status status = docs_read_line(&m, (const char *)data, size, "line");
    must(status == OSSO_OK ? !err.text[0] : err.text[0] && !d.n_docs);
    for (size_t i = 0; i < d.n_docs; i++) {
        const struct doc_place *doc = &d.docs[i];
        must(doc->n >= 2 && doc->n <= 513 && doc->at + doc->n <= d.ids.len && doc->targets > 0);
        must(doc->span + doc->n_spans <= d.n_spans);
        uint32_t at = 1;
        for (size_t s = doc->span; s < doc->span + doc->n_spans; s++) {
            must(d.spans[s].from >= at && d.spans[s].from < d.spans[s].to && d.spans[s].to <= doc->n &&
                 d.spans[s].weight > 0);
            at = d.spans[s].to;
        }
    }
    osso_ids_free(&d.ids);
    osso_ids_free(&m.ids);
    mem_free(d.docs);
    mem_free(d.spans);
    mem_free(m.weights);
    return 0;
}
