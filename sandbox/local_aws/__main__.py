"""Starts the local AWS. Its address and folders come from the environment; see `sandbox`."""

from ministack import app

from . import changes, delivery, domains, functions, guard, logs_api, stacks, trail

for part in (delivery, logs_api, functions, changes, stacks, domains, trail, guard):
    part.install()

if __name__ == "__main__":
    app.main()
