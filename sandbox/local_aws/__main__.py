"""Starts the local AWS. Its address and folders come from the environment; see `sandbox`."""

from ministack import app

from . import admin, changes, delivery, domains, functions, guard, logs_api, metrics, organization, quotas, stacks, trail

for part in (delivery, metrics, logs_api, functions, changes, stacks, domains, trail, organization, quotas, admin, guard):
    part.install()

if __name__ == "__main__":
    app.main()
