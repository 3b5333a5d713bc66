"""The table behind the negative matrix: what every endpoint that takes a mytoken needs, and what must become of each way in which
a presented string can be wrong. test_matrix.py makes a test of every cell (endpoint × representation × condition).

The rules: spec api.md §§2.3, 2.4, 4-9, 13.1 and tokens.md §§2, 3, 6.4, 9. A new endpoint is one more entry of ENDPOINTS.
"""
from typing import NamedTuple, Optional

from api import ACCESS, MYTOKEN, REVOKE, TOKENINFO, TRANSFER

TOKEN_TAGS = "/api/v0/token/my/tags"
GRANTS = "/api/v0/settings/grants"
TAGS = "/api/v0/settings/tags"

ALL_CAPABILITIES = (
    "AT", "tokeninfo", "tokeninfo:introspect", "tokeninfo:history", "tokeninfo:subtokens", "tokeninfo:notify", "tokeninfo:tags",
    "manage_mytokens", "manage_mytokens:list", "manage_mytokens:revoke", "manage_mytokens:history", "manage_mytokens:tags",
    "create_mytoken", "settings", "read@settings", "settings:grants", "read@settings:grants", "settings:grants:ssh",
    "read@settings:grants:ssh", "settings:email", "read@settings:email", "settings:tags", "read@settings:tags",
    "manage_mytokens:notify", "read@manage_mytokens:notify")


class Endpoint(NamedTuple):
    name: str
    method: str
    path: str
    success: int
    needs: str | tuple = ()        # capability, or those of which one is enough; with `target` that for a token which is no descendant
    counts: Optional[str] = None   # the kind of use whose clauses are checked: AT or other
    members: dict = {}             # of the request, besides the token; OP stands for the provider's issuer
    token_member: str = "mytoken"
    target: Optional[str] = None   # the member that names another token: mom_id or mom_ids
    issuer: bool = False           # takes oidc_issuer
    revokes: bool = False          # the presented token itself; answers 204 to whatever is no usable token
    forms: tuple = ("json", "form", "bearer", "cookie")


def tokeninfo(action, needs, counts="other", **more):
    return Endpoint(f"tokeninfo {action}{' of another' if more else ''}", "POST", TOKENINFO, 200, needs, counts, {"action": action}, **more)


ENDPOINTS = (
    Endpoint("access token", "POST", ACCESS, 200, "AT", "AT", {"grant_type": "mytoken"}, issuer=True),
    Endpoint("sub-token", "POST", MYTOKEN, 200, "create_mytoken", "other", {"grant_type": "mytoken"}, issuer=True),
    Endpoint("consent page", "POST", "/c", 200, "create_mytoken", "other", {"oidc_issuer": "OP"}, issuer=True),
    Endpoint("transfer", "POST", TRANSFER, 200),
    tokeninfo("introspect", "tokeninfo:introspect", None),
    tokeninfo("event_history", "tokeninfo:history"),
    tokeninfo("event_history", "manage_mytokens:history", target="mom_ids"),
    tokeninfo("subtokens", "tokeninfo:subtokens"),
    tokeninfo("list_mytokens", "manage_mytokens:list"),
    tokeninfo("notifications", "tokeninfo:notify"),
    tokeninfo("notifications", "read@manage_mytokens:notify", target="mom_ids"),
    Endpoint("revoke", "POST", REVOKE, 204, token_member="token", issuer=True, revokes=True),
    Endpoint("revoke another", "POST", REVOKE, 204, "manage_mytokens:revoke", token_member="token", target="mom_id"),
    Endpoint("list grants", "GET", GRANTS, 200, "read@settings:grants", "other"),
    Endpoint("enable a grant", "POST", GRANTS, 201, "settings:grants", "other", {"grant_type": "ssh"}),
    Endpoint("disable a grant", "DELETE", GRANTS, 204, "settings:grants", "other", {"grant_type": "ssh"}),
    Endpoint("list tags", "GET", TAGS, 200, ("read@settings:tags", "tokeninfo:notify", "manage_mytokens:notify"), "other"),
    Endpoint("create a tag", "POST", f"{TAGS}/matrix", 204, "settings:tags", "other"),
    Endpoint("change a tag", "PUT", f"{TAGS}/matrix", 204, "settings:tags", "other", {"color": "fff"}),
    Endpoint("delete a tag", "DELETE", f"{TAGS}/of-nobody", 204, "settings:tags", "other"),
    *(Endpoint(f"{verb} a token", method, TOKEN_TAGS, 204, ("tokeninfo:tags", "manage_mytokens:tags"), "other", {"tag": "matrix"})
      for verb, method in (("tag", "POST"), ("untag", "DELETE"))),
    *(Endpoint(f"{verb} another token", method, TOKEN_TAGS, 204, "manage_mytokens:tags", "other", {"tag": "matrix"}, target="mom_id")
      for verb, method in (("tag", "POST"), ("untag", "DELETE"))),
)

