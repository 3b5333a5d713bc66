"""What is installed, and what the library shows of itself."""
import json
import re
import subprocess
import unittest

from shared import ROOT, environment, examples, installed, run

# Demangled names that may be seen from outside.
OURS = re.compile(r"^(mytoken_\w+|(vtable for |typeinfo for |typeinfo name for )?mytoken::(client::|Secret)"
                  r"|MYTOKEN_\d+$)")
INTERNAL = re.compile(r"::Impl\b|::State\b|\b(Transport|MetadataCache|FileLock|MemoryLease|FileLease|KeyringLease)\b|\bboost::|\bfmt::")


def version():
    return re.search(r"^project\(mytoken VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE).group(1)


def symbols():
    """(raw, demangled) names of what the library defines and shows."""
    library = installed() / "lib" / "libmytoken.so"
    lines = run("nm", "--dynamic", "--defined-only", "--format=posix", library).splitlines()
    raw = [line.split()[0].split("@")[0] for line in lines]
    shown = subprocess.run(["c++filt"], input="\n".join(raw), capture_output=True, text=True, check=True).stdout.splitlines()
    return list(zip(raw, shown))


class Installed(unittest.TestCase):
    def test_the_library_shows_its_own_symbols_only(self):
        shown = [name for _, name in symbols()]
        self.assertEqual([name for name in shown if not OURS.match(name)], [])
        self.assertEqual([name for name in shown if INTERNAL.search(name.split("(")[0])], [])
        self.assertIn("mytoken::client::Client::open(std::basic_string_view<char, std::char_traits<char> >, mytoken::client::Options)",
                      shown)

    def test_every_c_function_that_is_declared_is_there_and_no_other(self):
        header = (ROOT / "include" / "mytoken" / "mytoken.h").read_text()
        declared = set(re.findall(r"^MYTOKEN_API[^;]*?\b(mytoken_\w+)\(", header, re.MULTILINE))
        self.assertGreater(len(declared), 30)
        self.assertEqual({raw for raw, _ in symbols() if raw.startswith("mytoken_")}, declared)

    def test_symbols_and_file_carry_the_version_of_the_interface(self):
        major = version().split(".")[0]
        library = installed() / "lib" / "libmytoken.so"
        self.assertIn(f"Library soname: [libmytoken.so.{major}]", run("readelf", "--dynamic", library))
        self.assertEqual(library.resolve().name, f"libmytoken.so.{version()}")
        self.assertIn(f"mytoken_version@@MYTOKEN_{major}", run("nm", "--dynamic", "--with-symbol-versions", library))

    def test_it_needs_neither_glib_nor_what_only_the_server_needs(self):
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--dynamic", installed() / "lib" / "libmytoken.so"))
        self.assertIn("libcurl.so.4", needed)
        for name in ("glib", "secret", "sqlite", "libpq", "yaml"):
            self.assertEqual([n for n in needed if name in n], [])

    def test_each_header_compiles_alone(self):
        headers = sorted((installed() / "include" / "mytoken").glob("*.h"))
        self.assertGreater(len(headers), 10)
        for header in headers:
            languages = [("c++", "-std=c++20")] + ([("c", "-std=c99")] if header.name == "mytoken.h" else [])
            for language, standard in languages:
                with self.subTest(header=header.name, language=language):
                    run("g++" if language == "c++" else "gcc", "-x", language, standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                        "-fsyntax-only", f"-I{installed() / 'include'}", "-include", header, "/dev/null")

    def test_pkg_config_knows_it(self):
        env = environment()
        self.assertEqual(run("pkg-config", "--modversion", "mytoken", env=env).strip(), version())
        flags = run("pkg-config", "--cflags", "--libs", "mytoken", env=env).split()
        program = installed() / "by-pkg-config"
        run("g++", "-std=c++20", "-Wall", "-Werror", ROOT / "examples" / "login.cpp", "-o", program, *flags)
        done = subprocess.run([program], capture_output=True, text=True, env=env, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (2, "usage: login SERVER PROVIDER FILE\n"))
        flags = run("pkg-config", "--cflags", "--libs", "mytoken", env=env).split()
        run("gcc", "-std=c99", "-Wall", "-Werror", ROOT / "examples" / "access_token.c", "-o", program, *flags)
        done = subprocess.run([program], capture_output=True, text=True, env=env, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (2, "usage: access_token SERVER FILE [SCOPE]\n"))

    def test_cmake_builds_the_installed_examples(self):
        self.assertTrue((examples() / "login").exists())
        self.assertTrue((examples() / "access_token").exists())

    def test_another_minor_version_is_not_taken_for_this_one(self):
        folder = installed() / "wrong"
        folder.mkdir()
        (folder / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.25)\nproject(p CXX)\nfind_package(mytoken 0.99 REQUIRED)\n")
        done = subprocess.run(["cmake", "-G", "Ninja", "-S", folder, "-B", folder / "b", f"-DCMAKE_PREFIX_PATH={installed()}"],
                              capture_output=True, text=True, timeout=120)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("compatible with requested version", done.stderr)

    def test_programs_example_and_units_are_in_their_places(self):
        for name in ("bin/mytoken", "bin/mytoken-server", "share/doc/mytoken-server/config.yaml.example",
                     "share/doc/mytoken-server/operations/restart.md", "lib/systemd/system/mytoken-server.service",
                     "lib/systemd/system/mytoken-server.socket"):
            self.assertTrue((installed() / name).is_file(), name)
        self.assertIn(version(), run(installed() / "bin" / "mytoken", "--version"))

    def test_a_binding_without_a_compiler_sees_errors_as_values(self):
        code = f"""
import ctypes, json
lib = ctypes.CDLL({str(installed() / 'lib' / 'libmytoken.so.0')!r})
class Error(ctypes.Structure):
    _fields_ = [("result", ctypes.c_int), ("http_status", ctypes.c_int), ("is_transient", ctypes.c_int),
                ("retry_after", ctypes.c_long), ("code", ctypes.c_char * 64), ("description", ctypes.c_char * 512)]
error, client = Error(), ctypes.c_void_p()
result = lib.mytoken_client_open(b"http://mt.example.org", None, ctypes.byref(client), ctypes.byref(error))
print(json.dumps([result, error.result, error.description.decode(), client.value]))
"""
        result, kind, description, client = json.loads(run("/usr/bin/python3", "-c", code))
        self.assertEqual((result, kind, client), (1, 1, None))
        self.assertIn("https", description)
