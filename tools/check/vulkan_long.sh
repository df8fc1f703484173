#!/usr/bin/env bash
# vulkan_long.sh: what of the GPU's tests takes too long for every test run: each call of Vulkan fails once; the engine's and
# the taps' tests in full over a device, and where the host sees none of its memory; what only Debian testing's tools and
# driver can (tests/later.sh, 80 MB fetched); then all of it under Khronos's layer (vulkan_layer.sh). Half an hour with Mesa's driver on the CPU. Fails when anything does.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=build/vulkan_long
over=(engine/test_identity engine/test_kv_types engine/test_prefixes engine/test_prefix_pool engine/test_pages engine/test_release
    engine/test_taps engine/test_tap_attention engine/test_session_taps engine/test_enter model/test_golden)
alone=(engine/test_vulkan_failures engine/test_vulkan_beside backend/test_vulkan_kernels backend/test_vulkan_attend backend/test_vulkan_experts)
mkdir -p "$out"
nice make -j"$(nproc 2>/dev/null || echo 2)" "${over[@]/#/build/release/tests/}" "${alone[@]/#/build/release/tests/}" > "$out/make.log" 2>&1 ||
    { tail "$out/make.log" >&2; exit 1; }
export XDG_CACHE_HOME=$PWD/$out/cache OSSO_TEST_ALL=1 OSSO_TEST_FORMATS=1
failed=0 programs=0
one() { # one LABEL PROGRAM: how it ended, in a line
    local log=$out/$1-${2//\//-}.log code=0 start=$SECONDS
    "build/release/tests/$2" > "$log" 2>&1 || code=$?
    programs=$((programs + 1))
    if [ $code -ne 0 ] || grep -aq '^skip' "$log"; then
        echo "FAIL  $1 $2 (exit $code), see $log" >&2
        grep -a '^skip\|ERROR' "$log" | head -5 >&2
        failed=1
    else
        echo "ok    $1 $2 ($((SECONDS - start)) s)"
    fi
}
for program in "${alone[@]}"; do one alone "$program"; done
export OSSO_TEST_BACKEND=vulkan
for which in "${OSSO_TEST_DEVICE:-}" "apart:${OSSO_TEST_DEVICE:-0}"; do
    for program in "${over[@]}"; do OSSO_ISA=$which one "over${which:+-$which}" "$program"; done
    export OSSO_TEST_QUICK=1
done
unset OSSO_TEST_BACKEND OSSO_TEST_QUICK OSSO_TEST_ALL OSSO_TEST_FORMATS
tests/later.sh || failed=1
tools/check/vulkan_layer.sh || failed=1
[ $failed = 0 ] && echo "vulkan_long: $programs runs and the layer's, none fails"
exit $failed
