"""Parts of scripts/bench that measure what bench-simulate and docs/scale.md need; PostgreSQL only."""
import datetime
import os
import re
import subprocess

import machine
from measure import per_request

SERVERS = 32  # whose leases are simulated
COLD = 20_000  # tokens used once each after a checkpoint
STEPS = ("read", "reserve", "provider", "settle")
SIZES = """SELECT t.relname, c.relname, greatest(t.reltuples, 1)::bigint, pg_relation_size(c.oid) FROM pg_class t
JOIN pg_class c ON c.oid = t.oid OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = t.oid)
WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace
AND t.relname IN ('users', 'refresh_tokens', 'mytokens', 'clauses', 'events', 'access_tokens') ORDER BY 1, c.relkind DESC, 2"""
STATEMENTS = """SELECT calls, rows, total_exec_time * 1000, wal_bytes, wal_fpi, shared_blks_hit + shared_blks_read,
shared_blks_dirtied, replace(replace(query, E'\\n', ' '), '|', '/') FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = 'bench' AND calls > 100 ORDER BY total_exec_time DESC"""


def lease_run(run, *words):
    """bench-leases on the database of the moment; its figures."""
    done = subprocess.run([run.leases_program, "--folder", run.data, "--database", run.cluster.url, "--seconds",
                           str(run.options.seconds), *words], env=run.cluster.environment, check=True, stdout=subprocess.PIPE,
                          text=True, preexec_fn=machine.die_with_parent(15))
    return {name: float(value) for name, value in (pair.split("=") for pair in done.stdout.split())}


def leases(run):
    """Servers that contend for refresh tokens: for different ones and for the same."""
    print()
    print(f"{'leases (no HTTP; each server one request at a time)':62}{'requests/s':>11}{'p50 ms':>9}{'p99 ms':>9}"
          f"{'read':>8}{'reserve':>9}{'tries':>7}{'settle':>8}{'trips':>7}{'failed':>7}")
    figures = {}
    for name, words in (
            ("1 server, 1024 refresh tokens", ("--servers", "1")),
            ("1 server, 1024 refresh tokens, rotating", ("--servers", "1", "--rotating")),
            (f"{SERVERS} servers, 1024 refresh tokens", ("--servers", str(SERVERS))),
            (f"{SERVERS} servers, 1024 refresh tokens, rotating", ("--servers", str(SERVERS), "--rotating")),
            ("1 server, the same refresh token, provider 20 ms", ("--servers", "1", "--tokens", "1", "--delay", "20")),
            (f"{SERVERS} servers, the same refresh token, provider 20 ms",
             ("--servers", str(SERVERS), "--tokens", "1", "--delay", "20"))):
        got = lease_run(run, *words)
        figures[name] = got
        print(f"{name:62}{got['rps']:11.0f}{got['p50']:9.2f}{got['p99']:9.2f}{got['read']:8.2f}{got['reserve']:9.2f}{got['tries']:7.2f}"
              f"{got['settle']:8.2f}{got['trips']:7.2f}{got['failed']:7.0f}", flush=True)
    return figures


def sizes(run):
    """Bytes of each table and index by row, {table: {relation: bytes}}."""
    found = {}
    run.cluster.sql("ANALYZE", "bench")
    for table, relation, rows, size in run.cluster.sql(SIZES, "bench"):
        found.setdefault(table, {})[relation] = int(size) / int(rows)
    return found


def statements(run):
    """Every statement of an access token: how often by request, and what it costs inside the database."""
    run.cluster.sql("SELECT pg_stat_statements_reset()")
    server = run.serve()
    run.know_tables()
    try:
        run.cluster.sql("SELECT pg_stat_statements_reset()")
        before = run.cluster.sql("SELECT count(*) FROM access_tokens", "bench")[0][0]
        run.load([server], 0, *run.present("/api/v0/token/access", run.access_body), "--seconds", str(run.options.seconds))
    finally:
        server.stop()
    requests = int(run.cluster.sql("SELECT count(*) FROM access_tokens", "bench")[0][0]) - int(before)
    print()
    print(f"statements of an access token, {run.stored} stored")
    print(f"{'by request':>10}{'rows':>6}{'µs':>8}{'WAL B':>8}{'pages':>7}{'dirtied':>9}  statement")
    rows = []
    for calls, affected, micros, wal, _fpi, blocks, dirtied, text in run.cluster.sql(STATEMENTS):
        calls = int(calls)
        if calls < requests / 50:
            continue
        rows.append((calls / requests, float(micros) / calls, text))
        print(f"{calls / requests:10.2f}{int(affected) / calls:6.1f}{float(micros) / calls:8.1f}{float(wal) / calls:8.0f}"
              f"{int(blocks) / calls:7.1f}{int(dirtied) / calls:9.2f}  {re.sub(r' +', ' ', text)[:150]}", flush=True)
    return rows


