/* libFuzzer: bytes as a head (a line each: NAME: VALUE), as a Host, an Origin and a file of keys: what the server reads
 * of anybody. What is let through must keep the promises that what comes after stands on. */
#include "base/must.h"
#include "serve/head.h"
#include "serve/hosts.h"
#include "serve/keys.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_head(const char *s, size_t n)
{
    struct head head = {.http_1_1 = n % 2};
    struct head_facts f;
    const char *why;
    for (size_t at = 0; at < n && head.n < HEAD_FIELDS;) {
        const char *end = memchr(s + at, '\n', n - at);
        size_t len = end ? (size_t)(end - s) - at : n - at;
        const char *colon = memchr(s + at, ':', len);
        size_t name = colon ? (size_t)(colon - s) - at : len;
        head.field[head.n++] = (struct head_field){s + at, colon ? colon + 1 : "", name, colon ? len - name - 1 : 0};
        at += len + 1;
    }
    int status = head_read(&head, &f, &why);
    must((status == 0) == (why == NULL) && (status == 0 || (status >= 400 && status < 500)));
    size_t key_len, id_len = f.request_id.value_len;
    const char *key = head_bearer(&f.authorization, &key_len);
    must(!key || (key >= f.authorization.value && key + key_len == f.authorization.value + f.authorization.value_len));
    must(!head_id_is_sane(f.request_id.value, id_len, 128) || memchr(f.request_id.value, '\n', id_len) == NULL);
    (void)head_is_json(&f.content_type);
    if (status)
        return;
    int lengths = 0, codings = 0, hosts = 0;
    for (size_t i = 0; i < head.n; i++) {
        lengths += head_field_is(&head.field[i], "content-length");
        codings += head_field_is(&head.field[i], "transfer-encoding");
        hosts += head_field_is(&head.field[i], "host");
        must(memchr(head.field[i].value, '\0', head.field[i].value_len) == NULL);
    }
    must(lengths + codings <= 1 && hosts == 1);
    must(f.has_length == (lengths == 1) && f.chunked == (codings == 1) && f.length < UINT64_C(1000000000000000000));
}

static void read_names(const char *s, size_t n)
{
    static const char *const mine[] = {"box.example"};
    const struct host_list none = {0}, one = {mine, 1};
    const char *name;
    size_t len;
    enum hosts_verdict verdict = hosts_check(s, n, &none);
    must((verdict == HOSTS_MALFORMED) == !hosts_split(s, n, &name, &len));
    if (verdict == HOSTS_FINE)
        must(memchr(s, '\0', n) == NULL && hosts_check(s, n, &one) == HOSTS_FINE);
    must(!hosts_lists_origin(s, n, &none));
    if (hosts_same_origin(s, n, "localhost:8080", 14))
        must(n == 21);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *s = (const char *)data;
    struct keys keys, again = {0};
    struct osso_error err = {""};
    read_head(s, size);
    read_names(s, size);
    enum osso_status status = keys_parse(s, size, "fuzz", &keys, &err);
    must((status == OSSO_OK) == (keys.n > 0) && (status == OSSO_OK) == (err.text[0] == 0));
    for (size_t i = 0; i < keys.n; i++)
        must(keys_find(&keys, keys.tenant[i]->key, keys.tenant[i]->key_len) == keys.tenant[i]);
    must(keys_find(&keys, s, size) == NULL || size <= KEY_MAX);
    if (status == OSSO_OK) {
        size_t n = keys.n;
        keys_replace(&again, &keys);
        must(again.n == n && again.last_id == n && keys.n == 0);
        must(keys_parse(s, size, "fuzz", &keys, &err) == OSSO_OK);
        keys_replace(&again, &keys); /* the same file once more: everybody stays who they were */
        must(again.n == n && again.last_id == n);
    }
    keys_free(&again);
    keys_free(&keys);
    return 0;
}
