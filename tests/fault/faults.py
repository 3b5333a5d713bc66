"""The faults of a run. Each function does one thing to a world under load, and leaves servers, database, provider and clock
working; what the load did is checked afterwards (World.check).

A function gets the world and its random numbers and returns the clients it used.
"""
import time

# Planted points, what a single client does to meet them, and whether a kill there may leave a successor unstored.
ACCESS_POINTS = {
    "before_reserve": False, "after_reserve": False, "before_provider_call": False, "after_provider_reply": True,
    "after_settle": False, "before_commit": True, "after_commit": False,
}
OTHER_POINTS = {
    "before_subtoken_stored": "subtoken", "after_subtoken_stored": "subtoken", "after_code_stored": "code",
    "after_code_redeemed": "redeem", "after_revocation_stored": "revoke", "before_provider_revocation": "revoke",
    "after_provider_revocation": "revoke", "after_consent_stored": "login", "after_redirect_claimed": "login",
    "after_code_exchanged": "login", "after_login_stored": "login", "after_result_collected": "login",
}


def crowd(world, count=4):
    clients = [world.client() for _ in range(count)]
    world.stock_up(clients[0])
    return clients


def some_time(random, shortest=0.01, longest=0.12):
    time.sleep(random.uniform(shortest, longest))


def kill_at_random(world, random):
    """kill -9 at any moment."""
    clients = crowd(world)

    def during():
        some_time(random)
        world.kill(random.choice(world.servers))
    world.load(clients, during)
    world.excuse(clients)
    world.start()
    return clients


def kill_all_at_random(world, random):
    """kill -9 of every server at once."""
    clients = crowd(world)

    def during():
        some_time(random)
        world.kill()
    world.load(clients, during)
    world.excuse(clients)
    world.start()
    return clients


def kill_at_access_point(world, random):
    """kill -9 at a named point of the access-token path, one client: what may be open is known exactly."""
    point = random.choice(sorted(ACCESS_POINTS))
    world.restart_with(f"{point}:{random.randint(1, 4)}")
    client = world.client([world.servers[0].address])
    world.stock_up(client)
    deadline = time.monotonic() + 0.8
    while world.servers[0].child.poll() is None and time.monotonic() < deadline:
        tokens = world.tokens()
        if tokens:
            client.access(random.choice(tokens))
        else:
            client.log_in()
    end_or_kill(world)
    if ACCESS_POINTS[point]:
        world.excuse([client])
    client.broken.clear()
    return restarted(world, client)


def kill_at_other_point(world, random):
    """kill -9 at a named point of logins, sub-tokens, codes and revocations, one client."""
    point = random.choice(sorted(OTHER_POINTS))
    world.restart_with(f"{point}:{random.randint(1, 2)}")
    client = world.client([world.servers[0].address])
    world.stock_up(client)
    deadline = time.monotonic() + 0.8
    while world.servers[0].child.poll() is None and time.monotonic() < deadline:
        token = random.choice(world.tokens() or [None])
        what = OTHER_POINTS[point] if token else "login"
        if what == "login":
            client.log_in()
        elif what == "subtoken":
            client.make_subtoken(token)
        elif what == "revoke":
            client.revoke_somehow(token)
            time.sleep(0.01)
        else:
            client.make_code(token)
            if what == "redeem" and world.ledger.codes:
                client.redeem(world.ledger.codes[-1])
        if what == "revoke" and not world.tokens():
            time.sleep(0.3)  # the outbox works within a quarter of a second
    end_or_kill(world)
    return restarted(world, client)


def end_or_kill(world):
    server = world.servers[0]
    if server.child.poll() is None:
        world.kill(server)
    else:
        world.note_death(server)


def restarted(world, client):
    world.start()
    client.addresses = [s.address for s in world.servers]
    client.close()
    return [client]


def kill_at_point_in_a_crowd(world, random):
    """kill -9 at a named point, several clients."""
    world.restart_with(f"{random.choice(sorted({**ACCESS_POINTS, **OTHER_POINTS}))}:{random.randint(1, 12)}")
    clients = crowd(world)
    world.load_until_death(clients, world.servers[0])
    world.excuse(clients)
    world.start()
    return clients


def provider_loses_replies(world, random):
    """The provider acts and closes the connection; then kill -9."""
    clients = crowd(world)

    def during():
        world.provider.turn(drop_after_acting=random.randint(1, 6))
        some_time(random, 0.03, 0.1)
        world.kill(random.choice(world.servers))
    world.load(clients, during)
    world.provider.well()
    world.excuse(clients)
    world.start()
    return clients


def provider_fails(world, random):
    """The provider is down, slow, answers 5xx or HTML; then kill -9."""
    clients = crowd(world)
    fault = random.choice([{"down": 1}, {"delay": random.randint(20, 150)}, {"html_502": 1},
                           {"error": "temporarily_unavailable", "error_status": 503}, {"error": "server_error"},
                           {"drop_before_acting": 5}])

    def during():
        some_time(random, 0, 0.03)
        world.provider.turn(**fault)
        some_time(random, 0.05, 0.15)
        if random.random() < 0.7:
            world.kill(random.choice(world.servers))
    world.load(clients, during)
    world.provider.well()
    world.excuse(clients)
    world.start()
    return clients


