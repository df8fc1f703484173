/* device.h: --device: what computes. */
#ifndef OSSO_CLI_DEVICE_H
#define OSSO_CLI_DEVICE_H

#include "cli/options.h"

#include "base/buf.h"

#include "osso/engine.h"

/* Is --device one of its words, and does --isa go with it? `auto` becomes what it stands for here. */
enum osso_status device_find(struct options *options, struct osso_error *err);
/* Backend and variant of the engine, as --device says. */
void device_args(const struct options *options, struct osso_engine_options *engine_options);
/* The same engine on the CPU: for sizes of K and V, which are the same on every device. */
struct osso_engine_options device_none(const struct osso_engine_options *engine_options);
/* "layers 0 to 3", "all layers": text, or words that last. */
const char *device_layers(int first, int end, int n_layers, char *text, size_t size);
/* A line where the CPU computes experts of more layers than were asked for, since they do not fit a GPU's memory. */
void device_say(const struct osso_engine *engine, int asked, int n_layers);
/* Adds what the model would take of the GPU to its description (osso_info_json's); on the CPU nothing. */
enum osso_status device_plan(const struct options *options, const struct osso_model *model, char **json,
                             struct osso_error *err);
/* Adds ,"device":{...}: the GPU that computed; of the CPU nothing. */
void device_json(const struct osso_engine *engine, struct buf *b);
/* A line for each GPU of this machine, opened and probed: what it is, whether it has the CPU's bits, what osso uses of
 * it. Nothing where there is no Vulkan. */
void device_versions(void);

#endif
