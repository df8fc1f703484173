#!/usr/bin/env bash
# format.sh [--check] [FILE...]: formats the C files of src, include, tests and bench (or those named) as .clang-format
# says; --check changes nothing, names the files that would change, and fails when there are any. Versions of clang-format
# differ, so only the pinned one counts; where it is not, the script says so and is content.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
pinned=14
check=
if [ "${1:-}" = --check ]; then check=1; shift; fi
tool=
for name in clang-format-$pinned clang-format; do
    [ -z "$tool" ] && "$name" --version 2>/dev/null | grep -q "version $pinned\." && tool=$name
done
[ -n "$tool" ] || { echo "skip: format: clang-format $pinned is not here (Debian: clang-format-$pinned)"; exit 0; }
# Generated tables keep their own form; so do the int8 kernels: UNROLL between nested loops is more than it understands.
[ $# -gt 0 ] || mapfile -t files < <(git ls-files 'src/*.[ch]' 'include/*.h' 'tests/*.[ch]' 'bench/*.[ch]' | grep -v '/[a-z]*_\?i8_*[a-z0-9_]*\.[ch]$' | xargs grep -L 'made by tools/')
[ $# -eq 0 ] || files=("$@")
if [ -z "$check" ]; then
    "$tool" -i "${files[@]}"
    exit
fi
total=0 touched=0
# Nearly always nothing would change: asked in as many processes as there are CPUs; only then file by file.
if printf '%s\0' "${files[@]}" | xargs -0 -n 16 -P "$(nproc 2>/dev/null || echo 2)" "$tool" --dry-run -Werror >/dev/null 2>&1; then
    echo "format: ${#files[@]} files, none would change"
    exit 0
fi
for file in "${files[@]}"; do
    n=$("$tool" "$file" | diff "$file" - | grep -c '^[<>]')
    [ "$n" -gt 0 ] && { echo "$file: $n lines"; total=$((total + n)) touched=$((touched + 1)); }
done
echo "format: ${#files[@]} files, $touched would change, $total lines of diff"
[ $total -eq 0 ]
