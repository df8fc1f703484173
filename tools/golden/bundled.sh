#!/usr/bin/env bash
# bundled.sh PYTHON: makes anew what the repository says of the bundled model's numbers and words, after models/osso-small has
# changed: goldens of its vectors, evaluations and log-likelihoods, and the answers that README quotes. PYTHON has
# tools/oracle/oracle_requirements.txt and "lm_eval[hf]==0.4.13". What it cannot write (figures in prose) stands in
# models/recipe/README.md, "Swapping the model in".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${1:?the python of tools/oracle/oracle_requirements.txt and lm_eval==0.4.13}
export OSSO_ROOT=$PWD OSSO_BIN=${OSSO_BIN:-$PWD/build/release/osso} HF_HUB_OFFLINE=1
"$python" tools/golden/golden_embed.py         # tests/golden/embed/bundled.json
"$python" tools/golden/golden_eval.py          # tests/golden/eval/golden.json
"$python" tools/golden/golden_loglikelihood.py # tests/compat/loglikelihood.json
UPDATE=1 python3 tests/e2e/test_readme.py test_quoted_answers
git status --short README.md tests models
