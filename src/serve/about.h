/* about.h: what the server says of itself and its model, and text as tokens: routes that make no answer. */
#ifndef OSSO_SERVE_ABOUT_H
#define OSSO_SERVE_ABOUT_H

struct exchange;

void about_models(struct exchange *x);
void about_model(struct exchange *x);
void about_props(struct exchange *x);
void about_slots(struct exchange *x);
void about_openapi(struct exchange *x);
/* llama-server's bodies: {"content", "add_special", "parse_special", "with_pieces"} to {"tokens"}, and back. */
void about_tokenize(struct exchange *x);
void about_detokenize(struct exchange *x);

#endif
