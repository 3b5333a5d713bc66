"""The harness in its short form: at least 30 kills on each engine, nothing lost, overused or reused."""
import secrets
import unittest

from fault import Campaign

KILLS = 30
RUNS = 40  # nearly every one kills


class Short(unittest.TestCase):
    def campaign(self, engine):
        seed = secrets.randbelow(10**9)
        lines = []
        campaign = Campaign(engine, seed, RUNS, say=lambda *words: lines.append(" ".join(words)))
        try:
            campaign.run()
        finally:
            print(f"({engine}, seed {seed}: {campaign.summary()})", end=" ", flush=True)
        report = "\n".join([f"scripts/fault --runs {RUNS} --engine {engine} --seed {seed}", *lines,
                            *(f"{kind}: {text}" for kind, text in campaign.findings)])
        self.assertEqual(campaign.findings, [], report)
        self.assertGreaterEqual(campaign.kills, KILLS, report)
        self.assertGreater(campaign.acknowledged, 10 * RUNS, report)

    def test_sqlite_loses_nothing(self):
        self.campaign("sqlite")

    def test_postgresql_loses_nothing(self):
        self.campaign("postgresql")


if __name__ == "__main__":
    unittest.main()
