#!/usr/bin/env bash
# later_debian.sh DIR: what Debian 12 has only in older versions, unpacked into DIR from Debian's testing on the server
# that this machine's own packages come from: glslc and spirv-tools, which know cooperative matrices; SPIRV-Cross, which
# knows dots of four int8; Mesa, whose driver on the CPU has matrices. Needs no root and changes nothing outside DIR: apt
# gets lists and a state of its own. 80 MB are fetched. Says why when it cannot. Programs there need their own libraries:
#   later_debian.sh DIR PROGRAM ARGUMENTS...  runs one of them, or one of this machine's with Mesa's driver from DIR.
set -euo pipefail
dir=$1
shift
libs=$dir/usr/lib/$(uname -m)-linux-gnu
if [ $# -gt 0 ]; then
    program=$1
    shift
    [ ! -e "$dir/usr/bin/$program" ] || program=$dir/usr/bin/$program
    loader=$(find "$libs" -name 'ld-linux-*.so.*' | head -n 1)
    icd=$(find "$dir/usr/share/vulkan/icd.d" -name 'lvp_icd*.json' | head -n 1)
    export VK_DRIVER_FILES=$icd VK_ICD_FILENAMES=$icd
    exec "$loader" --library-path "$libs:/usr/lib/$(uname -m)-linux-gnu:/usr/local/lib" "$program" "$@"
fi
[ -e "$dir/complete" ] && exit 0
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "no apt-get and dpkg-deb here"; exit 1; }
archive=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(CODENAME)' 2>/dev/null | awk '$1 == "Debian" && $3 !~ /-/ {print $2; exit}')
key=/usr/share/keyrings/debian-archive-keyring.gpg
[ -n "$archive" ] && [ -e "$key" ] || { echo "this machine's packages are not Debian's"; exit 1; }
rm -rf "$dir"
mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/apt/debs/partial"
apt=$(cd "$dir/apt" && pwd)
echo "deb [signed-by=$key] $archive testing main" >"$apt/sources.list"
options=(-qq -y -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$apt/lists"
    -o Dir::State::status=/dev/null -o Dir::Cache="$apt/cache" -o Dir::Cache::archives="$apt/debs" -o Acquire::Languages=none
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o APT::Sandbox::User=root -o APT::Install-Recommends=false
    -o Debug::NoLocking=1)
apt-get "${options[@]}" update >"$apt/log" 2>&1 || { echo "apt-get update for Debian testing: $(tail -n 1 "$apt/log")"; exit 1; }
apt-get "${options[@]}" --download-only install glslc spirv-tools spirv-cross mesa-vulkan-drivers libvulkan1 >"$apt/log" 2>&1 ||
    { echo "packages of Debian testing: $(tail -n 1 "$apt/log")"; exit 1; }
for deb in "$apt"/debs/*.deb; do dpkg-deb -x "$deb" "$dir"; done
# The driver's file says where it lies when it is installed.
sed -i "s|\"library_path\": *\"[^\"]*/\([^/\"]*\)\"|\"library_path\": \"$(cd "$libs" && pwd)/\1\"|" "$dir"/usr/share/vulkan/icd.d/lvp_icd*.json
rm -rf "$apt"
touch "$dir/complete"
