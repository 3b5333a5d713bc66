"""Completion in real shells, and manual pages: both come out of the same tree of commands as `--help`."""
import os
import re
import subprocess
import unittest

from machine import WRONG_USAGE, CommandTest, Machine, Terminal
from shared import stack
from stack import BUILD, ROOT


class Shells(CommandTest):
    def setUp(self):
        super().setUp()
        self.machine.configure(token_storage="file", providers={"university": "https://op.example.org"})
        self.machine.ok("store", "add", "laptop", "--MT-file", self.full_file)
        self.machine.ok("AT")  # from now on the providers of the server are known
        (self.machine.home / "some-file").touch()
        # a `mytoken` that completes as the real one does, but says only what it would be started with
        programs = self.machine.home / "bin"
        programs.mkdir()
        wrapper = programs / "mytoken"
        wrapper.write_text(f'#!/bin/sh\ncase $1 in completion|__complete) exec {BUILD}/mytoken "$@";; esac\n'
                           "printf 'started:'; printf ' [%s]' \"$@\"; printf ' end\\n'\n")
        wrapper.chmod(0o755)
        self.machine.env["PATH"] = f"{programs}:{self.machine.env['PATH']}"

    def check(self, program, *arguments, prepare):
        """Types beginnings of commands into a shell and lets it complete them."""
        issuer = stack().op
        cases = [("mytoken sto", "[store]"), ("mytoken store sh", "[store] [show]"), ("mytoken MT --token-ty", "[MT] [--token-type]"),
                 ("mytoken MT --token-type sh", "[MT] [--token-type] [short]"), ("mytoken AT --MT-name la", "[AT] [--MT-name] [laptop]"),
                 ("mytoken store rm la", "[store] [rm] [laptop]"), ("mytoken MT --capability create_m", "[MT] [--capability] [create_mytoken]"),
                 ("mytoken MT -i uni", "[MT] [-i] [university]"), (f"mytoken MT -i {issuer[:-2]}", f"[MT] [-i] [{issuer}]"),
                 ("mytoken MT --storage=ke", "[MT] [--storage=keyring]"), ("mytoken AT --MT-file some", "[AT] [--MT-file] [some-file]")]
        with Terminal(self.machine, [program, *arguments], env={"PS1": "ready> "}) as terminal:
            terminal.type(prepare + "\n")
            for typed, expected in cases:
                with self.subTest(typed):
                    terminal.shown = ""
                    terminal.type(typed + "\t\n")
                    self.assertEqual(terminal.wait_for(r"started: (.*?) end").group(1).strip(), expected)
            terminal.type("exit\n")
            terminal.finish()

    def test_bash(self):
        self.check("/bin/bash", "--norc", "--noprofile", "-i", prepare="source <(mytoken completion bash)")

    def test_zsh(self):
        self.check("/bin/zsh", "-f", "-i", prepare="autoload -U compinit && compinit -u -D && source <(mytoken completion zsh)")

    def test_fish(self):
        self.check("/usr/bin/fish", "--no-config", "-i", prepare="mytoken completion fish | source")


