#!/usr/bin/env bash
# What ./run packages makes, as far as a moment shows it: manual pages, and the recipes by their own readers. Readers that
# are not installed are skipped by name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
osso=${OSSO_BIN:-build/release/osso}
fail() { echo "$*"; exit 1; }
has() { command -v "$1" >/dev/null || { echo "skip: $2: $1 is not installed (Debian: $3)"; return 1; }; }

{ read -r version && read -r verbs; } < <(make -s show-VERSION show-VERBS)
[ "$(wc -w <<<"$verbs")" -eq "$(grep -cE '^VERB2?\(' src/cli/verbs.def)" ] || fail "the Makefile's verbs: $verbs"
# shellcheck disable=SC2086
tools/printed.sh "$osso" "$where/osso.1" $(printf "$where/osso-%s.1 " $verbs)
if has mandoc 'the manual pages' mandoc; then
    said=$(mandoc -Tlint -W warning "$where"/*.1) || fail "$said"
    [ -z "$said" ] || fail "$said"
fi
for page in "$where"/*.1; do
    name=${page##*/}
    grep -q "^${name%.1} .- " <(sed 's/\\-/-/g; s/ - / .- /' "$page") || fail "$name does not begin with its name"
done

DEBFULLNAME='A & B' DEBEMAIL=a@b.example OSSO_HOMEPAGE='https://b.example/?a&b|c' packaging/fill.sh "$where" 2>"$where/said" || fail "$(cat "$where/said")"
grep -q "^\* .* A & B <a@b.example> - $version-1\$" "$where/osso.spec" && grep -qF 'homepage "https://b.example/?a&b|c"' "$where/osso.rb" || fail 'who maintains it, and where'
archive=$where/osso-$version.tar.gz
grep -q "\"$version\"" "$where/osso.rb" && grep -q "$(sha256sum "$archive" | cut -d' ' -f1)" "$where/osso.rb" || fail 'the formula is of another archive'
tar -tzf "$archive" >"$where/names" && grep -qx "osso-$version/src/cli/verbs.def" "$where/names" && grep -qx "osso-$version/osso.spec" "$where/names" || fail 'the archive'
if has ruby 'the formula' ruby; then ruby -c "$where/osso.rb" >/dev/null || fail 'the formula is no Ruby'; fi
if has rpmspec 'the spec' rpm; then
    said=$(rpmspec -P "$where/osso.spec" 2>&1) || fail "$said"
    [ "$(rpmspec -q --qf '%{name} %{version}\n' "$where/osso.spec")" = "osso $version
osso-libs $version
osso-devel $version" ] || fail 'the spec has other packages'
fi
for script in packaging/*.sh; do bash -n "$script"; done
sh -n packaging/image.sh
echo packaging
