"""The part of scripts/test after the setup: builds and runs the parts asked for and adds up their results.

A part is a build (scripts/build) and one or more programs. Programs of GoogleTest report through their JSON file, the others
by a last line `N passed, N failed`. A program that ends with an error but reports no failed test counts as one failure, so
that a crash or a sanitizer's finding after the last test is never lost.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"  # the one that Debian's python3-* packages belong to
ALL_UNITS = sorted(p.name for p in (ROOT / "tests" / "unit").iterdir() if list(p.glob("*_test.cpp")))
ASAN_UNITS = {"api", "cli", "base", "crypto", "token", "http", "oidc", "sql", "store", "service", "web", "app", "client"}
TSAN_UNITS = {"sql", "http", "oidc", "service", "app", "client"}
CLUSTER_SECONDS = 20  # of load; the fail-over takes its time besides
FUZZ_SECONDS = int(os.environ.get("MYTOKEN_FUZZ_SECONDS", "15"))  # for each target
SECONDS = 900  # the longest a program may run
# Two hundred attempts at once, on both engines whatever the run's is: once is enough, and under a sanitizer too slow. Those see
# the races of two servers in the other tests.
RACES = "Servers/Races*"
# glib locks with futexes of its own, which the thread sanitizer does not see.
KEYRING = "Keyring*"
SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
totals = {"passed": 0, "failed": 0}


def say(text):
    print(text, flush=True)


def count(what, passed, failed, seconds):
    totals["passed"] += passed
    totals["failed"] += failed
    say(f"test: {what}: {passed} passed, {failed} failed ({seconds:.1f} s)")


def build(preset, targets):
    """False, and one failure counted, if it does not build."""
    say(f"test: building {' '.join(targets)} ({preset})")
    started = time.monotonic()
    if subprocess.run([ROOT / "scripts" / "build", preset, *targets]).returncode != 0:
        count(f"build of {preset}", 0, 1, time.monotonic() - started)
        return False
    return True


def run(command, **options):
    """Exit code (124 after the time limit) and seconds."""
    started = time.monotonic()
    try:
        code = subprocess.run([str(c) for c in command], cwd=ROOT, timeout=SECONDS, **options).returncode
    except subprocess.TimeoutExpired:
        say(f"test: {command[0]} did not end within {SECONDS} s")
        code = 124
    return code, time.monotonic() - started


def units(preset, names):
    names = [n for n in ALL_UNITS if n in names]
    if not names or not build(preset, [f"unit_{n}" for n in names]):
        return
    folder = ROOT / "build" / preset
    # The service's tests run once on each engine; the other floors choose the engine test by test.
    runs = [(name, "", {}) for name in names]
    if "service" in names:
        runs.append(("service", " on PostgreSQL", {"MYTOKEN_TEST_ENGINE": "postgresql"}))
    for name, where, engine in runs:
        file = f"unit_{name}{'_postgresql' if engine else ''}"
        report, log = folder / f"{file}.json", folder / f"{file}.log"
        report.unlink(missing_ok=True)
        program = next(folder.rglob(f"unit_{name}"))
        with open(log, "wb") as output:
            left_out = ([RACES] if preset != "release" or engine else []) + ([KEYRING] if preset == "tsan" else [])
            chosen = [f"--gtest_filter=-{':'.join(left_out)}"] if left_out else []
            code, seconds = run([program, f"--gtest_output=json:{report}", "--gtest_brief=1", *chosen],
                                stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **SANITIZERS, **engine})
        try:
            result = json.loads(report.read_text())
            ran, failed = result["tests"] - result["disabled"], result["failures"] + result["errors"]
        except (OSError, ValueError, KeyError):
            ran, failed = 0, 0
        broken = failed == 0 and (code != 0 or ran == 0)
        if code != 0 or failed or broken:
            say(log.read_text(errors="replace")[-6000:])
        count(f"unit_{name}{where} ({preset})", ran - failed, failed + broken, seconds)


def scripted(part, *targets):
    """tests/<part>/run, which prints its own progress and ends with `N passed, N failed`."""
    if not build("release", ["mytoken-server", "mytoken", *targets]):
        return
    started = time.monotonic()
    child = subprocess.Popen([PYTHON, "-u", ROOT / "tests" / part / "run"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    last = ""
    for line in child.stdout:
        last = line.strip()
        print("  " + line, end="", flush=True)
    code = child.wait()
    found = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
    passed, failed = map(int, found.groups()) if found else (0, 0)
    broken = failed == 0 and (code != 0 or passed == 0)
    count(part, passed, failed + broken, time.monotonic() - started)


def fuzz():
    """scripts/fuzz, which ends with `fuzz: targets=N crashes=N`."""
    say(f"test: fuzzing, {FUZZ_SECONDS} s for each target")
    started = time.monotonic()
    done = subprocess.run([ROOT / "scripts" / "fuzz", "--seconds", str(FUZZ_SECONDS)], stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="")
    found = re.search(r"^fuzz: targets=(\d+) crashes=(\d+)$", done.stdout, re.MULTILINE)
    targets, crashes = map(int, found.groups()) if found else (0, 0)
    count("fuzz", targets - crashes, crashes or int(done.returncode != 0), time.monotonic() - started)


def cluster():
    """The short form of `scripts/cluster --once`, whose last line must tell of a fail-over without errors or losses."""
    if not build("release", ["mytoken-server", "mytoken"]):
        return
    started = time.monotonic()
    command = [ROOT / "scripts" / "cluster", "--once", "--seconds", str(CLUSTER_SECONDS)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    lines = []
    for line in child.stdout:
        lines.append(line.strip())
        print("  " + line, end="", flush=True)
    code = child.wait()
    good = r"cluster: requests=[1-9]\d* errors=0 failovers=[1-9]\d* acknowledged=[1-9]\d* lost=0 overused=0"
    passed = code == 0 and any(re.fullmatch(good, line) for line in lines[-1:])
    count("cluster", int(passed), int(not passed), time.monotonic() - started)


PARTS = {
    "unit": lambda: units("release", ALL_UNITS),
    "contract": lambda: scripted("contract", "scripted-provider", "mytoken-server-faulty"),
    "browser": lambda: scripted("browser"),
    "conformance": lambda: scripted("conformance"),
    "e2e": lambda: scripted("e2e", "scripted-provider", "mytoken-server-faulty"),
    "cli": lambda: scripted("cli", "fault-disk", "mytoken-manual"),
    "clients": lambda: scripted("clients"),
    "docs": lambda: scripted("docs"),
    "library": lambda: scripted("library", "libmytoken", "mytoken-manual"),
    "fault": lambda: scripted("fault", "scripted-provider", "mytoken-server-faulty", "fault-disk"),
    "cluster": cluster,
    "asan": lambda: units("asan", ASAN_UNITS),
    "tsan": lambda: units("tsan", TSAN_UNITS),
    "fuzz": fuzz,
}


def main():
    asked = sys.argv[1:] or ["all"]
    unknown = [a for a in asked if a not in PARTS and a != "all"]
    if unknown:
        sys.exit(f"scripts/test: unknown part {' '.join(unknown)}; there are {' '.join(PARTS)} all")
    for part in PARTS if "all" in asked else asked:
        PARTS[part]()
    say(f"{totals['passed']} passed, {totals['failed']} failed")
    return 1 if totals["failed"] or not totals["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
