"""The copy of the instance's id in its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.db import Database
from core.instance import FILE, instance_id, keep_instance_id, kept_instance_id
from core.migrate import migrate

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_folder_holds_the_id_that_postgres_has(database_url: str, tmp_path: Path) -> None:
    database, home = await Database.connect(database_url), tmp_path / "home"
    await migrate(database)
    found = await keep_instance_id(database, home)
    assert found == await instance_id(database) == kept_instance_id(home)
    (home / FILE).write_text("0123456789abcdef")  # another database's
    assert await keep_instance_id(database, home) == kept_instance_id(home) == found
    assert [path.name for path in home.iterdir()] == [FILE]
    await database.close()


@pytest.mark.parametrize("text", ["", "x", "0123456789abcde", "0123456789ABCDEF", "é" * 16, "a=b"])
def test_what_is_no_id_is_not_taken_for_one(tmp_path: Path, text: str) -> None:
    assert kept_instance_id(tmp_path) is None
    (tmp_path / FILE).write_bytes(text.encode("latin-1"))
    assert kept_instance_id(tmp_path) is None
