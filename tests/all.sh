#!/usr/bin/env bash
# all.sh [--variant release|asan|tsan] [NAME...]: builds and runs every test (or those whose path contains a NAME, and only
# what these need is built) and ends with one line: N passed, N failed. A test that is skipped says why.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

variant=release
if [ "${1:-}" = --variant ]; then variant=$2; shift 2; fi
names=("$@")
jobs=$(nproc 2>/dev/null || echo 2)
b=build/$variant
log=$b/test-logs
passed=0 failed=0 skipped=0
export OSSO_ROOT=$PWD OSSO_BIN=$PWD/$b/osso OSSO_VARIANT=$variant
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:allocator_may_return_null=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1}
# What a person has set must not change what is tested.
for name in $(compgen -e OSSO_); do
    case $name in OSSO_ROOT | OSSO_BIN | OSSO_VARIANT) ;; *) unset "$name" ;; esac
done

if [ "$variant" != release ]; then export OSSO_TEST_QUICK=1; fi # tests/test.h

wanted() { # is this test one of those asked for?
    [ ${#names[@]} -eq 0 ] && return 0
    local name
    for name in "${names[@]}"; do [[ $1 == *"$name"* ]] && return 0; done
    return 1
}
count() { # count PASSED FAILED SKIPPED
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}
# one NAME COMMAND...: a check that is one test
one() {
    local name=$1 start=$SECONDS
    shift
    wanted "$name" || return 0
    if timeout 600 "$@" >"$log/$name.log" 2>&1; then
        count 1 0 0
        echo "ok    $name ($((SECONDS - start)) s)"
    else
        count 0 1 0
        echo "FAIL  $name ($((SECONDS - start)) s)"
        tail -n 20 "$log/$name.log" | sed 's/^/      /'
    fi
}
number() { grep -aoE "$1" "$2" | grep -aoE '[0-9]+' | awk '{n += $1} END {print n + 0}'; }
# A binary with many tests in it says how they went (cmocka's own words; Python's scripts print the same).
log_of() { echo "$log/${1//\//-}.log"; }
tell() { # tell NAME EXIT-STATUS SECONDS: what its log says
    local name=$1 code=$2 file p f s
    file=$(log_of "$name")
    p=$(number '^\[  PASSED  \] [0-9]+ test' "$file")
    f=$(number '^\[  FAILED  \] [0-9]+ test' "$file")
    s=$(number '^\[  SKIPPED \] [0-9]+ test' "$file")
    [ "$code" -ne 0 ] && [ "$f" -eq 0 ] && f=1 # it crashed, ran out of time, or failed without a word
    count "$p" "$f" "$s"
    if [ "$f" -eq 0 ]; then
        echo "ok    $name: $p passed$([ "$s" -gt 0 ] && echo ", $s skipped") ($3 s)"
    else
        echo "FAIL  $name: $p passed, $f failed, exit $code ($3 s)"
        tail -n 40 "$file" | sed 's/^/      /'
    fi
    grep -a '^skip' "$file" | sed 's/^/      /'
}
many() {
    local name=$1 start=$SECONDS code=0
    shift
    wanted "$name" || return 0
    timeout 900 "$@" >"$(log_of "$name")" 2>&1 || code=$?
    tell "$name" $code $((SECONDS - start))
}
# Long ones that build for themselves and look at no clock run one after the other beside the checks, the unit tests, which
# mostly have one thread, and those tests of the program that look at none either; nothing runs beside the others.
beside=() pid=
behind() { # behind NAME COMMAND: to be run so
    ! wanted "$1" || beside+=("$1" "$2")
}
begin_beside() {
    [ ${#beside[@]} -gt 0 ] || return 0
    local i
    for ((i = 0; i < ${#beside[@]}; i += 2)); do rm -f "$(log_of "${beside[i]}").end"; done
    (
        for ((i = 0; i < ${#beside[@]}; i += 2)); do
            start=$SECONDS code=0
            timeout 900 bash -c "${beside[i + 1]}" >"$(log_of "${beside[i]}")" 2>&1 || code=$?
            echo "$code $((SECONDS - start))" >"$(log_of "${beside[i]}").end"
        done
    ) &
    pid=$!
}
end_beside() {
    [ -n "$pid" ] || return 0
    wait "$pid"
    local i code seconds
    for ((i = 0; i < ${#beside[@]}; i += 2)); do
        read -r code seconds <"$(log_of "${beside[i]}").end" || code=1 seconds=0
        tell "${beside[i]}" "$code" "$seconds"
    done
}

# What an engine does, over memory that nobody but the backend may touch (tests/backend/far.h): NAME ISA QUICK.
far=()
[ "$variant" = release ] && far=(
    "engine/test_pages scalar 1"
    "engine/test_prefixes scalar 1"
    "engine/test_prefix_pool scalar 1"
    "engine/test_release scalar 1"
    "engine/test_kv_types scalar 1"
    "engine/test_generate scalar 1"
    "engine/test_taps best 1"
    "engine/test_tap_attention best 1"
    "inspect/test_hooks best 2"
    "inspect/test_lens best 2"
    "inspect/test_residual best 2"
    "inspect/test_attention best 2"
    "inspect/test_patch best 2"
    "inspect/test_expert_use best 2"
    "engine/test_faults best 2"
    "engine/test_sample_all scalar 1"
    "engine/test_identity best 1"
    "measure/test_fill best 1"
    "model/test_golden best 1"
)
# Unit tests link the library; scripts run the program; the others build for themselves what they need.
targets=()
[ ${#names[@]} -eq 0 ] && targets=(all)
for source in tests/*/test_*.c; do
    name=${source#tests/}
    wanted "${name%.c}" && targets+=("$b/tests/${name%.c}")
done
for test in "${far[@]}"; do
    name=${test%% *}
    wanted "$name" || { wanted "far/$name" && targets+=("$b/tests/$name"); }
done
for script in tests/e2e/test_*.py tests/e2e/test_*.sh; do
    [ -e "$script" ] && wanted "${script#tests/}" && targets+=("$b/osso") && break
done
mkdir -p "$log"
# A compiler's warning is an error here; plain make goes on, since other compilers have other warnings.
if [ ${#targets[@]} -gt 0 ]; then
    make -j"$jobs" VARIANT="$variant" WERROR=1 "${targets[@]}" >&2 || { echo "0 passed, 1 failed (the build)"; exit 1; }
fi

# docs/adding-a-*.md, a test for each page. AVX-512's kernels, emulated where the CPU lacks them (its own tests run them
# where not), and those of ARM.
[ "$variant" = release ] && behind recipes tests/recipes.sh
case $variant-$(uname -m) in release-x86_64) grep -qw avx512_vnni /proc/cpuinfo || behind x86/kernels 'tests/x86.sh kernels' ;; esac
case $variant-$(uname -m) in release-aarch64 | release-arm64) ;; release-*) behind arm/kernels 'tests/arm.sh kernels' ;; esac
begin_beside
if [ "$variant" = release ]; then
    one levels python3 tools/check/check_levels.py
    one format tools/check/format.sh --check
    one lengths python3 tools/check/check_lengths.py
    one performance tools/measure/plot_performance.py --check
    one headers tests/headers.sh
    one build tests/build.sh
    one install tests/install.sh
    one packaging tests/packaging.sh
fi
for source in tests/*/test_*.c; do
    [ -e "$source" ] || continue
    name=${source#tests/}
    case $name in
        model/test_gradients.c) many "${name%.c}" env OSSO_TEST_QUICK=1 "$b/tests/${name%.c}" ;; # all of it takes 45 s: run it by itself
        *) many "${name%.c}" "$b/tests/${name%.c}" ;;
    esac
done
for test in "${far[@]}"; do
    read -r name isa quick <<<"$test"
    many "far/$name" env OSSO_TEST_BACKEND=far OSSO_ISA="$isa" OSSO_TEST_QUICK="$quick" "$b/tests/$name"
done
# Tests of the program that have a terminal or a socket expect answers within a time.
by_the_clock() {
    case $1 in */test_repl* | */test_serve* | */test_chat* | */test_asking* | */test_input* | */test_script* | */test_surroundings* | */test_pull*) ;; *) false ;; esac
}
program() { # program yes|no: the scripts that look at a clock, or the others
    local script clock
    for script in tests/e2e/test_*.py tests/e2e/test_*.sh; do
        [ -e "$script" ] || continue
        clock=no
        by_the_clock "$script" && clock=yes
        [ "$clock" != "$1" ] || many "${script#tests/}" "$script"
    done
}
program no
end_beside
program yes
[ $skipped -gt 0 ] && echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
