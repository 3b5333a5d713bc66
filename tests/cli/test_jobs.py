"""Commands for jobs, with a real server and provider: exec on and off a terminal, the agent through restarts, a service manager."""
import http.server
import json
import os
import pathlib
import shlex
import signal
import socket
import stat
import threading
import time

from api import claims_of
from machine import DONE, REFUSED, WRONG_USAGE, CommandTest
from shared import api, stack


def wait_until(condition, what, seconds=20):
    """Looks until `condition()` is true; its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)
    return value


def states_below(pid):
    """What the descendants of a process do, as letters of proc(5): S sleeps, T is stopped."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pathlib.Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] for child in children] + [
        state for child in children for state in states_below(child)]


class ShortLived:
    """A server whose access tokens (at-1, at-2, …) live for three seconds. Use as a context manager."""

    def __init__(self):
        self.given = 0
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, content):
                body = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if self.path == "/echo":
                    return self.answer({"authorization": self.headers["Authorization"]})
                self.answer({"issuer": owner.url, "access_token_endpoint": owner.url + "/at", "mytoken_endpoint": owner.url + "/my"})

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                owner.given += 1
                self.answer({"access_token": f"at-{owner.given}", "token_type": "Bearer", "expires_in": 3})

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Exec(CommandTest):
    def exec(self, *arguments, **options):
        return self.machine.run("exec", "--MT-file", self.full_file, *arguments, **options)

    def script(self, text, *flags, **options):
        return self.exec(*flags, "--", "sh", "-c", text, **options)

    def leftovers(self):
        return list((self.machine.home / "run").glob("mytoken-exec-*"))

    def test_the_command_finds_a_token_in_a_private_file_that_ends_with_it(self):
        done = self.script('cat "$BEARER_TOKEN_FILE"; stat -c "%a %n" "$BEARER_TOKEN_FILE" "$(dirname "$BEARER_TOKEN_FILE")"')
        token, file, folder = done.stdout.splitlines()
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.assertEqual(claims_of(token)["sub"], "alice")
        self.assertEqual(file.split()[0], "600")
        self.assertEqual(folder.split()[0], "700")
        self.assertTrue(file.split()[1].startswith(str(self.machine.home / "run")))
        self.assertEqual(self.leftovers(), [])

    def test_the_token_can_be_asked_for_and_put_into_a_variable(self):
        done = self.script('printf %s "$AT"; printf %s "${BEARER_TOKEN_FILE-}"', "--env", "AT", "-s", "compute.create")
        self.assertIn("compute.create", claims_of(done.stdout)["scope"].split())
        self.assertEqual(self.leftovers(), [])

    def test_W11_the_mytoken_is_not_handed_on(self):
        everywhere = {"MYTOKEN": self.full, "BEARER_TOKEN": self.full, "JOB": self.full, "MINE": "kept", "MYTOKEN_FILE": "f", "MYTOKEN_TC": "code"}
        done = self.machine.run("exec", "--MT-env", "JOB", "--", "env", env=everywhere)
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertNotIn(self.full, done.stdout)
        variables = dict(line.split("=", 1) for line in done.stdout.splitlines())
        self.assertEqual(variables["MINE"], "kept")
        self.assertFalse({"MYTOKEN", "MYTOKEN_FILE", "MYTOKEN_TC", "BEARER_TOKEN", "JOB"} & set(variables))

    def test_the_file_stays_fresh_while_the_command_runs(self):
        script = 'cat "$BEARER_TOKEN_FILE"; until grep -q at-3 "$BEARER_TOKEN_FILE"; do sleep 0.05; done; cat "$BEARER_TOKEN_FILE"'
        with ShortLived() as server:
            done = self.machine.run("exec", "--url", server.url, "--MT-file", self.machine.file("x" * 64), "--", "sh", "-c", script)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (DONE, "at-1\nat-3\n", ""))
        self.assertEqual(self.leftovers(), [])

    def test_exit_codes_and_signals_of_the_command_are_its_own(self):
        for script, code in (("exit 0", 0), ("exit 37", 37), ("kill -TERM $$", 128 + signal.SIGTERM), ("kill -KILL $$", 137)):
            self.assertEqual(self.script(script).returncode, code, script)
        self.assertEqual(self.leftovers(), [])

    def test_a_command_that_cannot_be_started(self):
        done = self.exec("--", "no-such-program")
        self.assertEqual((done.returncode, done.stdout), (127, ""))
        self.assertEqual(done.stderr, "mytoken: error: no-such-program: No such file or directory\n")
        self.assertEqual(self.exec("--", "/").returncode, 126)
        self.assertEqual(self.leftovers(), [])

    def test_words_of_the_command_are_not_flags_of_ours(self):
        self.assertEqual(self.exec("--", "echo", "--scope", "-", "--", "-x").stdout, "--scope - -- -x\n")
        self.assertEqual(self.exec("echo", "--scope", "b").stdout, "--scope b\n")

    def test_streams_are_the_commands_own(self):
        done = self.script("cat; echo problem >&2", stdin="input")
        self.assertEqual((done.stdout, done.stderr), ("input", "problem\n"))

    def test_signals_for_us_are_for_the_command(self):
        ready = self.machine.home / "ready"
        script = f'trap "echo got USR1" USR1; trap "echo got HUP" HUP; trap "echo got TERM; exit 7" TERM; : >{ready}; while :; do sleep 0.05; done'
        with self.machine.start("exec", "--MT-file", self.full_file, "--", "sh", "-c", script) as running:
            wait_until(ready.exists, "the command is ready")
            for number, word in ((signal.SIGUSR1, "USR1"), (signal.SIGHUP, "HUP"), (signal.SIGTERM, "TERM")):
                running.signal(number)
                wait_until(lambda: f"got {word}" in running.out.read_text(), f"the command got {word}")
            code, out, err = running.finish()
        self.assertEqual((code, out, err), (7, "got USR1\ngot HUP\ngot TERM\n", ""))
        self.assertEqual(self.leftovers(), [])

    def test_control_c_is_delivered_once_and_the_command_decides(self):
        script = ('n=0; on() { n=$((n+1)); echo "interrupt $n."; }; trap on INT; echo ready; '
                  'until read -r line; do :; done; echo "got $line"; exit 3')
        with self.machine.terminal("exec", "--MT-file", self.full_file, "--", "sh", "-c", script) as terminal:
            terminal.wait_for("ready")
            terminal.type("\x03")
            terminal.wait_for(r"interrupt 1\.")
            terminal.type("hello\r")
            self.assertEqual(terminal.finish(), 3, terminal.shown)
        self.assertIn("got hello", terminal.shown)
        self.assertNotIn("interrupt 2.", terminal.shown)

    def test_a_shell_with_job_control_can_be_suspended_and_comes_back_to_the_foreground(self):
        inner = shlex.join(self.machine.command("exec", "--MT-file", self.full_file, "--", "bash", "--norc", "-i"))
        environment = {**self.machine.env, "PS1": "outer> ", "HISTFILE": ""}
        with self.machine.terminal_of("bash", "--norc", "-i", env=environment) as terminal:
            terminal.wait_for(r"outer> $")
            terminal.type(f"PS1='inner> ' {inner}\r")
            terminal.wait_for(r"inner> $")
            terminal.type("suspend -f; echo back again\r")
            terminal.wait_for(r"Stopped(.|\n)*outer> $")  # what is typed before the prompt may be lost
            terminal.type("echo $((40 + 2)) outside; fg\r")
            terminal.wait_for(r"42 outside")
            terminal.wait_for(r"\nback again")
            terminal.type("echo $((40 + 3)) inside\r")
            terminal.wait_for(r"43 inside")
            terminal.type("exit 5\r")
            terminal.wait_for(r"outer> $")
            terminal.type("echo code $?; exit 0\r")
            terminal.wait_for(r"code 5")
            self.assertEqual(terminal.finish(), 0)

    def test_control_z_stops_both_and_fg_continues_both(self):
        script = "trap 'echo continued' CONT; echo ready; until read -r line; do :; done; echo got $line"
        inner = shlex.join(self.machine.command("exec", "--MT-file", self.full_file, "--", "sh", "-c", script))
        environment = {**self.machine.env, "PS1": "outer> ", "HISTFILE": ""}
        with self.machine.terminal_of("bash", "--norc", "-i", env=environment) as terminal:
            terminal.wait_for(r"outer> $")
            terminal.type(f"{inner}\r")
            terminal.wait_for(r"[\r\n]ready")
            terminal.type("\x1a")
            terminal.wait_for(r"Stopped(.|\n)*outer> $")
            # the command's unfinished read would take a byte if it had not seen its signal yet
            wait_until(lambda: states_below(terminal.child) == ["T", "T"], "both are stopped")
            terminal.type("fg\r")
            terminal.wait_for(r"[\r\n]continued")
            terminal.type("hello\r")
            terminal.wait_for(r"[\r\n]got hello")
            terminal.type("exit 0\r")
            self.assertEqual(terminal.finish(), 0)

    def test_a_refusal_runs_nothing(self):
        poor = self.sub_token(capabilities=["tokeninfo"])
        self.assertIn("insufficient_capabilities", self.machine.refused(REFUSED, "exec", "--MT-file", poor, "--", "echo", "ran"))

    def test_a_rotating_mytoken_is_stored_before_the_command_runs(self):
        path = self.sub_token(rotation={"on_AT": True})
        seen = self.machine.ok("exec", "--MT-file", path, "--", "cat", path)
        self.assertEqual(claims_of(seen.strip())["seq_no"], 2)


