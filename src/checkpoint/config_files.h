/* config_files.h: a configuration from and to the files of a model. */
#ifndef OSSO_CHECKPOINT_CONFIG_FILES_H
#define OSSO_CHECKPOINT_CONFIG_FILES_H

#include "base/notes.h"
#include "format/write.h"
#include "model/config.h"

/* From the text of a config.json; `where` names it in errors. Defaults and spellings: spec 1.1. */
enum osso_status config_from_json(const char *text, size_t len, const char *where, struct config *config_out,
                                  struct notes *notes, struct osso_error *err);
/* Adds what generation_config.json says. A member that makes no sense is noted, and the default stays. */
enum osso_status config_add_generation(const char *text, size_t len, const char *where, struct config *config,
                                       struct notes *notes, struct osso_error *err);
struct jval;
/* Is it the config.json of OpenAI's own form (original/)? Its numbers go over those of config_family. */
bool config_is_original(const struct jval *root);
enum osso_status config_from_original(const struct jval *root, const char *where, struct config *config,
                                      struct osso_error *err);
/* Is it a Mixtral's or a Llama's? Its numbers go over those of config_family, the block is the plain one; what would
 * make another model of it is refused. */
bool config_is_plain(const struct jval *root);
enum osso_status config_from_plain(const struct jval *root, const char *where, struct config *config,
                                   struct osso_error *err);
/* The config.json of OpenAI's own form. What it has no words for is refused with the key's name (`where`: the source).
 */
enum osso_status config_write_original(const struct config *config, const char *where, struct buf *out,
                                       struct osso_error *err);
/* Does a GGUF file have words for all of it? The key that it has none for is named. */
enum osso_status config_check_gguf(const struct config *config, const char *where, struct osso_error *err);
struct gguf;
struct tensors;
/* The architecture is Ollama's own. */
bool config_gguf_is_gptoss(const struct gguf *gguf);
/* set: the file's tensors, where a size may be read from one (NULL: none). */
enum osso_status config_from_gguf(const struct gguf *gguf, const struct tensors *set, const char *where,
                                  struct config *config_out, struct notes *notes, struct osso_error *err);
/* config.json, a plain block's as Mixtral's or Llama's; mxfp4 (never of a plain block): with the quantization_config of
 * checkpoints that hold MXFP4 experts. type: of what is not packed, DT_BF16 or DT_F32 (others round weights to the type
 * that is written here). */
void config_write_json(const struct config *config, bool mxfp4, enum dtype type, struct buf *out);
/* What stands under "quantization_config" then. */
extern const char config_mxfp4_json[];
/* generation_config.json: sampling defaults and the ids that end generation. */
void config_write_generation(const struct config *config, struct buf *out);
/* The gpt-oss keys of a GGUF file, in the order of llama.cpp's converter. */
void config_write_gguf(const struct config *config, const char *name, struct gguf_keys *keys);

#endif
