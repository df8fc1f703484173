/* api_routes.h: requests for answers. The handlers run on workers; answers come from the scheduler's thread. */
#ifndef OSSO_SERVE_API_ROUTES_H
#define OSSO_SERVE_API_ROUTES_H

struct exchange;

void api_chat(struct exchange *x);
void api_responses(struct exchange *x);
void api_completions(struct exchange *x);
void api_input_tokens(struct exchange *x);   /* counts what a response's input would be */
void api_apply_template(struct exchange *x); /* {"prompt"}: a chat as the model reads it */

#endif
