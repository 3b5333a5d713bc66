"""The table of figures of docs/benchmarks.md from one run; see scripts/bench --help."""
import argparse
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import costs
import machine
from measure import measure, per_request
from postgres import Cluster

ROOT = pathlib.Path(__file__).resolve().parent.parent
INSPECT = '{"mytoken":"@","action":"introspect"}'
ACCESS = '{"grant_type":"mytoken","mytoken":"@"}'
CREATE = '{"grant_type":"mytoken","mytoken":"@","name":"job","capabilities":["AT"]}'
COLUMNS = ("scenario", "engine", "stored", "requests/s", "p50 ms", "p99 ms", "CPU µs", "of database", "trips", "RSS MB", "rate/ceil",
           "CPU/ceil", "others")
HISTORY = '{"mytoken":"@","action":"event_history"}'
TREE = '{"mytoken":"@","action":"subtokens"}'
LIST = '{"mytoken":"@","action":"list_mytokens"}'
WAITING = 10_000
ROTATING = 6_000


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--quick", action="store_true", help="1000 stored tokens, short runs: about two minutes")
    parser.add_argument("--tokens", default="", help="stored tokens, N,N... (default 1000,1000000)")
    parser.add_argument("--only", default="", help="parts, P,P...: table,shapes,servers,leases,costs,model,statements")
    parser.add_argument("--folder", help="where the databases are made; its disk counts (default: in the build folder)")
    parser.add_argument("--costs", help="file for the measured costs that bench-simulate reads (default: in the build folder)")
    options = parser.parse_args()
    sizes = options.tokens or ("1000" if options.quick else "1000,1000000")
    if not all(size.isdigit() for size in sizes.split(",")):
        parser.error("--tokens takes numbers")
    options.sizes = [int(size) for size in sizes.split(",")]
    parts = {"table", "shapes", "servers", "leases", "costs", "model", "statements"}
    options.parts = set(options.only.split(",")) if options.only else parts
    if options.parts - parts:
        parser.error("--only takes " + ",".join(sorted(parts)))
    options.seconds = 1 if options.quick else 4
    options.engines = ("sqlite", "postgresql") if options.engine == "both" else (options.engine,)
    return options


