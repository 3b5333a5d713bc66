"""The documents that describe the service, and openapi.yaml itself."""
import unittest

from fixture import CONTRACT, Row, shared, table
from openapi import METHODS


def same_as_other_name(case, answer, s):
    other = s.api.get("/.well-known/openid-configuration")
    case.assertEqual(answer.body, other.body)
    case.assertEqual(answer.json["issuer"], s.stack.issuer)
    case.assertEqual([p["issuer"] for p in answer.json["providers_supported"]], [s.stack.op, f"{s.stack.issuer}/api/v0/guests"])


def one_public_signature_key(case, answer, s):
    case.assertEqual(answer.json["keys"][0]["use"], "sig")
    case.assertNotIn("d", answer.json["keys"][0])


def tree_of_25_names(case, answer, s):
    def names(nodes):
        for node in nodes:
            for side in ("read_write_capability", "read_only_capability"):
                if node.get(side):
                    yield node[side]["name"]
            yield from names(node.get("children") or [])
    case.assertEqual(len(set(names(answer.json))), 25)


Documents = table("Documents", [
    Row("the configuration document has two names", lambda s: s.api.get("/.well-known/mytoken-configuration"), 200,
        schema="MytokenConfiguration", check=same_as_other_name),
    Row("openid-configuration is the same document", lambda s: s.api.get("/.well-known/openid-configuration"), 200,
        schema="MytokenConfiguration"),
    Row("HEAD of the configuration document", lambda s: s.api.call("HEAD", "/.well-known/mytoken-configuration"), 200),
    Row("jwks", lambda s: s.api.get("/jwks"), 200, schema="Jwks", check=one_public_signature_key),
    Row("capabilities", lambda s: s.api.get("/api/v0/capabilities"), 200, check=tree_of_25_names),
    Row("settings document", lambda s: s.api.get("/api/v0/settings"), 200, schema="SettingsMetadata"),
    Row("settings document with the body that the go client sends", lambda s: s.api.get("/api/v0/settings", raw=b"null\n"), 200),
    Row("documents are readable for scripts of other origins",
        lambda s: s.api.get("/.well-known/mytoken-configuration", headers={"Origin": "https://other.example"}), 200,
        check=lambda case, answer, s: case.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")),
])


class OpenApiDocument(unittest.TestCase):
    """The document's own examples obey its schemas, so the validator and the document speak the same language."""

    def test_examples_are_valid(self):
        examples = 0
        for path, item in CONTRACT.document["paths"].items():
            for method in METHODS:
                for status, response in item.get(method, {}).get("responses", {}).items():
                    content = CONTRACT.resolve(response).get("content", {}).get("application/json", {})
                    values = [e["value"] for e in content.get("examples", {}).values()]
                    values += [content["example"]] if "example" in content else []
                    for value in values:
                        examples += 1
                        self.assertEqual(CONTRACT.body_problems(content["schema"], value), [], f"{method} {path} {status}")
        self.assertGreater(examples, 100)

    def test_a_wrong_body_is_noticed(self):
        self.assertTrue(CONTRACT.schema_problems("Error", {"error": "x"}))
        self.assertTrue(CONTRACT.schema_problems("Error", {"error": "invalid_request", "error_description": ""}))


class Endpoints(unittest.TestCase):
    def test_every_advertised_endpoint_answers_on_its_method(self):
        document = shared().api.get("/.well-known/mytoken-configuration").json
        for member in ("access_token_endpoint", "mytoken_endpoint", "tokeninfo_endpoint", "revocation_endpoint", "token_transfer_endpoint"):
            answer = shared().api.post(document[member], {})
            self.assertIn(answer.status, (400, 401), f"{member}: {answer}")
