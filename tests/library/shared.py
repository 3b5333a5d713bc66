"""An installation of the library below a temporary prefix, and a server with its provider, each made once."""
import atexit
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

from stack import BUILD, ROOT, Stack


def run(*command, **options):
    """stdout and stderr of a command that must succeed."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


@functools.cache
def installed():
    """The prefix."""
    prefix = pathlib.Path(tempfile.mkdtemp(prefix="mytoken-library-"))
    atexit.register(shutil.rmtree, prefix, ignore_errors=True)
    for component in ("library", "development", "command", "server"):
        run("cmake", "--install", BUILD, "--prefix", prefix, "--component", component)
    return prefix


def environment():
    """Where programs find the installed library, and pkg-config its file."""
    return {**os.environ, "LD_LIBRARY_PATH": str(installed() / "lib"),
            "PKG_CONFIG_PATH": str(installed() / "lib" / "pkgconfig")}


@functools.cache
def examples():
    """The folder with the examples, built by CMake from their installed sources."""
    source = installed() / "share" / "doc" / "mytoken" / "examples"
    folder = installed() / "built"
    run("cmake", "-G", "Ninja", "-S", source, "-B", folder, f"-DCMAKE_PREFIX_PATH={installed()}",
        "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror", "-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Werror")
    run("cmake", "--build", folder)
    return folder


@functools.cache
def stack():
    running = Stack(rotate=True)
    running.__enter__()
    atexit.register(running.__exit__)
    return running