def clients_hang_up(world, random):
    """Connections are cut before the answer, by every second client; then kill -9."""
    clients = crowd(world)
    for client in clients[::2]:
        client.cut = 0.4

    def during():
        some_time(random, 0.05, 0.12)
        world.kill(random.choice(world.servers))
    world.load(clients, during)
    for client in clients:
        client.cut = 0.0
    world.excuse(clients)
    world.start()
    return clients


def clock_jumps_on(world, random):
    """The clock jumps an hour ahead under load, before or after kill -9, and stays there."""
    clients = crowd(world)
    first = random.random() < 0.5

    def during():
        some_time(random, 0.01, 0.06)
        if first:
            world.jump(1)
            some_time(random, 0.01, 0.06)
        world.kill(random.choice(world.servers))
    world.load(clients, during)
    if not first:
        world.jump(1)
    world.excuse(clients)
    world.start()
    return clients


def clock_jumps_back(world, random):
    """The clock jumps an hour back under load (servers answer 503) and is mended; then kill -9."""
    clients = crowd(world)

    def during():
        some_time(random, 0.01, 0.06)
        world.ledger.era += 1  # a code that is made in this moment may be one of an hour ago
        world.switches.shift_clock((world.hours - 1) * 3600)
        some_time(random, 0.02, 0.06)
        world.switches.shift_clock(world.hours * 3600)
        world.ledger.era += 1
        some_time(random, 0, 0.03)
        world.kill(random.choice(world.servers))
    world.load(clients, during)
    world.excuse(clients)
    world.start()
    return clients


def disk_fills(world, random):
    """The disk of servers and database is full for a moment; often kill -9 while it is, and a start after it."""
    clients = crowd(world)

    def during():
        some_time(random, 0, 0.05)
        world.switches.fill_disk(True)
        some_time(random, 0.03, 0.12)
        if random.random() < 0.3:
            world.switches.fill_disk(False)
            some_time(random, 0, 0.1)
        world.kill(random.choice(world.servers))
    try:
        world.load(clients, during)
    finally:
        world.switches.fill_disk(False)
    if world.base.postgres:
        world.base.postgres.wait_until_ready()
    world.excuse(clients)
    world.start()
    return clients


def ended_in_order(world, random):
    """SIGTERM under load: what was begun is finished, and the next start finds everything in order."""
    clients = crowd(world)

    def during():
        some_time(random, 0.02, 0.08)
        server = random.choice(world.servers)
        if server.end() != 0:
            world.ledger.find("lost", f"{server.name} was told to end and ended with an error")
    world.load(clients, during)
    for client in clients:
        client.broken.clear()  # no excuse
    world.start()
    return clients


def database_dies(world, random):
    """kill -9 of PostgreSQL under load, a start after a moment; often a server dies meanwhile."""
    clients = crowd(world)

    def during():
        some_time(random)
        world.base.postgres.kill()
        some_time(random, 0.02, 0.2)
        if random.random() < 0.6:
            world.kill(random.choice(world.servers))
        world.base.postgres.start()
        some_time(random, 0.05, 0.2)
    world.load(clients, during)
    world.excuse(clients)
    world.start()
    return clients


def database_restarts(world, random):
    """PostgreSQL is ended in order under load and started again."""
    clients = crowd(world)

    def during():
        some_time(random)
        world.base.postgres.stop()
        some_time(random, 0.02, 0.1)
        world.base.postgres.start()
        some_time(random, 0.05, 0.2)
        world.kill(random.choice(world.servers))
    world.load(clients, during)
    world.excuse(clients)
    world.start()
    return clients


def database_cuts_connections(world, random):
    """Every connection to the database breaks, several times, as at a fail-over; then kill -9."""
    clients = crowd(world)

    def during():
        for _ in range(random.randint(1, 4)):
            some_time(random, 0.01, 0.06)
            world.base.postgres.end_backends()
        some_time(random, 0, 0.05)
        world.kill(random.choice(world.servers))
    world.load(clients, during)
    world.excuse(clients)
    world.start()
    return clients


def database_pauses(world, random):
    """Every process of PostgreSQL is stopped (SIGSTOP) for a moment; servers are killed meanwhile, and it goes on."""
    clients = crowd(world)

    def during():
        some_time(random)
        world.base.postgres.pause()
        try:
            some_time(random, 0.05, 0.2)
            world.kill(random.choice(world.servers))
        finally:
            world.base.postgres.resume()
        some_time(random, 0, 0.1)
    world.load(clients, during)
    world.excuse(clients)
    world.start()
    return clients


EVERY_ENGINE = {
    kill_at_random: 16, kill_at_access_point: 24, kill_at_other_point: 14, kill_at_point_in_a_crowd: 16,
    provider_loses_replies: 6, provider_fails: 6, clients_hang_up: 6, clock_jumps_on: 3, clock_jumps_back: 3, disk_fills: 6,
    ended_in_order: 2,
}
SQLITE = {**EVERY_ENGINE}
POSTGRESQL = {**EVERY_ENGINE, kill_all_at_random: 6, database_dies: 3, database_restarts: 1, database_cuts_connections: 6,
              database_pauses: 4}
FAULTS = {"sqlite": SQLITE, "postgresql": POSTGRESQL}
