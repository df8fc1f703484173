# common.sh [FOLDER], to be sourced: where packages are made, of what version, and who maintains them.
out=${1:-build/packages}
{ read -r version && read -r day && read -r soversion; } < <(make -s show-VERSION show-RELEASED show-SOVERSION)
maintainer="${DEBFULLNAME:-osso maintainers} <${DEBEMAIL:-osso@example.org}>"
