"""Starts and stops the cluster of scripts/cluster on loopback: etcd, PostgreSQL under Patroni, servers, HAProxy, provider.

The configuration comes from the templates in config/cluster, which docs/operations/cluster.md explains. Everything lives in
one temporary folder. Processes are started by the main thread only: they end with it, however it ends.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request

from stack import BUILD, CLIENT_SECRET, ROOT, Process, StackError

TEMPLATES = ROOT / "config" / "cluster"
POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")
HOST = "127.0.0.1"
NODES = 3  # of etcd, of PostgreSQL, and servers
# Seconds; ttl >= loop_wait + 2 * retry_timeout. Shorter than on a network, see docs/operations/cluster.md.
TIMES = {"ttl": 10, "loop_wait": 2, "retry_timeout": 3}
# Seconds for which the provider honours the predecessor of a refresh token, as production providers can be told to.
PROVIDER_GRACE = 60
PROVIDER_DELAY = 150  # milliseconds, as over a wide-area network
# How long a program may take to be ready. Generous: a busy machine is no fault.
PATIENCE = 120
_LIBC = ctypes.CDLL(None, use_errno=True)


def _end_with_parent():
    _LIBC.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _free_ports(count):
    """Ports below the range from which the kernel takes those of outgoing connections, so that a program which is started
    again finds its own port free."""
    found, held = [], []
    with contextlib.ExitStack() as stack:
        while len(found) < count:
            s = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                s.bind((HOST, random.randrange(15000, 32000)))
                held.append(s)
                found.append(s.getsockname()[1])
    return found


def get_json(url, seconds=3):
    """The JSON at `url` whatever its status, None if there is none."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=seconds) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with contextlib.suppress(OSError, ValueError):
            return json.load(error)
    except (OSError, ValueError):
        pass
    return None


def wait_until(condition, what, seconds=PATIENCE, pause=0.1):
    """The first true value of `condition()`; StackError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise StackError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def alive(pid):
    """Whether there is such a process, and not only what is left of one that has ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


class Part:
    """One program of the cluster: how it is started, its address and what it is for."""

    def __init__(self, cluster, name, role, port, command, user=True, **ports):
        self.cluster, self.name, self.role, self.port, self.command, self.ports = cluster, name, role, port, command, ports
        self.folder = cluster.folder / name
        self.log = self.folder / "log"
        self.user = user
        self.process = None
        self.folder.mkdir(mode=0o700)
        if user:
            cluster.give(self.folder)

    def write(self, template, file=None, **values):
        """Fills a template of config/cluster into this part's folder; returns the file."""
        values = {**self.cluster.values, **self.ports, "name": self.name, "folder": self.folder, "port": self.port, **values}
        text = (TEMPLATES / template).read_text()
        text = re.sub(r"@(\w+)@", lambda found: str(values[found.group(1)]), text)
        path = self.folder / (file or template)
        path.write_text(text)
        path.chmod(0o600)
        if self.user:
            self.cluster.give(path)
        return path

    def start(self):
        options = {"cwd": self.folder, "preexec_fn": _end_with_parent}
        if self.user and self.cluster.user:
            options.update(user=self.cluster.user.pw_uid, group=self.cluster.user.pw_gid, extra_groups=[])
        # whoever runs this may have settings at home that another user cannot read
        self.process = Process(self.name, self.command, self.log, {"HOME": str(self.folder)}, **options)

    @property
    def pid(self):
        return self.process.child.pid

    @property
    def runs(self):
        return self.process is not None and self.process.child.poll() is None

    def kill(self):
        if self.process:
            self.process.child.kill()
            self.process.child.wait()

    def stop(self, seconds=15):
        """SIGTERM; the exit code."""
        return self.process.stop(seconds) if self.process else 0


