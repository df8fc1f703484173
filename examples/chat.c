/* chat.c: some turns with a model; the answers appear as they are made.
 *
 *   build/release/examples/chat models/osso-small "Who are you?" "Tell me a story." */
#include <osso/osso.h>

#include <stdio.h>
#include <string.h>

/* The answer object knows whose text it is: the answer's, or a thought. */
static int show(void *user, const struct osso_event *event)
{
    if (event->text_len > 0 && event->voice == OSSO_VOICE_ANSWER)
        fwrite(event->text, 1, event->text_len, (FILE *)user);
    return fflush((FILE *)user);
}

/* Answers the conversation as it stands; what the model wrote becomes part of it. */
static int answer(struct osso_engine *engine, struct osso_session *session, struct osso_sampler *sampler,
                  const struct osso_tokenizer *tokenizer, struct osso_conversation *conversation,
                  struct osso_error *err)
{
    struct osso_ids ids = {0};
    struct osso_parser *parser = NULL;
    int failed = osso_parser_create(tokenizer, "assistant", 0, &parser, err) ||
                 osso_conversation_render(conversation, tokenizer, NULL, &ids, err) ||
                 osso_session_sync(session, ids.data, ids.len, err); /* the turns before are not computed again */
    struct osso_generate_options options = {
        .size = sizeof options, .max_tokens = 300, .on_event = show, .user = stdout, .parser = parser};
    struct osso_generate_result result = {.size = sizeof result};
    failed = failed || osso_generate(engine, session, sampler, tokenizer, &options, &result, err);
    for (size_t i = 0; !failed && i < osso_conversation_size(osso_parser_messages(parser)); i++) {
        struct osso_message message = {.size = sizeof message};
        failed = osso_conversation_get(osso_parser_messages(parser), i, &message, err) ||
                 osso_conversation_add(conversation, &message, err);
    }
    osso_parser_free(parser);
    osso_ids_free(&ids);
    return failed;
}

int main(int argc, char **argv)
{
    struct osso_model *model = NULL;
    const struct osso_tokenizer *tokenizer;
    struct osso_engine *engine = NULL;
    struct osso_session *session = NULL;
    struct osso_sampler *sampler = NULL;
    struct osso_conversation *conversation = NULL;
    struct osso_engine_options options = {.size = sizeof options};
    struct osso_model_dims dims = {.size = sizeof dims};
    struct osso_sampling sampling = {.size = sizeof sampling};
    struct osso_error err = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: chat MODEL MESSAGE [MESSAGE...]\n");
        return 2;
    }
    int failed = osso_model_open(argv[1], &model, &err) || osso_model_tokenizer(model, &tokenizer, &err) ||
                 osso_engine_create(model, &options, &engine, &err) || osso_session_create(engine, 0, &session, &err) ||
                 osso_conversation_create(&conversation, &err) ||
                 osso_conversation_add_system(conversation, NULL, &err);
    if (!failed) {
        osso_model_dims(model, &dims);
        osso_sampling_defaults(&sampling);
        sampling.temperature = 0; /* always the most likely token */
        failed = osso_sampler_create(&sampling, dims.vocab, &sampler, &err);
    }
    for (int i = 2; i < argc && !failed; i++) {
        struct osso_message message = {
            .size = sizeof message, .role = OSSO_ROLE_USER, .text = argv[i], .text_len = strlen(argv[i])};
        printf("> %s\n", argv[i]);
        failed = osso_conversation_add(conversation, &message, &err) ||
                 answer(engine, session, sampler, tokenizer, conversation, &err);
        printf("\n");
    }
    if (failed)
        fprintf(stderr, "chat: %s\n", err.text);
    osso_conversation_free(conversation);
    osso_sampler_free(sampler);
    osso_session_free(session);
    osso_engine_free(engine);
    osso_model_free(model);
    return failed;
}
