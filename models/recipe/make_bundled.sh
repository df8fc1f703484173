#!/usr/bin/env bash
# make_bundled.sh [DOCUMENTS [FLAG...]]: makes the bundled model from nothing, in build/bundled: text, tokenizer, run, export. Run it
# in the root of the repository; DOCUMENTS is the folder of plain texts (models/recipe/corpus.py names them), without which, or with
# "", there are none and the numbers of the run differ. FLAGs go to osso train. OSSO is the program [build/osso], TOKENS how much text.
set -euo pipefail
osso=${OSSO:-build/osso} out=build/bundled documents=() plain=()
if [ -n "${1:-}" ]; then documents=(--documents "$1") plain=(--data "$out/documents.txt:marker:3"); fi
shift $(($# > 0))
[ -s "$out/tokenizer.txt.words" ] || python3 models/recipe/make_data.py "$out" ${TOKENS:+--tokens "$TOKENS"} "${documents[@]}"
[ -s "$out/drills.jsonl" ] || python3 models/recipe/make_drills.py "$out/tokenizer.txt.words" "$out/drills.jsonl"
[ -s "$out/tok/tokenizer.json" ] || "$osso" tokenizer train -o "$out/tok" --vocab-size 4096 --digits 1 "$out/tokenizer.txt"
python3 models/recipe/tokenizer_text.py "$out/tok/tokenizer.json" "$out/tokenizer.txt.words"

# stretch STEP WEIGHT [FLAG...]: on to this step, each drill WEIGHT times in an epoch.
stretch() {
    "$osso" train --config models/recipe/bundled.yaml --resume --stop-at "$1" --data "$out/world.jsonl" \
        --data "$out/drills.jsonl:none:$2" "${plain[@]}" "${@:3}"
}
stretch 1500 30 "$@"  # half of what is read: heads that copy come first, so that what follows is learned by models that can
stretch 10000 3 "$@"
python3 models/recipe/export_bundled.py "$out/run/latest" -o "$out/model" --osso "$osso"
