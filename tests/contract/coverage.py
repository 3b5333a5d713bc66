"""Which operations and statuses of openapi.yaml the contract tests have to see, and which they have seen.

LATER names the paths that this server does not serve; the tests ask each of them and expect 404, so an entry goes when the path
comes. UNREACHABLE names single statuses of served operations, with the reason; each must stay unseen, or it is wrong.
"""
from fixture import CONTRACT

LATER = {
    "/.well-known/openid-federation": "federation",
    "/api/v0/settings/grants/ssh": "ssh keys",
    "/api/v0/settings/email": "e-mail",
    "/api/v0/notifications": "notifications",
    "/api/v0/notifications/{management_code}": "notifications",
    "/api/v0/notifications/{management_code}/nc": "notifications",
    "/api/v0/notifications/{management_code}/token": "notifications",
    "/api/v0/notifications/calendars": "calendars",
    "/api/v0/notifications/calendars/{calendar_id}": "calendars",
    "/api/v0/notifications/calendars/{calendar_id}/tags": "calendars",
    "/calendars/{calendar_id}": "calendars",
    "/calendars/{calendar_id}/view": "calendars",
    "/notifications/{management_code}": "notifications",
    "/actions": "actions",
    "/settings": "web pages",
    "/privacy": "web pages",
    "/favicon.ico": "web pages",
}
UNREACHABLE = {
    ("GET", "/", 303): "a start page for somebody who is signed in: web pages",
}
EXAMPLES = {"{group}": "contract", "{id}": "7e1d6f0e-3c55-4b0f-9a51-2f6a5d3b8c11", "{tag}": "laptop", "{consent_code}": "nosuchcode",
            "{file}": "mytoken.css", "{management_code}": "nosuchcode", "{calendar_id}": "7e1d6f0e-3c55-4b0f-9a51-2f6a5d3b8c11"}


def example(path):
    """A path of the document with its parameters filled in."""
    for name, value in EXAMPLES.items():
        path = path.replace(name, value)
    return path


def operations():
    """{(method, path): (status, …)} of everything that has to be seen."""
    return {(method, path): tuple(s for s in statuses if (method, path, s) not in UNREACHABLE)
            for (method, path), statuses in CONTRACT.operations().items() if path not in LATER}


def seen():
    """{(method, path): (status, …)} of what has to be seen and was."""
    return {(method, path): tuple(s for s in statuses if (method, path, s) in CONTRACT.seen)
            for (method, path), statuses in operations().items()}


def listing():
    """One line per operation, and the sum."""
    expected, found = operations(), seen()
    for (method, path), statuses in expected.items():
        missing = [s for s in statuses if s not in found[method, path]]
        yield (f"{method} {path}: {' '.join(map(str, found[method, path])) or 'nothing'}"
               + (f" (not seen: {' '.join(map(str, missing))})" if missing else ""))
    complete = sum(1 for statuses in found.values() if statuses)
    yield (f"contract: operations {complete}/{len(expected)} statuses {sum(map(len, found.values()))}/"
           f"{sum(map(len, expected.values()))}")
