# counting.sh: sourced by arm.sh and x86.sh: what their programs say, in cmocka's words, adds up to one closing line.
passed=0 failed=0

finish() {
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ] && [ $passed -gt 0 ]
    exit
}
# counted NAME LOG CODE START: a cmocka program has run; its numbers count, and its words when it failed
counted() {
    local name=$1 log=$2 code=$3 start=$4 p f
    p=$(grep -aoE '^\[  PASSED  \] [0-9]+' "$log" | awk '{n += $4} END {print n + 0}')
    f=$(grep -aoE '^\[  FAILED  \] [0-9]+' "$log" | awk '{n += $4} END {print n + 0}')
    [ "$code" -ne 0 ] && [ "$f" -eq 0 ] && f=1
    passed=$((passed + p)) failed=$((failed + f))
    echo "$([ "$f" -eq 0 ] && echo ok || echo FAIL)    $name ($((SECONDS - start)) s)"
    [ "$p" -gt 0 ] && echo "[  PASSED  ] $p test(s)."
    if [ "$f" -gt 0 ]; then
        echo "[  FAILED  ] $f test(s)."
        grep -av '^\[  [PF]A' "$log" | tail -n 30 | sed 's/^/      /'
    fi
}
