"""The mytoken endpoint: sub-tokens, starting and ending a login, transfer codes; and the transfer endpoint."""
import login
from api import EVERYTHING, MYTOKEN, PASSWORDS, TRANSFER, claims_of
from fixture import TRUSTED, Row, table


def sub(**request):
    """A sub-token request with the full token."""
    return lambda s: s.api.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": s.full, **request})


def by(**token):
    """A sub-token request with a token made for it."""
    return lambda s: s.api.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": s.sub(**token)})


def start(**request):
    return lambda s: s.api.start_login(**request)


def finished(decision="allow", **request):
    """Polls once after the login was gone through."""
    def call(s):
        begun = s.api.start_login(**request).json
        login.log_in(begun["consent_uri"], "alice", PASSWORDS["alice"], decision=decision)
        return s.api.poll(begun["polling_code"])
    return call


def polled_twice(s):
    begun = s.api.start_login().json
    login.log_in(begun["consent_uri"], "alice", PASSWORDS["alice"])
    s.api.poll(begun["polling_code"])
    return s.api.poll(begun["polling_code"])


def redeem(code):
    return lambda s: s.api.post(MYTOKEN, {"grant_type": "transfer_code", "transfer_code": code(s)})


def transfer_code(s, **request):
    return s.api.post(TRANSFER, {"mytoken": s.sub(**request)}).json["transfer_code"]


def spent_code(s):
    code = transfer_code(s)
    redeem(lambda s: code)(s)
    return code


def capabilities_are(*names):
    return lambda case, answer, s: case.assertEqual(answer.json["capabilities"], list(names))


def tightened(case, answer, s):
    claims = claims_of(answer.json["mytoken"])
    case.assertEqual(answer.json["restrictions"], claims["restrictions"])
    case.assertEqual(claims["restrictions"][0]["usages_AT"], 2)
    case.assertEqual(claims["name"], "ci")
    case.assertEqual(claims["rotation"], {"on_AT": True})
    case.assertLessEqual(answer.json["expires_in"], 600)


SubTokens = table("SubTokens", [
    Row("sub-token as JWT", sub(), 200, schema="JwtMytokenResponse", check=capabilities_are(*EVERYTHING)),
    Row("sub-token with name restrictions and rotation",
        sub(name="ci", restrictions=[{"exp": "+10m", "scope": "openid", "usages_AT": 2}], capabilities=["AT"], rotation={"on_AT": True}),
        200, schema="JwtMytokenResponse", check=tightened),
    Row("sub-token as short token", sub(response_type="short_token"), 200, schema="ShortMytokenResponse"),
    Row("sub-token as transfer code", sub(response_type="transfer_code"), 200, schema="TransferCodeMytokenResponse"),
    Row("a length limit of 100 gives a short token", sub(max_token_len=100), 200, schema="ShortMytokenResponse"),
    Row("a length limit of 20 gives a transfer code", sub(max_token_len=20), 200, schema="TransferCodeMytokenResponse"),
    Row("grant type refresh_token is the same", sub(grant_type="refresh_token"), 200, schema="JwtMytokenResponse"),
    Row("unknown and null members are ignored", sub(something="else", name=None), 200, schema="JwtMytokenResponse"),
    Row("sub-token from a form with JSON inside", lambda s: s.api.post(MYTOKEN, form={
        "grant_type": "mytoken", "mytoken": s.full, "capabilities": '["AT"]', "restrictions": '[{"usages_AT":1}]'}),
        200, schema="JwtMytokenResponse", check=capabilities_are("AT")),
    Row("grant type in the query", lambda s: s.api.post(MYTOKEN + "?grant_type=mytoken", {"mytoken": s.full}), 200),
    Row("token in the header", lambda s: s.api.post(MYTOKEN, {"grant_type": "mytoken"}, headers={"Authorization": f"Bearer {s.full}"}), 200),
    Row("token in the cookie", lambda s: s.api.post(MYTOKEN, {"grant_type": "mytoken"}, headers={"Cookie": f"mytoken={s.full}"}), 200),
    Row("a rotating parent hands out its successor", by(rotation={"on_other": True}), 200,
        check=lambda case, answer, s: case.assertEqual(claims_of(answer.json["token_update"]["mytoken"])["seq_no"], 2)),
    Row("no grant type", lambda s: s.api.post(MYTOKEN, {"mytoken": s.full}), 400, "invalid_grant"),
    Row("unknown grant type", sub(grant_type="password"), 400, "invalid_grant"),
    Row("grant type ssh is not served here", sub(grant_type="ssh"), 400, "invalid_grant"),
    Row("no token", lambda s: s.api.post(MYTOKEN, {"grant_type": "mytoken"}), 401, "invalid_token"),
    Row("altered token", lambda s: s.api.post(MYTOKEN, {"grant_type": "mytoken", "mytoken": s.full[:-8] + "AAAAAAAA"}), 401, "invalid_token"),
    Row("unknown short token", sub(mytoken="x" * 64), 401, "invalid_token"),
    Row("a parent without create_mytoken", by(capabilities=["AT"]), 403, "insufficient_capabilities"),
    Row("a parent with no use left", by(restrictions=[{"usages_other": 0}]), 403, "usage_restricted"),
    Row("another provider than the token's", sub(oidc_issuer="https://other.example"), 400, "invalid_request"),
    Row("more than the parent has with error_on_restrictions", lambda s: s.api.post(MYTOKEN, {
        "grant_type": "mytoken", "mytoken": s.sub(restrictions=[{"scope": "openid"}]), "error_on_restrictions": True,
        "restrictions": [{"scope": "openid email"}]}), 400, "invalid_request"),
    Row("unknown member in a clause", sub(restrictions=[{"weekday": "monday"}]), 400, "invalid_request"),
    Row("negative number of uses", sub(restrictions=[{"usages_AT": -1}]), 400, "invalid_request"),
    Row("a fraction is no number of uses", sub(restrictions=[{"usages_AT": 1.5}]), 400, "invalid_request"),
    Row("a restriction that has ended", sub(restrictions=[{"exp": 1}]), 400, "invalid_request"),
    Row("no capability left", sub(capabilities=[]), 400, "invalid_request"),
    Row("name of 101 characters", sub(name="n" * 101), 400, "invalid_request"),
    Row("name that is a number", sub(name=5), 400, "invalid_request"),
])

