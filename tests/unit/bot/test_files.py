"""When a file that could not be fetched is tried again."""

from bot.files import LAST_PAUSE_S, Later


def test_each_pause_is_twice_the_one_before_up_to_a_bound() -> None:
    later = Later(lambda: 0.0)
    pauses = [later.hold(1, at_least_s=0.5) for _ in range(12)]
    assert pauses[:4] == [2.0, 4.0, 8.0, 16.0]
    assert pauses[-1] == LAST_PAUSE_S


def test_a_file_is_held_until_its_time_and_others_are_not() -> None:
    now = [100.0]
    later = Later(lambda: now[0])
    later.hold(1, at_least_s=30.0)
    assert later.held() == [1]
    assert later.next_s(10.0) == 10.0
    now[0] = 125.0
    assert later.next_s(10.0) == 5.0
    now[0] = 130.0
    assert later.held() == []
    assert later.next_s(10.0) == 10.0


def test_a_file_that_came_begins_anew() -> None:
    later = Later(lambda: 0.0)
    later.hold(1, at_least_s=0.0)
    later.drop(1)
    assert later.held() == []
    assert later.hold(1, at_least_s=0.0) == 2.0
