/* o200k.h: the built-in vocabulary. */
#ifndef OSSO_TOKEN_O200K_H
#define OSSO_TOKEN_O200K_H

#include "token/vocab.h"

enum {
    O200K_ORDINARY = 199998,       /* ids below are made by merging */
    O200K_IDS = 201088,            /* the rows of the model's embedding */
    O200K_ORDINARY_BYTES = 1397670 /* of all ordinary tokens together */
};

/* Fills the vocabulary, special tokens included (their bytes are their names in openai-harmony 0.0.8). */
enum osso_status o200k_fill(struct vocab *v, struct osso_error *err);

/* The second name of id 200018, in tokenizer.json and tiktoken. */
#define O200K_ALIAS "<|endofprompt|>"
enum { O200K_ALIAS_ID = 200018 };

/* openai-harmony's name of a special token, O200K_ORDINARY <= id < O200K_IDS. */
enum { O200K_NAME = 32 };
void o200k_name(uint32_t id, char name[O200K_NAME]);

/* Is this a name that harmony gives: one of its markers, the alias, or "<|reserved_N|>"? */
bool o200k_special_name(const char *name, size_t len);

#endif
