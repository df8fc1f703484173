/* digest.c: SHA-256 and git's SHA-1, by libcrypto. */
#include "hub/digest.h"

#include "base/error.h"
#include "base/mem.h"
#include "hub/hub_lib.h"

#include <stdio.h>
#include <string.h>

bool digest_is_name(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");
    return !text[n] && (n == 40 || n == 64);
}

#ifdef HAVE_HUB
struct digest {
    struct hub_crypto lib;
    EVP_MD_CTX *context;
    bool failed;
};

enum osso_status digest_create(size_t digits, uint64_t size, struct digest **digest_out, struct osso_error *err)
{
    *digest_out = NULL;
    struct digest *d = mem_alloc(sizeof *d);
    if (!d)
        return error_nomem(err, sizeof *d, "a hash");
    enum osso_status status = hub_lib_crypto(&d->lib, err);
    if (!status) {
        d->context = d->lib.MD_CTX_new();
        if (!d->context || !d->lib.DigestInit_ex(d->context, digits == 64 ? d->lib.sha256() : d->lib.sha1(), NULL))
            status = error_set(err, OSSO_UNSUPPORTED, "libcrypto makes no hash of %zu digits here", digits);
    }
    if (status) {
        digest_free(d);
        return status;
    }
    if (digits != 64) {
        char head[48];
        int n = snprintf(head, sizeof head, "blob %llu", (unsigned long long)size);
        digest_add(d, head, (size_t)n + 1);
    }
    *digest_out = d;
    return OSSO_OK;
}

void digest_add(struct digest *d, const void *data, size_t n)
{
    d->failed = !d->lib.DigestUpdate(d->context, data, n) || d->failed;
}

void digest_end(struct digest *d, char text[DIGEST_TEXT])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    text[0] = 0;
    if (!d->lib.DigestFinal_ex(d->context, sum, &n) || d->failed)
        return;
    for (unsigned i = 0; i < n && i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", sum[i]);
}

void digest_free(struct digest *d)
{
    if (d && d->context)
        d->lib.MD_CTX_free(d->context);
    mem_free(d);
}
#else
enum osso_status digest_create(size_t digits, uint64_t size, struct digest **digest_out, struct osso_error *err)
{
    (void)digits, (void)size;
    *digest_out = NULL;
    return hub_lib_missing(err);
}

void digest_add(struct digest *d, const void *data, size_t n)
{
    (void)d, (void)data, (void)n;
}

void digest_end(struct digest *d, char text[DIGEST_TEXT])
{
    (void)d;
    text[0] = 0;
}

void digest_free(struct digest *d)
{
    (void)d;
}
#endif
