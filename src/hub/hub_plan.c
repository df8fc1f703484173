/* hub_plan.c: asks a hub what a model consists of, and looks at what of it is on the disk. Nothing is written. */
#define _GNU_SOURCE
#include "hub/hub_plan.h"

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sized.h"
#include "hub/digest.h"
#include "hub/hops.h"
#include "hub/hub_lib.h"
#include "hub/part.h"
#include "json/jget.h"

#include <stdio.h>
#include <string.h>

enum { MOST_PAGE = 64 << 20, MOST_PAGES = 2000, MOST_INFO = 64 << 20 };

const char *osso_hub_missing(void)
{
#ifdef HAVE_HUB
    return NULL;
#else
    return "built without libcurl and libcrypto";
#endif
}

/* ---- paths ---------------------------------------------------------------------------------------------- */

char *hub_plan_part(const struct osso_hub_plan *p, const struct hub_entry *e)
{
    if (p->name.address[0] || hub_plan_is_cached(p))
        return hub_plan_final(p, e);
    char *folder = file_join(p->folder, ".cache/osso"), *path = folder ? file_join(folder, e->hash) : NULL;
    mem_free(folder);
    return path;
}

char *hub_plan_final(const struct osso_hub_plan *p, const struct hub_entry *e)
{
    return hub_plan_is_cached(p) ? hub_store_blob(&p->store, e->hash) : file_join(p->folder, e->path);
}

void hub_plan_key(const struct osso_hub_plan *p, const struct hub_entry *e, char key[160])
{
    if (e->hash[0]) {
        snprintf(key, 160, "%s", e->hash);
        return;
    }
    /* What is signed anew each time is behind the question mark; without a tag it may be all that tells two files
     * apart. Only sums of it are kept: an address may hold a secret. */
    const char *at = p->name.address;
    size_t n = p->etag[0] ? strcspn(at, "?") : strlen(at);
    snprintf(key, 160, "%.100s %08x%08x", p->etag, crc32c(0, at, n), crc32_zip(0, at, n));
}

/* Bytes that an address writes with a %: all but those that mean themselves. */
static void add_quoted(char *url, const char *text, const char *also)
{
    size_t n = strlen(url);
    for (const unsigned char *c = (const unsigned char *)text; *c && n + 4 < NET_ADDRESS; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                     strchr("-._~", *c) || strchr(also, *c);
        n += (size_t)snprintf(url + n, NET_ADDRESS - n, plain ? "%c" : "%%%02X", *c);
    }
}

void hub_plan_url(const struct osso_hub_plan *p, const struct hub_entry *e, char url[NET_ADDRESS])
{
    if (p->name.address[0]) {
        snprintf(url, NET_ADDRESS, "%s", p->name.address);
        return;
    }
    snprintf(url, NET_ADDRESS, "%s/%s/resolve/%s/", p->endpoint, p->name.repository, p->commit);
    add_quoted(url, e->path, "/");
}

/* ---- asking --------------------------------------------------------------------------------------------- */

static enum osso_status ask(struct osso_hub_plan *p, const char *url, size_t limit, struct buf *body,
                            struct net_answer *answer, struct osso_error *err)
{
    return hops_get(p->net, url, p->token[0] ? p->token : NULL, limit,
                    p->name.repository[0] ? p->name.repository : "the file", p->timeout_ms, &p->watch, body, answer,
                    err);
}

/* What is no JSON came from somebody between here and the hub. */
static enum osso_status not_heard(const struct osso_hub_plan *p, const struct buf *body, enum osso_status status,
                                  struct osso_error *err)
{
    const char *text = body->data ? body->data : "";
    if (text[strspn(text, " \t\r\n")] != '<')
        return status;
    return error_set(
        err, OSSO_FORMAT,
        "%s answers with a page instead of a list: look at HF_ENDPOINT, and whether a proxy or a network's "
        "login stands in between",
        p->endpoint);
}

static enum osso_status ask_commit(struct osso_hub_plan *p, struct osso_error *err)
{
    char url[NET_ADDRESS];
    struct net_answer answer;
    struct buf body = {0};
    struct jdoc *doc = NULL;
    snprintf(url, sizeof url, "%s/api/models/%s/revision/", p->endpoint, p->name.repository);
    add_quoted(url, p->revision, "");
    enum osso_status status = ask(p, url, MOST_INFO, &body, &answer, err);
    if (!status && (status = jdoc_read(body.data ? body.data : "", body.len, "the hub's word on the model", &doc, err)))
        status = not_heard(p, &body, status, err);
    const struct jval *sha = doc ? jval_get_type(jdoc_root(doc), "sha", J_STRING) : NULL;
    if (!status && (!sha || !digest_is_name(sha->text.s) || sha->text.len != 40))
        status = error_set(err, OSSO_FORMAT, "%s names no commit of %s", p->endpoint, p->name.repository);
    if (!status)
        snprintf(p->commit, sizeof p->commit, "%s", sha->text.s);
    jdoc_release(doc);
    buf_free(&body);
    return status;
}

