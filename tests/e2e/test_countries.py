"""Countries of clients behind a proxy, and a new file of countries while the server runs."""
import ipaddress
import pathlib
import signal
import struct
import tempfile
import unittest

import login
import stack
from api import ACCESS, Api


def country_file(*ranges):
    """IP2Location's BIN format: from each IPv4 address on, the country."""
    names, offsets, end = b"", {}, 64 + 8 * len(ranges)
    for _, country in ranges:
        offsets.setdefault(country, end + len(names))
        names += bytes([len(country)]) + country.encode()
    header = bytes([1, 2, 26, 11, 30]) + struct.pack("<IIII", len(ranges), 65, 0, 0)
    rows = b"".join(struct.pack("<II", int(ipaddress.ip_address(first)), offsets[country]) for first, country in ranges)
    return header.ljust(64, b"\0") + rows + names + bytes(3)


class Countries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="mytoken-countries-")
        cls.addClassCleanup(folder.cleanup)
        cls.file = pathlib.Path(folder.name) / "countries.bin"
        cls.file.write_bytes(country_file(("0.0.0.0", "-"), ("192.0.2.0", "DE"), ("198.51.100.0", "FR"), ("203.0.113.0", "-")))
        config = {"features": {"guest_mode": True, "polling_codes": {"enabled": True, "polling_interval": 1}},
                  "geoip": {"file": str(cls.file), "home_country": "ch"},
                  "server": {"proxy_header": "X-Forwarded-For", "trusted_proxies": ["127.0.0.1"]}}
        for attempt in range(stack.START_ATTEMPTS):
            try:
                cls.server = stack.start_server(pathlib.Path(folder.name), stack.free_port(), config, name=f"server{attempt}")
                break
            except stack.StackError as error:
                if "in use" not in str(error) or attempt == stack.START_ATTEMPTS - 1:
                    raise
        cls.addClassCleanup(cls.server.stop)
        cls.api = Api(cls.server.issuer, f"{cls.server.issuer}/api/v0/guests")

    def token(self, **clause):
        start = self.api.start_login(restrictions=[clause]).json
        login.log_in(start["consent_uri"], "", "")
        return self.api.poll(start["polling_code"]).json["mytoken"]

    def use(self, token, address):
        headers = {"X-Forwarded-For": address} if address else {}
        return self.api.post(ACCESS, {"grant_type": "mytoken", "mytoken": token}, headers=headers).status

    def test_1_lists_of_countries_decide_by_the_clients_address(self):
        allowed = self.token(geoip_allow=["de", "CH"])
        self.assertEqual([self.use(allowed, a) for a in ("192.0.2.1", "198.51.100.1", "203.0.113.1", None)], [200, 403, 403, 200])
        others = self.token(geoip_disallow=["De"])
        self.assertEqual([self.use(others, a) for a in ("192.0.2.1", "198.51.100.1", "203.0.113.1", "no address")], [403, 200, 200, 403])

    def test_2_a_new_file_counts_after_sighup_and_a_broken_one_changes_nothing(self):
        token = self.token(geoip_allow=["NL"])
        self.assertEqual(self.use(token, "192.0.2.1"), 403)
        self.file.write_bytes(country_file(("0.0.0.0", "NL")))
        self.server.child.send_signal(signal.SIGHUP)
        self.server.wait_for(r"(?s)countries of addresses were read.*countries of addresses were read", 20)
        self.assertEqual(self.use(token, "192.0.2.1"), 200)
        self.file.write_bytes(b"no database")
        self.server.child.send_signal(signal.SIGHUP)
        self.server.wait_for(r"countries of addresses could not be read.*too short", 20)
        self.assertEqual(self.use(token, "192.0.2.1"), 200)