# What is presented.
REPRESENTATIONS = ("token", "short token", "transfer code", "polling code")

# How it is wrong. Those of the first group make it no usable token at all.
UNUSABLE = ("revoked", "expired", "not yet valid", "rotated away", "rotated away with auto_revoke", "wrong iss claim", "malformed",
            "wrong signature", "of another installation")
RESTRICTED = {  # the clauses of a token that is valid and may not be used
    "restricted by host": [{"hosts": ["192.0.2.1"]}],
    "restricted by time": [{"exp": "+30"}, {"nbf": "+1d"}],
    "restricted by usage": [{"usages_AT": 0, "usages_other": 0}],
    "restricted by country": [{"geoip_allow": ["AQ"]}],
}
OTHER = ("nothing wrong", "missing capability", "target of another user", "unknown target", "another issuer asked for")
CONDITIONS = (*OTHER, *UNUSABLE, *RESTRICTED)


def grants(held, asked):
    """tokens.md §6.2."""
    read = "read@"
    if held.startswith(read) and not asked.startswith(read):
        return False
    parts, wanted = held.removeprefix(read).split(":"), asked.removeprefix(read).split(":")
    return wanted[:len(parts)] == parts


def all_but(needs):
    return [name for name in ALL_CAPABILITIES if not any(grants(name, need) for need in ([needs] if isinstance(needs, str) else needs))]


def applies(endpoint, representation, condition):
    """Whether there is such a cell."""
    if condition == "missing capability":
        return bool(endpoint.needs)
    if condition in ("target of another user", "unknown target"):
        return endpoint.target is not None
    if condition == "another issuer asked for":
        return endpoint.issuer
    if condition == "wrong iss claim":
        return representation == "token"  # behind the others stands a token of the server's own
    return True


def expected(endpoint, representation, condition):
    """(status, error or None)."""
    is_token = representation in ("token", "short token")
    if endpoint.revokes:
        if condition == "another issuer asked for" and is_token:
            return 400, "invalid_request"
        return endpoint.success, None
    if not is_token or condition in UNUSABLE:
        return 401, "invalid_token"
    if condition == "missing capability":
        return 403, "insufficient_capabilities"
    if condition in ("target of another user", "unknown target"):
        return 403, "invalid_grant"
    if condition == "another issuer asked for":
        return 400, "invalid_request"
    if condition in RESTRICTED and endpoint.counts:
        return 403, "usage_restricted"
    return endpoint.success, None


def forms(endpoint, representation, condition):
    """The forms in which a cell is tried: all of them where they may make a difference."""
    everywhere = representation == "token" or condition == "nothing wrong"
    return tuple(form for form in endpoint.forms if everywhere or form in ("json", "bearer"))


def cells():
    for endpoint in ENDPOINTS:
        for representation in REPRESENTATIONS:
            for condition in CONDITIONS:
                if applies(endpoint, representation, condition):
                    yield endpoint, representation, condition
