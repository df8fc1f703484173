#!/usr/bin/env bash
# all.sh SECONDS [--runs N] [TARGET...]: builds each tests/fuzz/fuzz_<target>.c with clang's libFuzzer under ASan and UBSan,
# runs each for that long, and for N executions too, from the corpus kept in build/fuzz/corpus/<target>, and prints the
# executions of each.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-} least=0
case $seconds in '' | *[!0-9]*) echo "usage: ./run fuzz SECONDS [--runs N] [TARGET...]" >&2; exit 2 ;; esac
shift
if [ "${1:-}" = --runs ]; then
    least=${2:-}
    case $least in '' | *[!0-9]*) echo "fuzz: --runs wants a number" >&2; exit 2 ;; esac
    shift 2
fi
b=build/fuzz
jobs=$(nproc 2>/dev/null || echo 2)
mkdir -p "$b/corpus" "$b/findings"
# What earlier runs found worth keeping (merged with libFuzzer's -merge=1); findings of this machine join it in build/.
[ -e "$b/corpus/.kept" ] || { tar -xzf tests/fuzz/corpus.tar.gz -C "$b/corpus" && touch "$b/corpus/.kept"; }

# The library once, instrumented for coverage (no main); then each target against it.
cli="$b/cli/model_store.o $b/cli/model_words.o" # of the program, what is fuzzed
# shellcheck disable=SC2086
make -j"$jobs" VARIANT=fuzz CC=clang "$b/libserve.a" "$b/libosso-inner.a" $cli >&2 || exit 1
flags="-O1 -g -DOSSO_MUST -DOSSO_PIECE=4096 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
libs="-lm -pthread"
code=0

# What is found is written to memory: a disk that others write to makes a run of microseconds wait for milliseconds.
shm=/dev/shm
[ -w $shm ] || shm=${TMPDIR:-/tmp}
work=$(mktemp -d "$shm/osso-fuzz-corpus-XXXXXX") name=
take() {
    mkdir "$work/$name"
    if [ -d "$b/corpus/$name" ]; then cp -r "$b/corpus/$name/." "$work/$name"; fi
}
keep() {
    [ -d "$work/$name" ] || return
    rm -rf "$b/corpus/$name"
    cp -r "$work/$name" "$b/corpus/$name" && rm -rf "${work:?}/$name"
}
trap '[ -z "$name" ] || keep; rm -rf "$work"' EXIT

# libFuzzer's limit is by the clock: where the process itself was stopped, the input is quick by itself.
machine_slept() {
    local input
    input=$(sed -n 's/^artifact_prefix.*Test unit written to \(.*-timeout-[0-9a-f]*\)$/\1/p' "$b/$name.log" | tail -n 1)
    [ -n "$input" ] && [ -e "$input" ] && tail -n 50 "$b/$name.log" | grep -q '^SUMMARY: libFuzzer: timeout' &&
        OSSO_ROOT=$PWD "$b/fuzz_$name" -timeout=20 "$input" >/dev/null 2>&1 && rm "$input"
}

# fuzz LIMIT: sets result, adds to runs.
fuzz() {
    OSSO_ROOT=$PWD "$b/fuzz_$name" "$1" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$b/findings/$name-" "${dict[@]}" "$work/$name" "${seeds[@]}" >>"$b/$name.log" 2>&1
    result=$?
    runs=$(awk '/^stat::number_of_executed_units:/ { n += $2 } END { print n + 0 }' "$b/$name.log")
}
for source in tests/fuzz/fuzz_*.c; do
    [ -e "$source" ] || { echo "no fuzz targets" >&2; exit 1; }
    name=$(basename "$source" .c)
    name=${name#fuzz_}
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    # shellcheck disable=SC2086
    clang -std=c11 -D_POSIX_C_SOURCE=200809L $flags -Iinclude -Isrc -Itests -I"$b/gen" -pthread \
        -o "$b/fuzz_$name" "$source" $cli "$b/libserve.a" "$b/libosso-inner.a" $libs >&2 || { echo "$name: does not build"; code=1; continue; }
    seeds=()
    [ -d "tests/fuzz/corpus/$name" ] && seeds=("tests/fuzz/corpus/$name")
    dict=()
    [ -f "tests/fuzz/$name.dict" ] && dict=("-dict=tests/fuzz/$name.dict")
    take
    : >"$b/$name.log"
    runs=0 result=0 until=$((SECONDS + seconds))
    while [ $result -eq 0 ]; do
        if [ $SECONDS -lt $until ]; then
            fuzz "-max_total_time=$((until - SECONDS))"
        elif [ "$runs" -lt "$least" ]; then
            fuzz "-runs=$((least - runs + $(ls "$work/$name" | wc -l)))" # it begins with what is there
        else
            break
        fi
        if [ $result -ne 0 ] && machine_slept; then result=0; fi
    done
    keep
    if [ $result -eq 0 ]; then
        echo "$name: $runs executions, clean, corpus of $(ls "$b/corpus/$name" | wc -l)"
    else
        echo "$name: FINDING after $runs executions (see $b/$name.log and $b/findings/)"
        tail -n 30 "$b/$name.log" >&2
        code=1
    fi
done
exit $code