class Agent(CommandTest):
    def out(self):
        return self.machine.home / "run" / f"bt_u{os.geteuid()}"

    def agent(self, *arguments, **options):
        return self.machine.start("agent", "--MT-file", self.full_file, *arguments, **options)

    def token(self, path=None):
        path = path or self.out()
        return wait_until(lambda: path.exists() and path.read_text(), f"{path} is written").strip()

    def test_keeps_the_file_where_others_look_and_takes_it_along(self):
        with self.agent() as running:
            self.assertEqual(claims_of(self.token())["sub"], "alice")
            self.assertEqual(stat.S_IMODE(os.stat(self.out()).st_mode), 0o600)
            running.signal(signal.SIGTERM)
            self.assertEqual(running.finish(), (DONE, "", ""))
        self.assertEqual([path.name for path in self.out().parent.iterdir() if path.name.startswith("bt_")], [])

    def test_a_hang_up_means_a_new_token_now(self):
        with self.agent("--pid-file", "pid") as running:
            first = self.token()
            self.assertEqual(int((self.machine.home / "pid").read_text()), running.child.pid)
            running.signal(signal.SIGHUP)
            wait_until(lambda: self.token() != first, "another token")
            running.signal(signal.SIGINT)
            self.assertEqual(running.finish()[0], DONE)
        self.assertFalse((self.machine.home / "pid").exists())

    def test_several_outputs(self):
        outputs = self.machine.home / "outputs.yaml"
        outputs.write_text("outputs:\n- {file: ~/a, scope: compute.create}\n- {file: $XDG_RUNTIME_DIR/b, scope: [storage.read:/]}\n")
        lines = [json.loads(line) for line in self.machine.ok(
            "agent", "--once", "--json", "--MT-file", self.full_file, "--outputs", outputs).splitlines()]
        a, b = self.machine.home / "a", self.machine.home / "run/b"
        self.assertEqual([line["file"] for line in lines], [str(a), str(b)])
        self.assertIn("compute.create", claims_of(self.token(a))["scope"].split())
        self.assertIn("storage.read:/", claims_of(self.token(b))["scope"].split())

    def test_two_agents_on_one_file_exclude_each_other(self):
        with self.agent() as running:
            self.token()
            err = self.machine.refused(WRONG_USAGE, "agent", "--MT-file", self.full_file)
            self.assertIn(f"is kept fresh by another agent (process {running.child.pid})", err)
            running.signal(signal.SIGTERM)
            running.finish()
        self.machine.ok("agent", "--once", "--MT-file", self.full_file)

    def test_a_killed_agent_leaves_no_lock_behind(self):
        with self.agent() as running:
            self.token()
            running.signal(signal.SIGKILL)
            running.child.wait()
        self.machine.ok("agent", "--once", "--MT-file", self.full_file)

    def test_a_revoked_mytoken_ends_it_with_1(self):
        path = self.sub_token()
        with self.machine.start("agent", "--MT-file", path) as running:
            first = self.token()
            self.machine.ok("revoke", "--MT-file", path)
            running.signal(signal.SIGHUP)
            code, out, err = running.finish()
        self.assertEqual((code, out), (REFUSED, ""))
        self.assertIn("invalid_token", err)
        self.assertEqual(self.token(), first)  # which is good until it expires

    def test_a_used_up_mytoken_ends_it_with_1(self):
        path = self.sub_token(restrictions=[{"usages_AT": 1}])
        with self.machine.start("agent", "--MT-file", path) as running:
            self.token()
            running.signal(signal.SIGHUP)
            code, _, err = running.finish()
        self.assertEqual(code, REFUSED)
        self.assertIn("usage_restricted", err)

    def test_rotation_goes_into_the_file(self):
        path = self.sub_token(rotation={"on_AT": True})
        with self.machine.start("agent", "--MT-file", path) as running:
            first = self.token()
            running.signal(signal.SIGHUP)
            wait_until(lambda: self.token() != first, "another token")
            running.signal(signal.SIGTERM)
            self.assertEqual(running.finish()[0], DONE)
        self.assertEqual(claims_of(path.read_text().strip())["seq_no"], 3)

    def test_a_service_manager_hears_of_it(self):
        address = str(self.machine.home / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(address)
            manager.settimeout(20)
            with self.agent(env={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"}) as running:
                heard = ""
                while "READY=1\n" not in heard or heard.count("WATCHDOG=1\n") < 3:
                    heard += manager.recv(4096).decode() + "\n"
                self.assertIn("STATUS=1 of 1 files with a token\n", heard)
                running.signal(signal.SIGTERM)
                while "STOPPING=1\n" not in heard:
                    heard += manager.recv(4096).decode() + "\n"
                self.assertEqual(running.finish()[0], DONE)
        self.assertLess(heard.index("READY=1"), heard.index("STOPPING=1"))

    def test_a_server_that_goes_away_and_comes_back_is_waited_for(self):
        with self.agent() as running:
            first = self.token()
            stack().server.stop()
            running.signal(signal.SIGHUP)
            running.wait_for(r"warning: .*bt_u\d+: .*; next try in \d+ s")
            self.assertEqual(self.token(), first)
            stack().restart_server()
            running.wait_for(r"notice: .* is fresh again")
            self.assertNotEqual(self.token(), first)
            running.signal(signal.SIGTERM)
            self.assertEqual(running.finish()[0], DONE)

    def test_control_c_while_it_waits_for_the_server(self):
        with socket.socket() as silent:  # accepts, and says nothing
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            short = self.machine.file(api().sub_token(self.full, response_type="short_token")["mytoken"], "short")
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with self.machine.start("agent", "--MT-file", short, "--url", url) as running:
                silent.accept()[0].recv(1)
                running.signal(signal.SIGINT)
                self.assertEqual(running.finish(5), (DONE, "", ""))
        self.assertFalse(self.out().exists())


class CredentialHelper(CommandTest):
    """The helpers with the programs that call them."""

    def test_git_asks_and_gets_a_token(self):
        helper = f"mytoken --host git.example.org --MT-file {self.full_file}"
        fill = 'printf "protocol=https\\nhost=%s\\n\\n" "$HOST" | git -c "credential.helper=$HELPER" credential fill'
        done = self.machine.shell(fill, HELPER=helper, HOST="git.example.org", GIT_TERMINAL_PROMPT="0")
        answer = dict(line.split("=", 1) for line in done.stdout.splitlines())
        self.assertEqual(claims_of(answer["password"])["sub"], "alice", done)
        self.assertEqual(answer["username"], "oauth2")
        refused = self.machine.shell(fill, HELPER=helper, HOST="github.com", GIT_TERMINAL_PROMPT="0")
        self.assertNotEqual(refused.returncode, 0)
        self.assertNotIn("password", refused.stdout)

    def test_curl_reads_the_header(self):
        self.machine.file("x" * 64, "short")
        with ShortLived() as server:
            for number, command in ((1, "mytoken credential-helper curl --MT-file short | curl -sS --config - $MYTOKEN_URL/echo"),
                                    (2, "mytoken AT --header --MT-file short | curl -sS -H @- $MYTOKEN_URL/echo")):
                done = self.machine.shell(command, MYTOKEN_URL=server.url)
                self.assertEqual((done.stdout, done.stderr), (f'{{"authorization": "Bearer at-{number}"}}', ""))

    def test_the_same_token_serves_many_calls(self):
        calls = [self.machine.ok("credential-helper", "rclone", "--MT-file", self.full_file) for _ in range(3)]
        self.assertEqual(len(set(calls)), 1)
        self.assertNotEqual(self.machine.ok("AT", "--MT-file", self.full_file), calls[0])


class Check(CommandTest):
    def check(self, path, *arguments):
        done = self.machine.run("--json", "check", "--MT-file", path, *arguments)
        report = json.loads(done.stdout)
        self.assertEqual(done.returncode, DONE if report["will_do"] else REFUSED)
        self.assertEqual(len(done.stderr.splitlines()), len(report["findings"]))
        return {finding["about"]: finding["level"] for finding in report["findings"]}

    def test_a_mytoken_that_does_it_all(self):
        self.assertEqual(set(self.check(self.full_file, "--for", "72h", "--every", "1h").values()), {"ok"})

    def test_what_would_fail_later_is_found_now(self):
        now = int(time.time())
        for about, arguments, request in (
                ("expiry", ("--for", "72h"), {"restrictions": [{"exp": now + 3600}]}),
                ("use", ("--scope", "compute.create"), {"restrictions": [{"scope": "storage.read:/"}]}),
                ("use", ("--aud", "https://b.example.org"), {"restrictions": [{"audience": ["https://a.example.org"]}]}),
                ("usages", ("--for", "10h", "--every", "1h"), {"restrictions": [{"usages_AT": 10}]}),
                ("use", (), {"restrictions": [{"hosts": ["192.0.2.1"]}]}),
                ("capability", (), {"capabilities": ["tokeninfo"]}),
                ("rotation", ("--for", "5h"), {"rotation": {"on_AT": True, "lifetime": 3600}})):
            with self.subTest(about=about, request=request):
                self.assertEqual(self.check(self.sub_token(**request), *arguments)[about], "problem")

    def test_what_is_enough_is_enough(self):
        now = int(time.time())
        path = self.sub_token(restrictions=[{"exp": now + 40_000, "usages_AT": 11, "scope": "storage.read:/ compute.create"}])
        found = self.check(path, "--for", "10h", "--every", "1h", "--scope", "compute.create")
        self.assertNotIn("problem", found.values(), found)

    def test_a_use_that_is_over_counts(self):
        path = self.sub_token(restrictions=[{"usages_AT": 2}])
        self.machine.ok("AT", "--MT-file", path)
        self.assertEqual(self.check(path)["usages"], "ok")
        self.assertEqual(self.check(path, "--for", "1h")["usages"], "problem")

    def test_the_address_of_another_machine_is_judged(self):
        path = self.sub_token(restrictions=[{"hosts": ["192.0.2.0/24"]}])
        self.assertEqual(self.check(path)["use"], "problem")
        self.assertEqual(self.check(path, "--ip", "192.0.2.9")["use"], "ok")

    def test_checking_uses_and_changes_nothing(self):
        path = self.sub_token(restrictions=[{"usages_AT": 1, "usages_other": 1}], rotation={"on_AT": True, "on_other": True})
        before = path.read_text()
        self.check(path)
        self.check(path)
        self.assertEqual(path.read_text(), before)
        self.machine.ok("AT", "--MT-file", path)

    def test_a_revoked_mytoken_will_do_nothing(self):
        path = self.sub_token()
        self.machine.ok("revoke", "--MT-file", path)
        self.assertEqual(self.check(path), {"token": "problem"})