static enum osso_status ask_files(struct osso_hub_plan *p, struct osso_error *err)
{
    char url[NET_ADDRESS], next[NET_ADDRESS];
    struct net_answer answer;
    struct buf body = {0};
    enum osso_status status = OSSO_OK;
    snprintf(url, sizeof url, "%s/api/models/%s/tree/%s?recursive=true", p->endpoint, p->name.repository, p->commit);
    for (int page = 0; !status && url[0]; page++) {
        if (page == MOST_PAGES)
            status = error_set(err, OSSO_LIMIT, "%s lists the files of %s without end", p->endpoint,
                               p->name.repository);
        else
            status = ask(p, url, MOST_PAGE, &body, &answer, err);
        if (!status && (status = hub_list_read(&p->list, body.data ? body.data : "", body.len, err)))
            status = not_heard(p, &body, status, err);
        if (!status && answer.next[0] &&
            (!net_join(p->net, url, answer.next, next) || !net_same_origin(p->net, next, p->endpoint)))
            status = error_set(err, OSSO_FORMAT, "%s sends its list of files on to another server", p->endpoint);
        snprintf(url, sizeof url, "%s", answer.next[0] ? next : "");
    }
    buf_free(&body);
    return status;
}

/* The one file of an address: its size, its tag, its name. */
static enum osso_status ask_address(struct osso_hub_plan *p, struct osso_error *err)
{
    char name[256];
    struct net_answer a;
    const char *at = p->name.address, *end = at + strcspn(at, "?#"), *slash = memrchr(at, '/', (size_t)(end - at));
    snprintf(name, sizeof name, "%.*s", slash ? (int)(end - slash - 1) : 0, slash ? slash + 1 : "");
    if (!file_name_is_plain(name, strlen(name)) || slash < strstr(at, "://") + 3)
        return error_set(err, OSSO_USAGE, "the address names no file: %.200s", at);
    enum osso_status status = ask(p, p->name.address, 0, NULL, &a, err);
    if (status)
        return status;
    int64_t size = a.status == 206 ? a.total : a.length;
    if (size < 0)
        return error_set(err, OSSO_UNSUPPORTED, "the server of %s does not say how long it is", name);
    p->list.e = mem_array(1, sizeof *p->list.e);
    char *path = mem_strdup(name);
    if (!p->list.e || !path) {
        mem_free(path);
        return error_nomem(err, sizeof name, "a name");
    }
    p->list.n = p->list.cap = 1;
    p->list.e[0] = (struct hub_entry){.path = path, .size = (uint64_t)size};
    const char *hash = a.linked_etag[0] ? a.linked_etag : a.etag;
    if (strlen(hash) == 64 && digest_is_name(hash))
        memcpy(p->list.e[0].hash, hash, sizeof p->list.e[0].hash); /* 64 digits and the end */
    snprintf(p->etag, sizeof p->etag, "%s", a.etag);
    return OSSO_OK;
}

/* ---- the plan ------------------------------------------------------------------------------------------- */

static enum osso_status place(struct osso_hub_plan *p, struct osso_error *err)
{
    if (hub_plan_is_cached(p)) {
        char *cache = p->o.cache ? mem_strdup(p->o.cache) : osso_hub_cache();
        enum osso_status status = cache ? hub_store_open(cache, p->name.repository, &p->store, err)
                                        : error_set(err, OSSO_USAGE,
                                                    "nobody says where models lie: set HOME or OSSO_CACHE");
        mem_free(cache);
        if (status)
            return status;
        p->folder = hub_store_snapshot(&p->store, p->commit, NULL);
    } else
        p->folder = mem_strdup(p->o.local_dir ? p->o.local_dir : ".");
    const char *model = p->name.address[0] ? p->list.e[0].path : hub_list_model(&p->list);
    bool original = p->name.form && strcmp(p->name.form, "original") == 0 && !p->o.n_include;
    p->there = mem_array(p->list.n + 1, sizeof *p->there);
    p->path = !p->folder          ? NULL
              : model || original ? file_join(p->folder, model ? model : "original")
                                  : mem_strdup(p->folder);
    return p->path && p->there ? OSSO_OK : error_nomem(err, 4096, "a path");
}

