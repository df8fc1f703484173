/* train.c: a small model learns a file of token ids (a .npy of whole numbers, a document a row), and is saved.
 *
 *   build/release/examples/train ids.npy run 100 */
#include <osso/train.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    struct osso_error err = {0};
    struct osso_train_config *config = NULL;
    struct osso_train *train = NULL;
    struct osso_train_report step = {.size = sizeof step};
    if (argc < 4) {
        fprintf(stderr, "usage: train IDS.npy OUT STEPS\n");
        return 2;
    }
    const char *settings[][2] = {{"preset", "nano"}, {"data_ids", argv[1]}, {"out", argv[2]},
                                 {"steps", argv[3]}, {"batch_size", "4"},   {"lr", "3e-3"}};
    int failed = osso_train_config_create(&config, &err);
    for (size_t i = 0; i < sizeof settings / sizeof *settings && !failed; i++)
        failed = osso_train_config_set(config, settings[i][0], settings[i][1], "here", &err);
    failed = failed || osso_train_open(config, NULL, &train, &err);
    while (!failed && !step.last) {
        failed = osso_train_step(train, &step, &err);
        if (!failed && (step.step % 10 == 0 || step.last))
            printf("step %lld: loss %.4f\n", (long long)step.step, step.loss);
    }
    failed = failed || osso_train_save(train, &err);
    if (failed)
        fprintf(stderr, "train: %s\n", err.text);
    osso_train_free(train);
    osso_train_config_free(config);
    return failed ? 1 : 0;
}
