#!/usr/bin/env bash
# make_bundled.sh [DOCUMENTS [FLAG...]]: makes the bundled model from nothing, in build/bundled: text, tokenizer, run, export. Run it
# in the root of the repository; DOCUMENTS is the folder of plain texts (models/recipe/corpus.py names them), without which, or with
# "", there are none and the numbers of the run differ. FLAGs go to osso train. OSSO is the program [build/osso], TOKENS how much text.
set -euo pipefail
osso=${OSSO:-build/osso} out=build/bundled documents=${1:-}
shift $(($# > 0))
[ -s "$out/tokenizer.txt.words" ] || python3 models/recipe/make_data.py "$out" ${TOKENS:+--tokens "$TOKENS"} ${documents:+--documents "$documents"}
[ -s "$out/last/world.jsonl" ] || python3 models/recipe/make_data.py "$out/last" --seed 1 --tokens "${LAST_TOKENS:-11.8e6}" --last
[ -s "$out/wider/world.jsonl" ] || python3 models/recipe/make_data.py "$out/wider" --seed 2 --tokens "${WIDER_TOKENS:-6.6e6}" --last --wider
[ -s "$out/final/world.jsonl" ] || python3 models/recipe/make_data.py "$out/final" --seed 3 --tokens "${FINAL_TOKENS:-16.6e6}" --last --wider --final
[ -s "$out/drills.jsonl" ] || python3 models/recipe/make_drills.py "$out/tokenizer.txt.words" "$out/drills.jsonl"
[ -s "$out/tok/tokenizer.json" ] || "$osso" tokenizer train -o "$out/tok" --vocab-size 4096 --digits 1 "$out/tokenizer.txt"
python3 models/recipe/tokenizer_text.py "$out/tok/tokenizer.json" "$out/tokenizer.txt.words"

# stretch STEP TEXT DRILLS DOCUMENTS [FLAG...]: on to this step; drills and plain texts so many times in an epoch of TEXT.
stretch() {
    local texts=(--data "$out/$2" --data "$out/drills.jsonl:none:$3")
    [ -z "$documents" ] || texts+=(--data "$out/documents.txt:marker:$4")
    "$osso" train --config models/recipe/bundled.yaml --resume --stop-at "$1" "${texts[@]}" "${@:5}"
}
stretch 1500 world.jsonl 30 3 "$@"  # half of what is read: heads that copy come first, so that what follows is learned by models that can
stretch 7000 world.jsonl 3 3 "$@"
stretch 10000 last/world.jsonl 0.25 0.35 "$@"  # while the rate falls: more of what is hard
stretch 11500 wider/world.jsonl 0.15 0.25 --steps 11500 --decay-steps 1500 --lr 6e-4 "$@"  # functions that are harder to tell apart
stretch 15300 final/world.jsonl 0.35 0.6 --steps 15300 --decay-steps 2100 --lr 1e-3 "$@"  # many ways to ask, whole plans as thoughts
python3 models/recipe/export_bundled.py "$out/run/latest" -o "$out/model" --osso "$osso"
