"""A sealed value opens in its own place and nowhere else."""

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.errors import ConfigError, UserFacing
from core.vault import Secret, parse_name
from core.vault.envelope import DataKey, MasterKey, Place
from core.vault.names import MAX_VALUE_BYTES, Use, parse_use, parse_value

KEY = DataKey(bytes(range(32)))
MASTER = MasterKey("a-secret-key-of-the-instance", "install-1")
PLACE = Place(
    install="install-1", name="GITHUB_TOKEN", version=3, host="api.github.com",
    header="authorization", template="Bearer {}",
)  # fmt: skip
VALUE = "hunter2-hunter2"
USE = Use(host="api.github.com", header="authorization", template="Bearer {}")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
places = st.builds(
    Place, install=texts, name=texts, version=st.integers(1, 9), host=texts, header=texts,
    template=texts,
)  # fmt: skip


@given(texts, places)
def test_what_is_sealed_opens_in_its_place(value: str, place: Place) -> None:
    assert KEY.open(KEY.close(value, place), place) == value


@given(places, places)
def test_it_opens_in_no_other_place(place: Place, other: Place) -> None:
    assume(place != other)
    with pytest.raises(UserFacing):
        KEY.open(KEY.close(VALUE, place), other)


@given(st.sampled_from(["install", "name", "host", "header", "template"]), texts)
def test_a_change_of_one_field_is_enough(field: str, text: str) -> None:
    assume(getattr(PLACE, field) != text)
    with pytest.raises(UserFacing):
        KEY.open(KEY.close(VALUE, PLACE), Place(**{**asdict(PLACE), field: text}))


@given(st.integers(1, 2**31).filter(lambda v: v != PLACE.version))
def test_another_version_does_not_open_it(version: int) -> None:
    with pytest.raises(UserFacing):
        KEY.open(KEY.close(VALUE, PLACE), replace(PLACE, version=version))


@given(st.data())
def test_a_flipped_bit_or_a_shorter_text_does_not_open(data: st.DataObject) -> None:
    sealed = bytearray(KEY.close(VALUE, PLACE))
    at = data.draw(st.integers(0, len(sealed) - 1))
    cut = bytes(sealed[:at])
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    for changed in (bytes(sealed), cut):
        with pytest.raises(UserFacing, match="was changed from outside") as caught:
            KEY.open(changed, PLACE)
        assert VALUE not in str(caught.value) + caught.value.hint


def test_text_moved_between_neighbouring_fields_is_another_place() -> None:
    first, second = replace(PLACE, host="a", header="bc"), replace(PLACE, host="ab", header="c")
    assert first.bound() != second.bound()


@given(st.integers(1, 2**31))
def test_a_data_key_survives_wrapping(key_id: int) -> None:
    sealed = KEY.close(VALUE, PLACE)
    assert MASTER.unwrap(KEY.wrapped(MASTER, key_id), key_id).open(sealed, PLACE) == VALUE


@pytest.mark.parametrize(
    ("master", "key_id"),
    [
        (MasterKey("another-key-of-an-instance", "install-1"), 7),
        (MasterKey("a-secret-key-of-the-instance", "install-2"), 7),
        (MASTER, 8),
    ],
)
def test_a_wrapped_key_opens_only_for_its_instance_and_id(master: MasterKey, key_id: int) -> None:
    with pytest.raises(ConfigError, match="AGENTAI_SECRET_KEY"):
        master.unwrap(KEY.wrapped(MASTER, 7), key_id)


@given(st.integers(0, 59), st.integers(0, 7))
def test_a_wrapped_key_with_a_flipped_bit_does_not_open(at: int, bit: int) -> None:
    wrapped = bytearray(KEY.wrapped(MASTER, 7))
    wrapped[at] ^= 1 << bit
    assert MASTER.try_unwrap(bytes(wrapped), 7) is None


def test_a_wrapped_key_is_no_sealed_value() -> None:
    shared = MASTER.unwrap(KEY.wrapped(MASTER, 7), 7)
    assert shared.wrapped(MASTER, 7) != KEY.wrapped(MASTER, 7)  # nonces are never the same
    with pytest.raises(UserFacing):
        KEY.open(KEY.wrapped(MASTER, 7), PLACE)


def test_what_an_earlier_release_stored_still_opens() -> None:
    sealed = (
        "45a5622e8bb677a1ac58acfe19ce1a8129296048602391579d9ca1d0e3f3c73bfa831e725cfe3d2b72fa9e"
    )
    wrapped = (
        "1135356af42f7f0314e8177d638d6e98418f9360f8686affab521936"
        "c77b0e1dfd503457017248cdf6ce8028601da9bc38f2c012abdd5164ef93f7e0"
    )
    assert MASTER.unwrap(bytes.fromhex(wrapped), 7).open(bytes.fromhex(sealed), PLACE) == VALUE


