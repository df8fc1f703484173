/* model.h: model files. A chapter of osso.h. */
#ifndef OSSO_MODEL_H
#define OSSO_MODEL_H

#include "osso/text.h"

#ifdef __cplusplus
extern "C" {
#endif

struct osso_model; /* immutable after opening: shared by engines and threads; the files stay mapped, never copied */

/* A Hugging Face folder (config.json + safetensors, single or sharded), or a GGUF file. */
OSSO_API enum osso_status osso_model_open(const char *path, struct osso_model **model_out, struct osso_error *err);
/* Random weights of true shapes in memory, without any file: "20b", "120b" or a config.json's path. For measuring.
 * NOMEM when they take more memory than there seems to be. */
OSSO_API enum osso_status osso_model_synthesize(const char *preset, uint64_t seed, struct osso_model **model_out,
                                                struct osso_error *err);
/* Name number i of the shapes that have one ("20b"), from 0 on; NULL after the last. */
OSSO_API const char *osso_model_preset(int i);
struct osso_model_options {
    size_t size;
    bool ignore_unused; /* tensors that no part of the model is read from are a warning, whatever they look like */
    bool force_memory;  /* synthesize: make the weights although the system says that there is less memory */
};
OSSO_API enum osso_status osso_model_synthesize_with(const char *preset, uint64_t seed,
                                                     const struct osso_model_options *options,
                                                     struct osso_model **model_out, struct osso_error *err);
/* The same with options (NULL: none). */
OSSO_API enum osso_status osso_model_open_with(const char *path, const struct osso_model_options *options,
                                               struct osso_model **model_out, struct osso_error *err);
/* What was passed over in the model's files, a sentence each: i from 0 on, until NULL. The model's own memory. */
OSSO_API const char *osso_model_warning(const struct osso_model *model, int i);
OSSO_API void osso_model_free(struct osso_model *model); /* engines made from it must be gone */

/* The model's own tokenizer (opened on first use; owned by the model). NOTFOUND when the files carry none. */
OSSO_API enum osso_status osso_model_tokenizer(struct osso_model *model, const struct osso_tokenizer **tokenizer_out,
                                               struct osso_error *err);

struct osso_model_dims {
    size_t size; /* sizeof(struct osso_model_dims), set by the caller */
    int64_t n_layers, hidden, intermediate, vocab, n_heads, n_kv_heads, head_dim, n_experts, experts_per_token, window,
        context;
    uint64_t parameters, active_parameters, file_bytes;
    /* window: 0 in the plain block (Mixtral's layer, Llama's with one expert), which has none */
    const char *form; /* of its files: "hf", "original", "mlx", "gguf"; NULL: made in memory */
};
OSSO_API void osso_model_dims(const struct osso_model *model, struct osso_model_dims *dims_out);

/* A tensor of the model, by a name that is the same for every form of file: "embed", "head" (embed itself where they
 * are tied), "final_norm"; "layers.N." and "attn_norm", "q", "q_bias", "k", "k_bias", "v", "v_bias", "o", "o_bias",
 * "sinks", "mlp_norm", "router", "router_bias", "gate", "gate_bias", "up", "up_bias", "down", "down_bias". A plain
 * block has no sinks and biases, with one expert no router. */
struct osso_tensor {
    size_t size; /* sizeof(struct osso_tensor), set by the caller */
    char name[64];
    const char *dtype; /* of the values as the model has them: "MXFP4", "BF16", "F32"... */
    int rank;
    int64_t shape[3];   /* matrices: [experts] outputs inputs; vectors: [experts] values */
    int64_t rows, cols; /* the same as a table: rows of cols values, all experts' one after the other */
};
/* Number i, from 0 on; NOTFOUND after the last. */
OSSO_API enum osso_status osso_model_tensor(const struct osso_model *model, int64_t i, struct osso_tensor *tensor_out,
                                            struct osso_error *err);
/* The one of this name; NOTFOUND. */
OSSO_API enum osso_status osso_model_tensor_find(const struct osso_model *model, const char *name,
                                                 struct osso_tensor *tensor_out, struct osso_error *err);
/* The exact values of rows [first, first + n_rows), n_rows * cols floats. USAGE when it has not so many rows. Any
 * number of threads may read at the same time. */
OSSO_API enum osso_status osso_model_tensor_rows(const struct osso_model *model, const char *name, int64_t first,
                                                 int64_t n_rows, float *values_out, struct osso_error *err);

/* How the next token is chosen (engine.h). {0} is not a default: osso_sampling_defaults is. */
struct osso_logit_bias {
    int32_t id;
    float bias;
};

struct osso_sampling {
    size_t size;
    double temperature;                                             /* 0: greedy */
    int64_t top_k;                                                  /* 0 or -1: off */
    double top_p, min_p;                                            /* 1 or 0, and 0: off */
    double repetition_penalty, presence_penalty, frequency_penalty; /* 1, 0, 0: off */
    int64_t penalty_last_n; /* tokens the penalties look back at; 0: all of the session's */
    const struct osso_logit_bias *bias;
    size_t n_bias;
    uint64_t seed;
};

/* Sampling defaults of the model's files over osso's own; no bias, seed 0. */
OSSO_API void osso_model_sampling(const struct osso_model *model, struct osso_sampling *sampling_out);
/* The ids that end an answer: at most cap are written; returns how many there are. What the files list and, where the
 * tokenizer (opened for this) has harmony's names, <|return|>, <|call|> and <|endoftext|>, but never <|end|>, which
 * ends a message. */
OSSO_API size_t osso_model_stop_ids(const struct osso_model *model, int32_t *ids_out, size_t cap);

/* What `osso info` prints. path or preset, the other NULL; context 0: the model's own. One line of JSON (osso_free):
 * architecture, parameters, bytes per format, memory for this context, sampling defaults; with tensors: each one's
 * name, dtype and shape. Nothing of the weights is read. */
OSSO_API enum osso_status osso_info_json(const char *path, const char *preset, int64_t context, const char *kv_type,
                                         bool tensors, char **json_out, struct osso_error *err);

/* Writes a synthetic checkpoint: true shapes, names and types, random weights of sane scale from `seed`. */
struct osso_synth_options {
    size_t size;
    const char *preset; /* "20b", "120b", or the path of a config.json */
    const char *format; /* "gguf" (MXFP4 experts, Q8_0 matrices, F32 rest) or "hf" (MXFP4 experts, BF16 rest) */
    uint64_t seed;
    int layers; /* > 0: only so many */
    const char
        *tokenizer; /* a folder with tokenizer.json, or NULL: o200k_harmony where the vocabulary has 201,088 ids */
    /* Called now and then with bytes done and in all; a non-zero result cancels. May be NULL. */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
    bool force;  /* write over a file, or into a folder that holds something; else they are refused (USAGE). What a run
                  * that was killed left behind is taken over in any case */
    double skew; /* taken off the bias of a layer's k-th expert in the router, times log(k): few experts do most of the
                  * work; 0 to 10 */
};
OSSO_API enum osso_status osso_synth(const char *out, const struct osso_synth_options *options, struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
