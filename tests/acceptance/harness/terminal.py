"""A command of the binary on a terminal of its own."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading

from harness import client
from harness.router import BINARY


class Terminal:
    def __init__(self, *args, rows=24, columns=120, env=None):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        settings = {**os.environ, "TERM": "xterm-256color", **(env or {})}
        if not (env or {}).get("NO_COLOR"):
            settings.pop("NO_COLOR", None)

        def own_it():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen([BINARY, *args], stdin=theirs, stdout=theirs, stderr=theirs, env=settings,
                                        preexec_fn=own_it)
        os.close(theirs)
        self.ours, self.raw, self.rows = ours, b"", rows
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                piece = os.read(self.ours, 65536)
            except OSError:  # Nobody has the other side any more.
                return
            self.raw += piece

    @property
    def text(self):
        """Everything that was printed."""
        return self.raw.decode(errors="replace")

    def expect(self, pattern, seconds=15, after=0):
        """Waits for a match in what was printed after so many characters; its end, or nothing."""
        found = client.until(lambda: re.search(pattern, self.text[after:], re.S), seconds)
        return found and after + found.end()

    def type(self, text):
        os.write(self.ours, text.encode())

    def screen(self):
        """The lines that are seen now."""
        lines, row, column = [""] * self.rows, 0, 0
        for token in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|.", self.text, re.S):
            if token == "\n":
                row += 1
                if row == self.rows:
                    lines, row = lines[1:] + [""], row - 1
            elif token == "\r":
                column = 0
            elif token == "\x1b[H":
                row = column = 0
            elif token == "\x1b[K":
                lines[row] = lines[row][:column]
            elif token in ("\x1b[J", "\x1b[2J"):
                lines[row] = lines[row][:column]
                for i in range(0 if token == "\x1b[2J" else row + 1, self.rows):
                    lines[i] = ""
            elif not token.startswith("\x1b"):
                lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + 1:]
                column += 1
        return lines

    def wait(self, seconds=15):
        """The exit code."""
        code = self.process.wait(seconds)
        self.reader.join(5)
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.ours)
