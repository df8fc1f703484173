# root.sh, to be sourced: clean Debian roots to try packages in. Needs root, and debootstrap once; what is made is kept in
# build/clean-root, and every try has a copy of its own.
base=${OSSO_CLEAN_ROOT:-$PWD/build/clean-root}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

# why_no_root: what is missing here, or nothing
why_no_root() {
    if [ "$(id -u)" -ne 0 ]; then echo 'only root can enter a root of its own'
    elif ! unshare --mount true 2>/dev/null; then echo 'this machine lets nobody mount'
    elif [ ! -e "$base/.made" ] && ! command -v debootstrap >/dev/null; then echo 'debootstrap is not installed'
    fi
}

# root_base: Debian's smallest system, of the release that this machine has: the libraries are those that were built with
root_base() {
    [ -e "$base/.made" ] && return 0
    local suite
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
    rm -rf "$base.part"
    debootstrap --variant=minbase "$suite" "$base.part" "$mirror" || return 1
    touch "$base.part/.made"
    mv "$base.part" "$base"
}

# root_copy FOLDER: a new one there
root_copy() {
    rm -rf --one-file-system "$1"
    cp -a --one-file-system "$base" "$1"
    rm "$1/.made"
    cp -L /etc/resolv.conf "$1/etc/resolv.conf"
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d" # no service is started
    chmod +x "$1/usr/sbin/policy-rc.d"
}

# inside FOLDER COMMAND...: in that root, with a /proc that is gone afterwards
inside() {
    local root=$1
    shift
    unshare --mount --propagation private sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
