# osso: what Tab completes in bash (osso completion bash). What may stand on the line is the program's to say.
_osso() {
    local line=${COMP_LINE:0:COMP_POINT} words=() word gap current kept= i
    # Bash cuts words at ':' and '=' too; what no blank parts is one word to osso.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=${line%%[![:space:]]*}
        line=${line#"$gap"}
        word=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || word=$line
        line=${line#"$word"}
        if [[ -z $gap && $i -gt 0 ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
    done
    local last=$((${#words[@]} - 1))
    ((last > 0)) || return 0
    current=${words[last]#[\"\']}
    # Only what stands behind the last of these is replaced.
    [[ $current != *[:=]* ]] || kept=${current%"${current##*[:=]}"}
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        case $word in
        :files) compopt -o default ;;
        :folders) compopt -o dirnames ;;
        *)
            word=${word#"$kept"}
            [[ $word != *[[:space:]\'\"\$\&\;\|\<\>\(\)\`\*\?\\]* ]] || printf -v word %q "$word"
            COMPREPLY+=("$word")
            ;;
        esac
    done < <("${words[0]/#\~/$HOME}" __complete "${words[@]:1:last - 1}" "$current" 2>/dev/null)
}
complete -F _osso osso