def test_every_new_key_is_another_one_of_256_bits() -> None:
    first, second = DataKey.new(), DataKey.new()
    assert len(first.wrapped(MASTER, 1)) == 12 + 32 + 16
    assert first.open(first.close(VALUE, PLACE), PLACE) == VALUE
    with pytest.raises(UserFacing):
        second.open(first.close(VALUE, PLACE), PLACE)


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(UserFacing) as caught:
        KEY.open(b"", PLACE)
    assert caught.value.sentence() == (
        "The stored secret GITHUB_TOKEN was changed from outside and does not open.\n"
        "Set it again: agentai secret set GITHUB_TOKEN --host api.github.com"
    )
    with pytest.raises(ConfigError) as refused:
        MASTER.unwrap(b"", 7)
    assert str(refused.value) == (
        "setting AGENTAI_SECRET_KEY: does not open the vault; was the key changed?"
    )


def test_a_place_is_a_fixed_value() -> None:
    with pytest.raises(FrozenInstanceError):
        PLACE.host = "evil.example"  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        Place("install-1", "A", 1, "a.example", "h", "{}")  # type: ignore[call-arg]
    assert not hasattr(PLACE, "__dict__")


def test_keys_are_shown_as_dots() -> None:
    assert (repr(KEY), repr(MASTER)) == ("DataKey(•••)", "MasterKey(•••)")


def test_nothing_shows_a_key_or_a_value() -> None:
    secret = Secret("GITHUB_TOKEN", 3, use=USE, value=VALUE)
    shown = f"{secret} {secret!r} {KEY} {KEY!r} {MASTER} {MASTER!r}"
    assert VALUE not in shown
    assert "a-secret-key" not in shown
    assert "\\x00" not in shown
    assert (secret.reveal(), secret.header_value()) == (VALUE, f"Bearer {VALUE}")
    for take_along in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            take_along(secret)
    assert not hasattr(secret, "__dict__")


@given(st.from_regex(r"[A-Z][A-Z0-9_]{0,63}", fullmatch=True))
def test_a_good_name_is_taken(name: str) -> None:
    assert parse_name(name) == name


@given(texts)
def test_a_bad_name_is_refused_without_being_repeated(text: str) -> None:
    given_text = f"sk-{text}-x"
    with pytest.raises(UserFacing) as caught:
        parse_name(given_text)
    assert given_text not in caught.value.sentence()


@pytest.mark.parametrize("name", ["", "a", "_A", "1A", "A" * 65, "A\n", "A B", "Ä", "A٣"])
def test_names_are_plain_capitals(name: str) -> None:
    with pytest.raises(UserFacing):
        parse_name(name)


@given(texts, st.sampled_from("\n\r\t\x00\x1b\x7f\x85\u009b"))
def test_a_value_with_a_control_character_is_refused_unseen(text: str, bad: str) -> None:
    value = f"hunter2{text}{bad}"
    with pytest.raises(UserFacing) as caught:
        parse_value(value)
    assert "hunter2" not in caught.value.sentence()
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("value", ["", "x" * (MAX_VALUE_BYTES + 1), "é" * 4097, "x\ud800"])
def test_a_value_has_bounds(value: str) -> None:
    with pytest.raises(UserFacing):
        parse_value(value)
    assert parse_value("é" * 4096) == "é" * 4096


@pytest.mark.parametrize(
    "host",
    ["", "*", "*.com", "localhost", "a..b", "127.0.0.1", "1.2.3.4", "a b.com", "https://a.com",
     "a.com:443", "-a.com", "a.*.com", "a.com\n", "é.com", "a." * 127 + "com"],
)  # fmt: skip
def test_a_host_is_a_full_name(host: str) -> None:
    with pytest.raises(UserFacing):
        parse_use(host, "authorization", "{}")


def test_host_and_header_are_kept_in_lower_case() -> None:
    assert parse_use("API.GitHub.com", "X-Api-Key", "{}") == Use(
        host="api.github.com", header="x-api-key", template="{}"
    )
    assert parse_use("*.example.com", "authorization", "token {}").host == "*.example.com"


@pytest.mark.parametrize("header", ["", "host", "Content-Length", "a b", "a:", "a\r\nb", "x" * 65])
def test_a_header_cannot_break_the_message(header: str) -> None:
    with pytest.raises(UserFacing):
        parse_use("api.example.com", header, "{}")


@pytest.mark.parametrize("template", ["", "{", "{}{}", "{0}", "{{}}", "{} {x}", "a\n{}", "x" * 101])
def test_a_template_holds_the_place_once(template: str) -> None:
    with pytest.raises(UserFacing):
        parse_use("api.example.com", "authorization", template)
