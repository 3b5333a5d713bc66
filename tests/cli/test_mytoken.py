"""`mytoken MT` and `mytoken transfer` with all that their flags promise."""
import json
import os
import stat
import time
import unittest

import login
from api import PASSWORDS, claims_of
from machine import CONSENT_URL, DONE, INTERRUPTED, WRONG_USAGE, CommandTest, Machine
from shared import api, stack

SECONDS_OF_THE_TEST = 120


class Requests(CommandTest):
    def claims(self, *arguments, **options):
        """Of the sub-token that `MT` makes with these arguments."""
        return claims_of(self.machine.ok("MT", "--MT-file", self.full_file, *arguments, **options).strip())

    def test_W1_a_single_restriction_flag_restricts(self):
        self.assertEqual(self.claims("--geo-ip-disallow", "xx")["restrictions"], [{"geoip_disallow": ["xx"]}])
        self.assertEqual(self.claims("--usages-other", "0")["restrictions"], [{"usages_other": 0}])

    def test_W2_a_transfer_code_is_printed(self):
        code = self.machine.ok("MT", "--MT-file", self.full_file, "--token-type", "transfer").strip()
        self.assertEqual(claims_of(Machine().ok("MT", "--TC", code).strip())["oidc_sub"], "alice")

    def test_W3_the_form_that_a_profile_asks_for_is_not_overruled_by_a_default(self):
        printed = self.machine.ok("MT", "--MT-file", self.full_file, "--profile", '{"response_type": "short_token"}')
        self.assertEqual(len(printed.strip()), 64)
        printed = self.machine.ok("MT", "--MT-file", self.full_file, "--profile", '{"response_type": "short_token"}', "--token-type", "token")
        self.assertEqual(printed.count("."), 2)

    def test_W4_times_in_words_are_taken_inside_json(self):
        now = time.time()
        for source in (["--restrictions", '[{"exp": "+1d12h"}]'], ["--profile", '{"restrictions": [{"exp": "+1d12h"}]}'],
                       ["--restrictions", self.machine.file('{"exp": "+1d12h"}\n', "restrictions.json")]):
            clause = self.claims(*source)["restrictions"][0]
            self.assertAlmostEqual(clause["exp"], now + 36 * 3600, delta=SECONDS_OF_THE_TEST)

    def test_W5_rotation_from_json_a_file_and_single_flags(self):
        self.assertEqual(self.claims("--rotation", '{"on_AT": true, "lifetime": 3600}')["rotation"], {"on_AT": True, "lifetime": 3600})
        self.machine.file('{"on_other": true}', "rotation.json")
        for path in ("./rotation.json", "@rotation.json", self.machine.home / "rotation.json"):
            self.assertEqual(self.claims("--rotation", path)["rotation"], {"on_other": True})
        self.assertEqual(self.claims("--rotation-on-AT")["rotation"], {"on_AT": True})
        self.assertEqual(self.claims("--rotation", "@rotation.json", "--rotation-auto-revoke")["rotation"],
                         {"on_other": True, "auto_revoke": True})

    def test_W6_mistakes_that_lose_protection_are_errors(self):
        for bad in (["--restrictions", '{"usage_AT": 1}'], ["--restrictions", "{}", "--usages-AT", "1"], ["--restrictions", "./missing.json"],
                    ["--profile", '{"restriction": []}'], ["--profile", '{"restrictions": [{"usage_AT": 1}]}'],
                    ["--rotation", '{"on_at": true}'], ["--capability", ""], ["--exp", "tomorrow"], ["--profile", '{"grant_type": "x"}'],
                    ["--profile", ""]):
            self.machine.refused(WRONG_USAGE, "MT", "--MT-file", self.full_file, *bad)

    def test_W13_a_mytoken_is_shown_to_its_own_server(self):
        self.machine.configure(instance="http://127.0.0.1:1")
        self.assertEqual(self.claims("--capability", "AT")["iss"], stack().issuer)

    def test_W17_home_standard_input_and_xdg_config_home(self):
        self.assertEqual(claims_of(self.machine.ok("AT", "--MT-file", "~/full").strip())["sub"], "alice")
        self.assertEqual(claims_of(self.machine.ok("AT", "--MT-file", "-", stdin=self.full + "\n").strip())["sub"], "alice")
        self.assertIn("missing.yaml", self.machine.refused(WRONG_USAGE, "AT", "--config", "missing.yaml", "--MT-file", "~/full"))
        code, out, err = self.machine.logged_in()  # the provider is named by an http address of this machine
        self.assertEqual(code, DONE, err)

    def test_a_profile_as_json_in_a_file_and_by_name(self):
        profile = {"capabilities": ["AT"], "restrictions": [{"usages_AT": 3}], "name": "from profile", "rotation": {"on_AT": True}}
        self.machine.file(json.dumps(profile), "job.json")
        for source in (["--profile", "@job.json"], ["--profile", json.dumps(profile)]):
            claims = self.claims(*source)
            self.assertEqual((claims["capabilities"], claims["restrictions"], claims["rotation"]), (["AT"], [{"usages_AT": 3}], {"on_AT": True}))
            self.assertTrue(claims["name"].endswith(":from profile"), claims["name"])
        over = self.claims("--profile", "@job.json", "--usages-AT", "1", "--name", "mine")
        self.assertEqual((over["capabilities"], over["restrictions"]), (["AT"], [{"usages_AT": 1}]))
        self.assertTrue(over["name"].endswith(":mine"), over["name"])
        self.assertEqual(self.claims(env={"MYTOKEN_PROFILE": "@job.json"})["restrictions"], [{"usages_AT": 3}])
        clause, = self.claims("--profile", "web-default")["restrictions"]
        self.assertEqual(clause["usages_AT"], 15)

    def test_tags_are_sorted_and_sent(self):
        self.assertEqual(self.machine.run("MT", "--MT-file", self.full_file, "--include-children").returncode, WRONG_USAGE)
        done = self.machine.run("MT", "--MT-file", self.full_file, "--tags", "b,a", "--json")
        self.assertEqual(done.returncode, DONE, done.stderr)

    def test_json_has_what_was_granted(self):
        answer = self.machine.ok_json("MT", "--MT-file", self.full_file, "--capability", "AT", "--usages-AT", "2", "--rotation-on-AT")
        self.assertEqual((answer["mytoken_type"], answer["capabilities"], answer["restrictions"], answer["rotation"]),
                         ("token", ["AT"], [{"usages_AT": 2}], {"on_AT": True}))
        self.assertTrue(answer["mom_id"])


