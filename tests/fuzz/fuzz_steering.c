/* libFuzzer: bytes as a steering vector, safetensors or llama.cpp's control vector. What opens has a width and finite
 * directions, and comes back the same from a file that was written of it; what does not says why. */
#define _GNU_SOURCE
#include "memory_file.h"

#include "base/must.h"
#include "osso/steer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LAYERS = 512 };

static int64_t check(const struct osso_steering *s)
{
    int64_t width = osso_steering_width(s), n = 0;
    must(width > 0);
    must(!osso_steering_direction(s, -1) && !osso_steering_direction(s, LAYERS));
    for (int l = 0; l < LAYERS; l++) {
        const float *d = osso_steering_direction(s, l);
        n += d != NULL;
        for (int64_t i = 0; d && i < width; i++)
            must(d[i] - d[i] == 0);
    }
    must(n > 0);
    return width;
}

static void check_again(const struct osso_steering *s, const char *end)
{
    char path[80];
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* where a write need not reach a disk */
    struct osso_steering *again;
    struct osso_error err = {""};
    snprintf(path, sizeof path, "%s/osso-fuzz-steering-%ld.%s", folder, (long)getpid(), end);
    if (osso_steering_save(s, path, &err)) { /* llama.cpp has no layer 0 */
        must(osso_steering_direction(s, 0) && strcmp(end, "gguf") == 0);
        return;
    }
    must(osso_steering_open(path, &again, &err) == OSSO_OK);
    unlink(path);
    int64_t width = check(s);
    must(osso_steering_width(again) == width);
    for (int l = 0; l < LAYERS; l++) {
        const float *a = osso_steering_direction(s, l), *b = osso_steering_direction(again, l);
        must(!a == !b && (!a || memcmp(a, b, (size_t)width * sizeof *a) == 0));
    }
    osso_steering_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct osso_steering *s;
    struct osso_error err = {""};
    struct memory_file *f = memory_file_begin();
    memory_file_add(f, data, size);
    enum osso_status status = osso_steering_open(memory_file_end(f, 0), &s, &err);
    must((status == OSSO_OK) == (err.text[0] == 0) && (status == OSSO_OK) == (s != NULL));
    if (!status) {
        check(s);
        check_again(s, "safetensors");
        check_again(s, "gguf");
    }
    osso_steering_free(s);
    return 0;
}
