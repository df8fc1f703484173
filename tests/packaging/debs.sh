#!/usr/bin/env bash
# debs.sh: Debian's packages in a clean root: they install, osso answers a plain user, and removal leaves nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/packaging/root.sh
debs=build/packages root=$PWD/build/root-debs
why=$(why_no_root)
[ -z "$why" ] || { echo "skip: the packages in a clean root: $why"; exit 0; }
fail() { echo "FAIL: $*"; exit 1; }
root_base
root_copy "$root"
trap 'rm -rf --one-file-system "$root"' EXIT
in_root() { inside "$root" "$@"; }
install() { in_root apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" </dev/null; }
# Everything that is there, but for what apt and dpkg write about their own work, and people's homes.
listed() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp -o -path ./home -o -path ./var/log -o -path ./var/cache \
        -o -path ./var/lib/apt -o -path './var/lib/dpkg/*-old' -o -path './run' \) -prune -o -print | sort)
}

mkdir "$root/debs"
cp "$debs"/*.deb "$root/debs"
install update
# What they need first, so that the list before and the list after differ by osso alone.
needs=$(for deb in "$debs"/*.deb; do dpkg-deb -f "$deb" Depends; done | tr ',' '\n' | grep -v libosso | sed 's/^ *//; s/ .*//' | sort -u)
install install $needs
in_root useradd --create-home person
listed >$debs/before
in_root sh -c 'apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install /debs/*.deb' </dev/null
listed >$debs/between
[ "$(comm -13 $debs/before $debs/between | grep -c osso)" -gt 40 ] || fail 'nothing was installed'
person() { in_root su - person -c "$1"; }
said=$(person "osso chat --seed 1 --temp 0 -p 'Who are you?'")
[[ $said = 'I am Osso, the small model'* ]] || fail "osso chat says: $said"
person 'osso --version' | grep "^osso $(make -s show-VERSION)\$" >/dev/null || fail 'another version'
[ "$(person 'osso __complete completion b')" = "bash$(printf '\t')" ] || fail 'nothing is completed'
said=$(person 'osso pull gpt-oss-20b' 2>&1) && fail 'a pull without libcurl'
[[ $said = *libcurl4* ]] || fail "without the recommended library pull says: $said"
in_root ldconfig -p | grep libosso.so >/dev/null || fail 'the loader does not know the library'
for page in osso osso-chat osso-data-show; do
    in_root gzip -dc "/usr/share/man/man1/$page.1.gz" | sed -n 1p | grep '^\.TH OSSO' >/dev/null || fail "the page $page"
done
install purge osso libosso0 libosso-dev
listed >$debs/after
diff $debs/before $debs/after >$debs/left || { cat $debs/left; fail 'this is left, or gone'; }
[ -z "$(in_root dpkg -l 'osso*' 'libosso*' 2>/dev/null | grep '^.[^n] ' | grep osso)" ] || fail 'dpkg still knows it'
echo "debs: installed, answered, removed ($(comm -13 $debs/before $debs/between | wc -l) paths)"
