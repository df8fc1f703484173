#!/usr/bin/env bash
# all.sh [MINUTES]: hours of random input, each part with its own number of cases; with MINUTES as many of them as a third
# of that time holds. A part that runs by numbers is asked again with another seed until its time is over.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
minutes=${1:-}
case $minutes in *[!0-9]*) echo "usage: ./run soak [MINUTES]" >&2; exit 2 ;; esac
jobs=$(nproc 2>/dev/null || echo 2)
a=build/asan r=build/release
make -j"$jobs" VARIANT=asan "$a/libosso-inner.a" >&2 || exit 1
make -j"$jobs" "$r/osso" "$r/tests/serve/test_answers" >&2 || exit 1
mkdir -p "$a/torture"
${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -Iinclude -Isrc -Itests \
    -pthread -o "$a/torture/torture_parse" tests/torture/torture_parse.c "$a/libosso-inner.a" -lm || exit 1
export OSSO_ROOT=$PWD OSSO_BIN=$PWD/$r/osso
code=0 seed=1

# One round of each part: PART NUMBER
parse() { "$a/torture/torture_parse" "$1" "$seed"; }                                    # ids through the parser, under ASan
answers() { OSSO_SOAK_ANSWERS=$1 OSSO_SOAK_SEED=$((seed * 1000003)) "$r/tests/serve/test_answers"; } # ids as answers of each dialect
requests() { OSSO_SOAK_REQUESTS=$1 OSSO_SOAK_SEED=$seed tests/e2e/test_serve_fields.py; } # bodies made of the table of fields, over HTTP
hostile() { # clients that leave, flood, say nothing or a byte now and then
    export OSSO_SOAK_SCALE=32
    tests/e2e/test_serve_hostile.py && tests/e2e/test_serve_clients.py test_idle_connections_are_cheap test_there_is_always_room_for_health
}

# part NAME ALL PIECE: all of its cases, or pieces until its time is over
part() {
    local end=$((SECONDS + ${minutes:-0} * 20)) done=0
    if [ -z "$minutes" ]; then
        "$1" "$2" || { echo "FAIL $1"; code=1; }
        return
    fi
    while [ $done -eq 0 ] || [ $SECONDS -lt $end ]; do
        "$1" "$3" || { echo "FAIL $1 (seed $seed)"; code=1; return; }
        done=$((done + $3)) seed=$((seed + 1))
    done
    echo "$1: $done cases"
}
part parse 100000000 5000000
part answers 1000000 20000
part requests 100000 2500
[ -n "$minutes" ] || hostile || code=1
exit $code
