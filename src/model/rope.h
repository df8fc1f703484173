/* rope.h: rotary positions with YaRN, as OpenAI's reference computes them (bounds not rounded unless the config says).
 */
#ifndef OSSO_MODEL_ROPE_H
#define OSSO_MODEL_ROPE_H

#include "model/config.h"

enum { MAX_HEAD_DIM = 512 };

struct rope {
    int half;                          /* head_dim / 2 */
    float frequency[MAX_HEAD_DIM / 2]; /* radians per position */
    float concentration;               /* multiplies cos and sin */
};

void rope_init(const struct config *config, struct rope *rope_out);
/* half cosines, then half sines, concentration included. The angle is the f32 product of position and frequency, as in
 * the references: a more precise one is another model. */
void rope_angles(const struct rope *rope, int32_t position, float *angles_out);

#endif
