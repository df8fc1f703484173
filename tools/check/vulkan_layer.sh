#!/usr/bin/env bash
# vulkan_layer.sh: runs the GPU's tests under Khronos's validation layer (Debian: vulkan-validationlayers), with validation
# of synchronization: what is wrong in how Vulkan is used is said there, though a driver may not mind. Fails when a test
# fails, when the layer says anything, and when it is not there. Takes some minutes; OSSO_TEST_DEVICE names a device.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=build/vulkan_layer
programs=(build/release/tests/{backend/test_vulkan_{kernels,attend,experts,words},engine/test_vulkan{,_steps,_host,_beside,_place,_failures}})
# The engine's own tests, over a device as in tests/all.sh.
over=(build/release/tests/{engine/test_{identity,kv_types,prefixes,pages,taps},model/test_golden})
mkdir -p "$out"
nice make -j"$(nproc 2>/dev/null || echo 2)" "${programs[@]}" "${over[@]}" > "$out/make.log" 2>&1 || { tail "$out/make.log" >&2; exit 1; }
cat > "$out/settings.txt" <<'END'
khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG
khronos_validation.report_flags = error,warn,perf,info
khronos_validation.enables = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
END
export VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation VK_LAYER_SETTINGS_PATH=$PWD/$out/settings.txt
failed=0
for program in "${programs[@]}" "${over[@]}"; do
    [ "$program" != "${over[0]}" ] || export OSSO_TEST_BACKEND=kept OSSO_ISA=${OSSO_TEST_DEVICE:-} OSSO_TEST_QUICK=2
    log=$out/$(basename "$program").log
    "$program" > "$log" 2>&1 || { echo "$program: fails under the layer, see $log" >&2; failed=1; }
    # It says of itself that it is there and what it was asked to look at: without that, silence means nothing.
    if ! grep -aq 'Current Enables:.*SYNCHRONIZATION_VALIDATION' "$log"; then
        echo "$program: the layer was not there or had no say (Debian: vulkan-validationlayers, mesa-vulkan-drivers), see $log" >&2
        failed=1
        continue
    fi
    said=$(grep -aE 'Validation (Error|Warning|Performance Warning|Information): \[' "$log" | grep -avi 'createinstance-status-message')
    [ -z "$said" ] || { echo "$program: the layer says, see $log:" >&2; cut -c1-400 <<< "$said" | sort | uniq -c | sort -rn | head -20 >&2; failed=1; }
done
[ $failed = 0 ] && echo "vulkan_layer: $((${#programs[@]} + ${#over[@]})) programs, the validation layer says nothing"
exit $failed
