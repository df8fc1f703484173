#compdef osso
# osso: what Tab completes in zsh (osso completion zsh). What may stand on the line is the program's to say.
_osso() {
    local program=${(Q)words[1]} line
    local -a found
    [[ $program != \~/* ]] || program=$HOME${program#\~}
    for line in ${(f)"$($program __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)"}; do
        case $line in
        :files | :folders)
            [[ $PREFIX != --*=* ]] || compset -P '*='
            if [[ $line == :files ]]; then _files; else _files -/; fi
            return
            ;;
        *) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
        esac
    done
    (( $#found )) && _describe -t words osso found
}
# Installed, this file is the function's body; sourced, it names the function.
if [[ $funcstack[1] == _osso ]]; then _osso "$@"; else compdef _osso osso; fi
