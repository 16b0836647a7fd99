eval (E:LOGCTL_COMPLETE=elvish logctl | slurp)
