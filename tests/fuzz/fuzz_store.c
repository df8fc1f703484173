/* libFuzzer: bytes as the folders of other programs. The first byte chooses: the text of an Ollama manifest, or lines
 * that say what lies in a hub's cache ("f PATH TEXT", "l PATH TARGET", "d PATH"). Whatever lies there, a walk ends, and
 * what it finds is below its root: a digest or a revision never leads out. */
#define _GNU_SOURCE
#include "memory_folder.h"

#include "base/must.h"
#include "cli/model_store.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 64 };

static void put_manifest(const char *root, const uint8_t *data, size_t size)
{
    char path[200];
    snprintf(path, sizeof path, "%s/manifests/registry.ollama.ai/library/m/latest", root);
    memory_put(path, data, size);
}

/* Names of the fuzzer's own never lead out of the folder; targets of links and texts may. */
static bool is_safe(const char *path)
{
    return path[0] && path[0] != '/' && !strstr(path, "..") && strlen(path) < 200;
}

static void put_line(const char *root, char *line)
{
    char path[512];
    if (strlen(line) < 3 || line[1] != ' ')
        return;
    char *name = line + 2, *rest = strchr(name, ' ');
    if (rest)
        *rest++ = 0;
    if (!is_safe(name))
        return;
    snprintf(path, sizeof path, "%s/%s", root, name);
    if (line[0] == 'f')
        memory_put(path, rest ? rest : "", rest ? strlen(rest) : 0);
    memory_parents(path);
    if (line[0] == 'l' && rest)
        (void)!symlink(rest, path);
    if (line[0] == 'd')
        mkdir(path, 0700);
}

static void put_cache(const char *root, const uint8_t *data, size_t size)
{
    enum { LINES = 24 };
    static char text[4096];
    if (size >= sizeof text)
        size = sizeof text - 1;
    memcpy(text, data, size);
    text[size] = 0;
    char *line = text;
    for (int i = 0; line && i < LINES; i++) {
        char *end = strchr(line, '\n');
        if (end)
            *end++ = 0;
        put_line(root, line);
        line = end;
    }
}

static void expect(const struct model_words *words, const char *root, bool manifest)
{
    struct model_found found[CAP];
    int n = model_store_find(words, found, CAP);
    must(n >= 0 && n <= CAP);
    for (int i = 0; i < n; i++) {
        const char *below = found[i].path + strlen(root);
        must(strncmp(found[i].path, root, strlen(root)) == 0 && *below == '/' && !strstr(below, "/../"));
        must(strlen(below) < 3 || strcmp(below + strlen(below) - 3, "/..") != 0);
        must(!manifest || (strncmp(below, "/blobs/sha256-", 14) == 0 && strlen(below) == 14 + 64));
    }
    model_store_free(found, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct model_words words[] = {{"", "m", "latest", NULL}, {"a", "m", "", NULL}, {"", "m", "q8", NULL}};
    const char *root = memory_folder();
    if (size < 1)
        return 0;
    bool manifest = data[0] & 1;
    clearenv();
    setenv(manifest ? "OLLAMA_MODELS" : "HF_HUB_CACHE", root, 1);
    (manifest ? put_manifest : put_cache)(root, data + 1, size - 1);
    expect(NULL, root, manifest);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        expect(&words[i], root, manifest);
    return 0;
}
