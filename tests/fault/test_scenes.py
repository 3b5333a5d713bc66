"""Faults that need a scene of their own: each is led to exactly the moment in question, and then looked at."""
import secrets
import threading
import time
import unittest

from processes import Server
from world import Base, World


class Scene(unittest.TestCase):
    engine = "sqlite"

    @classmethod
    def setUpClass(cls):
        cls.base = Base(cls.engine)
        cls.addClassCleanup(cls.base.close)

    def setUp(self):
        self.world = World(self.base, secrets.randbelow(10**9))
        self.addCleanup(self.world.close)
        self.client = self.world.client()
        self.provider = self.world.provider

    def log_in(self, restrictions=(), rotation=None):
        token = self.client.log_in((list(restrictions), rotation))
        while token is None:  # a client sometimes leaves its result for later
            token = self.client.log_in((list(restrictions), rotation))
        return token

    def in_background(self, work):
        """Runs `work`; the result is a function that waits for it and gives its value."""
        values = []
        thread = threading.Thread(target=lambda: values.append(work()))
        thread.start()

        def wait():
            thread.join()
            return values[0]
        return wait

    def through(self, number):
        """From now on the client uses this server only."""
        self.client.close()
        self.client.addresses = [self.world.servers[number].address]

    def strictly(self, token):
        """An access token while the provider punishes every refresh token but the current one."""
        self.provider.turn(rotation="family-revocation")
        answer = self.client.access(token)
        self.provider.well()
        return answer

    def assert_nothing_found(self):
        self.world.start()
        self.client.addresses = [s.address for s in self.world.servers]
        self.world.judge.check_to_the_end()
        self.assertEqual(self.world.ledger.findings, [])

    def session(self, token):
        return next(s for s in self.provider.sessions(0) if s["user"] == token.family.user)


class OnSqlite(Scene):
    def test_a_second_server_on_the_same_file_is_refused_and_disturbs_nobody(self):
        first = self.world.servers[0]
        token = self.log_in()
        second = Server(self.world.folder, "second", "http://127.0.0.1:1", first.port, self.provider.issuer,
                        f"sqlite://{self.world.state / 'world.db'}", self.world.switches)
        second.spawn()
        self.assertEqual(second.child.stdout.read(), b"")
        self.assertEqual(second.wait(20), 1)
        said = [line for line in second.log.read_text().splitlines() if "error:" in line]
        self.assertEqual(len(said), 1, said)
        self.assertIn("another server has it open; stop that one first", said[0])
        self.assertEqual(self.client.access(token).status, 200)

    def test_a_successor_that_met_a_full_disk_is_in_the_journal_after_a_kill(self):
        token = self.log_in()
        self.world.restart_with("after_journal")
        self.client.close()
        self.world.switches.fill_disk(True)
        self.addCleanup(self.world.switches.fill_disk, False)
        # Space that the database's log has already may last for some successors.
        status = next((s for s in (self.client.access(token).status for _ in range(200)) if s != 200), 200)
        self.assertEqual(status, 0)
        self.world.note_death(self.world.servers[0])
        self.world.switches.fill_disk(False)
        self.world.start()
        self.client.close()
        self.assertEqual(self.strictly(token).status, 200)
        self.assertEqual(self.session(token)["repeats"], 0)

    def test_while_the_disk_is_full_no_refresh_token_is_put_at_risk(self):
        token = self.log_in()
        self.assertEqual(self.client.access(token).status, 200)
        self.world.switches.fill_disk(True)
        self.addCleanup(self.world.switches.fill_disk, False)
        for _ in range(6):
            self.assertIn(self.client.access(token).status, (200, 500, 503))
        self.world.kill()
        self.world.switches.fill_disk(False)
        self.world.start()
        self.client.close()
        self.assertEqual(self.strictly(token).status, 200)
        self.assertEqual(self.session(token)["repeats"], 0)

    def test_a_rotated_mytoken_whose_answer_was_lost_is_given_again_after_a_long_outage(self):
        token = self.log_in(rotation={"on_AT": True, "auto_revoke": True})
        self.world.restart_with("after_settle")
        self.client.close()
        self.assertEqual(self.client.access(token).status, 0)
        self.world.note_death(self.world.servers[0])
        self.world.jump(1)  # far beyond the grace for retries
        self.world.start()
        self.client.close()
        self.assertEqual(self.client.access(token).status, 200)
        self.assertEqual(self.client.access(token).status, 200)

    def test_the_successor_of_a_mytoken_is_not_given_again_after_an_outage_that_began_later(self):
        token = self.log_in(rotation={"on_AT": True, "auto_revoke": True})
        before = token.text
        self.assertEqual(self.client.access(token).status, 200)
        self.world.jump(1)
        other = self.log_in()  # life goes on
        self.assertEqual(self.client.access(other).status, 200)
        self.world.kill()
        self.world.start()
        self.client.close()
        answer = self.client.call("POST", "/api/v0/token/access",
                                  {"grant_type": "mytoken", "mytoken": before, "comment": f"{self.client.name}-{2}"})
        self.assertEqual(answer.status, 401)


    def test_reuse_of_a_rotated_mytoken_ends_it_with_its_sub_tokens_after_a_kill_too(self):
        token = self.log_in(rotation={"on_AT": True, "on_other": True, "auto_revoke": True})
        bystander = self.log_in()
        self.assertEqual(self.client.make_subtoken(token).status, 200)
        self.assertEqual(self.client.access(token).status, 200)
        self.world.kill()
        self.world.jump(1)  # it is no parallel use of the same client
        self.world.start()
        self.client.close()
        self.world.judge.reuse(token)
        self.assertEqual({t.state for t in token.with_descendants()}, {"revoked"})
        self.assertEqual(self.client.access(bystander).status, 200)
        self.assert_nothing_found()


