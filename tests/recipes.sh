#!/usr/bin/env bash
# recipes.sh [--arm] [NAME...]: does what docs/adding-a-NAME.md says, all pages or those named, each in a scratch copy of
# the tree and of the build's objects, so that only what a page changes is compiled: patches, builds, checks. A line for
# each page, and one at the end: N passed, N failed.
#
# A page marks by the words after a fence's ```
#
#   diff          a patch, for git apply -p1 from the top of the tree. One line of context, before or after, is
#                 enough, and counts and line numbers may be wrong, so that pages seldom need care. Several are applied in
#                 order. What is too long for a page, or binary, stands beside it in adding-a-NAME.patch and comes first.
#   sh check      commands that must succeed after `make all`, run by bash -euo pipefail from the top of the tree
#   sh check-arm  the same for the ARM build: tests/arm.sh runs these (recipes.sh --arm), after `arm_make build/arm/osso`
#
# Other fences are left alone. Checks can use, beside OSSO_ROOT and OSSO_BIN:
#
#   changes [N]                  what the patches (or the N-th) do to each file: "new PATH" or "PATH +ADDED -TAKEN", one a line
#   notices FILE SED COMMAND...  with FILE edited by this sed script COMMAND must fail (and pass before and after): the check
#                                can tell. COMMAND is one word for bash, or a program and its arguments; it builds what it runs.
#   arm_make TARGET..., emulate CPU PROGRAM...    in check-arm
#
# A page fails without patch or check, when a patch does not apply, when the build warns or fails, when a check fails.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kind=check
variant=${OSSO_VARIANT:-release}
if [ "${1:-}" = --arm ]; then kind=check-arm variant=arm; shift; fi
names=("$@")
root=$PWD work=$PWD/build/recipes
clean=$work/clean tree=$work/tree
passed=0 failed=0
jobs=$(nproc 2>/dev/null || echo 2)
export OSSO_ROOT=$tree OSSO_BIN=$tree/build/$variant/osso RECIPE_PATCHES=$work/page RECIPE_BEFORE=$work/before
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

skip() {
    echo "skip: recipes: $*"
    echo "[  SKIPPED ] 1 test(s)."
    exit 0
}
# What every page begins with: times stay, programs of the tests are left out. A git repository of its own, so that git
# does not take it for a part of this one. What a page changes is compiled in haste: the tree's flags are these from the
# beginning, so that the objects that are there stay.
clean_copy() {
    rm -rf "$work"
    mkdir -p "$clean/build/$variant" || return 1
    local path
    for path in * .[!.]*; do
        case $path in build | .git) ;; *) cp -a --reflink=auto "$path" "$clean/" || return 1 ;; esac
    done
    for path in "build/$variant"/*; do
        case ${path##*/} in tests | test-logs | bench | examples) continue ;; esac
        cp -a --reflink=auto "$path" "$clean/build/$variant/" || return 1
    done
    if [ $kind = check ]; then
        export MAKEFLAGS=HASTE=1
        make -s -C "$clean" VARIANT="$variant" "build/$variant/flags" >/dev/null || return 1
        touch -r "build/$variant/flags" "$clean/build/$variant/flags" || return 1
    fi
    git -C "$clean" init -q
}
scratch() { rm -rf "$tree" && cp -a --reflink=auto "$clean" "$tree"; }
# blocks PAGE: its marked blocks as files in work/page: 1.diff, 2.diff, 3.check, ...
blocks() {
    rm -rf "$work/page"
    mkdir -p "$work/page"
    [ -e "${1%.md}.patch" ] && cp "${1%.md}.patch" "$work/page/0.diff"
    awk -v folder="$work/page" '
        function flush() { if (held != "") print held > file; held = "" }
        /^```/ && inside { if (file) { flush(); close(file) } inside = 0; file = ""; next }
        /^```/ { inside = 1; n++
                 kind = substr($0, 4)
                 if (kind == "diff") file = folder "/" n ".diff"
                 if (kind == "sh check") file = folder "/" n ".check"
                 if (kind == "sh check-arm") file = folder "/" n ".check-arm"
                 next }
        !file { next }
        kind == "diff" && /^diff --git / { headed = 1 }
        # where a file ends is what --recount knows only from a git header
        kind == "diff" && /^--- / { flush(); held = $0; next }
        held != "" && /^\+\+\+ b\// {
                 if (!headed) print "diff --git a/" substr($2, 3) " " $2 > file
                 if (!headed && held == "--- /dev/null") print "new file mode 100644" > file
                 headed = 0 }
        { flush(); print > file }' "$1"
}
in_order() { find "$work/page" -name "*.$1" | sort -V; }
marked() { in_order "$2" | grep -nxF "$1" | cut -d: -f1; } # the how-manieth of its kind

