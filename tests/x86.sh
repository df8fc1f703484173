#!/usr/bin/env bash
# x86.sh [all|kernels]: AVX-512's and AMX's kernels on an x86 CPU that lacks AVX-512: VARIANT=emu512 compiles them for AVX2, with
# tests/emulate/immintrin.h in the place of the compiler's. It shows that bits are right; it says nothing about speed.
#
#   kernels   every kernel against scalar, with fewer shapes (the default; tests/all.sh runs this as part of everything)
#   all       the kernels with every shape; all of tests/backend, tests/model and tests/engine, in their quick form
#
# Ends with one line: N passed, N failed. A CPU that has both runs these tests without help, and one without AVX2 cannot.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
what=${1:-kernels}
b=build/emu512
. tests/counting.sh
jobs=$(nproc 2>/dev/null || echo 2)
for name in $(compgen -e OSSO_); do unset "$name"; done
export OSSO_ROOT=$PWD OSSO_BIN=$PWD/$b/osso OSSO_VARIANT=emu512 OSSO_TEST_QUICK=1 OSSO_ISA=avx512vnni

skip() {
    echo "skip: AVX-512: $*"
    echo "[  SKIPPED ] 1 test(s)." # counted by tests/all.sh
    [ "$what" = all ] && echo "0 passed, 0 failed"
    exit 0
}
fail() { # fail NAME LOG
    failed=$((failed + 1))
    echo "[  FAILED  ] 1 test(s): $1"
    tail -n 20 "$2" | sed 's/^/      /'
    finish
}
# tests NAME...: cmocka programs; their numbers count
tests() {
    local name log code start
    for name in "$@"; do
        log=$b/test-logs/${name//\//-}.log start=$SECONDS code=0
        timeout 900 "$b/tests/$name" >"$log" 2>&1 || code=$?
        counted "$name" "$log" $code $start
    done
}

grep -qw avx2 /proc/cpuinfo 2>/dev/null || skip "emulation needs an x86 CPU with AVX2, on Linux"
if grep -qw avx512_vnni /proc/cpuinfo && grep -qw avx512vbmi /proc/cpuinfo && grep -qw amx_int8 /proc/cpuinfo; then
    skip "this CPU has it: the tests of ./run test run its kernels as they are"
fi
mkdir -p $b/test-logs
targets=($b/osso $b/tests/backend/test_kernels $b/tests/backend/test_chain)
[ "$what" = all ] && targets=($b/osso tests)
make -j"$jobs" VARIANT=emu512 "${targets[@]}" >$b/build.log 2>&1 || fail build $b/build.log
$b/osso --version >$b/version.log
grep -q '^isa: amx ' $b/version.log || fail "the emulated kernels run" $b/version.log

kernels=(backend/test_kernels backend/test_chain)
[ "$what" = all ] || OSSO_TEST_QUICK=2 tests "${kernels[@]}"
if [ "$what" = all ]; then
    tests "${kernels[@]}"
    for source in tests/backend/test_*.c tests/model/test_*.c tests/engine/test_*.c; do
        name=${source#tests/}
        [ "$name" = backend/test_kernels.c ] || [ "$name" = backend/test_chain.c ] || tests "${name%.c}"
    done
fi
finish