class Transfer(CommandTest):
    def test_a_person_is_told_how_long_the_code_lives_and_what_to_type(self):
        out = self.machine.home / "stdout"
        for words in (["transfer"], ["transfer", "create"], ["MT", "--token-type", "transfer"]):
            with self.machine.terminal(*words, "--MT-file", self.full_file, stdout=out) as terminal:
                self.assertEqual(terminal.finish(), DONE, terminal.shown)
            self.assertRegex(terminal.shown, r"redeemed once within 5:00; on the other machine: mytoken MT --TC CODE --url " + stack().issuer)
            self.assertRegex(out.read_text(), r"^\w{8}\n$")

    def test_a_script_gets_the_code_alone_or_with_its_lifetime_as_json(self):
        done = self.machine.run("transfer", "--MT-file", self.full_file)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        answer = self.machine.ok_json("transfer", "--MT-file", self.full_file)
        self.assertEqual(answer["expires_in"], 300)

    def test_a_code_can_be_typed_at_a_prompt_or_piped(self):
        other = Machine("other")
        code = self.machine.ok("transfer", "--MT-file", self.full_file)
        with other.terminal("MT", "--TC", "-", "-o", "token") as terminal:
            terminal.wait_for("transfer code: ")
            terminal.type(code)
            self.assertEqual(terminal.finish(), DONE, terminal.shown)
        self.assertEqual(claims_of((other.home / "token").read_text())["oidc_sub"], "alice")
        code = self.machine.ok("transfer", "--MT-file", self.full_file)
        self.assertEqual(claims_of(other.ok("MT", "--TC", "-", stdin=code).strip())["oidc_sub"], "alice")


