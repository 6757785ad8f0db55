"""A receiver of the webhooks: takes what is signed with the key it knows, once for each id. No library is needed.

WEBHOOK_SECRET=whsec_… python examples/verify_webhook.py [PORT]
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer

KEYS = [base64.b64decode(secret.removeprefix("whsec_")) for secret in os.environ["WEBHOOK_SECRET"].split()]
seen: set[str] = set()  # a table of your database, in earnest


def is_ours(headers: Message, body: bytes) -> bool:
    event_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not stamp.isdecimal() or abs(time.time() - int(stamp)) > 300:
        return False
    signed = f"{event_id}.{stamp}.".encode() + body
    right = {"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in KEYS}
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(one.encode(), mine.encode()) for one in given for mine in right)


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(
            int(self.headers["Content-Length"])
        )  # the bytes as they came, not parsed and written anew
        good = is_ours(self.headers, body)
        if good and self.headers["webhook-id"] not in seen:
            event = json.loads(body)
            print(
                event["type"], event["data"]["customer_id"], flush=True
            )  # act here, then remember, in one transaction
            seen.add(self.headers["webhook-id"])
        self.send_response(204 if good else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8090), Receiver)
    print("listening on", server.server_port, flush=True)
    server.serve_forever()
