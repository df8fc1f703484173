#!/usr/bin/env bash
# all.sh: makes every package and tries it: Debian's in a clean root, the Dockerfile's steps in another, the recipes of
# Homebrew and RPM by their own readers. What cannot be tried here is skipped and says why. Minutes; ./run packages.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/packaging/root.sh
out=build/packages failed=0 passed=0
check() { # check WHAT COMMAND...
    local what=$1 start=$SECONDS said
    shift
    if said=$("$@" 2>&1); then
        case $(tail -n 1 <<<"$said") in
        skip*) tail -n 1 <<<"$said" ;;
        *) passed=$((passed + 1)); echo "ok    $what ($((SECONDS - start)) s) $(tail -n 1 <<<"$said" | cut -c -100)" ;;
        esac
    else
        failed=$((failed + 1))
        echo "FAIL  $what ($((SECONDS - start)) s)"
        tail -n 30 <<<"$said" | sed 's/^/      /'
    fi
}
same_bytes() { # made twice
    (cd "$out" && sha256sum ./*.deb) >"$out/sums" && packaging/deb.sh && (cd "$out" && sha256sum -c --quiet sums)
}
is_there() { command -v "$1" >/dev/null || { echo "skip: $2: $1 is not installed"; return 1; }; }
lint() { is_there lintian "Debian's own check of packages" || return 0; lintian --allow-root --fail-on error "$out"/*.deb; }
image() {
    local why
    why=$(why_no_root)
    [ -z "$why" ] || { echo "skip: the Dockerfile's steps: $why"; return 0; }
    root_base && python3 tests/packaging/dockerfile.py "$base" packaging/Dockerfile
}
rpm_build() { # all of it, in a folder of its own
    is_there rpmbuild 'a build by RPM' || return 0
    local top=$PWD/build/rpm
    rm -rf "$top" && rpmbuild -ta --nodeps --define "_topdir $top" "$out/osso-$(make -s show-VERSION).tar.gz" >"$out/rpm.log" 2>&1 ||
        { tail -n 30 "$out/rpm.log"; return 1; }
    find "$top" -name '*.rpm' | wc -l | sed 's/$/ packages/'
    rm -rf "$top"
}

if [ "${1:-}" != quick ]; then
    command -v dpkg-deb >/dev/null || { echo "skip: Debian's packages: dpkg-deb is not installed"; exit 0; }
    check "Debian's packages" packaging/deb.sh
    check 'the same once more, the same bytes' same_bytes
    check lintian lint
    check 'in a clean root' tests/packaging/debs.sh
    check "the Dockerfile's steps in a clean root" image
    check 'archive and recipes' packaging/fill.sh
    check 'a build by RPM' rpm_build
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
