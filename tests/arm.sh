#!/usr/bin/env bash
# arm.sh [all|kernels|recipes]: tests as an ARM program, cross-compiled into build/arm, under qemu's emulation of a CPU.
# It shows that bits are right; it says nothing about speed.
#
#   kernels   every kernel of every ISA against scalar, with fewer shapes, and which ISA is chosen on CPUs that lack some
#             (the default; tests/all.sh runs this as part of everything)
#   all       all of tests/backend, tests/model and tests/engine, in their quick form but the kernels with every shape, on
#             the CPU that has everything; kernels, ops, attention and golden logits on weaker ones; then the recipes
#   recipes   what docs/adding-a-*.md say about the ARM build (tests/recipes.sh --arm)
#
# Ends with one line: N passed, N failed. Where compiler, emulator or packages cannot be had it says so and skips.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
what=${1:-kernels}
sysroot=$PWD/build/arm-sysroot
libs=$sysroot/usr/lib/aarch64-linux-gnu
cross=/usr/aarch64-linux-gnu
. tests/counting.sh
jobs=$(nproc 2>/dev/null || echo 2)
for name in $(compgen -e OSSO_); do unset "$name"; done
export OSSO_ROOT=$PWD OSSO_VARIANT=arm OSSO_TEST_QUICK=2

skip() {
    echo "skip: ARM: $*"
    echo "[  SKIPPED ] 1 test(s)." # counted by tests/all.sh
    [ "$what" = all ] && finish
    exit 0
}
# check NAME COMMAND...: a check that is one test, in cmocka's words, so that tests/all.sh can count it
check() {
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "[  PASSED  ] 1 test(s): $name"
    else
        failed=$((failed + 1))
        echo "[  FAILED  ] 1 test(s): $name"
    fi
}
emulate() { # emulate CPU PROGRAM ARGUMENTS...
    local cpu=$1
    shift
    qemu-aarch64 -cpu "$cpu" -L "$cross" -E LD_LIBRARY_PATH="$cross/lib:$libs" "$@"
}
arm_make() { # arm_make TARGET...
    make -j"$jobs" VARIANT=arm CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar "$@"
}
export -f emulate arm_make
export cross libs jobs
recipes() {
    tests/recipes.sh --arm >build/arm/recipes.log 2>&1
    local code=$?
    grep -a '^\(ok\|FAIL\|      \|\[  [PFS]\)' build/arm/recipes.log
    passed=$((passed + $(grep -ac '^ok ' build/arm/recipes.log)))
    failed=$((failed + $(grep -ac '^FAIL ' build/arm/recipes.log)))
    [ $code -eq 0 ] || [ $failed -gt 0 ] || check recipes false
}
# tests CPU NAME...: cmocka programs; their numbers count
tests() {
    local cpu=$1 name log code start
    shift
    for name in "$@"; do
        log=build/arm/test-logs/$cpu-${name//\//-}.log start=$SECONDS code=0
        OSSO_BIN=$PWD/build/arm/osso emulate "$cpu" "build/arm/tests/$name" >"$log" 2>&1 || code=$?
        counted "$name on $cpu" "$log" $code $start
    done
}
chooses() { # chooses CPU ISA: the engine runs this one there, and no stronger one can be asked for
    [[ "$(emulate "$1" build/arm/osso --version | grep '^isa:')" == "isa: $2 (can run: $2 "* ]]
}

for tool in aarch64-linux-gnu-gcc qemu-aarch64 make pkg-config; do
    command -v $tool >/dev/null || skip "$tool is not here and could not be installed"
done
reason=$(tools/check/arm_sysroot.sh "$sysroot") || skip "$reason"

export PKG_CONFIG_SYSROOT_DIR=$sysroot PKG_CONFIG_LIBDIR=$libs/pkgconfig
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
targets=(build/arm/osso build/arm/tests/backend/test_kernels build/arm/tests/backend/test_chain)
[ "$what" = all ] && targets=(build/arm/osso tests)
arm_make "${targets[@]}" >build/arm-build.log 2>&1 || {
    tail -n 20 build/arm-build.log
    check build false
    finish
}
mkdir -p build/arm/test-logs
if [ "$what" = recipes ]; then
    recipes
    finish
fi

check "a CPU without dot products runs plain NEON" chooses cortex-a57 neon
check "one with them and no more runs dotprod" chooses cortex-a76 dotprod
check "one with all runs i8mm" chooses max i8mm
kernels=(backend/test_kernels backend/test_chain) # every ISA: a weaker CPU would run the same code
[ "$what" = all ] || tests max "${kernels[@]}"
if [ "$what" = all ]; then
    OSSO_TEST_QUICK=1 tests max "${kernels[@]}"
    weak=(backend/test_kernels backend/test_ops backend/test_attention model/test_golden)
    tests cortex-a57 "${weak[@]}"
    tests cortex-a76 "${weak[@]}"
    for source in tests/backend/test_*.c tests/model/test_*.c tests/engine/test_*.c; do
        name=${source#tests/}
        [ "$name" = backend/test_kernels.c ] || [ "$name" = backend/test_chain.c ] || tests max "${name%.c}"
    done
    recipes
fi
finish
