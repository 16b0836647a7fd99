"""Types into an interactive shell on a terminal: typed_in_shell.py WAITED_FOR TEXT SHELL…

Types each line of TEXT, and what follows the last one without Enter, and then Tab, a few times. Writes what the terminal showed until
it shows WAITED_FOR, for at most twenty seconds.
"""

import os
import pty
import select
import sys
import time

waited_for, text, *shell = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(shell[0], shell)
shown = b""


def read(until, seconds):
    """Reads until something is shown, or for so long."""
    global shown
    end = time.monotonic() + seconds
    while time.monotonic() < end and until not in shown:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 4096)
            except OSError:  # It has ended.
                return


*lines, last = text.split("\n")
for line in lines:
    read(b"\0", 1)
    os.write(terminal, line.encode() + b"\r")
os.write(terminal, b"echo read''y\r")  # What is typed is shown, too, and is not what it prints.
read(b"ready", 20)
shown = b""
read(b"\0", 0.5)
os.write(terminal, last.encode())
for _ in range(10):  # Who is asked may be slow, and is not waited for.
    os.write(terminal, b"\t")
    read(waited_for.encode(), 2)
sys.stdout.buffer.write(shown)
os.close(terminal)
