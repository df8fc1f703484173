#!/usr/bin/env bash
# taps.sh [MODEL]: what taps cost that nobody sets: instructions a token of asking whether somebody looks (valgrind's count
# for src/model/taps.h and the tap functions of forward.c), of all instructions a token. Two runs of different length, so
# that start and prompt do not count.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
model=${1:-models/osso-small}
make -s build/release/osso >&2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

count() { # count TOKENS: "tap instructions, all instructions"
    valgrind --tool=callgrind --callgrind-out-file="$folder/out" build/release/osso bench -m "$model" -p 0 -n "$1" -r 1 -t 1 \
        >/dev/null 2>&1
    callgrind_annotate --threshold=100 --show-percs=no "$folder/out" | python3 -c '
import re, sys
taps = total = 0
for line in sys.stdin:
    found = re.match(r"\s*([\d,]+)\s+(.*)", line)
    if found and "PROGRAM TOTALS" in found[2]:
        total = int(found[1].replace(",", ""))
    elif found and re.search(r"model/taps\.[ch]:|model/forward\.c:tap", found[2]):
        taps += int(found[1].replace(",", ""))
print(taps, total)'
}
read -r short all_short < <(count 8)
read -r long all_long < <(count 24)
echo "taps that nobody sets: $(((long - short) / 16)) instructions a token of $(((all_long - all_short) / 16))"