changes() {
    local patch n=0
    for patch in $(find "$RECIPE_PATCHES" -name '*.diff' | sort -V); do
        n=$((n + 1))
        [ -n "${1:-}" ] && [ "$1" != $n ] && continue
        local new
        new=$(git apply --recount --unidiff-zero --summary "$patch" | awk '$1 == "create" {print $4}')
        git apply --recount --unidiff-zero --numstat "$patch" | while IFS=$'\t' read -r added taken path; do
            if grep -qxF -- "$path" <<<"$new"; then echo "new $path"; else echo "$path +$added -$taken"; fi
        done
    done
}
notices() {
    local file=$1 edit=$2 code=0
    shift 2
    run_it() { if [ $# -eq 1 ]; then bash -euo pipefail -c "$1"; else "$@"; fi; }
    run_it "$@" || { echo "notices: fails before anything is broken: $*"; return 1; }
    rm -rf "$RECIPE_BEFORE" && mkdir "$RECIPE_BEFORE" &&
        cp -a --reflink=auto build "$RECIPE_BEFORE/build" && cp -p "$file" "$RECIPE_BEFORE/file" || return 1
    sed -i "$edit" "$file"
    cmp -s "$file" "$RECIPE_BEFORE/file" && { echo "notices: '$edit' changes nothing in $file"; return 1; }
    run_it "$@" && code=1
    rm -rf build && mv "$RECIPE_BEFORE/build" build # with their times: nothing is built again
    cp -p "$RECIPE_BEFORE/file" "$file"
    [ $code -eq 0 ] || { echo "notices: still passes with '$edit' in $file: $*"; return 1; }
    run_it "$@"
}
export -f changes notices

build() {
    if [ $kind = check-arm ]; then arm_make build/arm/osso; else make -j"$jobs" VARIANT="$variant" all; fi
}
# The page's steps, in the scratch tree; where one goes wrong, a sentence on descriptor 3.
follow() {
    local block
    wrong() { echo "$*" >&3; return 1; }
    [ -n "$(in_order diff)" ] || wrong "the page marks no patch" || return
    [ -n "$(in_order check)" ] || wrong "the page marks no check" || return
    for block in $(in_order diff); do
        git apply --recount --unidiff-zero --whitespace=nowarn "$block" ||
            wrong "patch $(marked "$block" diff) of the page does not apply" || return
    done
    build 2>&1 | tee "$work/build.log" || wrong "the build fails" || return
    ! grep -a 'warning:' "$work/build.log" || wrong "the build warns" || return
    for block in $(in_order $kind); do
        bash -xeuo pipefail "$block" || wrong "check $(marked "$block" $kind) of the page fails" || return
    done
}

command -v git >/dev/null || skip "git is not here; it applies the patches"
[ $kind = check-arm ] || make -j"$jobs" VARIANT="$variant" all >&2 || exit 1
trap 'rm -rf "$work"' EXIT
no_copy() { echo "FAIL  recipes: no scratch copy in $work"; echo "[  FAILED  ] 1 test(s)."; exit 1; }
clean_copy || no_copy
for page in docs/adding-a-*.md; do
    name=${page#docs/adding-a-} name=${name%.md} start=$SECONDS
    [ ${#names[@]} -eq 0 ] || [[ " ${names[*]} " == *" $name "* ]] || continue
    blocks "$page"
    [ $kind = check ] || [ -n "$(in_order check-arm)" ] || continue
    scratch || no_copy
    log=$root/build/$variant/test-logs/recipe-$name.log
    mkdir -p "${log%/*}"
    why=$(cd "$tree" && follow 3>&1 >"$log" 2>&1)
    if [ -z "$why" ]; then
        passed=$((passed + 1))
        echo "ok    $name ($((SECONDS - start)) s)"
        echo "[  PASSED  ] 1 test(s)."
    else
        failed=$((failed + 1))
        echo "FAIL  $name: $why ($((SECONDS - start)) s)"
        tail -n 20 "$log" | sed 's/^/      /'
        echo "[  FAILED  ] 1 test(s)."
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && { [ $passed -gt 0 ] || [ $kind = check-arm ]; }
