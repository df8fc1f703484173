#!/usr/bin/env bash
# Every header compiles alone as C; the public ones as C++ too.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
flags="-D_POSIX_C_SOURCE=200809L -Iinclude -Isrc -Ibuild/release/gen -fsyntax-only -Wall -Wextra -Werror -Wno-pragma-once-outside-header -Wno-unused-function"
jansson=$(pkg-config --cflags jansson)
code=0
for header in include/osso/*.h $(find src -name '*.h' | sort); do
    printf '#include "%s"\ntypedef int not_empty;\n' "$PWD/$header" |
        ${CC:-cc} -std=c11 $flags $jansson -xc - || { echo "$header does not compile alone as C"; code=1; }
done
if command -v "${CXX:-c++}" >/dev/null; then
    for header in include/osso/*.h; do
        printf '#include "%s"\n' "$PWD/$header" |
            ${CXX:-c++} -std=c++11 -Iinclude -fsyntax-only -Wall -Wextra -Werror -xc++ - ||
            { echo "$header does not compile alone as C++"; code=1; }
    done
fi
exit $code
