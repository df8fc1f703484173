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
export XDG_CACHE_HOME=$PWD/$b/test-cache # a device's compiled shaders are kept there and not in a home
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
number() { grep -aoE "$1" "$2" | grep -aoE '[0-9]+' | awk '{n += $1} END {print n + 0}'; }
log_of() { echo "$log/${1//\//-}.log"; }
# tell NAME KIND EXIT-STATUS SECONDS: what came of it. `one` is a check that is one test; of `many` its log says how many
# there were (cmocka's own words; Python's scripts print the same).
tell() {
    local name=$1 kind=$2 code=$3 seconds=$4 file p=0 f=0 s=0 lines=20
    file=$(log_of "$name")
    if [ "$kind" = one ]; then
        if [ "$code" -eq 0 ]; then p=1; fi
    else
        lines=40
        p=$(number '^\[  PASSED  \] [0-9]+ test' "$file")
        f=$(number '^\[  FAILED  \] [0-9]+ test' "$file")
        s=$(number '^\[  SKIPPED \] [0-9]+ test' "$file")
    fi
    [ "$code" -ne 0 ] && [ "$f" -eq 0 ] && f=1 # it crashed, ran out of time, or failed without a word
    count "$p" "$f" "$s"
    if [ "$f" -eq 0 ]; then
        echo "ok    $name$([ "$kind" = one ] || echo ": $p passed")$([ "$s" -gt 0 ] && echo ", $s skipped") ($seconds s)"
    else
        echo "FAIL  $name: $p passed, $f failed, exit $code ($seconds s)"
        tail -n $lines "$file" | sed 's/^/      /'
    fi
    [ "$kind" = one ] || grep -a '^skip' "$file" | sed 's/^/      /'
}
# What is to be run stands in a queue; as many run at a time as there are CPUs (a sanitizer's tests one by one: their threads
# want all of them). What takes longest is queued first, so that no CPU waits for it in the end.
lanes=$jobs
[ "$variant" = release ] || lanes=1
queue=() running=()
add() { # add KIND NAME COMMAND...
    local kind=$1 name=$2
    shift 2
    ! wanted "$name" || queue+=("$kind" "$name" "$(printf '%q ' "$@")")
}
start() { # start KIND NAME COMMAND: in the background; how it ended stands in a file beside its log
    local file
    file=$(log_of "$2")
    rm -f "$file.end"
    (
        start=$SECONDS code=0
        timeout 900 bash -c "$3" >"$file" 2>&1 &
        child=$!
        trap 'kill $child' TERM
        wait $child || code=$?
        echo "$code $((SECONDS - start))" >"$file.end"
    ) &
    running+=("$! $1 $2")
}
collect() { # waits for at least one, and tells of those that have ended
    local entry pid kind name code seconds left=()
    wait -n
    for entry in "${running[@]}"; do
        read -r pid kind name <<<"$entry"
        if kill -0 "$pid" 2>/dev/null; then left+=("$entry"); continue; fi
        code=1 seconds=0
        [ ! -e "$(log_of "$name").end" ] || read -r code seconds <"$(log_of "$name").end"
        tell "$name" "$kind" "$code" "$seconds"
    done
    running=("${left[@]}")
}
run_queue() {
    local i
    for ((i = 0; i < ${#queue[@]}; i += 3)); do
        while [ ${#running[@]} -ge $lanes ]; do collect; done
        start "${queue[@]:i:3}"
    done
    while [ ${#running[@]} -gt 0 ]; do collect; done
    queue=()
}
stop() { # background jobs do not hear Ctrl-C
    local entry
    for entry in "${running[@]}"; do kill "${entry%% *}"; done
    exit 130
}
trap stop INT TERM

# What an engine does, over memory that nobody but the backend may touch (tests/backend/far.h) and over a Vulkan device: the
# CPU's bits. BACKEND NAME ISA QUICK; ISA "best" is the best there is. (More of the latter: tools/check/vulkan_long.sh.)
beside=(
    "vulkan engine/test_identity best 2"
    "vulkan model/test_golden best 2"
    "vulkan engine/test_kv_types best 2"
    "vulkan engine/test_prefixes best 2"
    "vulkan engine/test_pages best 2"
    "vulkan engine/test_taps best 2"
)
[ "$variant" = release ] && beside+=(
    "far engine/test_pages scalar 1"
    "far engine/test_prefixes scalar 1"
    "far engine/test_prefix_pool scalar 1"
    "far engine/test_release scalar 1"
    "far engine/test_kv_types scalar 1"
    "far engine/test_generate scalar 1"
    "far engine/test_taps best 1"
    "far engine/test_tap_attention best 1"
    "far engine/test_enter best 1"
    "far inspect/test_hooks best 2"
    "far inspect/test_lens best 2"
    "far inspect/test_residual best 2"
    "far inspect/test_attention best 2"
    "far inspect/test_patch best 2"
    "far inspect/test_patch_whole best 2"
    "far inspect/test_expert_use best 2"
    "far engine/test_faults best 2"
    "far engine/test_sample_all scalar 1"
    "far engine/test_sample_failures scalar 1"
    "far engine/test_identity best 1"
    "far measure/test_fill best 1"
    "far model/test_golden best 1"
)
# Unit tests link the library; scripts run the program; the others build for themselves what they need.
targets=()
[ ${#names[@]} -eq 0 ] && targets=(all benches) # what nobody builds rots
for source in tests/*/test_*.c; do
    name=${source#tests/}
    wanted "${name%.c}" && targets+=("$b/tests/${name%.c}")
done
for test in "${beside[@]}"; do
    read -r backend name _ <<<"$test"
    wanted "$name" || { wanted "$backend/$name" && targets+=("$b/tests/$name"); }
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
[ "$variant" = release ] && add many recipes tests/recipes.sh
case $variant-$(uname -m) in release-aarch64 | release-arm64) ;; release-*) add many arm/kernels tests/arm.sh kernels ;; esac
case $variant-$(uname -m) in release-x86_64) grep -qw avx512_vnni /proc/cpuinfo || add many x86/kernels tests/x86.sh kernels ;; esac
if [ "$variant" = release ]; then
    add one build tests/build.sh
    add one headers tests/headers.sh
    add one packaging tests/packaging.sh
    add one format tools/check/format.sh --check
    add one levels python3 tools/check/check_levels.py
    add one lengths python3 tools/check/check_lengths.py
    add one performance tools/measure/plot_performance.py --check
    add one shaders tools/tables/shaders.py --check
fi
# Tests of the program that have a terminal or a socket expect answers within a time: beside nothing that computes.
by_the_clock() {
    case $1 in */test_repl* | */test_serve* | */test_chat* | */test_asking* | */test_input* | */test_script* | */test_surroundings* | */test_pull*) ;; *) false ;; esac
}
program() { # program yes|no: the scripts that look at a clock, or the others
    local script clock
    for script in tests/e2e/test_*.py tests/e2e/test_*.sh; do
        [ -e "$script" ] || continue
        clock=no
        by_the_clock "$script" && clock=yes
        [ "$clock" != "$1" ] || add many "${script#tests/}" "$script"
    done
}
program no
for source in tests/*/test_*.c; do
    [ -e "$source" ] || continue
    name=${source#tests/}
    case $name in
        model/test_gradients.c) add many "${name%.c}" env OSSO_TEST_QUICK=1 "$b/tests/${name%.c}" ;; # all of it takes 45 s: run it by itself
        *) add many "${name%.c}" "$b/tests/${name%.c}" ;;
    esac
done
for test in "${beside[@]}"; do
    read -r backend name isa quick <<<"$test"
    kind=$backend
    [ "$backend" != vulkan ] || { isa='' kind=kept; } # opened once a program, not once an engine
    add many "$backend/$name" env OSSO_TEST_BACKEND="$kind" OSSO_ISA="$isa" OSSO_TEST_QUICK="$quick" "$b/tests/$name"
done
run_queue
[ "$lanes" -le 2 ] || lanes=2
program yes
run_queue
# Alone: it links the program for another place, and back.
[ "$variant" = release ] && add one install tests/install.sh
run_queue
[ $skipped -gt 0 ] && echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
