#!/usr/bin/env python3
"""Checks the layering of the sources: check_floors.py [root].

Reads the #include lines of src/ and include/ and reports every include that points up or sideways in the table of
floors (docs/architecture.md), every cycle between files, and every C++ file without a leading comment or with more
than 600 lines. One line per finding; the exit code is 1 if there is any.
"""
import re
import sys
from pathlib import Path

# From the bottom. A floor includes itself and what is below it.
FLOORS = [
    {"base"},
    {"crypto"},
    {"token", "sql", "net"},
    {"store", "oidc"},
    {"service", "http"},
    {"api", "web", "ssh", "notify", "client"},
    {"app", "cli"},
]
RANK = {name: rank for rank, names in enumerate(FLOORS) for name in names}

# Narrower than the table. "mytoken" stands for the public headers in include/mytoken.
ONLY = {
    "token": {"crypto", "base"},
    "http": {"net", "base"},
    "client": {"token", "crypto", "base", "mytoken"},
    "mytoken": set(),
}
MAY_USE_PUBLIC_HEADERS = {"client", "cli", "app"}
# The one class that every floor shares with the programs that use the library.
PUBLIC_SECRET = ("src/base/secret.h", "mytoken/secret.h")

LONGEST_FILE = 600
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]')
SUFFIXES = {".h", ".hpp", ".ipp", ".cpp", ".cc", ".c"}


def sources(root, *folders):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path


def floor_of(root, path):
    """The floor of a file below src/ or include/, or None."""
    parts = path.relative_to(root).parts
    return parts[1] if len(parts) > 2 else None


def includes(path):
    """(line number, included name) of every #include line."""
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1)


def target_of(root, path, name):
    """The file of this project that `name` means inside `path`, or None for headers of others."""
    for folder in (path.parent, root / "src", root / "include"):
        candidate = (folder / name).resolve()
        if candidate.is_file() and candidate.is_relative_to(root):
            return candidate
    return None


def allowed(floor, other):
    if floor == other:
        return True
    if floor in ONLY:
        return other in ONLY[floor]
    if other == "mytoken":
        return floor in MAY_USE_PUBLIC_HEADERS
    return RANK[other] < RANK[floor]


def check_includes(root):
    """Findings about single includes, and the graph of includes between files."""
    findings, graph = [], {}
    for path in sources(root, "src", "include"):
        shown = path.relative_to(root)
        floor = floor_of(root, path)
        graph[path] = []
        if floor not in RANK and floor != "mytoken":
            findings.append(f"{shown}:1: not on a known floor")
            continue
        for number, name in includes(path):
            target = target_of(root, path, name)
            if target:
                graph[path].append(target)
                other = floor_of(root, target)
            else:
                other = name.split("/")[0] if "/" in name else None
            if other not in RANK and other != "mytoken":
                continue  # a header of others
            if not allowed(floor, other) and (shown.as_posix(), name) != PUBLIC_SECRET:
                findings.append(f"{shown}:{number}: {floor} must not include {other} ({name})")
    return findings, graph


def check_cycles(root, graph):
    """One finding per include that closes a cycle."""
    findings, state = [], {}  # state: 1 on the current path, 2 done
    for start in graph:
        if start in state:
            continue
        state[start] = 1
        stack = [(start, iter(graph[start]))]
        while stack:
            path, targets = stack[-1]
            target = next(targets, None)
            if target is None:
                state[path] = 2
                stack.pop()
            elif state.get(target) == 1:
                trail = [each for each, _ in stack]
                cycle = trail[trail.index(target):] + [target]
                text = " -> ".join(str(each.relative_to(root)) for each in cycle)
                findings.append(f"{path.relative_to(root)}:1: include cycle: {text}")
            elif target not in state and target in graph:
                state[target] = 1
                stack.append((target, iter(graph[target])))
    return findings


def check_form(root):
    findings = []
    for path in sources(root, "src", "include", "tests", "bench", "cmake"):
        shown = path.relative_to(root)
        lines = path.read_text(encoding="utf-8").splitlines()
        first = next((line.strip() for line in lines if line.strip()), "")
        if not first.startswith(("//", "/*")):
            findings.append(f"{shown}:1: no leading comment that says why the file exists")
        if len(lines) > LONGEST_FILE:
            findings.append(f"{shown}:{LONGEST_FILE + 1}: {len(lines)} lines, at most {LONGEST_FILE}")
    return findings


def check(root):
    root = Path(root).resolve()
    findings, graph = check_includes(root)
    return findings + check_cycles(root, graph) + check_form(root)


def main(arguments):
    root = arguments[0] if arguments else Path(__file__).resolve().parent.parent
    findings = check(root)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
