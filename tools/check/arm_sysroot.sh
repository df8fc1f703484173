#!/usr/bin/env bash
# arm_sysroot.sh DIR: the ARM build of cmocka, unpacked into DIR, from the package sources that this machine
# uses. Needs no root and changes nothing outside DIR: apt gets lists and a state of its own. Says why when it cannot.
set -euo pipefail
dir=$1
[ -e "$dir/complete" ] && exit 0
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "no apt-get and dpkg-deb here"; exit 1; }
rm -rf "$dir"
mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/apt/debs"
apt=$(cd "$dir/apt" && pwd)
options=(-qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists="$apt/lists"
    -o Dir::State::status=/dev/null -o Dir::Cache="$apt/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root)
apt-get "${options[@]}" update >"$apt/log" 2>&1 || { echo "apt-get update for arm64: $(tail -n 1 "$apt/log")"; exit 1; }
cd "$apt/debs"
apt-get "${options[@]}" download libcmocka0 libcmocka-dev >"$apt/log" 2>&1 ||
    { echo "ARM packages: $(tail -n 1 "$apt/log")"; exit 1; }
cd - >/dev/null
for deb in "$apt"/debs/*.deb; do dpkg-deb -x "$deb" "$dir"; done
rm -rf "$apt"
touch "$dir/complete"
