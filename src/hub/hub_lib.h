/* hub_lib.h: libcurl and libcrypto, found when somebody downloads. They are not linked: a program that only runs models
 * neither waits for their thirty libraries at its start nor needs them on its disk. */
#ifndef OSSO_HUB_HUB_LIB_H
#define OSSO_HUB_HUB_LIB_H

#include "osso/status.h"

#include <stdbool.h>

#ifdef HAVE_HUB
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <openssl/evp.h>

/* LIB_CURL(name): curl_<name>; LIB_CRYPTO(name): EVP_<name> */
/* clang-format off */ /* which lays such a list out anew each time */
#define HUB_LIB_CURL(X) \
    X(global_init) X(easy_init) X(easy_cleanup) X(easy_setopt) X(easy_getinfo) X(easy_reset) X(easy_strerror) \
    X(slist_append) X(slist_free_all) X(multi_init) X(multi_cleanup) X(multi_add_handle) X(multi_remove_handle) \
    X(multi_perform) X(multi_poll) X(multi_info_read) X(url) X(url_cleanup) X(url_set) \
    X(url_get) X(free)
/* clang-format on */
#define HUB_LIB_CRYPTO(X)                                                                                              \
    X(MD_CTX_new) X(MD_CTX_free) X(DigestInit_ex) X(DigestUpdate) X(DigestFinal_ex) X(sha256) X(sha1)

struct hub_curl {
#define HUB_LIB_MEMBER(name) __typeof__(curl_##name) *name;
    HUB_LIB_CURL(HUB_LIB_MEMBER)
#undef HUB_LIB_MEMBER
};
struct hub_crypto {
#define HUB_LIB_MEMBER(name) __typeof__(EVP_##name) *name;
    HUB_LIB_CRYPTO(HUB_LIB_MEMBER)
#undef HUB_LIB_MEMBER
};

/* UNSUPPORTED, with the package to install, where a library is not to be found. They stay loaded. */
enum osso_status hub_lib_curl(struct hub_curl *lib_out, struct osso_error *err);
enum osso_status hub_lib_crypto(struct hub_crypto *lib_out, struct osso_error *err);
#endif

/* UNSUPPORTED: this osso was built without them. */
enum osso_status hub_lib_missing(struct osso_error *err);

#endif
