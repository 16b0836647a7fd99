#!/usr/bin/env python3
"""Packs the functions' binaries into the archives that Lambda takes.

    package.py BINARIES ARCHIVES

The same binary gives the same archive, byte for byte: its hash tells whether there is anything to deploy.
"""

import pathlib
import sys
import zipfile

FUNCTIONS = ["logs_forwarder", "log_group_created", "domain_access"]


def main(binaries: pathlib.Path, archives: pathlib.Path) -> None:
    archives.mkdir(parents=True, exist_ok=True)
    for name in FUNCTIONS:
        entry = zipfile.ZipInfo("bootstrap", date_time=(2000, 1, 1, 0, 0, 0))
        entry.external_attr = 0o755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        path = archives / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(entry, (binaries / name).read_bytes(), compresslevel=9)
        print(f"{path}  {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
