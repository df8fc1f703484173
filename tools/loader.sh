#!/bin/sh
# loader.sh FOLDER [DESTDIR]: after an install or uninstall, has the loader look at FOLDER anew, where it searches there and we
# may; else says what is left to do. LDCONFIG names another program (tests).
folder=$1 destdir=${2:-}
PATH=$PATH:/usr/sbin:/sbin
ldconfig=${LDCONFIG:-ldconfig}
[ -z "$destdir" ] || exit 0 # somebody packs a package: it is not this system's
command -v "$ldconfig" >/dev/null || exit 0
if ! "$ldconfig" -N -X -v 2>/dev/null | grep -q "^$folder:"; then
    echo "note: the loader does not search $folder; programs that use libosso.so need LD_LIBRARY_PATH=$folder, or -Wl,-rpath,$folder"
elif [ "$(id -u)" -ne 0 ]; then
    echo "note: run ldconfig as root, so that the loader sees what has changed in $folder"
else
    "$ldconfig" && echo "ldconfig: done"
fi
