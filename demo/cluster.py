"""The part of scripts/cluster after the build; see there for what it does and for its options."""
import argparse
import re
import signal
import sys
import threading
import time

import cluster_load
import login
from cluster_ledger import Ledger
from cluster_stack import Cluster, get_json, wait_until
from stack import BUILD, StackError

LOGINS = 24
# When which part is struck, as a share of the load's time.
RESTART_AT, KILL_AT, FAILOVER_AT = 0.10, 0.25, 0.40
# Seconds after which what was killed comes back.
SERVER_AWAY, NODE_AWAY = 2, 5
SHOWN_ERRORS = 20


def say(text=""):
    print(text, flush=True)


class Faults:
    """Strikes one part after the other while the load runs, and tells what happened."""

    def __init__(self, cluster, ledger, seconds):
        self.cluster, self.ledger, self.seconds = cluster, ledger, seconds
        self.begin = time.monotonic()
        self.failed = []  # what did not go as it must, besides what the load notices

    def run(self):
        self._wait_for(RESTART_AT)
        self._restart(self.cluster.servers[0])
        self._wait_for(KILL_AT)
        self._kill_server(self.cluster.servers[1])
        self._wait_for(FAILOVER_AT)
        self._kill_primary()
        self._wait_for(1)

    def _wait_for(self, share):
        time.sleep(max(0.0, self.begin + share * self.seconds - time.monotonic()))

    def _say(self, text):
        say(f"{time.monotonic() - self.begin:6.1f} s  {text}")

    def _interruption(self, since):
        return self.ledger.longest_interruption(since, time.monotonic())

    def _restart(self, server):
        since = time.monotonic()
        code = server.stop(120)
        took = time.monotonic() - since
        if code != 0:
            self.failed.append(f"{server.name} ended with {code} after SIGTERM")
        server.start()
        self.cluster.await_server(server)
        self._say(f"{server.name} ended in order within {took:.1f} s and runs again; longest time without a success "
                  f"{self._interruption(since):.1f} s")

    def _kill_server(self, server):
        since = time.monotonic()
        server.kill()
        time.sleep(SERVER_AWAY)
        server.start()
        self.cluster.await_server(server)
        self._say(f"{server.name} was killed (-9) and runs again; longest time without a success {self._interruption(since):.1f} s")

    def _kill_primary(self):
        cluster = self.cluster
        old = cluster.primary()
        since = time.monotonic()
        old.kill()
        self._say(f"{old.name}, the database's primary, was killed (-9) with its Patroni")
        new = wait_until(cluster.primary, "a new primary")
        self._say(f"{new.name} is the primary, {time.monotonic() - since:.1f} s after")
        for server in cluster.servers:
            cluster.await_server(server)
        self._say(f"all servers are ready again, {time.monotonic() - since:.1f} s after")
        time.sleep(NODE_AWAY)
        self._say(f"longest time without a success {self._interruption(since):.1f} s")
        old.start()
        wait_until(cluster.database_complete, f"{old.name} as a replica")
        self._say(f"{old.name} is back as a replica")


def journal_lines(cluster):
    """How many refresh tokens waited in the servers' journals, and came back from there."""
    text = "".join(server.log.read_text(errors="replace") for server in cluster.servers)
    return text.count("it is kept in the journal"), text.count("was brought back from the journal")


def exercise(cluster, seconds):
    """The whole of --once; returns exit code and last line."""
    ledger = Ledger()
    failovers = lost = 0
    troubles = []
    try:
        say(f"\n{LOGINS} logins through the pages of service and provider")
        tokens = cluster_load.log_in_all(cluster, ledger, LOGINS)
        before = cluster.timeline()
        load = cluster_load.Load(cluster, ledger, tokens)
        say(f"load for {seconds} s, while parts of the cluster die")
        thread = threading.Thread(target=load.run)
        thread.start()
        faults = Faults(cluster, ledger, seconds)
        try:
            faults.run()
        finally:
            load.stop()
            thread.join()
        troubles += faults.failed
        failovers = cluster.timeline() - before
        if failovers < 1:
            troubles.append("no other database node became primary")
        say(f"using each of {ledger.counts['acknowledged']} acknowledged mytokens once more")
        losses = cluster_load.verify(cluster, ledger)
        lost = len(losses)
        troubles += [f"a {t.kind} token of limit {t.limit} does not work" for t in losses[:SHOWN_ERRORS]]
        ledger.errors += [f"a token limited to {t.limit} was refused after {t.granted} uses"
                          for t in ledger.underused() if t not in losses]
        reused = report(cluster, ledger)["reused"]
        if reused:
            troubles.append(f"the provider found {reused} refresh tokens reused")
    except (StackError, cluster_load.Failed, login.LoginFailed, OSError, ValueError, KeyError) as error:
        troubles.append(f"{type(error).__name__}: {error}")
    for text in (ledger.errors + troubles)[:SHOWN_ERRORS]:
        say(f"error: {text}")
    errors = len(ledger.errors) + len(troubles) - min(lost, SHOWN_ERRORS)
    overused = ledger.overused()
    line = (f"cluster: requests={ledger.counts['requests']} errors={errors} failovers={failovers} "
            f"acknowledged={ledger.counts['acknowledged']} lost={lost} overused={overused}")
    return (1 if errors or lost or overused or failovers < 1 else 0), line