static void look(struct osso_hub_plan *p)
{
    for (size_t i = 0; i < p->list.n; i++) {
        const struct hub_entry *e = &p->list.e[i];
        char *part = hub_plan_part(p, e), *final = hub_plan_final(p, e), key[160];
        hub_plan_key(p, e, key);
        if (final && hub_store_has(final, e->size))
            p->there[i] = e->size;
        else if (part)
            p->there[i] = part_peek(part, key, e->size);
        mem_free(part);
        mem_free(final);
    }
}

static enum osso_status make(struct osso_hub_plan *p, const char *given, struct osso_error *err)
{
    enum osso_status status = hub_name_endpoint(p->endpoint, err);
    if (!status)
        status = hub_name_read(given, p->endpoint, &p->o, &p->name, err);
    if (status)
        return status;
    snprintf(p->revision, sizeof p->revision, "%s",
             p->o.revision         ? p->o.revision
             : p->name.revision[0] ? p->name.revision
                                   : "main");
    if (!hub_name_is_revision(p->revision) || (p->o.revision && strlen(p->o.revision) >= sizeof p->revision))
        return error_set(err, OSSO_USAGE, "'%.100s' is no revision", p->o.revision ? p->o.revision : p->revision);
    if (p->o.offline)
        return error_set(err, OSSO_NOTFOUND,
                         "offline: the hub is not asked for %.200s; osso list shows what is on the disk", given);
    if (!p->name.address[0]) /* somebody else's server has no use for it */
        status = hub_name_token(p->token, err);
    if (!status)
        status = net_create(p->timeout_ms, &p->net, err);
    if (!status && p->name.address[0])
        status = ask_address(p, err);
    else if (!status) {
        status = ask_commit(p, err);
        if (!status)
            status = ask_files(p, err);
        if (!status)
            status = hub_list_pick(&p->list, &p->name, &p->o, &p->many, err);
    }
    if (!status)
        status = place(p, err);
    if (!status)
        look(p);
    if (!status && p->many)
        status = error_set(err, OSSO_USAGE, "%s has several models: say which, as %s:LABEL", p->name.repository,
                           p->name.repository);
    return status;
}

enum osso_status osso_hub_plan_create(const char *given, const struct osso_hub_options *options,
                                      struct osso_hub_plan **plan_out, struct osso_error *err)
{
    *plan_out = NULL;
    enum osso_status status = sized_check(options, "osso_hub_options", err);
    struct osso_hub_plan *p = status ? NULL : mem_alloc(sizeof *p);
    if (!p)
        return status ? status : error_nomem(err, sizeof *p, "a plan");
    sized_in(&p->o, sizeof p->o, options);
    p->jobs = p->o.jobs > 0 ? p->o.jobs : 4;
    p->timeout_ms = p->o.timeout_ms > 0 ? p->o.timeout_ms : 30000;
    p->watch = (struct watch){.progress = p->o.progress, .user = p->o.user, .now = {.phase = "asking", .file = ""}};
    status = make(p, given, err);
    if (status && !p->many) {
        osso_hub_plan_free(p);
        return status;
    }
    *plan_out = p;
    return status;
}

void osso_hub_plan_free(struct osso_hub_plan *p)
{
    if (!p)
        return;
    net_free(p->net);
    hub_list_free(&p->list);
    hub_store_close(&p->store);
    mem_free(p->there);
    mem_free(p->folder);
    mem_free(p->path);
    mem_free(p);
}

bool osso_hub_plan_file(const struct osso_hub_plan *p, int i, struct osso_hub_file *out)
{
    if (i < 0 || (size_t)i >= p->list.n)
        return false;
    const struct hub_entry *e = &p->list.e[i];
    struct osso_hub_file file = {.path = e->path, .bytes = e->size, .there = p->there[i], .hash = e->hash};
    sized_out(out, &file, sizeof file);
    return true;
}

const char *osso_hub_plan_path(const struct osso_hub_plan *p)
{
    return p->path;
}

const char *osso_hub_plan_repository(const struct osso_hub_plan *p)
{
    return p->name.repository[0] ? p->name.repository : p->name.address;
}

const char *osso_hub_plan_commit(const struct osso_hub_plan *p)
{
    return p->commit;
}
