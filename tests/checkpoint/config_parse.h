/* config_parse.h: config.json's texts for tests, and what is read from them. */
#ifndef OSSO_TESTS_CHECKPOINT_CONFIG_PARSE_H
#define OSSO_TESTS_CHECKPOINT_CONFIG_PARSE_H

#include "file_test.h"

#include "checkpoint/config_files.h"

/* A whole configuration but for what a case adds; later members of the same name would be duplicates. */
#define SIZES                                                                                                          \
    "\"num_hidden_layers\":3,\"hidden_size\":64,\"intermediate_size\":32,\"vocab_size\":100,\"num_attention_heads\":4,\"num_key_value_heads\":2,"
#define BASE "{\"model_type\":\"gpt_oss\"," SIZES "\"num_local_experts\":8"

static struct config parse(const char *json, const char *words)
{
    struct config c;
    struct osso_error err = {""};
    enum osso_status status = config_from_json(json, strlen(json), "config.json", &c, NULL, &err);
    check_says(status, err, words, json);
    if (status)
        assert_int_equal(c.n_layers, 0);
    return c;
}

#endif
