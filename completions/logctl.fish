LOGCTL_COMPLETE=fish logctl | source
