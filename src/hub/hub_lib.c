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
#include <string.h>

#define WORDS(x) #x
#define SONAME(x) WORDS(x)
#ifdef __APPLE__
static const char curl_name[] = "libcurl.4.dylib", crypto_name[] = "libcrypto." SONAME(OPENSSL_SHLIB_VERSION) ".dylib";
#else
static const char curl_name[] = "libcurl.so.4", crypto_name[] = "libcrypto.so." SONAME(OPENSSL_SHLIB_VERSION);
#endif

static enum osso_status open_library(const char *name, const char *package, void **handle_out, struct osso_error *err)
{
    *handle_out = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (*handle_out)
        return OSSO_OK;
    return error_set(err, OSSO_UNSUPPORTED,
                     "downloads need %s, which is not on this machine: install %s (so Debian calls it)", name, package);
}

/* A function of a library; false: it is not there. A pointer to data becomes one to code: POSIX promises it. */
static bool find(void *handle, const char *name, void *function_out)
{
    void *at = dlsym(handle, name);
    memcpy(function_out, &at, sizeof at);
    return at != NULL;
}

enum osso_status hub_lib_curl(struct hub_curl *lib, struct osso_error *err)
{
    void *handle;
    enum osso_status status = open_library(curl_name, "libcurl4", &handle, err);
    if (status)
        return status;
#define FIND(name)                                                                                                     \
    if (!find(handle, "curl_" #name, &lib->name))                                                                      \
        return error_set(err, OSSO_UNSUPPORTED, "%s has no curl_%s: install a newer one", curl_name, #name);
    HUB_LIB_CURL(FIND)
#undef FIND
    lib->global_init(CURL_GLOBAL_DEFAULT);
    return OSSO_OK;
}

enum osso_status hub_lib_crypto(struct hub_crypto *lib, struct osso_error *err)
{
    void *handle;
    enum osso_status status = open_library(crypto_name, "libssl3", &handle, err);
    if (status)
        return status;
#define FIND(name)                                                                                                     \
    if (!find(handle, "EVP_" #name, &lib->name))                                                                       \
        return error_set(err, OSSO_UNSUPPORTED, "%s has no EVP_%s: install a newer one", crypto_name, #name);
    HUB_LIB_CRYPTO(FIND)
#undef FIND
    return OSSO_OK;
}
#endif
