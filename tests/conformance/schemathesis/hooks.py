"""What the document cannot say, told to schemathesis.

Formats: texts of the formats that are named after what they hold. Repairs: a request that is meant to
be accepted must not break a rule that spans several fields or depends on the time; those rules are
listed here, one each, and are all that is taken away from the check for accepted requests.
"""

import schemathesis
from hypothesis import strategies
from schemathesis import GenerationMode

FORMATS = {
    "entity-tags": ["*", '"1"', '"1", "2"'],
    "header-name": ["Authorization", "X-Api-Token"],
    "host-pattern": ["api.example.com", "api.example.com:8443", "*.example.com"],
    "http-method": ["GET", "POST", "DELETE"],
    "injection-template": ["{{secret}}", "Bearer {{secret}}", "Basic {{secret|base64}}"],
    "media-type": ["text/plain", "application/octet-stream"],
    "path-prefix": ["/v1", "/v1/items"],
    "printable": ["", "what was its name?"],
    "target-url": ["https://api.example.com/", "https://api.example.com/v1?x=y"],
}
for name, texts in FORMATS.items():
    schemathesis.openapi.format(name, strategies.sampled_from(texts))

FUTURE = "2199-01-01T00:00:00Z"


def repair_body(path, body):
    # Must lie in the future.
    if isinstance(body.get("expiresUtc"), str):
        body["expiresUtc"] = FUTURE
    # JSON Schema takes 1.0 for an integer; the server takes integers as they are written.
    for name, value in body.items():
        if isinstance(value, float) and value.is_integer():
            body[name] = int(value)
    # One word for each kind of record.
    if "permission" in body:
        body["permission"] = "use" if path.startswith("/v1/credentials/") else "read"
    # Either place, not both.
    if body.get("header") is not None:
        body.pop("queryParameter", None)
    # A key for the proxy alone reaches no values.
    if body.get("useOnly"):
        body.pop("kv", None)
    # What ends everything ends it at once.
    if body.get("endEverything"):
        body.pop("graceSeconds", None)
    # A token is for values, or for credentials, which have to be there.
    if "ttlSeconds" in body:
        for name in ("credentials", "hosts", "methods", "paths"):
            body.pop(name, None)
        body["kv"] = body.get("kv") or ["a"]


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if isinstance(case.body, dict):
        repair_body(case.operation.path, case.body)
    # Either secret, not both; every call here has the user's.
    case.headers.pop("X-Proxy-Master-Key", None)
    # Either condition, not both.
    if "If-Match" in case.headers:
        case.headers.pop("If-None-Match", None)
    # A JSON document of a file says its name itself, and a raw file in the query.
    if case.operation.label == "POST /v1/files":
        if case.media_type == "application/json":
            case.query.clear()
        else:
            case.query.setdefault("fileName", "a")
