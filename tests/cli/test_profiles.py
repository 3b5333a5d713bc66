"""What a server offers, by the command: profiles and templates, providers, the configuration document, capabilities."""
from machine import REFUSED, UNREACHABLE, WRONG_USAGE, CommandTest, Machine
from shared import stack
from stack import Stack


class Offers(CommandTest):
    def test_the_profiles_that_every_server_has(self):
        listed = self.machine.ok("profiles", "list")
        self.assertTrue(listed.startswith("_\n"), listed)
        names = [line.strip() for line in listed.splitlines() if line.startswith("  ")]
        self.assertIn("agent", names)
        self.assertIn("web-default", names)
        self.assertEqual(names, sorted(names))
        self.assertEqual(self.machine.ok("profiles", "profiles"), listed)
        self.assertIn("_\n", self.machine.ok("profiles", "groups"))
        self.assertEqual(self.machine.ok("profiles", "list", "--groups", "no-such-group"), "")

    def test_templates_with_what_they_stand_for(self):
        shown = self.machine.ok_json("profiles", "restrictions", "--groups", "_")
        entries = {entry["name"]: entry["payload"] for entry in shown["restrictions"]["_"]}
        self.assertIsInstance(entries["12h"][0]["exp"], int)
        every = self.machine.ok_json("profiles", "all")
        self.assertEqual(sorted(every), ["capabilities", "profiles", "restrictions", "rotation"])
        self.assertIn("default", [entry["name"] for entry in every["capabilities"]["_"]])
        lines = self.machine.ok("profiles", "list-all").splitlines()
        self.assertEqual([line for line in lines if not line.startswith(" ")], ["profiles", "capabilities", "restrictions", "rotation"])

    def test_providers_with_names_of_their_own(self):
        machine = Machine("named", providers={"mine": stack().op}, default_provider="mine")
        self.assertIn(f"{stack().op} -> mine (default)\n", machine.ok("list", "providers"))
        self.assertIn({"issuer": stack().op, "names": ["mine"], "default": True}, machine.ok_json("list", "issuers")["providers"])
        self.assertIn(f"{stack().op}\n", self.machine.ok("list", "issuers"))

    def test_the_configuration_document(self):
        shown = self.machine.ok("config")
        self.assertIn(f'\n  "issuer": "{stack().issuer}"', shown)
        self.assertEqual(self.machine.ok_json("config")["issuer"], stack().issuer)

    def test_capabilities_in_two_columns(self):
        lines = self.machine.ok("capabilities").splitlines()
        self.assertTrue(lines[0].startswith("AT "), lines[0])
        names = [line.split()[0] for line in lines]
        self.assertEqual(names[names.index("settings") + 1], "read@settings")
        child = next(line for line in lines if line.split()[0] == "settings:tags")
        self.assertTrue(child.startswith("  settings:tags "), child)
        columns = {len(line) - len(line.lstrip(" ").split(" ", 1)[1].lstrip(" ")) for line in lines}
        self.assertEqual(len(columns), 1, lines)
        first = self.machine.ok_json("capabilities")["capabilities"][0]
        self.assertEqual(first["read_write_capability"]["name"], "AT")

    def test_W10_a_server_without_profiles_says_so(self):
        with Stack(config={"features": {"server_profiles": {"enabled": False}}}) as other:
            for words in (["profiles", "groups"], ["profiles", "list"]):
                self.assertIn("not supported by this server", self.machine.refused(REFUSED, *words, "--url", other.issuer))

    def test_servers_that_are_none(self):
        for words in (["profiles", "list"], ["list", "providers"], ["config"], ["capabilities"]):
            self.machine.refused(UNREACHABLE, *words, "--url", "https://127.0.0.1:1")
            self.machine.refused(WRONG_USAGE, *words, "--url", "http://mt.example.org")
