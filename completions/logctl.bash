source <(LOGCTL_COMPLETE=bash logctl)
