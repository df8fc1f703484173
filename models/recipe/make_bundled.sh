#!/usr/bin/env bash
# make_bundled.sh [DOCUMENTS]: makes the bundled model again, from nothing: text, tokenizer, run, export. Run it in the root of
# the repository; DOCUMENTS is the folder of plain texts (models/recipe/corpus.py names them), without which there are none and the
# numbers of the run differ. OSSO is the program [build/osso], OUT where all goes [build/bundled], TOKENS how much text.
set -euo pipefail
osso=${OSSO:-build/osso} out=${OUT:-build/bundled} tokens=${TOKENS:-16e6}
documents=${1:+--documents $1}
[ -s "$out/world.jsonl" ] || python3 models/recipe/make_data.py "$out" --tokens "$tokens" $documents
[ -s "$out/tok/tokenizer.json" ] || "$osso" tokenizer train -o "$out/tok" --vocab-size 4096 --digits 1 "$out/tokenizer.txt"
python3 models/recipe/tokenizer_text.py "$out/tok/tokenizer.json" "$out/tokenizer.txt.words"
"$osso" train --config models/recipe/bundled.yaml --resume
python3 models/recipe/export_bundled.py "$out/run/latest" -o "$out/model" --osso "$osso"
