"""The fault harness: runs, each with one fault under load and a check of the ledger after it. See docs/reliability.md.

    fault.py --runs N [--engine sqlite|postgresql] [--seed S] [--only NAME]

Ends with `fault: runs=<n> kills=<n> acknowledged=<n> lost=<n> overused=<n> reused=<n>`; the exit code is 0 only if the last
three are 0. The seed is printed and chooses everything that is chosen here; what the threads of a load do at the same time
is up to the machine, so a repeated run does the same things but not to the microsecond.
"""
import argparse
import collections
import random
import secrets
import sys
import time

import faults
from world import Base, World

RUNS_PER_WORLD = 20


class Campaign:
    def __init__(self, engine, seed, runs, only=None, say=print):
        self.engine, self.runs, self.only, self.say = engine, runs, only, say
        self.seed = seed
        self.random = random.Random(seed)
        self.done = self.kills = self.acknowledged = 0
        self.findings = []
        self.by_fault = collections.Counter()
        self.longest_wait = 0.0

    def run(self):
        base = Base(self.engine)
        try:
            while self.done < self.runs:
                self.one_world(base, min(RUNS_PER_WORLD, self.runs - self.done))
        finally:
            base.close()

    def one_world(self, base, runs):
        world = World(base, self.random.randrange(10**9))
        try:
            for _ in range(runs):
                self.one_run(world)
            world.finish()
        finally:
            world.close()
            self.kills += world.kills
            self.acknowledged += world.ledger.acknowledged
            self.longest_wait = max(self.longest_wait, world.judge.longest_wait)
            self.findings += world.ledger.findings

    def one_run(self, world):
        table = {f: w for f, w in faults.FAULTS[self.engine].items() if self.only in (None, f.__name__)}
        fault = self.random.choices(list(table), table.values())[0]
        own = random.Random(self.random.randrange(10**9))
        started, known, kills = time.monotonic(), len(world.ledger.findings), world.kills
        clients = fault(world, own)
        loaded = time.monotonic()
        world.check(clients)
        self.done += 1
        self.by_fault[fault.__name__] += 1
        new = world.ledger.findings[known:]
        self.say(f"{self.done:5} {fault.__name__:26} kills={world.kills - kills} load={loaded - started:.2f} s "
                 f"check={time.monotonic() - loaded:.2f} s", *(f"\n      {kind}: {text}" for kind, text in new))

    def count(self, kind):
        return sum(1 for found, _ in self.findings if found == kind)

    def summary(self):
        return (f"fault: runs={self.done} kills={self.kills} acknowledged={self.acknowledged} lost={self.count('lost')} "
                f"overused={self.count('overused')} reused={self.count('reused')}")


def main():
    arguments = argparse.ArgumentParser(description="kills, starves and misleads a mytoken server, and counts what is lost")
    arguments.add_argument("--runs", type=int, default=100)
    arguments.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    arguments.add_argument("--seed", type=int, default=None)
    arguments.add_argument("--only", choices=sorted({f.__name__ for f in faults.POSTGRESQL} | {f.__name__ for f in faults.SQLITE}))
    asked = arguments.parse_args()
    seed = secrets.randbelow(10**9) if asked.seed is None else asked.seed
    print(f"fault: engine={asked.engine} seed={seed}", flush=True)
    started = time.monotonic()
    campaign = Campaign(asked.engine, seed, asked.runs, asked.only, lambda *words: print(*words, flush=True))
    try:
        campaign.run()
    finally:
        for name, count in campaign.by_fault.most_common():
            print(f"  {name}: {count}")
        print(f"  {time.monotonic() - started:.0f} s; longest wait of a client after a fault: {campaign.longest_wait:.2f} s")
        for kind, text in campaign.findings:
            print(f"  {kind}: {text}")
        print(campaign.summary(), flush=True)
    return 0 if not campaign.findings and campaign.done == asked.runs else 1


if __name__ == "__main__":
    sys.exit(main())
