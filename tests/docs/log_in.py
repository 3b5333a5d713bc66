"""Plays the person who logs in: `log_in.py URL USER`, or `log_in.py --shown-in FILE USER` as soon as a consent link stands there."""
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "demo"), str(ROOT / "tests" / "support")]

import login  # noqa: E402
from api import PASSWORDS  # noqa: E402

SECONDS = 60


def link_in(file):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = re.search(r"https?://\S+/c/\w+", file.read_text(errors="replace") if file.exists() else "")
        if found:
            return found.group()
        time.sleep(0.05)
    sys.exit(f"no link was shown within {SECONDS} s")


if __name__ == "__main__":
    url = link_in(pathlib.Path(sys.argv[2])) if sys.argv[1] == "--shown-in" else sys.argv[1]
    login.log_in(url, sys.argv[-1], PASSWORDS[sys.argv[-1]])
