#!/usr/bin/env bash
# Every header compiles alone as C; the public ones as C++ too. So do the fuzz targets, which only ./run fuzz builds.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
flags="-D_POSIX_C_SOURCE=200809L -Iinclude -Isrc -fsyntax-only -Wall -Wextra -Werror -Wno-unused-function"
code=0
for header in include/osso/*.h $(find src -name '*.h' | sort); do
    isa= # headers of one instruction set are only read where it is switched on
    case $header in
    *linear_i8_arm* | */cpu/body/*) continue ;; # common bodies: each ISA's file brings what they are written over
    */serve/admit.h | */serve/reply.h) pkg-config --exists libmicrohttpd || continue ;; # the library's own types
    *neon* | *_arm*) if [ "$(uname -m)" != aarch64 ]; then continue; fi ;;
    *avx512*) isa="-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512vbmi -mfma -mf16c" ;;
    *avx2*) isa="-mavx2 -mfma -mf16c" ;;
    esac
    if [ -n "$isa" ] && [ "$(uname -m)" != x86_64 ]; then continue; fi
    printf '#include "%s"\ntypedef int not_empty;\n' "$PWD/$header" |
        ${CC:-cc} -std=c11 $flags $isa -xc - || { echo "$header does not compile alone as C"; code=1; }
done
if command -v "${CXX:-c++}" >/dev/null; then
    for header in include/osso/*.h; do
        printf '#include "%s"\n' "$PWD/$header" |
            ${CXX:-c++} -std=c++11 -Iinclude -fsyntax-only -Wall -Wextra -Werror -xc++ - ||
            { echo "$header does not compile alone as C++"; code=1; }
    done
fi
for target in tests/fuzz/fuzz_*.c; do
    ${CC:-cc} -std=c11 $flags -Itests "$target" || { echo "$target does not compile: ./run fuzz would leave it out"; code=1; }
done
exit $code
