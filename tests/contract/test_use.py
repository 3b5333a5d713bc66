"""Using a mytoken: access tokens in all request forms, tokeninfo, revocation."""
from api import ACCESS, REVOKE, TOKENINFO, claims_of
from fixture import Row, table

BASIC = {"Authorization": "Basic b2lkYy1hZ2VudDo="}  # what oidc-agent always sends; never a reason to refuse


def access(token=None, **request):
    """An access token request; `token` are the members of a sub-token made for it (default: the full one is used)."""
    return lambda s: s.api.access_token(s.full if token is None else s.sub(**token), **request)


def used_up(s):
    token = s.sub(restrictions=[{"usages_AT": 1}])
    first = s.api.access_token(token)
    assert first.status == 200, first
    return s.api.access_token(token)


def revoked(s):
    token = s.sub()
    assert s.api.post(REVOKE, {"token": token}).status == 204
    return token


def oauth(**token):
    return lambda s: s.api.post(ACCESS, form={"grant_type": "refresh_token", "refresh_token": s.sub(**token)}, headers=BASIC)


def scope_is(*names):
    return lambda case, answer, s: case.assertEqual(sorted(set(answer.json["scope"].split()) - {"offline_access"}), sorted(names))


def successor_in_both_places(case, answer, s):
    case.assertEqual(answer.json["refresh_token"], answer.json["token_update"]["mytoken"])
    case.assertEqual(claims_of(answer.json["refresh_token"])["seq_no"], 2)


def successor_in_token_update_only(case, answer, s):
    case.assertNotIn("refresh_token", answer.json)
    case.assertEqual(claims_of(answer.json["token_update"]["mytoken"])["seq_no"], 2)


def no_compression_no_store(case, answer, s):
    case.assertIn("no-store", answer.headers["Cache-Control"])
    case.assertIsNone(answer.headers["Content-Encoding"])


AccessTokens = table("AccessTokens", [
    Row("access token by JSON", access(), 200, schema="AccessTokenResponse", check=no_compression_no_store),
    Row("access token by form", lambda s: s.api.post(ACCESS, form={"grant_type": "mytoken", "mytoken": s.full}), 200),
    Row("access token by an OAuth client", oauth(), 200, check=lambda case, answer, s: case.assertNotIn("refresh_token", answer.json)),
    Row("access token by bearer", lambda s: s.api.post(ACCESS, {"grant_type": "mytoken"}, headers={"Authorization": f"bearer {s.full}"}), 200),
    Row("access token by cookie", lambda s: s.api.post(ACCESS, {"grant_type": "mytoken"}, headers={"Cookie": f"mytoken={s.full}"}), 200),
    Row("access token by a short token", access({"response_type": "short_token"}), 200),
    Row("access token with a scope", access(scope="storage.read:/"), 200, check=scope_is("storage.read:/")),
    Row("the clause's scope if none is asked for", access({"restrictions": [{"scope": "compute.create"}]}), 200, check=scope_is("compute.create")),
    Row("access token with a comment", access(comment="for a test"), 200),
    Row("the token's issuer", lambda s: s.api.access_token(s.full, oidc_issuer=s.stack.op), 200),
    Row("null members count as absent", access(scope=None, audience=None, comment=None), 200),
    Row("a rotating token of an OAuth client", oauth(rotation={"on_AT": True}), 200, check=successor_in_both_places),
    Row("a rotating token", access({"rotation": {"on_AT": True}}), 200, check=successor_in_token_update_only),
    Row("access token without grant type", lambda s: s.api.post(ACCESS, {"mytoken": s.full}), 400, "invalid_grant"),
    Row("access token with unknown grant type", access(grant_type="implicit"), 400, "invalid_grant"),
    Row("access token without token", lambda s: s.api.post(ACCESS, {"grant_type": "mytoken"}), 401, "invalid_token"),
    Row("Basic alone is no token", lambda s: s.api.post(ACCESS, {"grant_type": "mytoken"}, headers=BASIC), 401, "invalid_token"),
    Row("access token by something short", lambda s: s.api.access_token("short"), 401, "invalid_token"),
    Row("access token by a revoked token", lambda s: s.api.access_token(revoked(s)), 401, "invalid_token"),
    Row("access token without the capability", access({"capabilities": ["tokeninfo"]}), 403, "insufficient_capabilities"),
    Row("the second use of one", used_up, 403, "usage_restricted"),
    Row("a scope outside the clause", access({"restrictions": [{"scope": "openid"}]}, scope="email"), 403, "usage_restricted"),
    Row("an address elsewhere", access({"restrictions": [{"hosts": ["192.0.2.1"]}]}), 403, "usage_restricted"),
    Row("access token for another issuer", access(oidc_issuer="https://other.example"), 400, "invalid_request"),
    Row("an audience that the provider refuses", access(audience="https://nobody.example"), 400, "oidc_error"),
    Row("comment of 256 characters", access(comment="c" * 256), 400, "invalid_request"),
])


