/* hub_lib.c: libcurl and libcrypto, opened at run time. */
#include "hub/hub_lib.h"

#include "base/error.h"

enum osso_status hub_lib_missing(struct osso_error *err)
{
    return error_set(
        err, OSSO_UNSUPPORTED,
        "this osso was built without downloads: install libcurl4-openssl-dev and libssl-dev (so Debian calls "
        "them), then build again with make");
}

#ifdef HAVE_HUB
#include <dlfcn.h>
#include <openssl/opensslv.h>
#include <stddef.h>
#include <string.h>

#define WORDS(x) #x
#define SONAME(x) WORDS(x)
#ifdef __APPLE__
static const char curl_name[] = "libcurl.4.dylib", crypto_name[] = "libcrypto." SONAME(OPENSSL_SHLIB_VERSION) ".dylib";
#else
static const char curl_name[] = "libcurl.so.4", crypto_name[] = "libcrypto.so." SONAME(OPENSSL_SHLIB_VERSION);
#endif

/* A function of a library, and its place in the struct of them. */
struct symbol {
    const char *name;
    size_t at;
};

/* A pointer to data becomes one to code: POSIX promises it. */
static enum osso_status load(const char *library, const char *package, const struct symbol *symbols, size_t n,
                             void *functions, struct osso_error *err)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return error_set(err, OSSO_UNSUPPORTED,
                         "downloads need %s, which is not on this machine: install %s (so Debian calls it)", library,
                         package);
    for (size_t i = 0; i < n; i++) {
        void *function = dlsym(handle, symbols[i].name);
        if (!function)
            return error_set(err, OSSO_UNSUPPORTED, "%s has no %s: install a newer one", library, symbols[i].name);
        memcpy((char *)functions + symbols[i].at, &function, sizeof function);
    }
    return OSSO_OK;
}

enum osso_status hub_lib_curl(struct hub_curl *lib, struct osso_error *err)
{
#define SYMBOL(name) {"curl_" #name, offsetof(struct hub_curl, name)},
    static const struct symbol symbols[] = {HUB_LIB_CURL(SYMBOL)};
#undef SYMBOL
    enum osso_status status = load(curl_name, "libcurl4", symbols, sizeof symbols / sizeof *symbols, lib, err);
    if (!status)
        lib->global_init(CURL_GLOBAL_DEFAULT);
    return status;
}

enum osso_status hub_lib_crypto(struct hub_crypto *lib, struct osso_error *err)
{
#define SYMBOL(name) {"EVP_" #name, offsetof(struct hub_crypto, name)},
    static const struct symbol symbols[] = {HUB_LIB_CRYPTO(SYMBOL)};
#undef SYMBOL
    return load(crypto_name, "libssl3", symbols, sizeof symbols / sizeof *symbols, lib, err);
}
#endif
