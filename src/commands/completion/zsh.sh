_logctl() {
    local line
    local -a found open
    for line in "${(@f)$(_CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$((CURRENT - 1)) VAR=zsh COMPLETER -- "${words[@]}" 2>/dev/null)}"; do
        case ${line%%:*} in
            '') ;;
            *[=/]) open+=("$line") ;;
            *) found+=("$line") ;;
        esac
    done
    (( $#found )) && _describe -V values found
    (( $#open )) && _describe -V values open -S ''
    return 0
}
_logctl_register() {
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _logctl BIN
    add-zsh-hook -d precmd _logctl_register
}
if (( $+functions[compdef] )); then
    compdef _logctl BIN
else
    autoload -Uz add-zsh-hook && add-zsh-hook precmd _logctl_register
fi
