#!/usr/bin/env bash
# oracle_venv.sh: makes the virtual environment of the oracles, build/oracle (once for each requirements file).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
venv=build/oracle
wanted=$(sha256sum <tools/oracle/oracle_requirements.txt)
if [ "$(cat "$venv/made-from" 2>/dev/null)" != "$wanted" ]; then
    echo "run: installing the oracles into $venv" >&2
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install -q "$(grep '^torch==' tools/oracle/oracle_requirements.txt)" >&2 # first and alone: see there
    "$venv/bin/pip" install -q -r tools/oracle/oracle_requirements.txt >&2
    echo "$wanted" >"$venv/made-from"
fi
lens=$(sha256sum <tools/oracle/oracle_inspect_requirements.txt)
if [ "$(cat "$venv/lens-from" 2>/dev/null)" != "$lens" ]; then # without it that comparison is left out, and says so
    "$venv/bin/pip" install -q --no-deps -r tools/oracle/oracle_inspect_requirements.txt >&2 && echo "$lens" >"$venv/lens-from"
fi
