"""What a message is signed with: https://github.com/standard-webhooks/standard-webhooks, symmetric (v1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence


def signed_headers(name: str, moment: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The headers of a message of that id, sent at `moment` in Unix seconds: one signature for each secret."""
    content = b"%s.%d.%s" % (name.encode("ascii"), moment, body)
    signatures = (base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode() for secret in secrets)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