def report(cluster, ledger):
    """Prints what the last line leaves out; returns what the provider counted."""
    counts = ledger.counts
    kept, replayed = journal_lines(cluster)
    rotation = get_json(f"{cluster.op}/demo/rotation", 10)
    if rotation is None:
        raise StackError(f"the provider does not answer\n{cluster.logs([cluster.provider])}")
    say(f"\nanswers        {counts['HTTP/2']} by HTTP/2, {counts['HTTP/1.1']} by HTTP/1.1; repeated {counts['503']} after a 503, "
        f"{counts['broken']} after a broken connection; slowest success {ledger.slowest:.1f} s")
    say(f"outcome lost   {sum(t.maybe for t in ledger.tokens)} requests for access tokens, "
        f"{counts['codes whose answer was lost']} transfer codes, {counts['revocations whose answer was lost']} revocations")
    say(f"limits         {sum(1 for t in ledger.tokens if t.limit is not None)} limited tokens, "
        f"{sum(t.limit for t in ledger.tokens if t.limit is not None)} uses allowed, "
        f"{sum(t.granted for t in ledger.tokens if t.limit is not None)} granted")
    say(f"refresh tokens {rotation['rotated']} rotated, {kept} kept in a journal and {replayed} brought back from there, "
        f"{rotation['by_grace']} honoured by the provider's grace, {rotation['reused']} found reused")
    return rotation


def print_hints(cluster):
    server = f"SSL_CERT_FILE={cluster.ca} {BUILD / 'mytoken'} --url {cluster.issuer}"
    ports = cluster.nodes[0].ports
    say(f"""
Try it by hand; sign in as alice / wonderland, bob / bobby-pins or carol / christmas (the certificate is of our own making):

  {server} MT -i {cluster.op} -o {cluster.folder}/token
  {server} AT --MT-file {cluster.folder}/token
  curl --cacert {cluster.ca} --http2 {cluster.issuer}/.well-known/mytoken-configuration
  curl -s http://127.0.0.1:{ports['rest_port']}/cluster
  patronictl -c {cluster.nodes[0].folder}/patroni.yaml list

A database node is its Patroni and its PostgreSQL (two pids); kill -9 them and watch. Ctrl-C ends everything.""")


def watch(cluster):
    """Tells what changes, until something besides database nodes and servers ends."""
    known = {}
    while all(part.runs for part in (*cluster.etcd, cluster.proxy, cluster.provider)):
        now = {m["name"]: f"{m.get('role')}, {m.get('state')}, timeline {m.get('timeline')}" for m in cluster.members()}
        for part in (*cluster.servers, *cluster.nodes):
            if not part.runs or part.name not in now:
                now[part.name] = "runs" if part.runs else "has ended"
        for name in sorted({*now, *known}):
            if known and now.get(name) != known.get(name):
                say(f"  {time.strftime('%H:%M:%S')} {name}: {now.get(name, 'not seen')}")
        known = now
        time.sleep(1)
    say(f"\ncluster: a process ended by itself\n{cluster.logs()}")
    return 1


def main():
    parser = argparse.ArgumentParser(prog="scripts/cluster", description="Runs the large form of mytoken on this machine.")
    parser.add_argument("--once", action="store_true", help="run the load and the faults, and end")
    parser.add_argument("--seconds", type=int, default=120, metavar="N", help="length of the load (20 to 3600)")
    options = parser.parse_args()
    if not 20 <= options.seconds <= 3600:
        parser.error("--seconds must be 20 to 3600")
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: sys.exit(128 + number if options.once else 0))
    begin = time.monotonic()
    try:
        with Cluster(lambda text: say(f"cluster: {text}")) as cluster:
            say(f"cluster: up after {time.monotonic() - begin:.1f} s\n\n{cluster.table()}")
            if not options.once:
                print_hints(cluster)
                return watch(cluster)
            code, line = exercise(cluster, options.seconds)
            cluster.keep = code != 0
        say(line)
        return code
    except StackError as error:
        say(f"\ncluster: failed: {error}")
        return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("\ncluster: ended")
        sys.exit(130 if "--once" in sys.argv else 0)
