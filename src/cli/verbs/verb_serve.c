/* verb_serve.c: osso serve: the HTTP room (src/serve) with the options of the command line. */
#include "cli/out.h"

#include "cli/options.h"

#ifdef HAVE_MHD
#include "serve/http.h"
#include "serve/service.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct http_options options_of(const struct options *o, struct service *service)
{
    const struct option_value *v = o->v;
    return (struct http_options){
        .host = v[OPT_host].s,
        .port = v[OPT_port].set ? (int)v[OPT_port].i : 8080,
        .insecure = v[OPT_insecure].set,
        .key_file = v[OPT_api_key_file].s,
        .allow_hosts = v[OPT_allow_host].list,
        .n_allow_hosts = v[OPT_allow_host].n,
        .origins = v[OPT_cors_origin].list,
        .n_origins = v[OPT_cors_origin].n,
        .service = service,
        .max_body = (size_t)v[OPT_max_body].i,
        .drain_ms = !v[OPT_drain].set ? 0
                    : v[OPT_drain].i  ? (int)v[OPT_drain].i * 1000
                                      : -1,
        .log_jsonl = v[OPT_log_format].set && strcmp(v[OPT_log_format].s, "jsonl") == 0,
    };
}

int verb_serve(const struct options *o)
{
    struct osso_error err = {0};
    struct service service = {0}; /* what has a model is attached here */
    struct http *http = NULL;
    http_block_signals(); /* before any thread is there */
    const struct http_options options = options_of(o, &service);
    enum osso_status status = http_create(&options, &http, &err);
    if (status)
        return exit_code(status, &err);
    printf("osso: listening on %s\n", http_url(http));
    enum http_end end = out_flush() ? http_run(http) : HTTP_DONE;
    if (end == HTTP_SECOND_SIGNAL) /* at once: nothing is waited for */
        _exit(1);
    http_free(http);
    return 0;
}
#else
int verb_serve(const struct options *o)
{
    (void)o;
    say("this osso was built without its server: install libmicrohttpd-dev (so Debian calls it), then build again with make");
    return 1;
}
#endif