Logins = table("Logins", [
    Row("native flow", start(), 200, schema="PollingInfoResponse"),
    Row("native flow with everything asked for", start(name="n", capabilities=["AT"], restrictions=[{"exp": "+1d"}],
        rotation={"on_AT": True, "lifetime": 600}, response_type="short_token", application_name="contract tests"), 200, schema="PollingInfoResponse"),
    Row("native flow from a form", lambda s: s.api.post(MYTOKEN, form={"grant_type": "oidc_flow", "oidc_flow": "authorization_code",
        "oidc_issuer": s.stack.op, "client_type": "native"}), 200, schema="PollingInfoResponse"),
    Row("issuer with a slash more", lambda s: s.api.start_login(oidc_issuer=s.stack.op + "/"), 200, schema="PollingInfoResponse"),
    Row("web flow", start(client_type="web", redirect_uri="/home"), 200, schema="WebFlowResponse"),
    Row("trusted web flow", start(client_type="web", redirect_uri=TRUSTED), 278, schema="AuthorizationUriResponse"),
    Row("web flow without redirect_uri", start(client_type="web"), 400, "invalid_request"),
    Row("unknown issuer", start(oidc_issuer="https://other.example"), 400, "invalid_request"),
    Row("unknown flow", start(oidc_flow="device"), 400),
    Row("unknown capability", start(capabilities=["AT", "fly"]), 400, "invalid_request"),
    Row("restrictions that have ended", start(restrictions=[{"exp": 1}]), 400, "invalid_request"),
    Row("application name of 256 characters", start(application_name="a" * 256), 400, "invalid_request"),
    Row("poll before the user has decided", lambda s: s.api.poll(s.api.start_login().json["polling_code"]), 428, "authorization_pending"),
    Row("poll after the login", finished(), 200, schema="JwtMytokenResponse", check=capabilities_are("AT", "tokeninfo")),
    Row("poll after the login for a short token", finished(response_type="short_token"), 200, schema="ShortMytokenResponse"),
    Row("poll after the user declined", finished("deny"), 401, "access_denied"),
    Row("poll again after the token was fetched", polled_twice, 401, "invalid_token"),
    Row("unknown polling code", lambda s: s.api.poll("nosuchcode"), 401, "invalid_token"),
    Row("no polling code", lambda s: s.api.post(MYTOKEN, {"grant_type": "polling_code"}), 401, "invalid_token"),
])

Transfers = table("Transfers", [
    Row("transfer code for a token", lambda s: s.api.post(TRANSFER, {"mytoken": s.full}), 200, schema="TransferCodeResponse"),
    Row("transfer code by bearer", lambda s: s.api.post(TRANSFER, headers={"Authorization": f"Bearer {s.full}"}), 200),
    Row("transfer code without token", lambda s: s.api.post(TRANSFER, {}), 401, "invalid_token"),
    Row("transfer code for an altered token", lambda s: s.api.post(TRANSFER, {"mytoken": s.full[:-8] + "AAAAAAAA"}), 401, "invalid_token"),
    Row("redeem", redeem(transfer_code), 200, schema="JwtMytokenResponse"),
    Row("redeem for a short token", redeem(lambda s: transfer_code(s, response_type="short_token")), 200, schema="ShortMytokenResponse"),
    Row("redeem a code that came instead of a token", redeem(lambda s: s.sub(response_type="transfer_code")), 200, schema="JwtMytokenResponse"),
    Row("redeem twice", redeem(spent_code), 401, "invalid_token"),
    Row("redeem an unknown code", redeem(lambda s: "aaaaaaaa"), 401, "invalid_token"),
    Row("a polling code is no transfer code", redeem(lambda s: s.api.start_login().json["polling_code"]), 401, "invalid_token"),
])
