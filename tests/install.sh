#!/usr/bin/env bash
# make install into an empty folder, then a program that knows only the .pc file: shared and static.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
make -s install PREFIX="$where/usr" >"$where/log" 2>&1 || { cat "$where/log"; exit 1; }
cat >"$where/hello.c" <<'END'
#include <osso/osso.h>
#include <stdio.h>
int main(void)
{
    struct osso_tokenizer *tokenizer;
    struct osso_ids ids = {0};
    struct osso_error err;
    if (osso_tokenizer_builtin(&tokenizer, &err) || osso_tokenizer_encode(tokenizer, "hello", 5, 0, &ids, &err))
        return 1;
    printf("%s %d\n", osso_version(), (int)ids.data[0]);
    osso_ids_free(&ids);
    osso_tokenizer_free(tokenizer);
    return 0;
}
END
export PKG_CONFIG_PATH=$where/usr/lib/pkgconfig
cc=${CC:-cc}
$cc -o "$where/shared" "$where/hello.c" $(pkg-config --cflags --libs osso)
[ "$(LD_LIBRARY_PATH=$where/usr/lib "$where/shared")" = "$(pkg-config --modversion osso) 24912" ]
$cc -o "$where/static" "$where/hello.c" $(pkg-config --cflags osso) "$where/usr/lib/libosso.a" -lm -pthread
[ "$("$where/static")" = "$(pkg-config --modversion osso) 24912" ]
# The static library has osso_* names only: a program's own may be whatever they like.
cat >"$where/own.c" <<'END'
#include <osso/osso.h>
#include <stdio.h>
int calls;
void mem_free(void *p) { (void)p, calls++; }
void buf_add(void *b, const void *bytes, size_t n) { (void)b, (void)bytes, (void)n, calls++; }
int json_parse(const char *text) { (void)text; return ++calls; }
int main(void)
{
    struct osso_conversation *c;
    struct osso_error err;
    char *json;
    const char *text = "{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
    if (osso_conversation_from_json(text, __builtin_strlen(text), "own", &c, &err) || osso_conversation_to_json(c, &json, &err))
        return 1;
    printf("%s %d", json, calls);
    osso_free(json);
    osso_conversation_free(c);
    mem_free(NULL), buf_add(NULL, NULL, 0);
    return json_parse("") != 3;
}
END
$cc -o "$where/own" "$where/own.c" $(pkg-config --cflags osso) "$where/usr/lib/libosso.a" -lm -pthread
[ "$("$where/own")" = '{"messages":[{"role":"user","content":"hello"}]} 0' ] || { echo "a program's own names meet the library's"; exit 1; }
shown=$(nm -g --defined-only "$where/usr/lib/libosso.a" | awk 'NF == 3 && $3 !~ /^osso_/ {print $3}')
[ -z "$shown" ] || { echo "libosso.a shows: $shown"; exit 1; }
env -i HOME="$where" "$where/usr/bin/osso" --version >/dev/null
grep -q 'OSSO_TOP_K' "$where/usr/share/man/man1/osso.1"
# Nothing but the doors is visible.
hidden=$(nm -D --defined-only "$where/usr/lib/libosso.so" | awk '$2 ~ /[TDBR]/ && $3 !~ /^osso_/ {print $3}')
[ -z "$hidden" ] || { echo "visible without being public: $hidden"; exit 1; }
# With PREFIX elsewhere the program still finds the model that was installed beside it.
if [ -d models/osso-small ]; then
    [ -n "$(printf 'Hello.\n' | env -i HOME="$where" "$where/usr/bin/osso" chat -n 8 --temp 0 --seed 1 2>/dev/null || true)" ] ||
        env -i HOME="$where" "$where/usr/bin/osso" info >/dev/null
fi
echo installed
