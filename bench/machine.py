"""Programs of a benchmark run and what the kernel says of them: processor time by process, bytes on connections.

Everything started here ends with the run (also if the run is killed: the kernel sends the signal).
"""
import ctypes
import os
import signal
import subprocess
import time

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent(number):
    """For preexec_fn: the child gets the signal when this process ends."""
    return lambda: LIBC.prctl(PR_SET_PDEATHSIG, number)


class Program:
    """A program that prints one line when it is ready and runs until it is ended."""

    def __init__(self, command, pinned=None, **options):
        if pinned is not None and os.cpu_count() >= 2:
            command = ["taskset", "-c", str(pinned), *command]
        self.process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True,
                                        preexec_fn=die_with_parent(signal.SIGTERM), **options)
        self.line = self.process.stdout.readline().strip()
        if not self.line:
            raise SystemExit(f"bench: error: {command[0]} ended before it was ready")

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def processor_seconds(pid):
    """User and system time of a process, all threads; 0 if it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # CPUCLOCK_SCHED of that process
    except OSError:
        return 0.0


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def title_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read().replace("\0", " ").strip()
    except OSError:
        return ""


def machine_seconds():
    """Processor time of the whole machine that somebody used, since its start."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _wait, irq, softirq = map(int, file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def traffic_to(port):
    """Bytes and packets of the connections to a local port, as their clients count them: sent, received, packets out, in."""
    done = subprocess.run(["ss", "-tinH", f"dport = :{port}"], stdout=subprocess.PIPE, text=True, check=True)
    totals = {"bytes_sent": 0, "bytes_received": 0, "segs_out": 0, "segs_in": 0}
    for word in done.stdout.split():
        name, _, value = word.partition(":")
        if name in totals and value.isdigit():
            totals[name] += int(value)
    return totals
