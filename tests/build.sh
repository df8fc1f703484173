#!/usr/bin/env bash
# What a second make builds: nothing, but for the one object that knows what has changed. In a copy of the build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
b=$where/b
fail() { echo "$*"; exit 1; }
# made WHAT...: what make does, one word and a name a line
made() { make B="$b" "$@" 2>/dev/null | grep -E '^  [A-Z]+ ' | sed "s|$b/||" || true; }
compiled() { grep -E '^  CC' <<<"$1" | awk '{print $2}' | paste -sd' ' || true; }
check() { [ "$2" = "$3" ] || fail "$1: '$2', not '$3'"; }

make -s all >/dev/null 2>&1
cp -a build/release "$b" # with its times
rm -rf "$b/tests"
commit=$(sed -n 's/^commit: \([^ ]*\).*/\1/p' <<<"$(build/release/osso --version)")

check 'a second make' "$(made all)" ''
check 'a make that makes errors of warnings, as the tests do' "$(made all WERROR=1)" ''
made "$b/tests/base/test_base" >/dev/null
again=$(made all COMMIT=0123456789ab)
check 'another commit compiles' "$(compiled "$again")" base/commit.o
check 'another commit links no test' "$(made "$b/tests/base/test_base" COMMIT=0123456789ab)" ''
check 'the commit is named' "$("$b/osso" --version | sed -n 2p)" 'commit: 0123456789ab'
check 'the same commit again' "$(made all COMMIT=0123456789ab)" ''
check 'another prefix compiles' "$(compiled "$(made all COMMIT=0123456789ab PREFIX=/elsewhere)")" cli/datadir.o
"$b/osso" man | grep '^\.I /elsewhere/share/osso/models' >/dev/null || fail 'the manual page names another prefix'
if [[ $("$b/osso" --version) = *'server: libmicrohttpd'* ]]; then
    check 'another HTTP library compiles' "$(compiled "$(made all COMMIT=0123456789ab PREFIX=/elsewhere HAVE_MHD=)")" 'cli/parts.o cli/verbs/verb_serve.o'
fi
# Without any of its parts and without git: one build, which says each.
made all COMMIT= HAVE_MHD= HAVE_HUB= HAVE_SQLITE= HAVE_VULKAN= >/dev/null
check 'no git' "$("$b/osso" --version | sed -n 2p)" 'commit: unknown (built from a folder without git)'
code=0
said=$("$b/osso" serve 2>&1) || code=$?
check 'a build without its server' "$code ${said##*install }" '1 libmicrohttpd-dev (so Debian calls it), then build again with make'
"$b/osso" --version | grep 'server: left out' >/dev/null || fail '--version does not say that the server is left out'
code=0
said=$("$b/osso" generate -m models/osso-small -p x --device gpu 2>&1) || code=$?
check 'a build without GPUs' "$code ${said##*GPUs: }" '1 install libvulkan-dev (so Debian calls it), then build again with make'
code=0
said=$("$b/osso" pull gpt-oss-20b 2>&1) || code=$?
check 'a build without downloads' "$code ${said##*downloads: }" '1 install libcurl4-openssl-dev and libssl-dev (so Debian calls them), then build again with make'
code=0
said=$("$b/osso" eval history 2>&1) || code=$?
check 'a build without its history of evaluations' "$code ${said##*evaluations: }" '1 install libsqlite3-dev (so Debian calls it), then build again with make'
"$b/osso" --version | grep 'history of evaluations: left out' >/dev/null || fail '--version does not say that the history is left out'

# Checkouts of its own: clean, changed, below somebody else's, an archive.
command -v git >/dev/null || exit 0
asked() { make -C "$1" -s -f - ask <<<'include Makefile
ask:
	@echo "[$(COMMIT)]"'; }
copy=$where/copy
mkdir -p "$copy/src/base"
cp Makefile .gitattributes "$copy" && cp src/base/commit.c "$copy/src/base"
check 'a folder without git' "$(asked "$copy")" '[]'
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_GLOBAL=/dev/null
git -C "$copy" init -q && git -C "$copy" add -A && git -C "$copy" commit -qm one
head=$(git -C "$copy" rev-parse --short=12 HEAD)
check 'a checkout' "$(asked "$copy")" "[$head]"
git -C "$copy" tag -a -m v1 v1
check 'a checkout with a tag' "$(asked "$copy")" "[$head]"
echo >>"$copy/Makefile"
check 'a changed checkout' "$(asked "$copy")" "[$head-dirty]"
mkdir "$copy/below" && cp Makefile "$copy/below"
check "a folder in somebody else's checkout" "$(asked "$copy/below")" '[]'
mkdir "$where/archive" && git -C "$copy" archive HEAD | tar -C "$where/archive" -xf -
printf '#include <stdio.h>\n#include "osso/status.h"\nint main(void) { return puts(osso_commit()) < 0; }\n' >"$where/say.c"
${CC:-cc} -DOSSO_COMMIT='""' -Iinclude -o "$where/say" "$where/say.c" "$where/archive/src/base/commit.c"
case $head in "$("$where/say")"*) ;; *) fail "an archive of $head says $("$where/say")" ;; esac
[ -n "$commit" ] || fail 'osso --version says nothing of a commit'
echo built
