/* vulkan_rig.h: engines on a Vulkan device, for tests ("kept": one that stays open, tests/backend/kept.c). Without a
 * device each test is skipped and says why. OSSO_TEST_DEVICE names another one than the best. */
#ifndef OSSO_TEST_VULKAN_RIG_H
#define OSSO_TEST_VULKAN_RIG_H

#include "model_test.h"

#include "backend/vulkan/gpu.h"
#include "engine/engine_parts.h"

static inline const char *device(void)
{
    return getenv("OSSO_TEST_DEVICE");
}

static inline void need_device(void)
{
    static bool tried, there;
    static struct osso_error err;
    const struct backend *backend;
    if (!tried && backend_open("vulkan", device(), &backend, &err) == OSSO_OK) {
        print_message("[   NOTE   ] %s, %s fma\n", backend->name,
                      vk_facts(gpu_of(backend)->vk)->soft_fma ? "soft" : "its own");
        backend->close(backend);
        there = true;
    }
    tried = true;
    if (!there)
        skip_test(err.text);
}

/* A model on the device, with a session. */
static inline struct rig device_rig_of(const char *model, int context, struct osso_session **session)
{
    char path[512];
    struct osso_engine_options o = engine_options(false, context);
    o.backend = "kept";
    o.isa = device();
    struct rig r = rig_open(test_path(path, sizeof path, model), &o);
    check_ok(osso_session_create(r.engine, 0, session, &r.err), r.err);
    return r;
}

/* A small one. */
static inline struct rig device_rig(int context, struct osso_session **session)
{
    return device_rig_of("tests/golden/model/yarn-mxfp4", context, session);
}

#endif
