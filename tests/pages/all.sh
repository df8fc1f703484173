#!/usr/bin/env bash
# all.sh: the pages of osso inspect --report of the bundled model, opened in Chromium: look.py says what must be so. Playwright and axe-core
# are put under build/pages; the browser is the system's (Debian: chromium, or CHROMIUM=PATH). Screenshots stay in build/pages/out.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
home=build/pages
out=$home/out
osso=build/release/osso
mkdir -p "$out"
[ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null || { echo "pages: no Chromium here (Debian: chromium), nor CHROMIUM=PATH" >&2; exit 1; }
[ -f "$home/node_modules/axe-core/axe.min.js" ] || npm install --prefix "$home" --no-audit --no-fund --loglevel error axe-core@4 >&2
[ -x "$home/venv/bin/python" ] || python3 -m venv "$home/venv" >&2
"$home/venv/bin/python" -c 'import playwright' 2>/dev/null || "$home/venv/bin/pip" install -q --disable-pip-version-check playwright >&2

text="Once upon a time there was a little girl named Lily. She loved to play outside."
bad=$'<img src=x onerror="alert(1)"> \u202e</script><script>alert(2)</script>\xff'
printf '%s' "$bad" | iconv -c -f utf-8 -t utf-8 >"$out/bad.txt"
$osso inspect lens "$text" --report "$out/lens.html" >/dev/null
$osso inspect lens -f "$out/bad.txt" --component head --layers 0-1 --report "$out/lens-hostile.html" >/dev/null
$osso inspect residual "$text" --positions 3,-1 --report "$out/residual.html" >/dev/null
$osso inspect attention "$text" --patterns --report "$out/attention.html" >/dev/null
$osso inspect experts -f "$out/bad.txt" --effect --report "$out/experts.html" >/dev/null
$osso inspect patch --clean "Lily was happy. She" --corrupted "Lily was sad. She" --answer " smiled" --wrong " cried" --component z \
    --report "$out/patch.html" >/dev/null
pages=("$out"/*.html)
[ $# -eq 0 ] || pages=("$@")
AXE=$home/node_modules/axe-core/axe.min.js exec "$home/venv/bin/python" "$here/look.py" "${pages[@]}"
