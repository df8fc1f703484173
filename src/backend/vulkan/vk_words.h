/* vk_words.h: a shader's words as a device wants them. */
#ifndef OSSO_BACKEND_VULKAN_VK_WORDS_H
#define OSSO_BACKEND_VULKAN_VK_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How f32 must behave, where the device can be told; and whether it has f64, without which the shaders' own fma (which
 * then must not be wanted: constant 0) goes. */
struct vk_modes {
    bool round_even, keep_denormals, keep_nan, fp64;
};

enum { VK_WORDS_MORE = 24 /* words that a shader may become longer */ };

/* Writes up to n + VK_WORDS_MORE words and returns how many; 0: it is no module that can be changed so. */
size_t vk_words(const uint32_t *words, size_t n, const struct vk_modes *modes, uint32_t *out);

#endif
