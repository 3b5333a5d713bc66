"""One test for each block of commands in the documents; see document.py for what they show and what counts as equal."""
import atexit
import functools
import os
import pathlib
import re
import subprocess
import sys
import unittest

from document import PROVIDER, SERVER, blocks_of, output_differs
from stack import BUILD, ROOT, Stack

DOCUMENTS = ("api.md", "cli.md", "concepts.md", "jobs.md")
# the defaults, which the documents speak of, and what an operator has to switch on
FEATURES = {"guest_mode": {"enabled": True}, "server_profiles": {"enabled": True, "groups": {"physics": "open sesame"}}}
SECONDS = 300  # for all commands of a document
PRELUDE = """
log_in() {{ {python} {here}/log_in.py "$1" "$2"; }}
set -euo pipefail
"""
BLOCK = """
echo {number} >{folder}/reached
exec >{folder}/{number}.out 2>{folder}/{number}.err
{before}{commands}
{after}
"""


@functools.cache
def stack():
    running = Stack(rotate=True, config={"features": FEATURES})
    running.__enter__()
    atexit.register(running.__exit__)
    return running


class Examples:
    """A document whose commands have all been run, as far as they came."""

    def __init__(self, path):
        self.blocks = blocks_of(path.read_text())
        self.folder = stack().folder / path.stem
        self.home = self.folder / "home"
        self.home.mkdir(parents=True)
        here = pathlib.Path(__file__).parent
        script = PRELUDE.format(python=sys.executable, here=here)
        for number, block in enumerate(self.blocks):
            before, after = block.before, ""
            if block.user:
                before += f"{sys.executable} {here}/log_in.py --shown-in {self.folder}/{number}.err {block.user} &\n"
                after = "wait $!"
            script += BLOCK.format(number=number, folder=self.folder, before=before, after=after, commands=self.real(block.commands))
        script += f"\necho {len(self.blocks)} >{self.folder}/reached\n"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MYTOKEN", "BEARER", "OIDC"))}
        environment = {**inherited, "HOME": str(self.home), "TMPDIR": str(self.home), "XDG_RUNTIME_DIR": str(self.home),
                       "PATH": f"{BUILD}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        try:
            subprocess.run(["bash", "--noprofile", "--norc"], input=script, text=True, cwd=self.home, env=environment, timeout=SECONDS,
                           stdout=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            pass  # the block that was reached tells where
        self.reached = int((self.folder / "reached").read_text())

    def real(self, text):
        return text.replace(SERVER, stack().issuer).replace(PROVIDER, stack().op)

    def check(self, case, number):
        block = self.blocks[number]
        if number > self.reached:
            case.fail(f"not reached: the commands of line {self.blocks[self.reached].line} failed")
        output = (self.folder / f"{number}.out").read_text()
        told = f"line {block.line}:\n{block.commands}\n--- output\n{output[:3000]}\n--- errors\n{(self.folder / f'{number}.err').read_text()[:3000]}"
        if number == self.reached:
            case.fail(f"a command failed, {told}")
        if block.shown is not None:
            case.assertEqual(output_differs(block._replace(shown=self.real(block.shown)), output), [], told)


def cases(name):
    path = ROOT / "docs" / name
    examples = functools.cache(lambda: Examples(path))
    tests = {}
    for number, block in enumerate(blocks_of(path.read_text())):
        words = re.sub(r"\W+", "_", block.heading).strip("_").lower()
        tests[f"test_line_{block.line:04}_{words}"] = lambda self, n=number: examples().check(self, n)
    return type(path.stem.capitalize(), (unittest.TestCase,), {**tests, "__module__": "docs"})


for name in DOCUMENTS:
    globals()[name] = cases(name)
