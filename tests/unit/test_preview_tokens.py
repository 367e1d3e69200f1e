"""Proofs by themselves; `superset/test_guest_previews.py` has what they open."""

from __future__ import annotations

import string

import pytest

from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.embedding.preview_tokens import Guest, Proofs
from superset_campaign_plugin.errors import ProofAltered

KEY = EmailKey(7)
GUEST = Guest("ann", ("dashboard",), (("campaign_email_performance", "workspace = 'EMEA'"),))


def test_a_proof_has_one_spelling() -> None:
    proofs = Proofs(["a secret"])
    proof = proofs.issuer(GUEST)(KEY)
    assert proof is not None
    assert proofs.open(proof, KEY, 60) == GUEST
    letters = string.ascii_letters + string.digits + "-_"
    spellings = {f"{proof[:-1]}{letter}" for letter in letters} - {proof}
    spellings |= {f"{proof}{mark}" for mark in ("=", "==", "\n", " ", "!", "*")}
    spellings |= {f"{proof[:-3]}{mark}{proof[-3:]}" for mark in ("=", "\n", "!", "%", "é")}
    for spelling in sorted(spellings):
        with pytest.raises(ProofAltered):
            proofs.open(spelling, KEY, 60)
