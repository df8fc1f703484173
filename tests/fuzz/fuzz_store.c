/* libFuzzer: bytes as the folders of other programs. The first byte chooses what is asked for and whose folder it is;
 * then the text of an Ollama manifest, or lines that say what lies there ("f PATH TEXT", "l PATH TARGET", "d PATH").
 * Whatever lies there, a walk ends, and what it finds is below its root: a digest or a revision never leads out. Beside
 * the folder lies what links may lead to: other models, and a pipe that nobody writes to. */
#define _GNU_SOURCE
#include "memory_folder.h"

#include "base/must.h"
#include "cli/model_store.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INSIDE "in/"
enum { CAP = 64, LINES = 24, LONGEST = 160 };

/* Whose folder: a variable that names it, and where below that its models lie. */
static const struct {
    const char *variable, *below;
} places[] = {{"HF_HUB_CACHE", ""}, {"HOME", ".lmstudio/models/"}, {"LLAMA_CACHE", ""}, {"OSSO_MODELS", ""}};

/* Names of the fuzzer's own never lead out of the folder; targets of links and texts may. */
static bool is_safe(const char *path)
{
    return path[0] && path[0] != '/' && !strstr(path, "..") && strlen(path) < LONGEST;
}

/* Out of the folder, but no further than beside it: walks through /proc would take all the time, and are never the same
 * twice. */
static void put_link(const char *path, const char *target)
{
    char there[MEMORY_PATH];
    int depth = 0, up = 0;
    for (const char *s = path; (s = strchr(s, '/')); s++)
        depth++;
    for (const char *s = target; (s = strstr(s, "..")); s += 2)
        up++;
    if (up > depth || strlen(target) >= LONGEST)
        return;
    snprintf(there, sizeof there, "%s%s", target[0] == '/' ? memory_root.path : "", target);
    memory_make_link(path, there);
}

static void put_beside(void)
{
    memory_put("far/x-Q8_0.gguf", "GGUF", 4, 0);
    memory_put("far/config.json", "{}", 2, 0);
    memory_put("main", "far", 3, 0);
    memory_make_pipe("pipe");
}

static void put_line(const char *below, char *line)
{
    char path[MEMORY_PATH];
    if (strlen(line) < 3 || line[1] != ' ')
        return;
    char *name = line + 2, *rest = strchr(name, ' ');
    if (rest)
        *rest++ = 0;
    if (!is_safe(name))
        return;
    snprintf(path, sizeof path, INSIDE "%s%s", below, name);
    if (line[0] == 'f')
        memory_put(path, rest ? rest : "", rest ? strlen(rest) : 0, 0);
    if (line[0] == 'l' && rest)
        put_link(path, rest);
    if (line[0] == 'd')
        memory_make_folder(path);
}

static void put_lines(const char *below, const uint8_t *data, size_t size)
{
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
        put_line(below, line);
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
    char root[80];
    if (size < 1)
        return 0;
    snprintf(root, sizeof root, "%s/in", memory_folder());
    memory_make_folder("in");
    bool manifest = data[0] & 1;
    unsigned asked = data[0] >> 1 & 3, place = data[0] >> 3 & 3;
    clearenv();
    setenv(manifest ? "OLLAMA_MODELS" : places[place].variable, root, 1);
    if (manifest)
        memory_put(INSIDE "manifests/registry.ollama.ai/library/m/latest", data + 1, size - 1, 0);
    else {
        put_beside();
        put_lines(places[place].below, data + 1, size - 1);
    }
    expect(asked ? &words[asked - 1] : NULL, root, manifest);
    return 0;
}
