#!/usr/bin/env bash
# later.sh: what of the GPU's code the tools of Debian 12 are too old for, by those of Debian's testing, unpacked under build/later
# (tools/check/later_debian.sh):
#   - the words of shaders_later.def's kernels are what the sources give;
#   - SPIRV-Cross makes Metal source of the kernels with dots of four int8, too, and spirv-val accepts all kernels;
#   - the kernels of int8 and of f16 matrices against scalar, alone and in an engine, on Mesa's driver on the CPU, which has such
#     from 26.1 on;
#   - all other kernels there: its compiler makes loads before it asks the condition that stands before them.
# Ends with one line: N passed, N failed. Where the packages cannot be had it says so and skips.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
b=build/release later=$PWD/build/later
. tests/counting.sh
for name in $(compgen -e OSSO_); do unset "$name"; done
export OSSO_ROOT=$PWD XDG_CACHE_HOME=$PWD/$b/test-cache

skip() {
    echo "skip: later: $*"
    echo "[  SKIPPED ] 1 test(s)."
    exit 0
}
# tests NAME...: cmocka programs; here a test that is skipped has failed: what it needs was brought
tests() {
    local name log code start
    for name in "$@"; do
        log=$b/test-logs/later-${name//\//-}.log start=$SECONDS code=0
        OSSO_TEST_LATER=$later tools/check/later_debian.sh "$later" "$b/tests/$name" >"$log" 2>&1 || code=$?
        if grep -aq '^skip' "$log"; then code=1; fi
        counted "$name with Debian testing's tools" "$log" $code $start
    done
}

reason=$(tools/check/later_debian.sh "$later") || skip "$reason"
mkdir -p $b/test-logs
programs=(backend/test_vulkan_tiles backend/test_vulkan_words engine/test_vulkan_tiled backend/test_vulkan_{kernels,attend,experts})
make -j"$(nproc 2>/dev/null || echo 2)" WERROR=1 "${programs[@]/#/$b/tests/}" >$b/test-logs/later-build.log 2>&1 || {
    tail -n 20 $b/test-logs/later-build.log
    echo "[  FAILED  ] 1 test(s): build"
    failed=1
    finish
}
if tools/tables/shaders.py --later --check; then
    passed=1
    echo "[  PASSED  ] 1 test(s): shaders_later_spv.c"
else
    failed=1
    echo "[  FAILED  ] 1 test(s): shaders_later_spv.c"
fi
tests "${programs[@]}"
finish
