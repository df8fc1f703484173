#!/usr/bin/env bash
# deb.sh [FOLDER]: makes Debian's packages osso (with the model that ships with it), libosso0 and libosso-dev, in
# build/packages or FOLDER. It needs what builds osso, and dpkg; no network, no other tool. The same commit, compiler and
# libraries give the same bytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 022
. packaging/common.sh
version=$version-1
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date -u -d "$day" +%s)} TZ=UTC LC_ALL=C
arch=$(dpkg --print-architecture) triplet=$(${CC:-cc} -print-multiarch)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

# wants SONAME...: the packages that bring these libraries, as their own .shlibs say: "libc6 (>= 2.36), libedit2 (>= 2.11)"
wants() {
    local name
    for name in "$@"; do
        case $name in
        *-[0-9]*.so) name="${name%-*} ${name##*-}" && name=${name%.so} ;; # libfoo-1.so
        *) name="${name%%.so.*} ${name##*.so.}" ;;
        esac
        # Those of this machine's kind first: libc6-i386 brings a libc too, and so do cross compilers.
        awk -v want="$name" '$1 " " $2 == want { $1 = $2 = ""; sub(/^ */, ""); print; found = 1; exit } END { exit !found }' \
            /var/lib/dpkg/info/*:"$arch".shlibs /var/lib/dpkg/info/*.shlibs || { echo "deb.sh: no package here says that it brings $name" >&2; return 1; }
    done | sort -u | paste -sd, | sed 's/,/, /g'
}
needed() { readelf -d "$@" | sed -n 's/.*(NEEDED).*\[\(lib.*\)\]/\1/p' | sort -u; }

# opened FILE...: libraries that are opened only when something is fetched
opened() { grep -haoE 'lib(curl|crypto)\.so\.[0-9.]+' "$@" | sort -u || true; }
# libraries_of FILE: what its package depends on and recommends
libraries_of() {
    depends=$(wants $(needed "$1")) || exit 1
    recommends=$(wants $(opened "$1")) || exit 1
}
# field NAME VALUE: a line of control, unless it would say nothing
field() { [ -z "$2" ] || echo "$1: $2"; }

# take PACKAGE PATH...: moves what was installed into the package's own tree
take() {
    local package=$1 path
    shift
    for path in "$@"; do
        mkdir -p "$stage/$package/$(dirname "$path")"
        mv "$stage/all/$path" "$stage/$package/$path"
    done
}

# pack PACKAGE: documents, control files (control itself is on standard input), and the .deb of its tree
pack() {
    local package=$1 root=$stage/$1
    mkdir -p "$root/DEBIAN" "$root/usr/share/doc/$package"
    cat >"$root/usr/share/doc/$package/copyright" <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: osso

Files: *
Copyright: ${day%%-*} the authors of osso
License: Apache-2.0
 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.
END
    gzip -9n >"$root/usr/share/doc/$package/changelog.Debian.gz" <<END
osso ($version) unstable; urgency=medium

  * Version ${version%-*}.

 -- $maintainer  $(date -u -d "@$SOURCE_DATE_EPOCH" -R)
END
    (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    {
        cat
        echo "Source: osso"
        echo "Version: $version"
        echo "Architecture: $arch"
        echo "Maintainer: $maintainer"
        echo "Installed-Size: $(du -k -s --apparent-size --exclude=DEBIAN "$root" | cut -f1)"
    } >"$root/DEBIAN/control"
    # One order of what is the same everywhere: owners by dpkg-deb, modes here, times by SOURCE_DATE_EPOCH.
    find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    chmod -R u=rwX,go=rX "$root"
    dpkg-deb --root-owner-group -Zxz --build "$root" "$out/${package}_${version}_$arch.deb"
}

make -s -j"$(nproc)" install DESTDIR="$stage/all" PREFIX=/usr LIBDIR="/usr/lib/$triplet" ZSHDIR=/usr/share/zsh/vendor-completions >&2
mkdir -p "$out"
rm -f "$out"/{osso,libosso0,libosso-dev}_*.deb
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$stage/all/usr/bin/osso" "$stage/all/usr/lib/$triplet/libosso.so.$soversion"
strip --strip-debug --enable-deterministic-archives "$stage/all/usr/lib/$triplet/libosso.a"
chmod 644 "$stage/all/usr/lib/$triplet/libosso.so.$soversion"
gzip -9n "$stage"/all/usr/share/man/man1/*.1
take "libosso$soversion" "usr/lib/$triplet/libosso.so.$soversion"
take libosso-dev usr/include "usr/lib/$triplet"
find "$stage/all" -type d -empty -delete
mv "$stage/all" "$stage/osso"

library=$stage/libosso$soversion
mkdir "$library/DEBIAN"
echo "libosso $soversion libosso$soversion (>= ${version%-*})" >"$library/DEBIAN/shlibs"
echo 'activate-noawait ldconfig' >"$library/DEBIAN/triggers"
libraries_of "$library"/usr/lib/*/*.so.*
pack "libosso$soversion" <<END
Package: libosso$soversion
Section: libs
Priority: optional
Depends: $depends
$(field Recommends "$recommends")
Description: gpt-oss language models on your own machine - shared library
 libosso loads, runs, converts, trains and evaluates OpenAI's open-weight
 mixture-of-experts models gpt-oss-20b and gpt-oss-120b, and every model of that
 architecture, on the CPU.
 .
 This package has the library that programs written over it need.
END
pack libosso-dev <<END
Package: libosso-dev
Section: libdevel
Priority: optional
Depends: libosso$soversion (= $version)
Description: gpt-oss language models on your own machine - development files
 libosso loads, runs, converts, trains and evaluates OpenAI's open-weight
 mixture-of-experts models gpt-oss-20b and gpt-oss-120b, and every model of that
 architecture, on the CPU.
 .
 This package has the headers, which are the library's manual, the static
 library and the file for pkg-config.
END
libraries_of "$stage/osso/usr/bin/osso"
pack osso <<END
Package: osso
Section: science
Priority: optional
Depends: $depends
$(field Recommends "$recommends")
Suggests: bash-completion
Description: gpt-oss language models on your own machine
 osso fetches, runs, serves, converts, quantizes, trains and evaluates OpenAI's
 open-weight mixture-of-experts models gpt-oss-20b and gpt-oss-120b, and every
 model of that architecture, on the CPU.
 .
 A small model comes with it, so that "osso chat" answers at once.
END