class Answers(unittest.TestCase):
    def setUp(self):
        self.machine = Machine()

    def candidates(self, *words):
        return [line.split("\t")[0] for line in self.machine.ok("__complete", *words).splitlines()]

    def test_every_command_and_flag_of_the_help_is_offered(self):
        def visit(*path):
            text = self.machine.ok(*path, "--help")
            flags = set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", text, re.MULTILINE))
            self.assertLessEqual(flags, set(self.candidates(*path, "-")), path)
            _, _, commands = text.partition("Subcommands:\n")
            names = re.findall(r"^  ([\w-]+)", commands, re.MULTILINE)
            self.assertEqual(set(names), set(self.candidates(*path, "")) & set(names), path)
            return 1 + sum(visit(*path, name) for name in names)
        self.assertGreater(visit(), 15)

    def test_global_flags_are_offered_behind_commands_and_aliases_if_they_were_begun(self):
        self.assertIn("--json", self.candidates("AT", "--j"))
        self.assertEqual(self.candidates("MT", "--scopes"), ["--scopes"])
        self.assertEqual(self.candidates("tokeninfo", "hi"), self.candidates("info", "hi"))

    def test_what_is_no_longer_a_command_is_not_completed_as_one(self):
        self.assertEqual(self.candidates("AT", "comment", "st"), [])
        self.assertEqual(self.candidates("AT", "--", "x"), [":files"])
        self.assertEqual(self.candidates("MT", "--name", "st"), [])

    def test_a_broken_configuration_does_not_disturb(self):
        (self.machine.home / "config/mytoken/config.yaml").write_text("- : [")
        self.assertEqual(self.candidates("MT", "--provider", ""), [])
        self.assertIn("AT", self.candidates("MT", "--capability", ""))

    def test_an_unknown_shell_is_a_mistake(self):
        self.machine.refused(WRONG_USAGE, "completion", "powershell")
        self.machine.refused(WRONG_USAGE, "completion")


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.root = cls.machine.home / "installed"
        subprocess.run(["cmake", "--install", BUILD, "--prefix", cls.root, "--component", "command"], check=True, capture_output=True)
        cls.pages = sorted((cls.root / "share/man/man1").iterdir())

    def page(self, name):
        done = subprocess.run(["man", "-l", self.root / "share/man/man1" / f"{name}.1"], capture_output=True, text=True, check=True,
                              env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""})
        return re.sub(".\b", "", done.stdout)

    def test_there_is_a_page_for_every_command_and_what_is_installed_is_what_the_program_says(self):
        commands = re.findall(r"^  ([\w-]+)", self.machine.ok("--help").partition("Subcommands:\n")[2], re.MULTILINE)
        self.assertEqual({p.name for p in self.pages}, {"mytoken.1", *(f"mytoken-{name}.1" for name in commands)})
        again = self.machine.home / "again"
        again.mkdir()
        self.machine.ok("__man", again)
        self.assertEqual([p.read_text() for p in self.pages], [p.read_text() for p in sorted(again.iterdir())])
        for shell, file in (("bash", "bash-completion/completions/mytoken"), ("zsh", "zsh/vendor-completions/_mytoken"),
                            ("fish", "fish/vendor_completions.d/mytoken.fish")):
            self.assertEqual((self.root / "share" / file).read_text(), self.machine.ok("completion", shell))
        self.assertTrue(os.access(self.root / "bin/mytoken", os.X_OK))

    def test_the_pages_say_what_the_help_says(self):
        def visit(page, *path):
            text = self.machine.ok(*path, "--help")
            self.assertIn(text.splitlines()[0], page)
            for flag in re.findall(r"^  (?:-\w,)?(--[\w-]+)", text, re.MULTILINE):
                if flag != "--help":
                    self.assertIn(flag, page)
            for name in re.findall(r"^  ([\w-]+)", text.partition("Subcommands:\n")[2], re.MULTILINE):
                visit(page if len(path) else self.page(f"mytoken-{name}"), *path, name)
        visit(self.page("mytoken"))

    def test_the_pages_are_well_formed(self):
        for page in self.pages:
            done = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)
            lint = subprocess.run(["mandoc", "-Tlint", "-W", "warning", page], capture_output=True, text=True)
            # the pages of a version have no date, so that two builds of it are equal
            findings = [line for line in (lint.stdout + lint.stderr).splitlines() if "missing date" not in line]
            self.assertEqual(findings, [])

    def test_the_example_of_a_configuration_is_one(self):
        example = self.root / "share/doc/mytoken/example-config.yaml"
        self.machine.ok("store", "list", "--config", example)
        self.assertEqual(self.machine.run("AT", "--config", example, "--MT-prompt").returncode, WRONG_USAGE)

    def test_the_document_says_what_the_manual_says(self):
        document = (ROOT / "docs/cli.md").read_text()
        page = (self.root / "share/man/man1/mytoken.1").read_text().replace("\\-", "-").replace("\\(aq", "'")
        entries = re.findall(r'^\.B "(.*)"\n(.*)', page.partition(".SH \"EXIT STATUS\"")[2].partition(".SH SEE")[0], re.MULTILINE)
        self.assertGreater(len(entries), 30)
        for names, meaning in entries:
            for name in names.split(", "):
                if name.isdigit():
                    self.assertIn(f"| {name} | {meaning} |", document)
                elif name.startswith(("MYTOKEN", "MOM", "XDG", "BEARER", "NO_", "CLI", "SSL", "HTTP", "DISPLAY", "WAYLAND", "SSH")):
                    self.assertIn(f"`{name}`", document)

    def test_exit_codes_environment_and_files_are_there(self):
        page = self.page("mytoken")
        for word in ("EXIT STATUS", "ENVIRONMENT", "MYTOKEN_URL", "MYTOKEN_NAME", "XDG_CONFIG_HOME", "FILES", "config.yaml", "SEE ALSO"):
            self.assertIn(word, page)
