#!/usr/bin/env bash
# all.sh [NAME...]: ready clients against the built server (test_*.py here, or those whose name contains a NAME). Their exact versions
# come from package-lock.json and requirements.txt and are put under build/compat/, once for each version of these files.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
home=build/compat
mkdir -p "$home"
export OSSO_ROOT=$PWD OSSO_BIN=$PWD/build/release/osso
for name in $(compgen -e OSSO_); do
    case $name in OSSO_ROOT | OSSO_BIN) ;; *) unset "$name" ;; esac
done

# made WHAT FILE...: is WHAT there, made from these very files?
made() { [ "$(cat "$home/$1.made-from" 2>/dev/null)" = "$(cat "${@:2}" | sha256sum)" ]; }
remember() { cat "${@:2}" | sha256sum >"$home/$1.made-from"; }

# wanted NAME: is this test asked for?
words=("$@")
wanted() {
    local word
    for word in "${words[@]-}"; do [[ $1 != *"$word"* ]] || return 0; done
    return 1
}

# Node's clients, hundreds of megabytes, only for those that use them.
if { wanted test_node || wanted test_codex; } && ! made node "$here/package.json" "$here/package-lock.json"; then
    command -v node >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || {
        echo "compat: these tests need Node 20 or newer, with npm" >&2
        exit 1
    }
    echo "compat: installing the Node clients into $home (about 600 MB, most of it Codex)" >&2
    cp "$here/package.json" "$here/package-lock.json" "$home/"
    (cd "$home" && npm ci --no-audit --no-fund --loglevel error >&2)
    remember node "$here/package.json" "$here/package-lock.json"
fi
if ! made venv "$here/requirements.txt"; then
    echo "compat: installing the Python clients into $home/venv" >&2
    python3 -m venv --clear "$home/venv" >&2
    "$home/venv/bin/pip" install -q --disable-pip-version-check --no-deps -r "$here/requirements.txt" >&2
    remember venv "$here/requirements.txt"
fi

passed=0 failed=0 skipped=0
number() { grep -aoE "^\[  $1 *\] [0-9]+" <<<"$2" | grep -oE '[0-9]+$' | tail -n 1 | grep . || echo 0; }
for test in "$here"/test_*.py; do
    name=$(basename "$test" .py) code=0 start=$SECONDS
    wanted "$name" || continue
    text=$(timeout 600 "$home/venv/bin/python" "$test" 2>&1) || code=$?
    p=$(number PASSED "$text") f=$(number FAILED "$text") s=$(number SKIPPED "$text")
    [ $code -ne 0 ] && [ "$f" -eq 0 ] && f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    if [ "$f" -eq 0 ]; then echo "ok    compat/$name: $p passed ($((SECONDS - start)) s)"; else
        echo "FAIL  compat/$name: $p passed, $f failed ($((SECONDS - start)) s)"
        tail -n 60 <<<"$text" | sed 's/^/      /'
    fi
    grep -a '^skip' <<<"$text" | sed 's/^/      /' || true
done
[ $skipped -gt 0 ] && echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
