"""One installation under test: provider, servers, database, and the ledger of what they acknowledged."""
import pathlib
import random
import shutil
import tempfile
import threading
import time

from client import Client
from judge import Judge
from ledger import Ledger
from processes import Postgres, Provider, Server, Switches

import stack

HOUR = 3600
POINT_PATIENCE = 0.4  # seconds of load in which a planted point must be met, before the server is killed anyway


class Base:
    """What outlives a world: the provider and, for the engine postgresql, a PostgreSQL."""

    def __init__(self, engine):
        self.engine = engine
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mytoken-fault-"))
        self.postgres = self.provider = None
        try:
            self.switches = Switches(self.folder)
            self.provider = Provider(self.folder)
            if engine == "postgresql":
                self.postgres = Postgres(self.folder, self.switches)
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.postgres:
            if self.postgres.child:
                self.postgres.kill()
        if self.provider:
            self.provider.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class World:
    def __init__(self, base, seed):
        self.base, self.provider, self.switches = base, base.provider, base.switches
        self.random = random.Random(seed)
        self.seed = seed
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="world-", dir=base.folder))
        self.state = self.folder / "state"
        self.state.mkdir()
        self.ledger = Ledger()
        self.kills = 0
        self.hours = 0  # by which the clock is ahead
        self.clients = 0
        self.switches.shift_clock(0)
        self.provider.well()
        self.provider.turn(clock_offset=0)
        ports = [stack.free_port()]
        database = f"sqlite://{self.state / 'world.db'}"
        if base.postgres:
            ports.append(stack.free_port())
            schema = f"w{seed}".replace("-", "_")
            base.postgres.sql(f"CREATE SCHEMA {schema}")
            database = base.postgres.url(schema)
        issuer = f"http://127.0.0.1:{ports[0]}"
        self.servers = [Server(self.folder, f"server{i}", issuer, port, self.provider.issuer, database, self.switches)
                        for i, port in enumerate(ports)]
        self.servers[0].init()
        self.start()
        self.judge = Judge(self.ledger, self.provider, self.client(), len(self.provider.sessions(0)))

    # ---- servers

    def start(self, point=""):
        """Starts what is not up. The planted point is the first server's."""
        for server in self.servers:
            planted = point if server is self.servers[0] else ""
            if not server.is_up() and not server.start(planted):
                self.kills += 1  # it met its point while it started
                server.start()

    def ready_to_start(self):
        """Nothing that a server needs is away; the fault functions mend the rest before they start servers."""
        return not self.switches.is_full and (not self.base.postgres or self.base.postgres.child is not None)

    def restart_with(self, point):
        """The first server once more, with a planted point. Nothing is under way, so its end is no event."""
        self.servers[0].kill()
        self.start(point)

    def kill(self, server=None):
        for one in [server] if server else self.servers:
            one.kill()
            self.kills += 1

    def note_death(self, server):
        """The server has met its point and is gone; waits for it."""
        if server.wait(20) != -9:
            self.ledger.find("lost", f"{server.name} ended by itself\n{stack.tail(server.log)}")
        self.kills += 1

    # ---- clients

    def client(self, addresses=None):
        self.clients += 1
        return Client(self.ledger, addresses or [s.address for s in self.servers], self.provider.issuer,
                      f"{self.seed}-{self.clients}")

    def tokens(self, count=20):
        return [t for t in self.ledger.tokens if t.state == "live"][-count:]

    def stock_up(self, client, count=5):
        """There is something to work with."""
        for _ in range(count * 3):
            if len(self.tokens()) >= count:
                return
            client.log_in()

    def load(self, clients, during):
        """Clients do things at random, each on a thread of its own, while `during()` runs."""
        stop = threading.Event()
        problems = []

        def work(client):
            try:
                while not stop.is_set():
                    client.something(self.tokens())
                    if client.refused_lately():
                        stop.wait(0.02)
            except Exception as error:  # noqa: BLE001: whatever it was, it is a defect of the harness and ends the run
                problems.append(error)
        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        try:
            during()
        finally:
            stop.set()
            if self.ready_to_start():
                self.start()  # who waits for what a killed server had in use goes on
            for thread in threads:
                thread.join()
            for client in clients:
                client.close()
        if problems:
            raise problems[0]

    def load_until_death(self, clients, server):
        """Until the server has met its planted point; killed if it does not."""
        def during():
            deadline = time.monotonic() + POINT_PATIENCE
            while server.child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.003)
            if server.child.poll() is None:
                self.kill(server)
            else:
                self.note_death(server)
        self.load(clients, during)

    def excuse(self, clients):
        """Requests were cut off by a kill: each may have met it between the provider's reply and our storing it."""
        for client in clients:
            for token in client.broken:
                token.family.excuses += 1
            client.broken.clear()

    # ---- time

    def jump(self, hours):
        """The clock moves on for good; what lives for minutes is over."""
        self.hours += hours
        self.ledger.era += 1
        for code in self.ledger.codes:
            code.expired = True
        self.switches.shift_clock(self.hours * HOUR)
        self.provider.turn(clock_offset=self.hours * HOUR)
        self.ledger.era += 1

    # ---- the end of a run

    def check(self, clients):
        touched = set().union(*(client.touched for client in clients))
        tokens = [t for t in self.ledger.tokens if t.family in touched and t.state != "lost"]
        # Per family what was touched last; the rest is looked at in the end.
        chosen = {}
        for token in tokens:
            key = (token.family, token.state, bool(token.pending), token.limit is None, bool(token.rotation))
            chosen[key] = token
        self.judge.check(list(chosen.values()) + [t for t in tokens if t.pending and t not in chosen.values()])

    def finish(self):
        """The last check, of everything, and the end of the servers. True if nothing was found."""
        self.start()
        self.judge.check_to_the_end()
        # What a killed server had claimed of the outbox is free after its claim has run out.
        for server in self.servers:
            server.end()
        self.jump(2)
        self.start()
        self.judge.check_reuse()
        self.judge.check_ended()
        self.close()

    def close(self):
        for server in self.servers:
            server.kill()
        self.judge.client.close()
        if not self.ledger.findings:
            shutil.rmtree(self.folder, ignore_errors=True)
