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
#include <string.h>
int main(void)
{
    struct osso_tokenizer *tokenizer;
    struct osso_ids ids = {0};
    struct osso_error err;
    if (osso_tokenizer_builtin(&tokenizer, &err) || osso_tokenizer_encode(tokenizer, "hello", 5, 0, &ids, &err))
        return 1;
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", OSSO_VERSION_NUMBER / 10000, OSSO_VERSION_NUMBER / 100 % 100, OSSO_VERSION_NUMBER % 100);
    printf("%s %d\n", strcmp(version, osso_version()) == 0 ? version : "the headers are another version's", (int)ids.data[0]);
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
# The examples, as their page and the README say.
for source in examples/*.c; do
    name=$(basename "$source" .c)
    $cc -std=c11 -Wall -Wextra -Werror "$source" -o "$where/$name" $(pkg-config --cflags --libs osso) -lm
    code=0
    LD_LIBRARY_PATH=$where/usr/lib "$where/$name" 2>"$where/said" || code=$?
    [ $code -eq 2 ] && grep -q "^usage: $name [A-Z]" "$where/said" || { echo "$name: exit $code"; cat "$where/said"; exit 1; }
done
$cc examples/chat.c $(pkg-config --cflags --libs osso) -o "$where/chat"
LD_LIBRARY_PATH=$where/usr/lib "$where/chat" models/osso-small 'Who are you?' >"$where/said"
grep -v '^>' "$where/said" | grep -q '[[:alpha:]]' && ! grep -qF '<|' "$where/said" || { echo "the README's chat.c says:"; cat "$where/said"; exit 1; }
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
# A folder that the loader does not search: how a program finds the library is said. Nothing of it below DESTDIR.
grep -q "LD_LIBRARY_PATH=$where/usr/lib" "$where/log" || { echo "install does not say how the library is found"; cat "$where/log"; exit 1; }
ldconfig() { # ldconfig SEARCHED: one that says that it searches this folder
    printf '#!/bin/sh\ncase "$*" in *-v*) echo "%s: (from nowhere)" ;; "") echo ran >>%s/ran ;; esac\n' "$1" "$where" >"$where/ldconfig"
    chmod +x "$where/ldconfig"
    rm -f "$where/ran"
}
loader() { LDCONFIG=$where/ldconfig PATH=${2:-$PATH} tools/loader.sh /opt/lib ${1:+"$1"}; }
ldconfig /opt/lib
mkdir "$where/id0" "$where/id1"
printf '#!/bin/sh\necho 0\n' >"$where/id0/id" && printf '#!/bin/sh\necho 1000\n' >"$where/id1/id" && chmod +x "$where"/id?/id
[ "$(loader '' "$where/id0:$PATH")" = 'ldconfig: done' ] && [ -e "$where/ran" ] || { echo "root's install does not run ldconfig"; exit 1; }
ldconfig /opt/lib
said=$(loader '' "$where/id1:$PATH")
[[ $said == *'run ldconfig as root'* ]] && [ ! -e "$where/ran" ] || { echo "an install by somebody else says: $said"; exit 1; }
[ -z "$(loader /pack "$where/id0:$PATH")" ] && [ ! -e "$where/ran" ] || { echo "DESTDIR: the system's loader is none of its business"; exit 1; }
ldconfig /opt/lib64
[[ $(loader '' "$where/id0:$PATH") == *'-rpath,/opt/lib'* ]] && [ ! -e "$where/ran" ] || { echo "a folder that is not searched"; exit 1; }

# The files that docs/packaging.md names, and no others.
(cd "$where/usr" && find . -type f -o -type l | sed 's|^\./||' | sort) >"$where/there"
sed -n '/^```files$/,/^```$/p' docs/packaging.md | grep -v '^```' | while read -r line; do
    case $line in
    *VERB*) "$where/usr/bin/osso" help | sed -n 's/^  \([a-z][a-z]*\)\( [a-z][a-z]*\)\{0,1\}  .*/\1\2/p' | tr ' ' - | sed "s|^|${line%VERB*}|; s|\$|${line#*VERB}|" ;;
    include/*) ls $line ;;
    share/osso/*) (cd models && ls ${line#share/osso/models/}) | sed 's|^|share/osso/models/|' ;;
    *) echo "$line" ;;
    esac
done | sort >"$where/documented"
diff "$where/documented" "$where/there" || { echo "make install and docs/packaging.md differ (<: documented, >: installed)"; exit 1; }
[ "$("$where/usr/bin/osso" completion zsh)" = "$(cat "$where/usr/share/zsh/site-functions/_osso")" ] && grep -q '^\.TH OSSO..DATA..SHOW 1' "$where/usr/share/man/man1/osso-data-show.1" ||
    { echo "what the program prints stands under other names"; exit 1; }

# uninstall takes away what install brought, and nothing else.
echo mine >"$where/usr/lib/mine"
make -s uninstall PREFIX="$where/usr" >>"$where/log" 2>&1 || { cat "$where/log"; exit 1; }
left=$(cd "$where/usr" && find . -type f -o -type l | paste -sd' ')
[ "$left" = ./lib/mine ] || { echo "uninstall leaves: $left"; exit 1; }
[ ! -e "$where/usr/share/osso" ] && [ ! -e "$where/usr/include/osso" ] || { echo "uninstall leaves empty folders"; exit 1; }
make -s install PREFIX=/usr DESTDIR="$where/pack" >"$where/log2" 2>&1
grep -q 'ldconfig\|LD_LIBRARY' "$where/log2" && { echo "a package is not installed here"; cat "$where/log2"; exit 1; }
echo mine >"$where/pack/usr/share/osso/models/mine"
make -s uninstall PREFIX=/usr DESTDIR="$where/pack" >"$where/log2" 2>&1
left=$(cd "$where/pack" && find . -type f -o -type l | paste -sd' ')
[ "$left" = ./usr/share/osso/models/mine ] || { echo "uninstall below DESTDIR leaves: $left"; exit 1; }
# The program knows its prefix. It is linked for this tree again here, where nothing runs it, not by the next make.
make -s all >"$where/log2" 2>&1 || { cat "$where/log2"; exit 1; }
echo installed
