"""The chat page records and plays voice notes, in a real headless Chromium."""

from __future__ import annotations

import asyncio
import shutil

from playwright.async_api import async_playwright, expect

from playground.server import PlaygroundServer
from tests.integration.playground.test_browser import ARGUMENTS
from tests.support.world import TOKEN

MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


async def test_a_pressed_microphone_records_and_a_second_press_sends() -> None:
    telegram = PlaygroundServer(token=TOKEN)
    await telegram.start()
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*ARGUMENTS, *MICROPHONE]
        )
        page = await browser.new_page()
        await page.goto(telegram.chat_url)
        await page.get_by_label("Record a voice note").click()
        stop = page.get_by_label("Send the voice note")
        await expect(stop).to_have_attribute("aria-pressed", "true")
        await stop.click()
        player = page.locator("audio.sound")
        await expect(player).to_have_count(1)
        await browser.close()
    async with asyncio.timeout(10):
        while not telegram.updates.pending:
            await asyncio.sleep(0.01)
    (update,) = telegram.updates.pending
    voice = update["message"]["voice"]
    assert voice["mime_type"] == "audio/webm"
    assert telegram.state.files[voice["file_id"]].content[:4] == b"\x1aE\xdf\xa3"
    await telegram.stop()
