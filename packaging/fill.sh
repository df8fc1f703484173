#!/usr/bin/env bash
# fill.sh [FOLDER]: osso-VERSION.tar.gz of the commit that is checked out, and the recipes that are made of it: osso.rb for
# Homebrew (brew install --build-from-source ./osso.rb), osso.spec for RPM (rpmbuild -ta takes the archive, which holds it).
# In build/packages or FOLDER. OSSO_URL: where the archive will lie; without it the formula names the file here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. packaging/common.sh
mkdir -p "$out"
archive=$(cd "$out" && pwd)/osso-$version.tar.gz
as_it_is() { sed 's/[&|\\]/\\&/g' <<<"$1"; } # for sed to put in
fill() { # fill NAME: packaging/NAME.in without its marks
    sed -e "s|@VERSION@|$version|g" -e "s|@SOVERSION@|$soversion|g" -e "s|@RPMDAY@|$(LC_ALL=C date -u -d "$day" '+%a %b %d %Y')|" \
        -e "s|@URL@|$(as_it_is "${OSSO_URL:-file://$archive}")|" -e "s|@HOMEPAGE@|$(as_it_is "${OSSO_HOMEPAGE:-https://example.org/osso}")|" \
        -e "s|@MAINTAINER@|$(as_it_is "$maintainer")|" -e "s|@SHA256@|${hash:-}|" "packaging/$1.in" >"$out/$1"
    ! grep -n '@[A-Z]*@' "$out/$1" || { echo "fill.sh: nobody fills this mark of $1.in" >&2; exit 1; }
}
fill osso.spec
# git's archive has the commit's own time; with the spec beside the Makefile, rpmbuild -ta finds it.
git archive --format=tar --prefix="osso-$version/" --add-file="$out/osso.spec" HEAD | gzip -9n >"$archive"
hash=$(sha256sum "$archive" | cut -d' ' -f1)
fill osso.rb