class Logins(unittest.TestCase):
    def setUp(self):
        self.machine = Machine()

    def opener(self):
        """A desktop whose xdg-open writes what it was started with into a file."""
        programs = self.machine.home / "bin"
        programs.mkdir()
        started = self.machine.home / "started"
        os.mkfifo(started)
        opener = programs / "xdg-open"
        opener.write_text(f'#!/bin/sh\n{{ echo "$# $1"; env; }} > {started}\n')
        opener.chmod(0o755)
        self.machine.env.update(PATH=f"{programs}:{self.machine.env['PATH']}", DISPLAY=":0")
        return started

    def test_on_a_desktop_the_address_is_opened_without_any_token_in_sight(self):
        started = self.opener()
        self.machine.env.update(MYTOKEN="", BEARER_TOKEN="secret")
        with self.machine.terminal("MT", "-i", stack().op, "--oidc") as terminal:
            url = terminal.wait_for(CONSENT_URL).group()
            arguments, _, environment = started.read_text().partition("\n")
            self.assertEqual(arguments, f"1 {url}")
            self.assertNotIn("secret", environment)
            self.assertIn("your browser opens this address", terminal.shown)
            terminal.type("\x03")
            self.assertEqual(terminal.finish(), INTERRUPTED)

    def test_nothing_is_opened_over_ssh_without_a_desktop_or_if_not_wanted(self):
        self.opener()
        desktop = dict(self.machine.env)
        for env, flags in (({**desktop, "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, []), ({**desktop, "DISPLAY": ""}, []),
                           (desktop, ["--no-browser"])):
            self.machine.env = env
            with self.machine.terminal("MT", "-i", stack().op, *flags) as terminal:
                terminal.wait_for(CONSENT_URL)
                terminal.type("\x03")
                self.assertEqual(terminal.finish(), INTERRUPTED)
                self.assertNotIn("your browser opens", terminal.shown)

    def test_quiet_shows_the_address_alone(self):
        with self.machine.terminal("MT", "-i", stack().op, "-q", stdout=self.machine.home / "stdout") as terminal:
            url = terminal.wait_for(CONSENT_URL).group()
            login.log_in(url, "alice", PASSWORDS["alice"])
            self.assertEqual(terminal.finish(), DONE)
            self.assertEqual(terminal.shown, f"{url}\r\n")

    def test_the_picture_is_drawn_where_it_fits(self):
        for columns, is_drawn in ((120, True), (20, False)):
            with self.machine.terminal("MT", "-i", stack().op, columns=columns) as terminal:
                terminal.wait_for("left")
                self.assertEqual("\u2588" in terminal.shown, is_drawn)
                terminal.type("\x03")
                self.assertEqual(terminal.finish(), INTERRUPTED)

    def test_a_login_that_was_interrupted_can_be_resumed_once(self):
        with self.machine.terminal("MT", "-i", stack().op, "--capability", "AT") as terminal:
            url = terminal.wait_for(CONSENT_URL).group()
            terminal.wait_for("left")
            terminal.type("\x03")
            self.assertEqual(terminal.finish(), INTERRUPTED)
        code = terminal.wait_for(r"mytoken: hint: to go on waiting: mytoken MT --resume (\w{8})\r\n").group(1)
        saved, = (self.machine.home / "state/mytoken/logins").iterdir()
        self.assertEqual(stat.S_IMODE(saved.stat().st_mode), 0o600)
        login.log_in(url, "alice", PASSWORDS["alice"])
        self.machine.configure(instance="http://127.0.0.1:1")  # the login remembers its server
        self.assertEqual(claims_of(self.machine.ok("MT", "--resume", code).strip())["capabilities"], ["AT"])
        self.assertFalse(saved.exists())
        self.assertIn("no login of that name", self.machine.refused(WRONG_USAGE, "MT", "--resume", code))

    def test_a_lost_connection_to_the_terminal_leaves_a_login_to_resume(self):
        with self.machine.start("MT", "-i", stack().op) as running:
            url = running.wait_for(CONSENT_URL).group()
            running.signal(1)  # SIGHUP
            self.assertEqual(running.finish()[0], INTERRUPTED)
        saved, = (self.machine.home / "state/mytoken/logins").iterdir()
        login.log_in(url, "alice", PASSWORDS["alice"])
        self.assertEqual(claims_of(self.machine.ok("MT", "--resume", saved.name).strip())["oidc_sub"], "alice")

    def test_a_polling_code_from_elsewhere_can_be_waited_for(self):
        start = api().start_login(capabilities=["AT"]).json
        login.log_in(start["consent_uri"], "alice", PASSWORDS["alice"])
        printed = self.machine.ok("MT", "--resume", "-", stdin=start["polling_code"] + "\n")
        self.assertEqual(claims_of(printed.strip())["capabilities"], ["AT"])
