/* vulkan_calls.h: every call of Vulkan that a test program makes goes through a layer of its own (vulkan_calls.c),
 * which counts those that can fail, makes one of them fail, and knows what was made and not destroyed. Without
 * Vulkan's headers there is nothing of this. One device at a time where a call is to fail. */
#ifndef OSSO_TEST_VULKAN_CALLS_H
#define OSSO_TEST_VULKAN_CALLS_H

#include <stdbool.h>

/* The n-th call from now on that can fail fails, once (0: none): it does nothing, leaves garbage where it should have
 * put something, and says what such a call says when it fails. */
void calls_fail_at(int n);
/* Calls that can fail since calls_fail_at, and which one was made to; NULL: none was. */
int calls_made(void);
const char *calls_failed(void);
/* Of the n-th of them (1, 2, ...): its name. NULL: there were fewer, or more than are remembered. */
const char *calls_name(int n);
/* Vulkan has no function of this name (NULL: it has all). */
void calls_hide(const char *name);
/* No device multiplies matrices of int8: what it has in other types, such as f16, is all that there is. */
void calls_hide_int8(bool hide);
/* Objects that were made and not destroyed, of all kinds. */
int calls_held(void);
/* fn is told, in the calling thread, that a call begins and that it has ended; NULL: nobody is. */
void calls_around(void (*fn)(bool begins));

#endif
