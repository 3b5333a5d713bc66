"""The commands in a Markdown document and the answers shown behind them.

A document is prose with fenced blocks. ```sh is run by bash, all blocks of a document in one shell. ```json or ```text that follows
with nothing but blank lines between is what the block printed:

  in texts      "…" stands for any characters; https://mytoken.example.org and https://op.example.org are the server and provider
  in numbers    from 10000 on any number of that kind will do, smaller ones are exact
  in lists      a last element "…" stands for any more
  in objects    a member "…" stands for any more; without it the members are exactly those shown

Two comments say what a person does at that point:

  <!-- test: alice logs in at $CONSENT_URI -->                 between two blocks; the shell knows the variable
  <!-- test: alice logs in as soon as a link is shown -->      before a block that waits for the login
"""
import json
import re
from typing import NamedTuple, Optional

ANYTHING = "…"
EXACT_NUMBERS_BELOW = 10_000
SERVER, PROVIDER = "https://mytoken.example.org", "https://op.example.org"
AT_LINK = re.compile(r"<!-- test: (\w+) logs in at (\$\w+) -->")
WHEN_SHOWN = re.compile(r"<!-- test: (\w+) logs in as soon as a link is shown -->")


class Block(NamedTuple):
    line: int
    heading: str
    commands: str
    before: str = ""         # bash that plays the person before the block
    shown: Optional[str] = None
    kind: str = ""           # of what is shown: json or text
    user: str = ""           # logs in while the block runs


class Broken(Exception):
    """The document is not as described above; the text names the line."""


def blocks_of(text):
    """The Blocks of a document in their order."""
    found, heading, before, user, joined = [], "", "", "", False
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if line.startswith("```"):
            kind, body = line[3:].strip(), []
            for _, inner in lines:
                if inner == "```":
                    break
                body.append(inner)
            else:
                raise Broken(f"line {number}: the block has no end")
            if kind == "sh":
                found.append(Block(number, heading, "\n".join(body) + "\n", before, user=user))
                before, user, joined = "", "", True
            elif kind in ("json", "text") and joined:
                found[-1] = found[-1]._replace(shown="\n".join(body), kind=kind)
                joined = False
            elif kind not in ("yaml",):
                raise Broken(f"line {number}: a block of kind {kind!r} that nothing tests")
            continue
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if line.startswith("<!-- test:"):
            at_link, when_shown = AT_LINK.fullmatch(line), WHEN_SHOWN.fullmatch(line)
            if at_link:
                before += f'log_in "{at_link[2]}" {at_link[1]}\n'
            elif when_shown:
                user = when_shown[1]
            else:
                raise Broken(f"line {number}: unknown comment")
        joined = joined and not line.strip()
    return found


def text_matches(shown, got):
    pattern = ".*".join(map(re.escape, shown.split(ANYTHING)))
    return re.fullmatch(pattern, got, re.DOTALL) is not None


def differences(shown, got, where="answer"):
    """Sentences about what is different from what the document shows; none if it is as shown."""
    if isinstance(shown, str):
        return [] if isinstance(got, str) and text_matches(shown, got) else [f"{where} is {got!r}, shown is {shown!r}"]
    if type(shown) is not type(got):
        return [f"{where} is {got!r}, shown is {shown!r}"]
    if isinstance(shown, dict):
        open_ended = ANYTHING in shown
        wanted = {name: value for name, value in shown.items() if name != ANYTHING}
        found = [f"{where} has no member {name}" for name in wanted if name not in got]
        if not open_ended:
            found += [f"{where} has a member {name} that is not shown" for name in got if name not in wanted]
        return found + [d for name in wanted if name in got for d in differences(wanted[name], got[name], f"{where}.{name}")]
    if isinstance(shown, list):
        open_ended = shown[-1:] == [ANYTHING]
        wanted = shown[:-1] if open_ended else shown
        if len(got) < len(wanted) or not open_ended and len(got) != len(wanted):
            return [f"{where} has {len(got)} elements, shown are {len(wanted)}"]
        return [d for i, value in enumerate(wanted) for d in differences(value, got[i], f"{where}[{i}]")]
    if type(shown) is int and shown >= EXACT_NUMBERS_BELOW:
        return [] if got >= 0 else [f"{where} is {got}"]
    return [] if shown == got else [f"{where} is {got!r}, shown is {shown!r}"]


def output_differs(block, output):
    """The same for all that a block printed."""
    if block.kind == "json":
        try:
            return differences(json.loads(block.shown), json.loads(output))
        except ValueError as error:
            return [f"no JSON: {error}"]
    shown, got = block.shown.strip().splitlines(), output.strip().splitlines()
    if shown[-1:] == [ANYTHING]:
        shown, got = shown[:-1], got[:len(shown) - 1]
    if len(shown) != len(got):
        return [f"{len(got)} lines, shown are {len(shown)}"]
    return [d for i, line in enumerate(shown, 1) for d in differences(line.rstrip(), got[i - 1].rstrip(), f"line {i}")]
