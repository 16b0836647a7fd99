source <(LOGCTL_COMPLETE=zsh logctl)
