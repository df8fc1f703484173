/* libFuzzer: bytes as a hub's list of a repository's files. What is taken are places below a folder, each with a size
 * and a hash; what is picked of them can all lie side by side. The first byte says what is asked for. */
#include "base/must.h"
#include "hub/hub_list.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_entry(const struct hub_entry *e)
{
    size_t n = strlen(e->path), hash = strlen(e->hash);
    must(n > 0 && e->path[0] != '/' && e->path[n - 1] != '/' && !strstr(e->path, "//") && !strchr(e->path, '\\'));
    must(strcmp(e->path, "..") != 0 && strncmp(e->path, "../", 3) != 0 && !strstr(e->path, "/../"));
    must(n < 3 || strcmp(e->path + n - 3, "/..") != 0);
    must((hash == 40 || hash == 64) && strspn(e->hash, "0123456789abcdef") == hash && e->size <= (uint64_t)1 << 44);
}

/* No file stands where another one has its folder. */
static void expect_no_clash(const struct hub_list *list)
{
    for (size_t i = 0; i < list->n && i < 64; i++)
        for (size_t k = 0; k < list->n && k < 64; k++) {
            size_t n = strlen(list->e[i].path);
            must(i == k || strncmp(list->e[i].path, list->e[k].path, n) != 0 ||
                 (list->e[k].path[n] != 0 && list->e[k].path[n] != '/'));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const globs[] = {"*.gguf", "*"};
    static const char *const forms[] = {NULL, "gguf", "hf", "original"};
    static const char *const labels[] = {"", "Q8", "x.gguf", "00002"};
    struct hub_list list = {0};
    struct hub_name name = {0};
    struct osso_hub_options o = {.size = sizeof o};
    struct osso_error err = {""};
    bool many = false;
    if (size < 1)
        return 0;
    o.form = name.form = forms[data[0] & 3];
    snprintf(name.repository, sizeof name.repository, "a/m");
    snprintf(name.label, sizeof name.label, "%s", labels[data[0] >> 2 & 3]);
    o.include = o.exclude = globs;
    o.n_include = data[0] >> 4 & 2 ? 2 : data[0] >> 4 & 1;
    o.n_exclude = data[0] >> 6 & 1;
    enum osso_status status = hub_list_read(&list, (const char *)data + 1, size - 1, &err);
    must((status == OSSO_OK) == (err.text[0] == 0));
    for (size_t i = 0; i < list.n; i++)
        expect_entry(&list.e[i]);
    size_t before = list.n;
    if (!status && !hub_list_pick(&list, &name, &o, &many, &err)) {
        must(list.n <= before);
        expect_no_clash(&list);
        const char *model = list.n ? hub_list_model(&list) : NULL;
        must(!model || strlen(model) > 0);
    }
    hub_list_free(&list);
    return 0;
}
