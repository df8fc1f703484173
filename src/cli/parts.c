/* parts.c: the optional parts, a row each. The Makefile says which of them were there when this file was compiled. */
#include "cli/parts.h"

#include "osso/hub.h"

#ifdef HAVE_EDIT
#define EDIT NULL
#else
#define EDIT "built without libedit"
#endif
#ifdef HAVE_MHD
#define MHD NULL
#else
#define MHD "built without libmicrohttpd"
#endif
#ifdef HAVE_YAML
#define YAML NULL
#else
#define YAML "built without libyaml"
#endif
#ifdef HAVE_SQLITE
#define SQLITE NULL
#else
#define SQLITE "built without SQLite"
#endif
#ifdef HAVE_VULKAN
#define VULKAN NULL
#else
#define VULKAN "built without Vulkan's headers"
#endif

struct part parts_at(int i)
{
    const struct part parts[PART_COUNT] = {
        {"line editing", "libedit", EDIT, "libedit-dev"},
        {"server", "libmicrohttpd", MHD, "libmicrohttpd-dev"},
        {"YAML", "libyaml", YAML, "libyaml-dev"},
        {"history of evaluations", "SQLite", SQLITE, "libsqlite3-dev"},
        {"downloads", "libcurl", osso_hub_missing(), "libcurl4-openssl-dev libssl-dev"}, /* opened at run time */
        {"GPUs", "Vulkan", VULKAN, "libvulkan-dev"},                                     /* too */
    };
    return parts[i];
}
