_logctl() {
    local words=("${COMP_WORDS[@]}") line
    [[ ${words[COMP_CWORD]} == [=:] ]] || words[COMP_CWORD]=$2
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(_CLAP_COMPLETE_INDEX=$COMP_CWORD VAR=bash COMPLETER -- "${words[@]}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -gt 0 && ${COMPREPLY[0]} == *[=/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
if [[ ${BASH_VERSINFO[0]} -gt 4 || ${BASH_VERSINFO[0]} -eq 4 && ${BASH_VERSINFO[1]} -ge 4 ]]; then
    complete -o nosort -F _logctl BIN
else
    complete -F _logctl BIN
fi