def info(action="introspect", token=None, **members):
    return lambda s: s.api.post(TOKENINFO, {"action": action, "mytoken": s.full if token is None else s.sub(**token), **members})


def used_once(s):
    token = s.sub(restrictions=[{"usages_AT": 5}])
    s.api.access_token(token)
    return s.api.post(TOKENINFO, {"action": "introspect", "mytoken": token})


def kind(name):
    return lambda case, answer, s: case.assertEqual((answer.json["valid"], answer.json["token_type"]), (True, name))


def counted(case, answer, s):
    case.assertEqual(answer.json["token"]["restrictions"][0]["usages_AT_done"], 1)


Tokeninfo = table("Tokeninfo", [
    Row("introspect", info(), 200, schema="IntrospectResponse", check=kind("token")),
    Row("introspect is the default", lambda s: s.api.post(TOKENINFO, {"mytoken": s.full}), 200, schema="IntrospectResponse"),
    Row("introspect by bearer", lambda s: s.api.post(TOKENINFO, {}, headers={"Authorization": f"Bearer {s.full}"}), 200, schema="IntrospectResponse"),
    Row("introspect a short token", info(token={"response_type": "short_token"}), 200, schema="IntrospectResponse", check=kind("short_token")),
    Row("introspect everything", info(token={"name": "all", "rotation": {"on_AT": True, "lifetime": 900}, "restrictions": [
        {"exp": "+1d", "scope": "openid email", "hosts": ["127.0.0.0/8"], "usages_AT": 3, "usages_other": 9}]}), 200, schema="IntrospectResponse"),
    Row("introspect a used token", used_once, 200, schema="IntrospectResponse", check=counted),
    Row("unknown action", info("divine"), 400, "invalid_request"),
    Row("tokeninfo without token", lambda s: s.api.post(TOKENINFO, {"action": "introspect"}), 401, "invalid_token"),
    Row("introspect a revoked token", lambda s: s.api.post(TOKENINFO, {"mytoken": revoked(s)}), 401, "invalid_token"),
    Row("introspect without the capability", info(token={"capabilities": ["AT"]}), 403, "insufficient_capabilities"),
])


def is_revoked(make):
    """Revokes what `make` gives as members and keeps the token that must be dead then."""
    def call(s):
        s.victim, members = make(s)
        return s.api.post(REVOKE, members)
    return call


def dead(case, answer, s):
    case.assertEqual(s.api.post(TOKENINFO, {"mytoken": s.victim}).status, 401)


def whole_family(s):
    parent = s.sub()
    return s.api.sub_token(parent)["mytoken"], {"token": parent, "recursive": True}


def itself(s):
    token = s.sub()
    return token, {"token": token}


Revocation = table("Revocation", [
    Row("revoke", is_revoked(itself), 204, check=dead),
    Row("revoke with descendants", is_revoked(whole_family), 204, check=dead),
    Row("revoke twice", lambda s: s.api.post(REVOKE, {"token": revoked(s)}), 204),
    Row("revoke garbage", lambda s: s.api.post(REVOKE, {"token": "garbage"}), 204),
    Row("revoke as RFC 7009 says", lambda s: s.api.post(REVOKE, form={"token": s.sub(), "token_type_hint": "refresh_token"}, headers=BASIC), 204),
    Row("revoke a transfer code", lambda s: s.api.post(REVOKE, {"token": s.sub(response_type="transfer_code")}), 204),
    Row("revoke by cookie clears the cookie", lambda s: s.api.post(REVOKE, {}, headers={"Cookie": f"mytoken={s.sub()}"}), 204,
        check=lambda case, answer, s: case.assertIn("mytoken=", " ".join(answer.headers.get_all("Set-Cookie") or []))),
    Row("revoke nothing", lambda s: s.api.post(REVOKE, {}), 400, "invalid_request"),
    Row("revoke for another issuer", lambda s: s.api.post(REVOKE, {"token": s.sub(), "oidc_issuer": "https://other.example"}), 400, "invalid_request"),
])
