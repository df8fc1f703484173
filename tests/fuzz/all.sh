#!/usr/bin/env bash
# all.sh SECONDS [TARGET...]: builds each tests/fuzz/fuzz_<target>.c with clang's libFuzzer under ASan and UBSan, runs
# each for that long from the corpus kept in build/fuzz/corpus/<target>, and prints the executions of each.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-}
case $seconds in '' | *[!0-9]*) echo "usage: ./run fuzz SECONDS" >&2; exit 2 ;; esac
shift
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
for source in tests/fuzz/fuzz_*.c; do
    [ -e "$source" ] || { echo "no fuzz targets" >&2; exit 1; }
    name=$(basename "$source" .c)
    name=${name#fuzz_}
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    # shellcheck disable=SC2086
    clang -std=c11 -D_POSIX_C_SOURCE=200809L $flags -Iinclude -Isrc -Itests -I"$b/gen" -pthread \
        -o "$b/fuzz_$name" "$source" $cli "$b/libserve.a" "$b/libosso-inner.a" $libs >&2 || { echo "$name: does not build"; code=1; continue; }
    mkdir -p "$b/corpus/$name"
    seeds=()
    [ -d "tests/fuzz/corpus/$name" ] && seeds=("tests/fuzz/corpus/$name")
    dict=()
    [ -f "tests/fuzz/$name.dict" ] && dict=("-dict=tests/fuzz/$name.dict")
    OSSO_ROOT=$PWD "$b/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$b/findings/$name-" "${dict[@]}" "$b/corpus/$name" "${seeds[@]}" >"$b/$name.log" 2>&1
    result=$?
    runs=$(grep -aoE 'stat::number_of_executed_units: *[0-9]+' "$b/$name.log" | grep -oE '[0-9]+$')
    if [ $result -eq 0 ]; then
        echo "$name: ${runs:-0} executions, clean, corpus of $(ls "$b/corpus/$name" | wc -l)"
    else
        echo "$name: FINDING after ${runs:-?} executions (see $b/$name.log and $b/findings/)"
        tail -n 30 "$b/$name.log" >&2
        code=1
    fi
done
exit $code
