/* steer.h: directions of the residual stream, found by comparing two lists of texts, and added to a run. Stands beside
 * osso.h.
 *
 *   osso_steering_open("calm.safetensors", &calm, &err);      // or osso_steering_make
 *   struct osso_steer list = {.vector = calm, .strength = 1.5};
 *   osso_session_steer(session, &list, 1, &err);              // every token of the session, from now on */
#ifndef OSSO_STEER_H
#define OSSO_STEER_H

#include "osso/embed.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For some layers a direction each, of the residual stream leaving the layer. Immutable; shared by any sessions. */
struct osso_steering;

enum osso_steer_method {
    OSSO_STEER_MEAN, /* mean of the first texts' vectors less mean of the second's */
    OSSO_STEER_PCA   /* first principal component of the differences text by text, as long as their mean is along it */
};
struct osso_steer_options {
    size_t size;
    const struct osso_layers *layers; /* NULL: all but layer 0, which a control vector of llama.cpp has no place for */
    enum osso_steer_method method;
    enum osso_pool pool; /* which tokens' values are a text's vector; a text's from and to say more */
    int sessions;        /* as in osso_embed_options */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};
/* From the first texts' point of view: strength 1 moves what a run holds from the second towards the first. USAGE for
 * empty lists, and for lists of different lengths where texts are compared pair by pair. *failed_out as osso_embed's,
 * over the first texts and then the second. */
OSSO_API enum osso_status osso_steering_make(struct osso_engine *engine, const struct osso_embed_text *first,
                                             size_t n_first, const struct osso_embed_text *second, size_t n_second,
                                             const struct osso_steer_options *options,
                                             struct osso_steering **steering_out, size_t *failed_out,
                                             struct osso_error *err);
/* A file of tensors direction.L, f32, L the layer after which it is added: safetensors, or GGUF of architecture
 * controlvector, which llama.cpp reads and writes. */
OSSO_API enum osso_status osso_steering_open(const char *path, struct osso_steering **steering_out,
                                             struct osso_error *err);
/* GGUF by that ending (UNSUPPORTED with a direction of layer 0), else safetensors. Whole or absent. */
OSSO_API enum osso_status osso_steering_save(const struct osso_steering *steering, const char *path,
                                             struct osso_error *err);
OSSO_API void osso_steering_free(struct osso_steering *steering); /* sessions keep what they need of it */
OSSO_API int64_t osso_steering_width(const struct osso_steering *steering);
/* Its direction for this layer, `width` floats; NULL: none. */
OSSO_API const float *osso_steering_direction(const struct osso_steering *steering, int layer);

struct osso_steer {
    const struct osso_steering *vector;
    double strength;
    const struct osso_layers *layers; /* only in these; NULL: all that it has */
};
/* Adds strength * direction after each layer, for every token from now on; what was computed before is computed again.
 * In the place of the session's tap (engine.h); none, or strengths of 0 alone, take it away, and every bit is as it
 * was. USAGE, with both widths, for a vector of another model. */
OSSO_API enum osso_status osso_session_steer(struct osso_session *session, const struct osso_steer *list, size_t n,
                                             struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