class Run:
    access_body = ACCESS

    def __init__(self, options, build, work):
        self.options = options
        self.work = work
        self.server_program = build / "bench" / "bench-server"
        self.load_program = build / "bench" / "bench-load"
        self.leases_program = build / "bench" / "bench-leases"
        self.simulate_program = build / "bench" / "bench-simulate"
        self.provider_program = next(build.rglob("scripted-provider"))
        self.cluster = None
        self.data = None
        self.stored = 0
        self.notes = []
        self.costs_file = pathlib.Path(options.costs) if options.costs else build / "bench-costs"

    # Databases.

    def fill(self, stored):
        """An installation with `stored` tokens that nobody presents; on the engine of the moment."""
        self.stored = stored
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="data-", dir=self.work))
        started = time.monotonic()
        if self.cluster is None:
            subprocess.run([self.server_program, "--folder", self.data, "fill", "--tokens", str(stored)], check=True)
        else:
            self.cluster.make_database()
            subprocess.run([self.server_program, "--folder", self.data, "--database", self.cluster.url, "fill"], check=True,
                           env=self.cluster.environment)
            self.cluster.psql("-v", f"tokens={stored}", "-f", ROOT / "bench" / "fill_postgres.sql")
        self.notes.append(f"{self.engine}: {stored} tokens filled in {time.monotonic() - started:.0f} s")

    def know_tables(self):
        """What autovacuum does within a minute: the planner knows the tables as they are."""
        if self.cluster is not None:
            self.cluster.sql("ANALYZE", "bench")

    def drop(self):
        shutil.rmtree(self.data)

    @property
    def engine(self):
        return "sqlite" if self.cluster is None else "postgresql"

    # Processes. With SQLite the server has the first processor and the load the second; with PostgreSQL there are too many
    # processes for that, and nothing is pinned.

    def pin(self, processor):
        return processor if self.cluster is None else None

    def serve(self, *words, issuer=None):
        command = [self.server_program, "--folder", self.data]
        if self.cluster is not None:
            command += ["--database", self.cluster.url]
        command += ["serve", *words]
        if issuer:
            command += ["--issuer", issuer]
        return machine.Program(command, self.pin(0), env=self.cluster.environment if self.cluster else None)

    def provider(self, *words):
        return machine.Program([self.provider_program, *words], self.pin(1))

    def load(self, servers, port_index, *words):
        ports = [word for server in servers for word in ("--port", server.line.split()[port_index])]
        return measure(self.load_program, [*ports, *words], servers, self.cluster, self.pin(1))

    def ceiling(self, servers):
        return self.load(servers, 1, "--path", "/api/v0/bare", "--seconds", str(self.options.seconds / 2), "--warm-up", "0.3")

    # Rows.

    def row(self, name, result, ceiling=None):
        processor = per_request(result, "server", 1e6)
        database = sum(per_request(result, kind, 1e6) for kind in ("backends", "wal_writer", "checkpointer", "rest"))
        rate = result["rps"] / ceiling["rps"] if ceiling else None
        share = per_request(ceiling, "server", 1e6) / (processor + database) if ceiling else None
        others = result["total_others"] / result["total_clock"]
        cells = (name, self.engine, str(self.stored), f"{result['rps']:.0f}", f"{result['p50']:.1f}", f"{result['p99']:.1f}",
                 f"{processor:.0f}", f"{database:.0f}" if self.cluster else "-",
                 f"{per_request(result, 'round_trips'):.2f}" if self.cluster else "-", f"{result['rss']:.0f}",
                 f"{rate:.2f}" if rate else "-", f"{share:.3f}" if share else "-", f"{others:.1f}")
        print_row(cells)

    def scenario(self, name, words, load, issuer=None):
        """One row; its ceiling is measured right before it, in the same process, so that the machine's load falls on both."""
        server = self.serve(*words, issuer=issuer)
        self.know_tables()
        try:
            ceiling = self.ceiling([server])
            result = self.load([server], 0, *load, "--seconds", str(self.options.seconds))
        finally:
            server.stop()
        self.row(name, result, ceiling)
        return result, ceiling

    def present(self, path, body, file="jwt"):
        return ("--path", path, "--body", body, "--values", self.data / file)

    def waiting(self, name, words, over_curl):
        """Every family once: first on 64 connections with an instant provider, then all at the same time with a slow one. The
        ideal is the first time plus one delay: all the work is done, and everybody waits at the same time."""
        seconds = []
        for delay in (0, 500):
            provider = self.provider("--delay", str(delay)) if over_curl else None
            server = None
            try:
                more = ("--used", str(WAITING)) if over_curl else ("--used", str(WAITING), "--delay", str(delay))
                server = self.serve(*more, *words, issuer=provider.line if provider else None)
                self.know_tables()
                result = self.load([server], 0, *self.present("/api/v0/token/access", ACCESS), "--once", "--greet", "/jwks",
                                   "--connections", str(WAITING if delay else 64))
            finally:
                for program in (server, provider):
                    if program:
                        program.stop()
            seconds.append(result["seconds"])
        self.row(name, result)
        ideal = seconds[0] + 0.5
        self.notes.append(f"{name}, {self.engine}, {self.stored} stored: {seconds[1]:.2f} s; ideal {ideal:.2f} s ({seconds[0]:.2f} s"
                          f" of work and one delay); {seconds[1] / ideal:.2f} times the ideal")

    # Parts.

    def by_size(self):
        """What is measured with every number of stored tokens."""
        if "table" in self.options.parts:
            self.table()
        if "shapes" in self.options.parts:
            self.shapes()

    def table(self):
        server = self.serve("--used", "0")
        try:
            self.row("bare answer of 1.5 kB (the ceiling)", self.ceiling([server]))
        finally:
            server.stop()
        inspect = self.present("/api/v0/tokeninfo", INSPECT)
        access = self.present("/api/v0/token/access", ACCESS)
        self.scenario("introspection of a JWT", (), inspect)
        self.scenario("introspection of a short token", (), self.present("/api/v0/tokeninfo", INSPECT, "short"))
        if self.cluster is None:  # signatures do not depend on the database
            first = "introspection of a JWT seen for the first time"
            self.scenario(f"{first}, ES512", ("--used", "12000"), inspect)
            self.scenario(f"{first}, ES256", ("--used", "12000", "--algorithm", "ES256"), inspect)
        self.scenario("access token, provider in the process", (), access)
        provider = self.provider()
        try:
            self.scenario("access token, provider reached over curl", (), access, issuer=provider.line)
        finally:
            provider.stop()
        create = self.present("/api/v0/token/my", CREATE)
        if self.cluster is None:
            self.scenario("mytoken from a mytoken, ES512", (), create)
        self.scenario("mytoken from a mytoken, ES256", ("--algorithm", "ES256"), create)
        if not self.options.quick:
            if self.cluster is None:
                self.waiting(f"{WAITING} access tokens at once, 500 ms, ES512", (), False)
            self.waiting(f"{WAITING} access tokens at once, 500 ms, over curl", ("--algorithm", "ES256"), True)
            self.waiting(f"{WAITING} access tokens at once, 500 ms, ES256", ("--algorithm", "ES256"), False)

    def shapes(self):
        """Mytokens that are more than one clause: bench/shapes.h. Long answers go to four connections at a time."""
        es256 = ("--algorithm", "ES256", "--shape")
        inspect, few = "/api/v0/tokeninfo", ("--connections", "4")
        access = self.present("/api/v0/token/access", ACCESS)
        create = self.present("/api/v0/token/my", CREATE)
        self.scenario("access token and rotation", ("--used", str(ROTATING), *es256, "rotating"), [*access, "--once"])
        self.scenario("mytoken from a mytoken and rotation", ("--used", str(ROTATING), *es256, "rotating"), [*create, "--once"])
        self.scenario("access token, ten budgets charged", ("--used", "64", *es256, "chain"), access)
        self.scenario("mytoken from a mytoken, ten budgets charged", ("--used", "64", *es256, "chain"), create)
        history = ("--used", "1", *es256, "history")
        self.scenario("history of 10^5 events", history, [*self.present(inspect, HISTORY), *few])
        crowd = ("--used", "1", *es256, "crowd")
        self.scenario("tree of 10^4 mytokens", crowd, [*self.present(inspect, TREE), *few])
        self.scenario("list of a user's 10^4 mytokens", crowd, [*self.present(inspect, LIST), *few])

    def servers(self):
        """One, two, three servers on one database, access tokens; where the processor time goes."""
        for count in (1, 2, 3):
            servers = [self.serve()]
            try:
                while len(servers) < count:
                    servers.append(self.serve("--used", "0"))
                self.know_tables()
                ceiling = self.ceiling(servers)
                result = self.load(servers, 0, *self.present("/api/v0/token/access", ACCESS), "--seconds", str(self.options.seconds))
            finally:
                for server in servers:
                    server.stop()
            self.row(f"access token, {count} server{'s' if count > 1 else ''}", result, ceiling)
            shares = ", ".join(f"{what} {per_request(result, what, 1e6):.0f}" for what in
                               ("server", "backends", "wal_writer", "checkpointer", "rest", "load"))
            each = " + ".join(f"{result[f'total_server{i}'] / result['total_clock']:.2f}" for i in range(count))
            self.notes.append(f"{count} server(s), µs of processor per request: {shares}; processors used by each server {each},"
                              f" by PostgreSQL {result['total_backends'] / result['total_clock']:.2f},"
                              f" by the load {result['total_load'] / result['total_clock']:.2f},"
                              f" by others {result['total_others'] / result['total_clock']:.2f};"
                              f" commits per WAL sync {result['total_commits'] / max(result['total_wal_sync'], 1):.1f}")


