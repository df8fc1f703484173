/* status.h: how osso reports failure. Every call that can fail returns an osso_status; a struct osso_error
 * owned by the caller receives one sentence that says what went wrong, where, and what to do about it.
 * The library never prints and never exits. */
#ifndef OSSO_STATUS_H
#define OSSO_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define OSSO_API
#else
#define OSSO_API __attribute__((visibility("default")))
#endif

#define OSSO_STATUS_LIST(X)                                                                                            \
    X(OK, 0, "no error")                                                                                               \
    X(USAGE, 1, "a call or an option that makes no sense")                                                             \
    X(IO, 2, "a file could not be read or written")                                                                    \
    X(FORMAT, 3, "a file's contents break the rules of its format")                                                    \
    X(UNSUPPORTED, 4, "valid, but not something osso does")                                                            \
    X(NOMEM, 5, "not enough memory")                                                                                   \
    X(LIMIT, 6, "larger than a limit that the caller or the model sets")                                               \
    X(CANCELLED, 7, "stopped by the caller")                                                                           \
    X(NUMERIC, 8, "the computation gave a value that is not a number")                                                 \
    X(NOTFOUND, 9, "a name that does not exist")                                                                       \
    X(DEVICE, 10, "the device that computes has failed")

enum osso_status {
#define OSSO_STATUS_ENUM(name, value, text) OSSO_##name = value,
    OSSO_STATUS_LIST(OSSO_STATUS_ENUM)
#undef OSSO_STATUS_ENUM
};

/* The sentence behind a failed call. Always NUL-terminated UTF-8, one line; empty after success. */
struct osso_error {
    char text[512];
};

/* Of these headers: major * 10000 + minor * 100 + patch. */
#define OSSO_VERSION_NUMBER 100
/* The library's version: "0.1.0". */
OSSO_API const char *osso_version(void);
/* The commit it was built from: "0ed1c71a2b3c", "0ed1c71a2b3c-dirty" when files of it were changed, "unknown" when it
 * was built from a folder that is no checkout. */
OSSO_API const char *osso_commit(void);

/* The fixed description of a status code: "not enough memory". Never NULL. */
OSSO_API const char *osso_status_text(enum osso_status status);

#ifdef __cplusplus
}
#endif
#endif
