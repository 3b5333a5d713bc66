"""Batch systems with stand-ins for their side: HTCondor's credential directory and condor_store_cred, Slurm's prolog, tasks and epilog."""
import os
import pathlib
import signal
import stat
import subprocess
import time
import unittest

from api import claims_of
from machine import BUILD, CommandTest
from shared import api
from test_jobs import wait_until

INTEGRATIONS = pathlib.Path(__file__).resolve().parent.parent.parent / "integrations"


class Condor(CommandTest):
    def setUp(self):
        super().setUp()
        self.creds = self.machine.home / "creds"
        (self.creds / "alice").mkdir(parents=True)
        self.env = {**self.machine.env, "PATH": f"{BUILD}:{self.machine.env['PATH']}"}
        self.server = claims_of(self.full)["iss"]

    def credmon(self, *arguments):
        return [str(INTEGRATIONS / "htcondor/mytoken-credmon"), "--cred-dir", str(self.creds), "--server", self.server, *map(str, arguments)]

    def cycle(self, *arguments):
        done = subprocess.run(self.credmon("--once", *arguments), env=self.env, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        return done.stderr

    def top(self, mytoken, name="storage"):
        path = self.creds / "alice" / f"{name}.top"
        path.write_text(mytoken + "\n")
        path.chmod(0o600)
        return path

    def use(self, name="storage"):
        return self.creds / "alice" / f"{name}.use"

    def new_mytoken(self, **request):
        return api().sub_token(self.full, **request)["mytoken"]

    def test_a_job_gets_its_access_token(self):
        self.top(self.full)
        self.cycle()
        self.assertEqual(claims_of(self.use().read_text().strip())["sub"], "alice")
        self.assertEqual(stat.S_IMODE(self.use().stat().st_mode), 0o600)
        self.assertTrue((self.creds / "CREDMON_COMPLETE").exists())
        self.assertEqual(sorted(path.name for path in (self.creds / "alice").iterdir()), ["storage.top", "storage.use"])

    def test_mytokens_are_encrypted_and_read_back(self):
        from cryptography.fernet import Fernet
        key = Fernet.generate_key()
        key_file = self.machine.file(key, "key")
        top = self.top(self.full)
        self.cycle("--key-file", key_file)
        self.assertNotIn(self.full, top.read_text())
        self.assertEqual(Fernet(key).decrypt(top.read_text().strip().encode()).decode(), self.full)
        first = self.use().read_text()
        self.cycle("--key-file", key_file)
        self.assertNotEqual(self.use().read_text(), first)
        self.assertIn("is encrypted, and there is no --key-file", self.cycle())

    def test_a_rotated_mytoken_is_kept(self):
        top = self.top(self.new_mytoken(rotation={"on_AT": True}))
        self.cycle()
        self.cycle()
        self.assertEqual(claims_of(top.read_text().strip())["seq_no"], 3)
        self.assertTrue(self.use().exists())

    def test_a_revoked_mytoken_goes_with_its_access_token(self):
        mytoken = self.new_mytoken()
        top = self.top(mytoken)
        self.cycle()
        self.machine.ok("revoke", "--MT-file", self.machine.file(mytoken))
        self.assertIn("is refused", self.cycle())
        self.assertFalse(top.exists() or self.use().exists())

    def test_a_mytoken_at_its_end_is_revoked(self):
        mytoken = self.new_mytoken(restrictions=[{"exp": int(time.time()) + 100}])
        top = self.top(mytoken)
        self.assertIn("is about to expire\n", self.cycle("--interval", 100))
        self.assertFalse(top.exists() or self.use().exists())
        self.machine.refused(1, "AT", "--MT-file", self.machine.file(mytoken))

    def test_a_server_that_is_away_costs_nothing(self):
        short = self.new_mytoken(response_type="short_token")
        top = self.top(short)
        self.server = "http://127.0.0.1:1"
        self.use().write_text("old")
        self.assertIn("no access token now", self.cycle())
        self.assertEqual((self.use().read_text(), top.read_text()), ("old", short + "\n"))

    def test_marked_users_are_swept_after_a_while(self):
        self.top(self.full)
        mark = self.creds / "alice.mark"
        mark.touch()
        self.cycle()
        self.assertTrue(mark.exists() and self.use().exists())
        self.cycle("--sweep-delay", 0)
        self.assertFalse(mark.exists() or (self.creds / "alice").exists())

    def test_other_servers_are_not_asked_whatever_a_token_says(self):
        self.top(self.full)
        self.server = "https://mytoken.example.org"
        self.assertIn("is not among the servers", self.cycle())
        self.assertFalse(self.use().exists())

    def test_what_is_checked_is_what_the_command_reads(self):
        # The command takes the first line; further ones must not hide its server from the check.
        self.top(self.full + "\nx.y")
        self.server = "https://mytoken.example.org"
        self.assertIn("is no mytoken", self.cycle())
        self.assertFalse(self.use().exists())

    def test_a_successor_that_was_not_stored_is_no_success(self):
        top = self.top(self.full)
        wrapper = self.machine.home / "bin/mytoken"
        wrapper.parent.mkdir()
        wrapper.write_text('#!/bin/sh\n[ "$1" = AT ] || exit 2\necho the-successor >&2\n'
                           'echo \'{"access_token": "x", "expires_in": 3600}\'\nexit 5\n')
        wrapper.chmod(0o700)
        said = self.cycle("--mytoken", wrapper)
        self.assertIn("its successor was not stored", said)
        self.assertNotIn("the-successor", said)
        self.assertNotIn("new access token", said)
        self.assertEqual(top.read_text().strip(), self.full)
        kept = list((self.creds / ".mytoken-credmon").glob("*/stderr"))
        self.assertEqual([path.read_text() for path in kept], ["the-successor\n"])

    def test_a_successor_that_does_not_fit_is_kept_and_found(self):
        mytoken = self.new_mytoken(rotation={"on_AT": True})
        top = self.top(mytoken)
        # while the request is under way somebody submits another one: the successor of the first must not overwrite it
        wrapper = self.machine.home / "bin/mytoken"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\n{BUILD}/mytoken "$@"; code=$?\n[ "$1" != AT ] || echo {self.full} >{top}\nexit $code\n')
        wrapper.chmod(0o700)
        said = self.cycle("--mytoken", wrapper)
        self.assertIn("was replaced meanwhile", said)
        self.assertNotIn("eyJ", said)
        self.assertEqual(top.read_text().strip(), self.full)
        kept = [path for path in (self.creds / ".mytoken-credmon").glob("*/mytoken") if path.is_file()]
        self.assertEqual([claims_of(path.read_text().strip())["seq_no"] for path in kept], [2])

    def test_a_refused_mytoken_takes_no_newer_one_along(self):
        mytoken = self.new_mytoken()
        self.machine.ok("revoke", "--MT-file", self.machine.file(mytoken))
        top = self.top(mytoken)
        wrapper = self.machine.home / "bin/mytoken"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\n{BUILD}/mytoken "$@"; code=$?\n[ "$1" != AT ] || echo {self.full} >{top}\nexit $code\n')
        wrapper.chmod(0o700)
        self.assertIn("is refused", self.cycle("--mytoken", wrapper))
        self.assertEqual(top.read_text().strip(), self.full)

    def test_folders_that_are_links_are_not_entered(self):
        elsewhere = self.machine.home / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "storage.top").write_text(self.full + "\n")
        (self.creds / "mallory").symlink_to(elsewhere)
        self.cycle()
        self.assertEqual([path.name for path in elsewhere.iterdir()], ["storage.top"])

    def test_links_are_not_followed(self):
        elsewhere = self.machine.file(self.full, "elsewhere")
        (self.creds / "alice/storage.top").symlink_to(elsewhere)
        self.assertIn("storage.top", self.cycle())
        self.assertFalse(self.use().exists())

    def test_the_monitor_wakes_up_and_ends_by_signals(self):
        self.top(self.full)
        with open(self.machine.home / "log", "wb") as log:
            monitor = subprocess.Popen(self.credmon("--interval", 3600), env=self.env, stderr=log)
        try:
            wait_until(self.use().exists, "the first token")
            pid = int(wait_until((self.creds / "pid").read_text, "its process id"))
            self.assertEqual(pid, monitor.pid)
            self.top(self.full, "compute")
            monitor.send_signal(signal.SIGHUP)
            wait_until(self.use("compute").exists, "the second token")
            monitor.send_signal(signal.SIGTERM)
            self.assertEqual(monitor.wait(30), 0)
        finally:
            monitor.kill()
            monitor.wait()
        self.assertFalse((self.creds / "pid").exists())

    def test_no_token_is_ever_on_a_command_line(self):
        wrapper = self.machine.home / "bin/mytoken"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\necho "$*" >>{self.machine.home}/lines\nexec {BUILD}/mytoken "$@"\n')
        wrapper.chmod(0o700)
        self.top(self.full)
        self.cycle("--mytoken", wrapper)
        lines = (self.machine.home / "lines").read_text()
        self.assertIn("AT --json --MT-file", lines)
        self.assertNotIn("eyJ", lines)

    def test_the_storer_hands_over_a_mytoken_made_for_the_job(self):
        # stands in for HTCondor's own: add-oauth -s NAME [-H HANDLE] -i FILE
        bin = self.machine.home / "bin"
        bin.mkdir()
        (bin / "condor_store_cred").write_text(
            '#!/bin/sh\nset -eu\n[ "$1" = add-oauth ] && [ "$2" = -s ]\nname=$3; shift 3\n'
            'if [ "$1" = -H ]; then name=${name}_$2; shift 2; fi\n[ "$1" = -i ]\n'
            f'stat -c %a "$2"\ncp "$2" {self.creds}/alice/$name.top\n')
        (bin / "condor_store_cred").chmod(0o700)
        env = {**self.env, "PATH": f"{bin}:{self.env['PATH']}", "MYTOKEN_FILE": str(self.full_file), "MYTOKEN_CONDOR_LIFETIME": "2d",
               "MYTOKEN_CONDOR_SCOPE": "storage.read:/"}
        storer = INTEGRATIONS / "htcondor/mytoken-condor-storer"
        done = subprocess.run([storer, "storage", "compute&handle=big"], env=env, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", "600\n600\n"))
        for name in ("storage", "compute_big"):
            claims = claims_of((self.creds / f"alice/{name}.top").read_text().strip())
            self.assertEqual(claims["capabilities"], ["AT", "tokeninfo:introspect"])
            self.assertAlmostEqual(claims["exp"], time.time() + 2 * 86400, delta=60)
            self.assertEqual(claims["restrictions"][0]["scope"], "storage.read:/")
        self.cycle()
        self.assertTrue(self.use("compute_big").exists())
        self.assertEqual(subprocess.run([storer, "../x"], env=env, capture_output=True).returncode, 2)


class Slurm(CommandTest):
    """slurmd's side: a prolog and an epilog with the job's number and user, a task prolog in each step, whose stdout is obeyed."""

    def setUp(self):
        super().setUp()
        self.base = self.machine.home / "jobs"
        self.env = {**self.machine.env, "PATH": f"{BUILD}:{self.machine.env['PATH']}", "SLURM_JOB_ID": "4711",
                    "SLURM_JOB_UID": str(os.geteuid()), "MYTOKEN_JOB_BASE": str(self.base), "MYTOKEN_JOB_FILE": str(self.full_file)}
        self.addCleanup(self.slurm, "epilog")

    def slurm(self, script, **env):
        """What the script printed."""
        done = subprocess.run([INTEGRATIONS / "slurm" / script], env={**self.env, **env}, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def task_environment(self, step, **env):
        lines = self.slurm("task_prolog", SLURM_STEP_ID=step, **env).splitlines()
        self.assertTrue(all(line.startswith("export ") for line in lines), lines)
        return dict(line.removeprefix("export ").split("=", 1) for line in lines)

    def test_each_step_has_a_fresh_token_until_the_job_ends(self):
        self.slurm("prolog")
        folder = self.base / "4711"
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        pids = []
        for step in ("0", "1"):
            file = pathlib.Path(self.task_environment(step)["BEARER_TOKEN_FILE"])
            self.assertEqual(claims_of(file.read_text().strip())["sub"], "alice")
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
            pids.append(int(pathlib.Path(f"{file}.pid").read_text()))
        # the second task of a step starts no agent of its own
        self.assertEqual(self.task_environment("1", SLURM_LOCALID="1")["BEARER_TOKEN_FILE"], str(folder / "bt_1"))
        self.assertEqual(len(list(folder.glob("*.pid"))), 2)
        self.slurm("epilog")
        self.assertFalse(folder.exists())
        for pid in pids:
            wait_until(lambda: not pathlib.Path(f"/proc/{pid}/exe").exists(), "the agents end")

    def test_scope_and_audience_are_the_jobs_choice(self):
        self.slurm("prolog")
        file = self.task_environment("0", MYTOKEN_JOB_SCOPE="compute.create")["BEARER_TOKEN_FILE"]
        self.assertIn("compute.create", claims_of(pathlib.Path(file).read_text().strip())["scope"].split())

    def test_a_user_without_a_mytoken_is_left_alone(self):
        self.slurm("prolog")
        self.assertEqual(self.task_environment("0", MYTOKEN_JOB_FILE="/does/not/exist"), {})
        self.assertEqual(list((self.base / "4711").iterdir()), [])

    def test_a_job_whose_mytoken_is_refused_is_told_and_runs(self):
        self.slurm("prolog")
        poor = self.sub_token(capabilities=["tokeninfo"])
        out = self.slurm("task_prolog", SLURM_STEP_ID="0", MYTOKEN_JOB_FILE=str(poor), MYTOKEN_JOB_PATIENCE="1")
        self.assertTrue(out.startswith("print mytoken: no access token yet, see "), out)
        self.assertIn("insufficient_capabilities", (self.base / "4711/bt_0.log").read_text())

    def test_a_foreign_process_in_a_pid_file_is_not_touched(self):
        self.slurm("prolog")
        with subprocess.Popen(["sleep", "60"]) as other:
            try:
                (self.base / "4711/x.pid").write_text(f"{other.pid}\n")
                self.slurm("epilog", SLURM_JOB_UID=str(os.geteuid() + 1))
                self.assertIsNone(other.poll())
            finally:
                other.kill()


class SystemdUnit(unittest.TestCase):
    def test_the_manager_understands_it(self):
        unit = INTEGRATIONS.parent / "packaging/systemd/user/mytoken-agent.service"
        done = subprocess.run(["systemd-analyze", "--user", "--man=no", "verify", unit], capture_output=True, text=True, timeout=60)
        complaints = [line for line in done.stderr.splitlines() if "mytoken-agent" in line and "is not executable" not in line]
        self.assertEqual(complaints, [])
