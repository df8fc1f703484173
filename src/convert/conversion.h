/* conversion.h: one run of osso_convert or osso_quantize: what it holds, and the steps of it, each a file.
 *
 *   carry.c        what goes along with the weights: configuration, tokenizer, templates, unknown metadata
 *   rules.c        which type a matrix shall have (quantize)
 *   fates.c        what each tensor of OUT is made from, and what cannot be made
 *   transcribe.c   the bytes of it, by rows (rows.c)
 *   stamps.c       is IN still what it was?
 *   place.c        where OUT is built; out_gguf.c and out_folder.c build it
 *   convert.c      all of it, in order */
#ifndef OSSO_CONVERT_CONVERSION_H
#define OSSO_CONVERT_CONVERSION_H

#include "base/thread.h"
#include "checkpoint/model_open.h"
#include "checkpoint/plan.h"
#include "convert/carry_parts.h"
#include "osso/convert.h"

struct rule; /* rules.c */

struct conversion {
    const char *in, *out;
    struct osso_convert_options o;
    struct osso_quantize_options q; /* n_types 0 and rules NULL: convert */
    const struct names *to;
    struct osso_model *model;
    struct carry carry;
    struct rule *rules;
    int n_rules;
    enum dtype plain; /* what the model's plain values are in safetensors: its configuration's word */
    struct plan plan;
    struct tensor *tensors; /* the plan's, as writers take them */
    struct team *team;
    uint64_t done;      /* bytes written */
    uint64_t forgotten; /* of these when pages of the source were last let go */
    struct osso_error *err;
};

/* ---- rules.c -------------------------------------------------------------------------------------------- */

/* *to_out: the form that follows from the rules and the name of OUT, where options.to says none. */
enum osso_status rules_create(struct conversion *c, const char **to_out);
void rules_free(struct conversion *c);
/* The type that the rules ask for; false: keep. `name` is that of OUT's tensor. */
bool rules_find(struct conversion *c, const struct names_row *row, const char *name, struct plan_choice *choice_out);
/* A rule that matched nothing is refused. */
enum osso_status rules_check(const struct conversion *c);
/* The type that --fallback takes: the next larger one that fits these columns and the form; DT_COUNT: none. */
enum dtype rules_fallback(enum dtype type, int64_t columns);

/* ---- fates.c -------------------------------------------------------------------------------------------- */

/* Makes the plan and the list of tensors. */
enum osso_status fates_create(struct conversion *c);
/* Member `slot` of a row, as a matrix: of expert `expert`, or the one there is. A vector has rows of one value. */
struct view fates_view(const struct conversion *c, const struct names_row *row, int slot, int layer, int64_t expert);
/* Do these rows move without a value being read? */
bool fates_moves(const struct view *from, const struct plan_choice *to);
/* Does the member that every kind of MXFP4 is belong to it? */
bool fates_is_mxfp4(enum dtype type);
/* What stands in OUT for the values of tensor i of the plan (its first part), without what is only measured. */
struct osso_tensor_fate fates_tell(const struct conversion *c, int i);

/* ---- transcribe.c --------------------------------------------------------------------------------------- */

struct transcriber;
enum osso_status transcriber_create(struct conversion *c, struct transcriber **transcriber_out);
void transcriber_free(struct transcriber *t);
/* Writes tensor i of the plan; they come in order. */
enum osso_status transcriber_write(struct transcriber *t, struct save *save, int i);

/* ---- stamps.c ------------------------------------------------------------------------------------------- */

struct stamp;
enum osso_status stamps_take(const struct conversion *c, struct stamp **stamps_out);
enum osso_status stamps_check(const struct conversion *c, const struct stamp *stamps);

/* ---- out_gguf.c, out_folder.c --------------------------------------------------------------------------- */

int out_gguf_parts(const struct conversion *c);
/* The path of a part: the file's name, or OUT-00001-of-00003.gguf (mem_free it). */
char *out_gguf_path(const struct conversion *c, int part, int n_parts);
enum osso_status out_gguf_write(struct conversion *c, struct transcriber *x, const struct stamp *stamps);
struct place;
enum osso_status out_folder_write(struct conversion *c, struct transcriber *x, const struct stamp *stamps,
                                  struct place *place);

#endif