def print_row(cells):
    widths = (47, 10, 8, 10, 8, 8, 7, 11, 6, 7, 9, 8, 6)
    print("  ".join(cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(cells, widths))), flush=True)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown processor"


def on_sqlite(run):
    if not run.options.parts & {"table", "shapes"}:
        return
    for stored in run.options.sizes:
        run.fill(stored)
        run.by_size()
        run.drop()


def on_postgresql(run, work):
    for stored in run.options.sizes:
        last = stored == run.options.sizes[-1]
        if not last and not run.options.parts & {"table", "shapes"}:
            continue
        run.cluster = Cluster(work / f"postgresql-{stored}")
        try:
            run.fill(stored)
            run.by_size()
            if not last:
                continue
            if "servers" in run.options.parts:
                run.servers()
            waited = costs.leases(run) if "leases" in run.options.parts else None
            if "costs" in run.options.parts:
                waited = waited or {"": costs.lease_run(run, "--servers", "1")}
                costs.costs(run, next(iter(waited.values())))
            if "model" in run.options.parts:
                costs.compare(run)
        finally:
            run.cluster.stop()
            run.cluster = None
    if "statements" in run.options.parts:
        run.cluster = Cluster(work / "postgresql-statements", statements=True)
        try:
            run.fill(min(run.options.sizes[-1], 100_000))
            costs.statements(run)
        finally:
            run.cluster.stop()
            run.cluster = None


def main():
    options = arguments()
    build = pathlib.Path(os.environ.get("MYTOKEN_BUILD", ROOT / "build" / "release")).resolve()
    if "MYTOKEN_BUILD" not in os.environ:
        subprocess.run([ROOT / "scripts" / "build", "release", "bench-server", "bench-load", "bench-leases", "bench-simulate",
                        "scripted-provider"],
                       check=True)
    folder = pathlib.Path(options.folder) if options.folder else build / "bench-data"
    folder.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    work = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    work.chmod(0o755)  # the database's user passes through
    started = time.monotonic()
    print(f"{time.strftime('%F %H:%M', time.gmtime())} UTC, {os.cpu_count()} processors, {processor()}, load average"
          f" {' '.join(f'{load:.1f}' for load in os.getloadavg())}")
    print_row(COLUMNS)
    run = Run(options, build, work)
    try:
        for engine in options.engines:
            if engine == "sqlite":
                on_sqlite(run)
            else:
                on_postgresql(run, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print()
    print("CPU: of the server by request; of database: of all processes of PostgreSQL. CPU/ceil: a bare answer's processor time divided"
          " by both. others: processors that other programs used meanwhile. Ceilings are measured before each scenario, in its process.")
    for note in run.notes:
        print(note)
    print(f"{time.monotonic() - started:.0f} s; load average at the end {' '.join(f'{load:.1f}' for load in os.getloadavg())}")


if __name__ == "__main__":
    main()
