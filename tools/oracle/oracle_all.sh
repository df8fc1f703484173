#!/usr/bin/env bash
# oracle_all.sh [options of oracle.py]: makes the virtual environment of the oracles (oracle_venv.sh) and checks the built
# osso against all of them on fresh random cases.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
venv=build/oracle
tools/oracle/oracle_venv.sh
export TIKTOKEN_ENCODINGS_BASE=$PWD/$venv/encodings
mkdir -p "$TIKTOKEN_ENCODINGS_BASE"
python=$venv/bin/python code=0
[ -s "$TIKTOKEN_ENCODINGS_BASE/o200k_base.tiktoken" ] || "$python" tools/oracle/oracle_ranks.py "$TIKTOKEN_ENCODINGS_BASE/o200k_base.tiktoken"
"$python" tools/oracle/oracle_text.py --ranks "$TIKTOKEN_ENCODINGS_BASE/o200k_base.tiktoken" --strings 100000 --speed || code=1
"$python" tools/oracle/oracle_harmony.py -n 10000 --seed "$RANDOM" || code=1
"$python" tools/oracle/oracle_train.py || code=1
"$python" tools/oracle/oracle_train.py 4 --dtype bf16 || code=1
"$python" tools/oracle/oracle_train.py 1 --preset base || code=1
"$python" tools/oracle/oracle_train.py 2 --steps 100 || code=1
"$python" tools/oracle/oracle_train_verbs.py || code=1
"$python" tools/oracle/oracle_plain.py || code=1
"$python" tools/oracle/oracle_data.py --seed "$RANDOM" || code=1
"$python" tools/oracle/oracle_tokenizer.py docs/*.md tests/e2e/*.py || code=1
"$python" tools/oracle/oracle.py "$@" || code=1
"$python" tools/oracle/oracle_forms.py || code=1
"$python" tools/oracle/oracle_inspect.py --seed "$RANDOM" || code=1
"$python" tools/oracle/oracle_steer.py || code=1
"$python" tools/oracle/oracle_convert.py || code=1
"$python" tools/oracle/oracle_owners.py || code=1
exit $code
