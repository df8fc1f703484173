#!/usr/bin/env bash
# taps.sh [MODEL [ROUNDS]]: what taps cost that nobody sets, in decoding on one thread, beside a program whose forward pass
# has none (forward.c with OSSO_NO_TAPS). Instructions a token of both, by valgrind's count: two runs of different length each, so
# that start and prompt do not count; exit status 1 if they differ by more than 1 %. Then CPU time: the median of ROUNDS (15; 0:
# none) ratios, each of runs one after the other, whose first changes from round to round; its quartiles say what the machine's
# other work does to it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
model=${1:-models/osso-small} rounds=${2:-15}
make -s build/release/osso >&2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The same program but for one object: its forward.c takes the place of the archive's.
line=$(make -s V=1 -n -W build/release/libosso-inner.a build/release/osso | grep -- '-o build/release/osso ' | tail -1)
compile=$(make -s V=1 -n -W src/model/forward.c build/release/model/forward.o | grep -- '-c src/model/forward.c' | tail -1)
[ -n "$line" ] && [ -n "$compile" ] || { echo "taps.sh: make names no command of build/release/osso" >&2; exit 1; }
eval "${compile/-o build\/release\/model\/forward.o/-DOSSO_NO_TAPS -MF $folder/forward.d -o $folder/forward.o}"
cp build/release/libosso-inner.a "$folder/without.a"
ar r "$folder/without.a" "$folder/forward.o"
line=${line/-o build\/release\/osso /-o "$folder/osso" }
eval "${line/build\/release\/libosso-inner.a/"$folder/without.a"}"
count() { # count PROGRAM TOKENS: instructions
    valgrind --tool=callgrind --callgrind-out-file="$folder/out" "$1" generate -m "$model" -p "Once upon a time" -n "$2" \
        --temp 0 --ignore-eos -t 1 >/dev/null 2>&1
    sed -n 's/^totals: //p' "$folder/out"
}
with=$((($(count build/release/osso 24) - $(count build/release/osso 8)) / 16))
without=$((($(count "$folder/osso" 24) - $(count "$folder/osso" 8)) / 16))
echo "decoding: $with instructions a token, $without without taps"
[ "$rounds" -gt 0 ] || exit $((with > without + without / 100))
python3 - build/release/osso "$folder/osso" "$model" "$rounds" <<'END'
import os, statistics, subprocess, sys
binaries, model, rounds = sys.argv[1:3], sys.argv[3], int(sys.argv[4])
LONG, SHORT = 480, 32
def cpu(binary, n):
    # byte by byte the same answer, whose end is its length
    done = subprocess.Popen([binary, "generate", "-m", model, "-p", "Once upon a time", "-n", str(n), "--temp", "0", "--ignore-eos", "-t", "1"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    text = done.stdout.read()
    _, status, used = os.wait4(done.pid, 0)
    done.returncode = status
    if status:
        sys.exit("taps.sh: osso generate failed")
    return used.ru_utime + used.ru_stime, text
ratios, times = [], [[], []]
for i in range(rounds + 1):
    seconds, texts = [0, 0], [None, None]
    for which in ((0, 1), (1, 0))[i % 2]:
        (a, texts[which]), (b, _) = cpu(binaries[which], LONG), cpu(binaries[which], SHORT)
        seconds[which] = a - b
    if texts[0] != texts[1]:
        sys.exit("taps.sh: the two programs answer differently")
    if i:  # the first round warms up
        ratios.append(seconds[0] / seconds[1])
        for which in (0, 1):
            times[which].append(seconds[which] / (LONG - SHORT))
ratio = statistics.median(ratios)
print("decoding: %.1f us a token of CPU time, %.1f without taps; ratio %.4f (median of %d, quartiles %s)" % (
    *(1e6 * statistics.median(t) for t in times), ratio, rounds, ", ".join("%.4f" % q for q in statistics.quantiles(ratios)[::2])))
END
exit $((with > without + without / 100))