class OnPostgresql(Scene):
    engine = "postgresql"

    def test_what_a_killed_server_had_in_use_is_free_when_it_is_back(self):
        token = self.log_in()
        self.world.restart_with("before_provider_call")
        self.through(0)
        self.assertEqual(self.client.access(token).status, 0)
        self.world.note_death(self.world.servers[0])
        self.through(1)
        waiting = self.in_background(lambda: self.client.access(token))
        self.world.start()
        started = time.monotonic()
        self.assertEqual(waiting().status, 200)
        self.assertLess(time.monotonic() - started, 10)

    def test_a_database_paused_beyond_the_time_out_commits_late_and_nothing_is_exceeded(self):
        limited = self.log_in([{"usages_AT": 5}])
        plain = self.log_in()
        clients = [self.world.client() for _ in range(4)]
        self.provider.turn(delay=150)
        waiting = [self.in_background(lambda c=c, t=t: c.access(t)) for c, t in zip(clients, (limited, plain, limited, plain))]
        time.sleep(0.1)  # the first of each are at the provider
        self.base.postgres.pause()
        try:
            answers = [wait() for wait in waiting]
            self.assertTrue(all(a.status in (0, 503, 500) for a in answers), answers)
        finally:
            self.base.postgres.resume()
            self.provider.well()
        self.assert_nothing_found()
        self.assertEqual(self.session(plain)["repeats"], 0)

    def test_a_journal_is_overtaken_by_what_another_server_stored_meanwhile(self):
        token = self.log_in()
        self.world.restart_with("after_journal")
        self.through(0)
        self.assertEqual(self.client.access(token).status, 200)
        self.provider.turn(delay=300)
        waiting = self.in_background(lambda: self.client.access(token))
        time.sleep(0.15)
        self.base.postgres.kill()
        self.assertEqual(waiting().status, 0)
        self.world.note_death(self.world.servers[0])
        self.provider.well()
        self.base.postgres.start()
        self.world.jump(1)  # the dead server's lease has run out
        self.through(1)
        for _ in range(3):  # the provider forgives the first
            self.world.judge.patiently(lambda: self.client.access(token))
        self.assertEqual(self.session(token)["repeats"], 1)
        self.world.start()
        for number in (0, 1, 0):
            self.through(number)
            self.assertEqual(self.strictly(token).status, 200)

    def test_a_journal_keeps_what_the_database_did_not_take(self):
        token = self.log_in()
        self.world.restart_with("after_journal")
        self.through(0)
        self.assertEqual(self.client.access(token).status, 200)
        self.provider.turn(delay=300)
        waiting = self.in_background(lambda: self.client.access(token))
        time.sleep(0.15)
        self.base.postgres.kill()
        self.assertEqual(waiting().status, 0)
        self.world.note_death(self.world.servers[0])
        self.provider.well()
        self.base.postgres.start()
        self.world.start()
        self.provider.turn(rotation="family-revocation")
        self.assertEqual(self.world.judge.patiently(lambda: self.client.access(token)).status, 200)
        self.through(1)
        self.assertEqual(self.world.judge.patiently(lambda: self.strictly(token)).status, 200)
        self.assertEqual(self.session(token)["repeats"], 0)


if __name__ == "__main__":
    unittest.main()
