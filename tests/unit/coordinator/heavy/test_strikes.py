"""Work that ends its process again and again."""

from coordinator.heavy.strikes import FORGET_S, KEPT, LIMIT, Strikes


def test_after_three_strikes_it_is_out_until_an_hour_has_passed() -> None:
    strikes = Strikes()
    for number in range(LIMIT):
        assert not strikes.is_out(b"a", now=float(number))
        strikes.add(b"a", now=float(number))
    assert strikes.is_out(b"a", now=10.0)
    assert not strikes.is_out(b"b", now=10.0)
    assert not strikes.is_out(b"a", now=10.0 + FORGET_S)


def test_a_success_clears_it() -> None:
    strikes = Strikes()
    for _ in range(LIMIT):
        strikes.add(b"a", now=0.0)
    strikes.clear(b"a")
    strikes.clear(b"never there")
    assert not strikes.is_out(b"a", now=0.0)


def test_only_the_newest_are_remembered() -> None:
    strikes = Strikes()
    for _ in range(LIMIT):
        strikes.add(b"old", now=0.0)
    for number in range(KEPT):
        strikes.add(number.to_bytes(4, "big"), now=0.0)
    assert not strikes.is_out(b"old", now=0.0)
