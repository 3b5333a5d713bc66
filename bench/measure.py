"""One measured run of bench-load: what it says itself, and what everybody else used meanwhile."""
import subprocess
import time
import urllib.request

import machine


def counters(bare_port):
    """Round trips to PostgreSQL and repeated functions of a server since its start."""
    with urllib.request.urlopen(f"http://127.0.0.1:{bare_port}/api/v0/counters", timeout=10) as answer:
        trips, repeated = map(int, answer.read().split())
    return {"round_trips": trips, "repeated": repeated}


def look(load, servers, cluster):
    """Every counter of the moment, flat."""
    now = {"machine": machine.machine_seconds(), "load": machine.processor_seconds(load), "clock": time.monotonic(),
           "server": sum(machine.processor_seconds(server.pid) for server in servers)}
    for index, server in enumerate(servers):
        now[f"server{index}"] = machine.processor_seconds(server.pid)
    if cluster is not None:
        now |= cluster.processor_seconds() | cluster.state() | machine.traffic_to(cluster.port)
        for server in servers:
            for name, value in counters(server.line.split()[1]).items():
                now[name] = now.get(name, 0) + value
    return now


def measure(load_program, arguments, servers, cluster=None, pinned=None):
    """Runs bench-load with `arguments`. Result: its own figures, and for the time it counted the differences of look():
    processor times in seconds, the rest as counts. Ends the run if a request failed."""
    command = [load_program, "--pid", servers[0].pid, "--marks", *arguments]
    if pinned is not None:
        command = ["taskset", "-c", str(pinned), *command]
    load = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            preexec_fn=machine.die_with_parent(15))
    seen = {}
    last = ""
    for line in load.stdout:
        last = line.strip()
        if last in ("start", "stop"):
            seen[last] = look(load.pid, servers, cluster)
            load.stdin.write("\n")
            load.stdin.flush()
    if load.wait() != 0:
        raise SystemExit(f"bench: error: {last or 'bench-load failed'}")
    result = {name: float(value) for name, value in (pair.split("=") for pair in last.split())}
    difference = {name: value - seen["start"].get(name, 0) for name, value in seen["stop"].items()}
    # What other programs on the machine used: everything that is not ours.
    ours = sum(difference.get(name, 0) for name in ("server", "load", "backends", "wal_writer", "checkpointer", "rest"))
    difference["others"] = max(0.0, difference["machine"] - ours)
    return result | {f"total_{name}": value for name, value in difference.items()}


def per_request(result, name, factor=1.0):
    """`total_<name>` by request, e.g. microseconds with factor 1e6."""
    return factor * result.get(f"total_{name}", 0.0) / result["requests"] if result["requests"] else 0.0