def costs(run, waited):
    """The file for bench-simulate: what an access token costs whom. `waited`: figures of lease_run with one server."""
    server = run.serve()
    run.know_tables()
    try:
        ceiling = run.ceiling([server])
        warm = run.load([server], 0, *run.present("/api/v0/token/access", run.access_body), "--seconds", str(run.options.seconds))
    finally:
        server.stop()
    run.row("access token (the costs)", warm, ceiling)
    server = run.serve("--rotating")
    run.know_tables()
    try:
        rotating = run.load([server], 0, *run.present("/api/v0/token/access", run.access_body), "--seconds", str(run.options.seconds))
    finally:
        server.stop()
    run.row("access token, the provider rotates", rotating)
    server = run.serve("--used", str(COLD), "--algorithm", "ES256")
    run.know_tables()
    try:
        run.cluster.checkpoint()
        cold = run.load([server], 0, *run.present("/api/v0/token/access", run.access_body), "--once")
    finally:
        server.stop()
    run.row(f"access token, {COLD} tokens once each after a checkpoint", cold)
    background = sum(per_request(warm, kind, 1e6) for kind in ("wal_writer", "checkpointer", "rest"))
    values = {
        "server_us": (per_request(warm, "server", 1e6), "processor time of the server, all threads"),
        "server_first_seen_us": (per_request(cold, "server", 1e6), "the same when the token's ES256 signature is verified"),
        "ceiling_us": (per_request(ceiling, "server", 1e6), "of a bare HTTP answer in the same process"),
        "backends_us": (per_request(warm, "backends", 1e6), "processor time of PostgreSQL's backends"),
        "background_us": (background, "of its other processes: WAL writer, checkpointer, autovacuum"),
        "successor_us": (max(0.0, per_request(rotating, "backends", 1e6) - per_request(warm, "backends", 1e6)),
                         "of the backends, more when the provider rotates the refresh token"),
        "server_rotating_us": (per_request(rotating, "server", 1e6), "processor time of the server then"),
        "round_trips_rotating": (per_request(rotating, "round_trips"), "to the database then"),
        "load_us": (per_request(warm, "load", 1e6), "of the load generator"),
        "round_trips": (per_request(warm, "round_trips"), "to the database"),
        "commits": (per_request(warm, "commits"), "transactions that wrote or read"),
        "wal_bytes": (per_request(warm, "wal_bytes"), "WAL by access token, the same 1024 tokens again and again"),
        "wal_bytes_cold": (per_request(cold, "wal_bytes"), "WAL when every token is used once after a checkpoint (full pages)"),
        "full_pages_cold": (per_request(cold, "wal_fpi"), "full page images in it"),
        "commits_per_sync": (warm["total_commits"] / max(warm["total_wal_sync"], 1), "at 64 connections"),
        "sync_ms": (warm["total_wal_sync_ms"] / max(warm["total_wal_sync"], 1), "one fdatasync of the WAL on this disk"),
        "bytes_to_database": (per_request(warm, "bytes_sent"), "on the connections to the database"),
        "bytes_from_database": (per_request(warm, "bytes_received"), ""),
        "packets_to_database": (per_request(warm, "segs_out"), ""),
        "packets_from_database": (per_request(warm, "segs_in"), ""),
        "others": (warm["total_others"] / warm["total_clock"], "processors that other programs used meanwhile: the noise"),
    }
    for step in STEPS:
        values[f"{step}_ms"] = (waited[step], "wall time with one request in flight, loopback")
    for table, relations in sizes(run).items():
        values[f"{table}_row_bytes"] = (relations[table], "table, by row")
        values[f"{table}_index_bytes"] = (sum(size for name, size in relations.items() if name != table), "all indexes, by row")
    write(run.costs_file, run.stored, values)
    print(f"costs: {run.costs_file}")


def compare(run):
    """The model against reality: clients that ask again at once, 1, 8 and 64 of them, measured and simulated side by side.
    Each is simulated with the costs of its own run, so that the comparison is one of queues and not of costs."""
    print()
    print(f"{'model and reality':20}{'clients':>8}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'others':>8}")
    known = {}
    with open(run.costs_file, encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition("#")[0].partition("=")
            if value:
                known[name.strip()] = (float(value), "")
    for clients in (1, 8, 64):
        server = run.serve()
        run.know_tables()
        try:
            got = run.load([server], 0, *run.present("/api/v0/token/access", run.access_body), "--seconds", str(run.options.seconds),
                           "--connections", str(clients))
        finally:
            server.stop()
        others = got["total_others"] / got["total_clock"]
        own = known | {
            "server_us": (per_request(got, "server", 1e6), ""), "backends_us": (per_request(got, "backends", 1e6), ""),
            "load_us": (per_request(got, "load", 1e6), ""), "sync_ms": (got["total_wal_sync_ms"] / max(got["total_wal_sync"], 1), "")}
        file = run.work / "costs-of-comparison"
        write(file, run.stored, own)
        done = subprocess.run([run.simulate_program, "--costs", file, "--provider-ms", "0", "closed", "--clients", str(clients),
                               "--available", f"{max(0.2, os.cpu_count() - others):.3f}"], check=True, stdout=subprocess.PIPE, text=True)
        words = done.stdout.splitlines()[-1].split()
        print(f"{'measured':20}{clients:8}{got['rps']:12.0f}{got['p50']:9.2f}{got['p99']:9.2f}{others:8.1f}")
        print(f"{'simulated':20}{clients:8}{float(words[1]):12.0f}{float(words[2]):9.2f}{float(words[3]):9.2f}", flush=True)


def write(file, stored, values):
    with open(file, "w", encoding="utf-8") as out:
        out.write("# Costs of one access token on PostgreSQL, written by scripts/bench; read by bench-simulate.\n")
        out.write(f"# {datetime.datetime.now(datetime.timezone.utc):%F %H:%M} UTC, {os.cpu_count()} processors,"
                  f" {stored} stored tokens, load average {os.getloadavg()[0]:.1f}\n")
        for name, (value, meaning) in values.items():
            out.write(f"{name} = {value:.4g}{'  # ' + meaning if meaning else ''}\n")
