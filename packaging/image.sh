#!/bin/sh
# image.sh build FOLDER: installs what builds osso (Debian packages), builds this source and installs it below FOLDER
# image.sh finish: installs what osso needs to run, beside what `build` has made, and makes the person that runs it
# The steps of the Dockerfile; they need nothing but a Debian root and its archive.
set -eu
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
apt() { apt-get -o Dpkg::Use-Pty=0 -qq --yes --no-install-recommends "$@" </dev/null >&2; }
case ${1:-} in
build)
    apt update
    apt install gcc libc6-dev make pkg-config libedit-dev libmicrohttpd-dev libyaml-dev libsqlite3-dev libcurl4-openssl-dev libssl-dev libvulkan-dev
    make -s -j"$(nproc)" install DESTDIR="${2:?a folder}"
    ;;
finish)
    apt update
    apt install ca-certificates libedit2 libmicrohttpd12 libyaml-0-2 libsqlite3-0 libcurl4 libssl3
    rm -rf /var/lib/apt/lists/*
    ldconfig
    # A number of its own: who mounts a folder can give it to 1000, as the first person of most machines has it.
    useradd --create-home --uid 1000 --shell /usr/sbin/nologin osso
    install -d -o osso -g osso /models
    ;;
*)
    echo 'usage: image.sh build FOLDER | finish' >&2
    exit 2
    ;;
esac
