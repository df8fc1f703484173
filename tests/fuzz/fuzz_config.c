/* libFuzzer: bytes as a config.json and as a generation_config.json. What is accepted must be written and read again as
 * the same configuration. */
#include "base/must.h"
#include "model/config.h"
#include "checkpoint/config_files.h"
#include "checkpoint/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config c, again;
    struct osso_error err = {""};
    struct buf text = {0};
    struct plan plan;
    enum osso_status status = config_from_json((const char *)data, size, "fuzz", &c, NULL, &err);
    must((status == OSSO_OK) == (err.text[0] == 0));
    if (!status) {
        must(config_check(&c, "fuzz", &err) == OSSO_OK);
        must(params_total(&c) >= params_active(&c) && params_total(&c) < UINT64_MAX / 4);
        config_write_json(&c, true, DT_BF16, &text);
        must(config_from_json(text.data, text.len, "again", &again, NULL, &err) == OSSO_OK);
        must(memcmp(c.sliding, again.sliding, (size_t)c.n_layers) == 0 && c.rope_theta == again.rope_theta &&
             c.yarn == again.yarn);
        must(c.hidden == again.hidden && c.rms_eps == again.rms_eps && c.n_stop_ids == again.n_stop_ids);
        must(plan_create(&c, &names_gguf, &plan, &err) == OSSO_OK);
        plan_free(&plan);
        buf_free(&text);
    }
    must(config_preset("20b", &c, &err) == OSSO_OK);
    again = c;
    if (config_add_generation((const char *)data, size, "fuzz", &c, NULL, &err) != OSSO_OK)
        must(memcmp(&c, &again, sizeof c) == 0);
    return 0;
}
