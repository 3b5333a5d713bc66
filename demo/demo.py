"""The part of scripts/demo after the build; see there for what it does and for its options."""
import argparse
import base64
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

import login
from stack import BUILD, ROOT, Process, Stack, StackError, cli

USER, PASSWORD = "alice", "wonderland"  # one of the accounts of provider.mjs
EVERYTHING = "AT tokeninfo manage_mytokens create_mytoken settings"


class DemoFailed(Exception):
    pass


def say(text=""):
    print(text, flush=True)


def decoded(token):
    """Header and payload of a JWT, for reading; nothing is verified here."""
    try:
        header, payload = (json.loads(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4))) for p in token.split(".")[:2])
        return header, payload
    except ValueError:
        return None


def show(title, token):
    parts = decoded(token)
    if parts is None:
        raise DemoFailed(f"{title} is not a JWT")
    say(f"\n{title}, decoded:")
    say("\n".join("  " + line for part in parts for line in json.dumps(part, indent=2).splitlines()))
    return parts[1]


def run_cli(stack, *arguments):
    """stdout of the command line program."""
    command, options = cli(stack, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    if done.returncode != 0:
        raise DemoFailed(f"mytoken {' '.join(arguments)} ended with {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def get_mytoken(stack):
    """Runs `mytoken MT`, does in the browser what its user would do, and returns the file with the token."""
    file = stack.folder / "mytoken"
    command, options = cli(stack, "MT", "-i", stack.op, "--capability", EVERYTHING, "--name", "demo", "-o", file)
    process = Process("mytoken MT", command, stack.folder / "cli.log", options["env"])
    stack.processes.append(process)
    url = process.wait_for(r"https?://\S+/c/\S+", 20).group(0)
    say(f"mytoken asks to open {url}")
    login.log_in(url, USER, PASSWORD, trace=lambda page: say(f"  {page.status} {page.url.split('?')[0]}"))
    if process.child.wait(60) != 0:
        raise DemoFailed(f"mytoken MT ended with {process.child.returncode}\n{process.tail()}")
    stack.processes.remove(process)
    return file


def demonstrate(stack):
    """Everything that --once shows; returns the mytoken and the closing line."""
    say(f"provider   {stack.op}")
    say(f"server     {stack.issuer}\n")
    file = get_mytoken(stack)
    mytoken = file.read_text().strip()
    show("The mytoken", mytoken)
    answer = json.loads(run_cli(stack, "--json", "AT", "--MT-file", str(file)))
    claims = show("The access token", answer["access_token"])
    return mytoken, f"demo: access token for sub={claims['sub']} scope={answer['scope']} expires_in={answer['expires_in']}"


def write_env(path, stack, mytoken):
    values = {"MYTOKEN_SERVER": stack.issuer, "OIDC_ISSUER": stack.op, "OIDC_USER": USER, "OIDC_PASSWORD": PASSWORD,
              "MYTOKEN": mytoken, "MYTOKEN_CLI": os.path.relpath(BUILD / "mytoken", ROOT)}
    path = pathlib.Path(path).absolute()
    partial = path.with_name(path.name + ".part")  # whoever waits for the file finds it complete
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
        f.writelines(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    partial.replace(path)


def print_hints(stack):
    binary = os.path.relpath(BUILD / "mytoken")
    configuration = stack.folder / "cli.yaml"
    say(f"""
Try it by hand; sign in as {USER} / {PASSWORD} (also bob / bobby-pins, carol / christmas):

  export MYTOKEN_CONFIG={configuration}
  {binary} MT -i {stack.op}
  {binary} AT --MT-file {stack.folder / 'mytoken'} -s storage.read:/
  {binary} tokeninfo introspect --MT-file {stack.folder / 'mytoken'}
  curl -s {stack.issuer}/.well-known/mytoken-configuration
  curl -s {stack.issuer}/api/v0/token/access -d grant_type=refresh_token --data-urlencode refresh_token@{stack.folder / 'mytoken'}

Logs: {stack.folder}. Ctrl-C ends everything.""")


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Shows mytoken at work.")
    parser.add_argument("--once", action="store_true", help="end after the access token")
    parser.add_argument("--env", metavar="FILE", help="write addresses and credentials to FILE for shells")
    parser.add_argument("--config", metavar="FILE", action="append", default=[], help="server settings on top of the demo's own")
    options = parser.parse_args()
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: sys.exit(128 + number if options.once else 0))
    if options.env and not os.access(os.path.dirname(os.path.abspath(options.env)), os.W_OK):
        parser.error(f"{options.env} cannot be written")
    # What docs/api.md shows shall work here, too.
    features = {"polling_codes": {"enabled": True, "polling_interval": 1}, "guest_mode": {"enabled": True},
                "server_profiles": {"enabled": True, "groups": {"physics": "open sesame"}}}
    stack = Stack(overlays=options.config, config={"features": features})
    try:
        with stack:
            try:
                mytoken, line = demonstrate(stack)
                if options.env:
                    write_env(options.env, stack, mytoken)
            except (DemoFailed, StackError, login.LoginFailed, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
                say(f"\ndemo: failed: {error if str(error) and not isinstance(error, KeyError) else repr(error)}\n{stack.logs()}")
                return 1
            if options.once:
                say()
                say(line)
                return 0
            print_hints(stack)
            say()
            say(line)
            while all(process.child.poll() is None for process in stack.processes):
                time.sleep(0.3)
            say(f"\ndemo: a process ended by itself\n{stack.logs()}")
            return 1
    except StackError as error:
        say(f"\ndemo: failed: {error}")
        return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("\ndemo: ended")
        sys.exit(130 if "--once" in sys.argv else 0)
