"""Proofs: what a preview link bears in place of a guest token. Knows neither Flask nor Superset.

A proof reads `<email>.<guest>.<time>.<signature>`. It names one email and the guest whom it was made for, with the
row rules of that guest; it opens nothing else, and nobody who lacks the deployment's key can make or change one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode
from itsdangerous.signer import SigningAlgorithm

from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.errors import ProofAltered, ProofExpired

# Web servers take addresses of 4,094 characters as they come; the path and other parameters need some of them.
MAX_LENGTH = 3500

_SALT = b"superset-campaign-plugin/preview-link/1"


@dataclass(frozen=True)
class Guest:
    """Whom a proof stands for.

    dashboards  ids of the embedded dashboards that the guest may see, as the guest token gave them
    rules       (dataset name, clause): only rows that meet all of them are the guest's; None for every dataset
    """

    username: str
    dashboards: tuple[str, ...]
    rules: tuple[tuple[str | None, str], ...]


class Proofs:
    """Makes and opens proofs with keys derived from the deployment's secrets: the newest first, it alone signs."""

    def __init__(self, secrets: Sequence[str | bytes], clock: Callable[[], float] = time.time) -> None:
        # The signer takes the newest key last. Deriving each key once makes a thousand signatures cheap.
        keys = [hmac.new(_as_bytes(secret), _SALT, hashlib.sha256).digest() for secret in reversed(secrets)]
        self._signer = _Signer(keys, clock)

    def issuer(self, guest: Guest) -> Callable[[EmailKey], str | None]:
        """Makes this guest's proof for an email; None where the rules are too long for an address."""
        text = json.dumps(
            [
                guest.username,
                sorted(set(guest.dashboards)),
                sorted(set(guest.rules), key=lambda rule: (rule[0] or "", rule[1])),
            ],
            separators=(",", ":"),
            ensure_ascii=False,
        )
        shared = urlsafe_b64encode(zlib.compress(text.encode())).rstrip(b"=").decode()

        def issue(key: EmailKey) -> str | None:
            proof = self._signer.sign(f"{key}.{shared}").decode()
            return proof if len(proof) <= MAX_LENGTH else None

        return issue

    def open(self, proof: str, key: EmailKey, max_age: int) -> Guest:
        """The guest of a proof for this email that is at most `max_age` seconds old.

        Raises `ProofExpired` for an older one and `ProofAltered` for every other that does not hold.
        """
        if len(proof) > MAX_LENGTH:
            raise ProofAltered("a proof is longer than any that was issued")
        try:
            value = self._signer.unsign(proof, max_age=max_age).decode()
        except SignatureExpired as error:
            raise ProofExpired("a proof is past its time") from error
        except (BadSignature, UnicodeError) as error:
            raise ProofAltered("a proof does not bear the signature of this deployment") from error
        if not _is_as_issued(proof):
            raise ProofAltered("a proof's signature is spelled in another way than it was issued")
        signed_key, _, shared = value.partition(".")
        if signed_key != str(key):
            raise ProofAltered("a proof is for another email")
        # Signed, so it is what `issuer` wrote.
        username, dashboards, rules = json.loads(zlib.decompress(urlsafe_b64decode(shared + "=" * (-len(shared) % 4))))
        return Guest(username, tuple(dashboards), tuple((dataset, clause) for dataset, clause in rules))


class _Hmac(SigningAlgorithm):
    """HMAC with SHA-256 in one call, since an answer may hold a thousand links."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


class _Signer(TimestampSigner):
    def __init__(self, keys: list[bytes], clock: Callable[[], float]) -> None:
        super().__init__(keys, sep=".", key_derivation="none", algorithm=_Hmac())
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


def _is_as_issued(proof: str) -> bool:
    """Whether the signature, which must hold, is in its one spelling: base64 is also read with padding, with foreign
    letters and with other bits at the end that mean nothing. What is signed stands in the proof letter by letter."""
    signature = proof.rpartition(".")[2].encode()
    return base64_encode(base64_decode(signature)) == signature


def _as_bytes(secret: str | bytes) -> bytes:
    return secret.encode() if isinstance(secret, str) else secret
