"""Whatever is done to the audit trail is seen at the right row; `bench.security` does 10,000."""

from bench.security.audit_suite import figures, measure
from tests.support.tampering import WAYS


def test_five_hundred_tamperings_are_seen_at_the_right_row() -> None:
    counted = measure(500, seed=2026)
    assert counted.missed == []
    assert counted.false_alarms == []
    assert counted.tamperings == 500
    assert set(counted.ways) == set(WAYS)
    assert figures(counted)["audit_tamperings_missed"][0] == 0
