/* far.h: a device without a device: a backend whose memory is out of everybody's reach but its own. Found by the name
 * "far" in test programs (backends.c beside this).
 *
 * Its memory is mapped twice. The addresses that it hands out are PROT_NONE for good; its ops translate what they are
 * given to the second mapping and run the scalar CPU's, or those of the ISA that is asked for ("best": the best there
 * is). Weights that it learns are copied there, and the model's own pages of them become PROT_NONE for as long as the
 * backend is open. Whatever looks at activations, K and V or weights from outside dies at once. */
#ifndef OSSO_FAR_H
#define OSSO_FAR_H

#include "backend/backend.h"

/* The n-th end from now on of any far backend fails (0: none). */
void far_fail_at_end(int n);

/* What far backends say they have free (0: the truth), and how many tensors have been told to any of them. */
void far_pretend_memory(uint64_t bytes);
int far_learned(void);
/* Bytes of weights that this one has copies of. */
uint64_t far_copied(const struct backend *backend);

/* The model's own pages can be read again, as a model's file can beside a device that has copies: for what reads
 * weights on purpose (hook_result). Everything else stays out of reach. Without a far backend it does nothing. */
void far_show_weights(bool shown);

#endif