class PostgresNode(Part):
    """Patroni and the PostgreSQL under it, which is no child of Patroni: a machine that dies takes both."""

    def postmaster(self):
        """Its pid, or None."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
            if os.readlink(f"/proc/{pid}/cwd") == str(self.folder / "data"):
                return pid
        return None

    def kill(self):
        """kill -9 of everything, as if the machine had lost its power."""
        super().kill()
        self.end_postgres(signal.SIGKILL)

    def end_postgres(self, number):
        pid = self.postmaster()
        if pid is None:
            return
        with contextlib.suppress(OSError):
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            os.kill(pid, number)
            if number == signal.SIGKILL:
                for child in map(int, children):
                    with contextlib.suppress(OSError):
                        os.kill(child, number)
        wait_until(lambda: not alive(pid), f"the end of PostgreSQL of {self.name}", 30, 0.02)

    def state(self):
        """What Patroni says about its node, or None."""
        return get_json(f"http://{HOST}:{self.ports['rest_port']}/patroni")


class Cluster:
    """The whole of it, a context manager. Members: issuer (of the service), op (issuer of the provider), folder, certificate,
    etcd, nodes, servers, proxy, provider."""

    def __init__(self, say=lambda text: None):
        self.say = say
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.keep = False  # the logs, after the end

    # ---- building

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mytoken-cluster-"))
        self.folder.chmod(0o711)
        self.etcd, self.nodes, self.servers, self.proxy, self.provider = [], [], [], None, None
        try:
            self._start()
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self

    def __exit__(self, kind, *_):
        self.stop(keep=self.keep or (kind is not None and issubclass(kind, Exception)))

    @property
    def parts(self):
        return [p for p in (*self.etcd, *self.nodes, self.provider, *self.servers, self.proxy) if p]

    def give(self, path):
        """To the user under whom PostgreSQL runs, which refuses to be root."""
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _start(self):
        ports = iter(_free_ports(5 * NODES + NODES * 2 + 3))
        https, stats, op_port = next(ports), next(ports), next(ports)
        self.issuer, self.op = f"https://{HOST}:{https}", f"http://{HOST}:{op_port}"
        self.stats = f"http://{HOST}:{stats}"
        self._make_certificate()
        self.values = {
            "host": HOST, "network": f"{HOST}/32", "proxy": HOST, "scope": "mytoken", "ca": self.ca, "issuer": self.issuer,
            "provider": self.op, "shared_buffers": "32MB", **TIMES,
            **{f"{name}_password": secrets.token_urlsafe(18) for name in ("rest", "superuser", "replication", "rewind", "database")},
        }
        self._start_etcd(ports)
        self._start_postgres(ports)
        self._start_provider(op_port)
        self._start_servers(ports)
        self._start_proxy(https, stats)

    def _make_certificate(self):
        self.ca = self.folder / "ca.pem"  # one certificate for HAProxy and PostgreSQL, its own authority
        self.key = self.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7",
                        "-keyout", self.key, "-out", self.ca, "-subj", "/CN=mytoken loopback cluster",
                        "-addext", f"subjectAltName=IP:{HOST},DNS:localhost"], check=True, capture_output=True)
        self.ca.chmod(0o644)
        self.key.chmod(0o600)
        self.give(self.key)
        # For Python's, OpenSSL's and the command line's clients in this process and below it.
        os.environ["SSL_CERT_FILE"] = str(self.ca)

    def tls(self):
        return ssl.create_default_context(cafile=str(self.ca))

    def _start_etcd(self, ports):
        self.say("starting etcd")
        addresses = [(next(ports), next(ports)) for _ in range(NODES)]
        members = ",".join(f"etcd{i}=http://{HOST}:{peer}" for i, (_, peer) in enumerate(addresses, 1))
        self.values["etcd_hosts"] = ", ".join(f'"{HOST}:{client}"' for client, _ in addresses)
        for i, (client, peer) in enumerate(addresses, 1):
            part = Part(self, f"etcd{i}", "etcd member", client, [], client_port=client, peer_port=peer)
            part.command = ["etcd", "--config-file", part.write("etcd.yaml", members=members)]
            self.etcd.append(part)
            part.start()
        for part in self.etcd:
            self._await(part, lambda p=part: (get_json(f"http://{HOST}:{p.port}/health") or {}).get("health") == "true")

    def _start_postgres(self, ports):
        self.say("starting PostgreSQL under Patroni")
        for i in range(1, NODES + 1):
            node = PostgresNode(self, f"pg{i}", "database", next(ports), [], rest_port=next(ports))
            key = node.folder / "key.pem"
            shutil.copy2(self.key, key)
            self.give(key)
            node.command = ["patroni", node.write("patroni.yaml", key=key, certificate=self.ca)]
            self.nodes.append(node)
            node.start()
        for node in self.nodes:
            self._await(node, lambda n=node: (n.state() or {}).get("state") == "running")
        wait_until(self.database_complete, "a primary and two replicas")
        primary = self.primary()
        self._sql(primary, f"\\set password '{self.values['database_password']}'\n\\i {TEMPLATES / 'database.sql'}\n")

    def _sql(self, node, text):
        """Runs statements as superuser, in the way an operator would."""
        env = {**os.environ, "PGPASSWORD": self.values["superuser_password"], "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(self.ca)}
        done = subprocess.run([POSTGRES / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", str(node.port),
                               "-U", "postgres", "-d", "postgres"], input=text, env=env, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise StackError(f"psql: {done.stderr.strip()}")

    def _start_provider(self, port):
        self.say("starting the provider")
        settings = {"PORT": port, "REDIRECT": f"{self.issuer}/redirect", "ROTATE": 1, "ROTATE_GRACE": PROVIDER_GRACE,
                    "DELAY": PROVIDER_DELAY}
        command = ["env", *(f"{k}={v}" for k, v in settings.items()), ROOT / "scripts" / "node", ROOT / "demo" / "provider.mjs"]
        self.provider = Part(self, "provider", "OpenID provider", port, command, user=False)
        self.provider.start()
        self.provider.process.wait_for(r"^provider at ", PATIENCE)

    def _start_servers(self, ports):
        if not (BUILD / "mytoken-server").exists():
            raise StackError(f"{BUILD / 'mytoken-server'} is not built")
        self.say("starting the servers")
        hosts = ",".join(f"{HOST}:{node.port}" for node in self.nodes)
        shared = self.folder / "shared"
        shared.mkdir(mode=0o700)
        self._secret(shared / "database.url", f"postgresql://mytoken:{self.values['database_password']}@{hosts}/mytoken"
                     f"?target_session_attrs=read-write&connect_timeout=2&sslmode=verify-full&sslrootcert={self.ca}")
        self._secret(shared / "client.secret", CLIENT_SECRET)
        for i in range(1, NODES + 1):
            part = Part(self, f"server{i}", "mytoken-server", next(ports), [], user=False, health_port=next(ports))
            files = [part.write("mytoken.yaml", database_url_file=shared / "database.url", signing_key=shared / "signing.key",
                                client_secret_file=shared / "client.secret"), part.write("mytoken-own.yaml")]
            arguments = [a for file in files for a in ("--config", file)]
            if i == 1:
                self._run([BUILD / "mytoken-server", "init", *arguments])
            part.command = [BUILD / "mytoken-server", "serve", *arguments]
            self.servers.append(part)
            part.start()
        for part in self.servers:
            self.await_server(part)

    def _start_proxy(self, https, stats):
        self.say("starting HAProxy")
        self.proxy = proxy = Part(self, "haproxy", "load balancer", https, [], stats_port=stats)
        pem = proxy.folder / "certificate.pem"
        self._secret(pem, self.ca.read_text() + self.key.read_text())
        self.give(pem)
        for answer in ("broken.http", "unavailable.http"):
            proxy.write(answer)
        servers = "\n".join(f"    server {s.name} {HOST}:{s.port} check port {s.ports['health_port']}" for s in self.servers)
        proxy.command = ["haproxy", "-W", "-f", proxy.write("haproxy.cfg", certificate=pem, servers=servers)]
        self._run(["haproxy", "-c", "-f", proxy.folder / "haproxy.cfg"])
        proxy.start()
        self._await(proxy, lambda: self.public_ready())

    def public_ready(self):
        """Whether the service answers outside."""
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"{self.issuer}/.well-known/mytoken-configuration", timeout=3, context=self.tls()) as answer:
                return answer.status == 200
        return False

    @staticmethod
    def _secret(path, text):
        path.write_text(text)
        path.chmod(0o600)

    @staticmethod
    def _run(command):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise StackError(f"{' '.join(map(str, command[:2]))} ended with {done.returncode}\n{done.stdout}{done.stderr}")

    def _await(self, part, ready):
        def ready_or_ended():
            if not part.runs:
                raise StackError(f"{part.name} ended with {part.process.child.returncode}\n{part.process.tail()}")
            return ready()
        try:
            wait_until(ready_or_ended, f"{part.name} ready")
        except StackError as error:
            raise StackError(f"{error}\n{part.process.tail()}") from None

    # ---- while it runs

    def await_server(self, part):
        """Until the server is up and has its database."""
        self._await(part, lambda: (get_json(f"http://{HOST}:{part.ports['health_port']}/readyz") or {}).get("ready"))

    def members(self):
        """What Patroni says of all nodes: list of {name, role, state, timeline, lag}, [] if nobody answers."""
        for node in self.nodes:
            if node.runs:
                answer = get_json(f"http://{HOST}:{node.ports['rest_port']}/cluster")
                if answer:
                    return answer.get("members", [])
        return []

    def primary(self):
        """The node that is primary and says so itself, or None."""
        for node in self.nodes:
            if node.runs:
                state = node.state() or {}
                if state.get("role") in ("master", "primary") and state.get("state") == "running":
                    return node
        return None

    def timeline(self):
        """Grows by one with every new primary; 0 if there is none."""
        return max((m.get("timeline") or 0 for m in self.members() if m.get("role") == "leader"), default=0)

    def database_complete(self):
        """One primary, all others follow it, one of them synchronously."""
        members = self.members()
        roles = [m.get("role") for m in members]
        timelines = {m.get("timeline") for m in members}
        return (len(members) == NODES and roles.count("leader") == 1 and "sync_standby" in roles and len(timelines) == 1
                and all(m.get("state") in ("running", "streaming") for m in members))

    def table(self):
        """What runs where: rows of name, address, pid, role, log."""
        rows = [("HAProxy", self.issuer, self.proxy), ("HAProxy, monitoring", self.stats, self.proxy),
                ("OpenID provider", self.op, self.provider)]
        rows += [("mytoken-server", f"http://{HOST}:{s.port} health {s.ports['health_port']}", s) for s in self.servers]
        roles = {m.get("name"): m.get("role") for m in self.members()}
        rows += [(f"PostgreSQL, {roles.get(n.name, '?')}", f"{HOST}:{n.port} Patroni {n.ports['rest_port']}", n) for n in self.nodes]
        rows += [("etcd", f"http://{HOST}:{e.port}", e) for e in self.etcd]
        lines = []
        for role, address, part in rows:
            pid = str(part.pid) + (f"+{part.postmaster()}" if isinstance(part, PostgresNode) else "")
            lines.append(f"  {part.name:9} {role:25} {address:38} pid {pid:14} {part.log}")
        return "\n".join(lines)

    def logs(self, parts=None):
        return "\n".join(p.process.tail(12) for p in parts or self.parts if p.process)

    # ---- end

    def stop(self, keep=False):
        """Ends everything; the data are temporary, so the databases need not end in order."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for part in self.servers:
                if part.runs:
                    part.process.child.terminate()
            for node in self.nodes:
                if node.runs:
                    node.process.child.kill()  # first, or it would start its PostgreSQL again
                    node.process.child.wait()
                node.end_postgres(signal.SIGQUIT)
            for part in self.servers:  # a second SIGTERM would be an order to hurry
                with contextlib.suppress(subprocess.TimeoutExpired):
                    part.process and part.process.child.wait(5)
                part.kill()
            if self.provider:
                self.provider.stop(5)
            if self.proxy:
                self.proxy.stop(5)
            for part in self.etcd:
                part.kill()
            if keep:
                self.say(f"the logs stay in {self.folder}")
            else:
                shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            signal.signal(signal.SIGINT, before)
