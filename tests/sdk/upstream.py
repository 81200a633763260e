"""A TLS upstream that speaks enough of each API for its official client.

In: a directory with `leaf.pem`, `leaf.key`, `roles.json`, which says for each role what its
credential looks like on arrival, and `ours`, the secrets of Sealgate that must not arrive. Out: `ports.json`, and one line of `seen.jsonl` per request.

A request without exactly its credential, or with anything of Sealgate's own, gets a 401 or a 400
and is written down as such; `check.py` fails on it. Streams wait for the client: each event is
sent only after the client has confirmed the one before.
"""

import base64
import binascii
import http.server
import json
import os
import pathlib
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

WORK = pathlib.Path(sys.argv[1])
ROLES = json.loads((WORK / "roles.json").read_text())
CONFIRMED_WITHIN_SECONDS = 20
OWN_KEYS = ("sgk_", "sgt_", "sgs_")
OWN_HEADERS = {
    "proxy-authorization",
    "x-credential-id",
    "x-identity-key",
    "x-mirapi-key",
    "x-new-user-secret",
    "x-proxy-master-key",
    "x-proxy-timeout",
    "x-retry-count",
    "x-retry-delay",
    "x-target-url",
    "x-user-secret",
}
# Where a client's own key may stand. One that is not the place of the credential must be gone.
KEY_HEADERS = {"api-key", "authorization", "x-api-key", "x-goog-api-key"}
LOCK = threading.Lock()


def readings(text):
    """A text as it stands, percent-decoded, and what a Basic value says."""
    yield text
    yield urllib.parse.unquote(text)
    scheme, _, encoded = text.partition(" ")
    if scheme.lower() == "basic":
        try:
            yield base64.b64decode(encoded + "==").decode(errors="replace")
        except binascii.Error:
            pass


def faults(role, path, headers, body):
    """What is wrong with a request."""
    ours = (WORK / "ours").read_text().split()
    found = []
    place, wanted = ROLES[role]["place"], ROLES[role]["wanted"]
    if place.startswith("?"):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
        sent = query.get(place[1:], [])
    else:
        sent = [value for name, value in headers if name.lower() == place]
    if sent != [wanted]:
        found.append(f"{len(sent)} credentials in {place}, or another one")
    for name, value in headers:
        if name.lower() in OWN_HEADERS or name.lower() in KEY_HEADERS - {place}:
            found.append(f"a header of ours: {name}")
        if any(secret in text for text in readings(value) for secret in [*OWN_KEYS, *ours]):
            found.append(f"a secret of ours in {name}")
    if any(secret in text for text in readings(path) for secret in [*OWN_KEYS, *ours]):
        found.append("a secret of ours in the path")
    if any(secret.encode() in body for secret in ours):
        found.append("a secret of ours in the body")
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        role = self.server.role
        body = self.read_body()
        found = faults(role, self.path, self.headers.items(), body)
        with LOCK, open(WORK / "seen.jsonl", "a") as seen:
            path = urllib.parse.urlsplit(self.path).path
            seen.write(json.dumps({"role": role, "path": path, "faults": found}) + "\n")
        if found:
            self.answer(401, {"error": {"message": "not the credential"}})
        else:
            getattr(self, "as_" + role.split("-")[0])(body)

    do_GET = do_POST = handle_any

    def read_body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def as_plain(self, body):
        path = urllib.parse.urlsplit(self.path).path
        self.answer(200, {"path": path, "body": body.decode()})

    def as_stripe(self, body):
        if self.command == "POST":
            sent = urllib.parse.parse_qs(body.decode())
            self.answer(200, {"id": "cus_2", "object": "customer", "email": sent["email"][0]})
        else:
            self.answer(200, {"id": "cus_1", "object": "customer", "email": "a@example.com"})

    def as_openai(self, body):
        wanted = json.loads(body)
        message = {"role": "assistant", "content": "one two three"}
        document = {"id": "c-1", "created": 1, "model": wanted["model"]}
        if not wanted.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            document |= {"object": "chat.completion", "choices": [choice]}
            return self.answer(200, document)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        document["object"] = "chat.completion.chunk"
        for number, word in enumerate(["one", "two", "three"]):
            choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            self.event(json.dumps(document | {"choices": [choice]}))
            self.await_confirmation(number)
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, data):
        piece = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.flush()

    def await_confirmation(self, number):
        """Until the client has this event. Somebody who holds it back breaks the stream."""
        confirmation = WORK / "confirmed" / str(number)
        until = time.monotonic() + CONFIRMED_WITHIN_SECONDS
        while not confirmation.exists():
            if time.monotonic() > until:
                raise TimeoutError(f"event {number} did not arrive on its own")
            time.sleep(0.01)
        confirmation.unlink()

    def as_git(self, body):
        parts = urllib.parse.urlsplit(self.path)
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(WORK / "repositories"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": urllib.parse.unquote(parts.path),
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
            "REMOTE_USER": "tester",
        }
        backend = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=True
        )
        head, _, content = backend.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((value for name, value in fields if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def __init__(self, role, tls):
        super().__init__(("127.0.0.1", 0), Handler)
        self.role = role
        self.socket = tls.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request, client_address):
        # A client that hangs up between two requests is no news; a broken stream fails its client.
        pass


def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(WORK / "leaf.pem", WORK / "leaf.key")
    servers = {role: Server(role, tls) for role in ROLES}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ports = {role: server.server_address[1] for role, server in servers.items()}
    (WORK / "ports.new").write_text(json.dumps(ports))
    (WORK / "ports.new").rename(WORK / "ports.json")
    threading.Event().wait()


main()
