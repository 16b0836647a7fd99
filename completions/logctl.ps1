$env:LOGCTL_COMPLETE = "powershell"; logctl | Out-String | Invoke-Expression; Remove-Item Env:\LOGCTL_COMPLETE
