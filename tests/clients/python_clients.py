"""The virtual environment with the Python clients of requirements.txt: made once under build/, and again when the file changes."""
import functools
import hashlib
import pathlib
import shutil
import subprocess

from stack import ROOT

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")
FOLDER = ROOT / "build" / "python-clients"
SECONDS = 600  # the packages may come over a slow line


@functools.cache
def environment():
    """The folder of the environment, with `bin/python` and `bin/fedcloud` in it."""
    stamp, wanted = FOLDER / "installed", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return FOLDER
    shutil.rmtree(FOLDER, ignore_errors=True)
    pip = [FOLDER / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
           "--no-deps", "--only-binary=:all:", "--requirement", REQUIREMENTS]
    for command in (["/usr/bin/python3", "-m", "venv", FOLDER], pip):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    stamp.write_text(wanted)
    return FOLDER
