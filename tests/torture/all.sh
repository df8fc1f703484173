#!/usr/bin/env bash
# all.sh [ARGUMENTS]: builds each tests/torture/*.c against the ASan library and runs it, with its own defaults or these.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
b=build/asan
make -j"$(nproc 2>/dev/null || echo 2)" VARIANT=asan "$b/libosso-inner.a" >&2 || exit 1
mkdir -p "$b/torture"
code=0
for source in tests/torture/*.c; do
    name=$(basename "$source" .c)
    ${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -Iinclude -Isrc -Itests \
        -pthread -o "$b/torture/$name" "$source" "$b/libosso-inner.a" -lm ||
        { code=1; continue; }
    "$b/torture/$name" "$@" || { echo "FAIL $name"; code=1; }
done
exit $code
