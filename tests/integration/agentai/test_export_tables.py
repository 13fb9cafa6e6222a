"""Every table of the export can be read from a fresh database."""

from agentai.export import SQL
from core.db import Database
from core.migrate import migrate


async def test_every_table_of_the_export_can_be_read(database_url: str) -> None:
    database = await Database.connect(database_url, size=2)
    try:
        await migrate(database)
        for name in SQL:
            await database.fetch(SQL[name])
    finally:
        await database.close()
    assert {"schedules", "triggers", "notices"} <= set(SQL)
    assert {"voice_notes", "voice_replies", "voice_chats"} <= set(SQL)
