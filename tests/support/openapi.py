"""Checks answers of a running server against tests/contract/openapi.yaml: status documented, content type, headers, body.

`Contract.problems(...)` returns a list of sentences; an empty list means that the answer is as documented. JSON bodies are
validated by python3-jsonschema (draft 2020-12, as OpenAPI 3.1 asks), with the formats that the document uses. Answers without a
problem are remembered: `Contract.seen` has (method, path of the document, status) of each.
"""
import re
import urllib.parse
import uuid

import jsonschema
import yaml

METHODS = ("get", "post", "put", "delete")
FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("uri")
def _is_uri(value):
    return not isinstance(value, str) or bool(urllib.parse.urlsplit(value).scheme) and " " not in value


@FORMATS.checks("uri-reference")
def _is_uri_reference(value):
    return not isinstance(value, str) or " " not in value


@FORMATS.checks("uuid", raises=ValueError)
def _is_uuid(value):
    return not isinstance(value, str) or str(uuid.UUID(value)) == value.lower()


@FORMATS.checks("email")
def _is_email(value):
    return not isinstance(value, str) or re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None


@FORMATS.checks("int64")
def _is_int64(value):
    return not isinstance(value, int) or -2**63 <= value < 2**63


class Contract:
    def __init__(self, path):
        with open(path) as file:
            self.document = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._resolver = jsonschema.RefResolver("", self.document)
        self._paths = [(re.compile("^" + re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(p)) + "$"), p) for p in self.document["paths"]]
        self._paths.sort(key=lambda entry: entry[1].count("{"))  # literal paths win
        self.seen = set()

    def operations(self):
        """{(method, path): (status, …)} of the whole document, in its order."""
        found = {}
        for path, item in self.document["paths"].items():
            item = self.resolve(item)
            for method in METHODS:
                if method in item:
                    found[method.upper(), path] = tuple(int(status) for status in item[method]["responses"])
        return found

    def path_of(self, path):
        """The path of the document that a request's path belongs to, or None."""
        return next((p for pattern, p in self._paths if pattern.match(path)), None)

    def resolve(self, item):
        while isinstance(item, dict) and "$ref" in item:
            item = self._resolver.resolve(item["$ref"])[1]
        return item

    def body_problems(self, schema, value):
        validator = jsonschema.Draft202012Validator(schema, resolver=self._resolver, format_checker=FORMATS)
        return [f"body{''.join(f'[{k!r}]' for k in e.absolute_path)}: {e.message[:300]}" for e in validator.iter_errors(value)]

    def schema_problems(self, name, value):
        """Against one of components/schemas."""
        return self.body_problems({"$ref": f"#/components/schemas/{name}"}, value)

    def _response(self, method, path, status):
        """The documented response object, or a sentence why there is none."""
        found = self.path_of(path)
        if found is None:
            if status != 404:
                return f"{path} is not documented, so the status should be 404, not {status}"
            return self.resolve(self.document["x-unmatched"]["unknown-path"])
        item = self.resolve(self.document["paths"][found])
        operation = item.get("get" if method == "HEAD" else method.lower())
        if operation is None:
            if status != 405:
                return f"{method} {found} is not documented, so the status should be 405, not {status}"
            return self.resolve(self.document["x-unmatched"]["known-path-other-method"])
        if str(status) not in operation["responses"]:
            return f"{method} {found}: status {status} is not documented"
        return self.resolve(operation["responses"][str(status)])

    def _header_problems(self, name, header, values):
        header = self.resolve(header)
        if not values:
            return [f"header {name} is missing"] if header.get("required") else []
        schema = header.get("schema", {})
        number = self.resolve(schema).get("type") == "integer"
        accepted = [v for v in values if not self.body_problems(schema, int(v) if number and v.isdigit() else v)]
        return [] if accepted else [f"header {name}: {values} does not match"]

    def problems(self, method, path, answer):
        """`path` without query; `answer` has status, headers (get_all), body (bytes) and json (value or None)."""
        found = self._problems(method, path, answer)
        if not found:
            self.seen.add((method, self.path_of(path), answer.status))
        return found

    def _problems(self, method, path, answer):
        response = self._response(method, path, answer.status)
        if isinstance(response, str):
            return [response]
        found = []
        headers = {**self.document["x-common-headers"], **response.get("headers", {})}
        if not path.startswith(("/api", "/c", "/jwks", "/.well-known")):
            headers.pop("Cache-Control", None)  # pages have rules of their own
        for name, header in headers.items():
            found += self._header_problems(name, header, answer.headers.get_all(name) or [])
        content = response.get("content", {})
        kind = answer.headers.get_content_type() if answer.headers.get("Content-Type") else None
        if not content:
            return found + ([f"a body of {len(answer.body)} bytes where none is documented"] if answer.body else [])
        if method == "HEAD" or (response.get("x-body-optional") and not answer.body and kind is None):
            return found
        if kind not in content and "*/*" not in content:
            return found + [f"content type {kind}, documented are {', '.join(content)}"]
        if kind == "application/json":
            if answer.json is None:
                return found + ["the body is not JSON"]
            if answer.headers["Content-Type"] != "application/json":
                found.append(f"content type {answer.headers['Content-Type']!r} has parameters")
            found += self.body_problems(content[kind].get("schema", {}), answer.json)
        return found
