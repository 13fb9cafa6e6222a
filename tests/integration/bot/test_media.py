"""Media that the owner sends, with the bot's real code: what is kept, labelled and corrected."""

from __future__ import annotations

from typing import Any

from tests.security.regressions.desk import Desk, answered, content, labels


def photo(caption: str, **more: object) -> dict[str, Any]:
    return content(**{"photo": [{"file_id": "p1", "file_size": 9}], "caption": caption} | more)


async def kept(desk: Desk) -> list[dict[str, Any]]:
    rows = await desk.database.fetch(
        "select text, files, has_foreign, corrects, is_forwarded from messages"
        " where role = 'owner' order by id"
    )
    return [dict(row) for row in rows]


async def test_a_task_after_a_picture_is_untrusted_and_after_a_place_is_not(desk: Desk) -> None:
    await desk.hears(message=content(location={"latitude": 1, "longitude": 2}))
    assert await labels(desk, await answered(desk)) == {"owner"}
    await desk.hears(message=photo("see", message_id=5001))
    assert await labels(desk, await answered(desk)) == {"owner", "untrusted"}


async def test_an_album_that_arrives_in_pieces_is_one_message_with_all_its_files(
    desk: Desk,
) -> None:
    await desk.hears(message=photo("both", message_id=5001, media_group_id="a"))
    second = photo("", message_id=5002, media_group_id="a", photo=[{"file_id": "p2"}])
    await desk.hears(message=second)
    (row,) = await kept(desk)
    assert row["files"] == [1, 2]
    assert (
        row["text"]
        == "[photo 1: photo-5001.jpg, 9 bytes]\nboth\n[photo 2: photo-5002.jpg, 0 bytes]"
    )


async def test_an_edited_caption_corrects_and_keeps_the_picture(desk: Desk) -> None:
    await desk.hears(message=photo("a cat?"))
    await desk.hears(edited_message=photo("a dog?"))
    (row,) = await kept(desk)
    assert row["text"] == "[photo 1: photo-5000.jpg, 9 bytes]\na dog?"
    await answered(desk)
    await desk.hears(edited_message=photo("a cow?"))
    row = (await kept(desk))[-1]
    assert row["corrects"] is not None
    assert (row["text"].split("\n")[-1], row["files"], row["has_foreign"]) == ("a cow?", [1], True)


async def test_a_live_location_moves_on_without_a_new_turn(desk: Desk) -> None:
    place = {"latitude": 1, "longitude": 2, "live_period": 900}
    await desk.hears(message=content(location=place))
    await answered(desk)
    await desk.hears(edited_message=content(location={**place, "latitude": 3}))
    (row,) = await kept(desk)
    assert "[live location: 3.000000, 2.000000" in row["text"]


async def test_a_forwarded_poll_is_data_and_names_its_origin(desk: Desk) -> None:
    origin = {"type": "hidden_user", "sender_user_name": "Bo"}
    poll = {"question": "Pay?", "options": [{"text": "yes", "voter_count": 1}]}
    await desk.hears(message=content(poll=poll, forward_origin=origin))
    (row,) = await kept(desk)
    assert row["is_forwarded"]
    assert row["text"].startswith("[forwarded from Bo]\n[poll, open, 0 voted: Pay?")


async def test_a_file_beyond_20_mb_is_refused_in_a_sentence(desk: Desk) -> None:
    big = {"file_id": "d", "file_name": "film.mkv", "file_size": 30 * 1024 * 1024}
    await desk.hears(message=content(document=big))
    assert "Bots can receive files of up to 20 MB" in "\n".join(await desk.said())
    assert await kept(desk) == []
