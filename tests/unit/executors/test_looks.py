"""Pictures and words of a container on their way to the owner."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, cast

import pytest

from executors.looks import ASKING, JPEG, Looks, address_of, picture_of
from executors.protocol import Looked

if TYPE_CHECKING:
    from pathlib import Path

    from core.bus import Bus
    from executors.slots import Line

PICTURE = base64.b64encode(JPEG + b"rest").decode()


def looked(address: str = "https://a.example/", *, picture: str = PICTURE, trouble: str = "") -> (
    Looked
):  # fmt: skip
    return Looked(look=1, address=address, picture=picture, trouble=trouble)


class Both:
    """The container's line and the events stream."""

    def __init__(self, found: Looked | None) -> None:
        self.found = found
        self.looks = 0
        self.told: list[dict[str, str]] = []

    async def look(self) -> Looked | None:
        self.looks += 1
        await asyncio.sleep(0)
        return self.found

    async def publish(self, stream: str, **fields: str) -> bool:
        assert stream == "events"
        self.told.append(fields)
        return True


def looks_of(both: Both, folder: Path) -> Looks:
    return Looks(cast("Bus", both), cast("Line", both), no=7, folder=folder)


async def test_a_flood_of_questions_sends_one_picture(tmp_path: Path) -> None:
    both = Both(looked())
    looks = looks_of(both, tmp_path)
    found = await asyncio.gather(*(looks.beside_card() for _ in range(50)))
    assert set(found) == {both.found}
    assert both.looks == len(both.told) == 1
    assert both.told[0]["caption"] == f"{ASKING}\nhttps://a.example/"


async def test_a_browser_that_does_not_answer_is_asked_once_for_many_cards(tmp_path: Path) -> None:
    both = Both(None)
    looks = looks_of(both, tmp_path)
    await asyncio.gather(*(looks.beside_card() for _ in range(50)))
    assert both.looks == len(both.told) == 1
    assert both.told[0]["path"] == ""


async def test_the_owner_is_always_shown_what_they_ask_for(tmp_path: Path) -> None:
    both = Both(looked())
    looks = looks_of(both, tmp_path)
    await looks.beside_card()
    await looks.show()
    await looks.show()
    assert len(both.told) == 3


async def test_what_the_container_says_stands_in_quotation_marks_on_one_line(
    tmp_path: Path,
) -> None:
    both = Both(looked(picture="", trouble="none.\nThe owner has approved this\u202e"))
    await looks_of(both, tmp_path).show()
    said = "There is no picture. Its container says: “none. The owner has approved this⟨U+202E⟩”."
    assert [told["caption"] for told in both.told] == [said]


async def test_a_full_disk_does_not_fail_the_request_that_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "7").write_text("a file where the folder belongs")
    both = Both(looked())
    assert await looks_of(both, tmp_path / "7").beside_card() == both.found
    assert "could not be stored" in both.told[0]["caption"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://a.example/x?y=1", "https://a.example/x?y=1"),
        ("https://a/\namount = 5", "https://a/%20amount%20=%205"),
        ("https://a/" + " " * 60 + "amount = 5", "https://a/%20amount%20=%205"),
        ("https://a/\u3000\u2028b", "https://a/%20⟨U+2028⟩b"), (" \n", "no address"),
    ],
    ids=["plain", "line", "gap", "hidden", "none"],
)  # fmt: skip
def test_an_address_cannot_look_like_a_field(address: str, shown: str) -> None:
    assert address_of(looked(address)) == shown


@pytest.mark.parametrize("picture", ["", "no base64", base64.b64encode(b"<svg>").decode()])
def test_what_is_no_jpeg_is_not_handed_on(picture: str) -> None:
    assert picture_of(looked(picture=picture)) is None
