#!/usr/bin/env bash
# taps.sh [MODEL] [ROUNDS]: what taps cost that nobody sets. Decode speed of the release build and of one without any tap
# code, alternated; prints the median of each and their ratio (1.00: nothing).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
model=${1:-models/osso-small} rounds=${2:-9}
make -s VARIANT=release build/release/osso >&2
make -s VARIANT=notaps build/notaps/osso >&2

speed() { "build/$1/osso" bench -m "$model" -p 0 -n 128 -r 1 -t 1 -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["avg_ts"])'; }
for ((i = 0; i < rounds; i++)); do
    echo "with $(speed release)"
    echo "without $(speed notaps)"
done | python3 -c '
import statistics, sys
v = {"with": [], "without": []}
for line in sys.stdin:
    name, value = line.split()
    v[name].append(float(value))
a, b = statistics.median(v["with"]), statistics.median(v["without"])
print(f"with taps {a:.1f} tok/s, without {b:.1f} tok/s, ratio {a / b:.4f}")'
