#!/bin/sh
# printed.sh OSSO FILE...: has the program write the files that it prints, each known by its name: osso.1, osso-data-show.1,
# and the completions osso, _osso and osso.fish.
set -eu
osso=$1
shift
if ! "$osso" --version >/dev/null 2>&1; then
    echo 'note: this osso does not run here, so it cannot write its manual pages and completions'
    exit 0
fi
for file in "$@"; do
    name=${file##*/}
    case $name in
    osso.1) what=man ;;
    osso-*.1) what="man $(echo "${name%.1}" | sed -e 's/^osso-//' -e 's/-/ /')" ;;
    osso) what='completion bash' ;;
    _osso) what='completion zsh' ;;
    osso.fish) what='completion fish' ;;
    *) echo "printed.sh: what is in $file?" >&2; exit 1 ;;
    esac
    mkdir -p "${file%/*}"
    "$osso" $what >"$file"
    chmod 644 "$file"
done
