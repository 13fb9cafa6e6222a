"""The chat page in a real headless Chromium, with a small bot behind it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from core.spawn import held
from playground.server import PlaygroundServer
from tests.support.world import OWNER, TOKEN

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
COMMANDS = [
    {"command": "start", "description": "Begin"},
    {"command": "status", "description": "What is running"},
]
HOSTILE = "<img src=x onerror=alert(1)> <script>alert(2)</script>"


@dataclass
class Bot:
    """A bot that answers as the tests need it."""

    telegram: PlaygroundServer
    heard: list[str] = field(default_factory=list)

    async def call(self, method: str, **fields: object) -> dict[str, object]:
        url = f"{self.telegram.api_url}/bot{TOKEN}/{method}"
        async with httpx.AsyncClient(timeout=60) as http:
            answer = (await http.post(url, json=fields)).json()
        assert answer["ok"], answer
        return answer

    async def say(self, text: str, **fields: object) -> None:
        await self.call("sendMessage", chat_id=OWNER, text=text, **fields)

    async def run(self) -> None:
        await self.call("setMyCommands", commands=COMMANDS)
        offset = 0
        while True:
            answer = await self.call("getUpdates", offset=offset, timeout=20)
            for update in answer["result"]:  # type: ignore[attr-defined]
                offset = update["update_id"] + 1
                await self.handle(update)

    async def handle(self, update: dict[str, dict[str, object]]) -> None:
        if press := update.get("callback_query"):
            self.heard.append(f"press {press['data']}")
            await self.call("answerCallbackQuery", callback_query_id=press["id"], text="Noted")
        elif edited := update.get("edited_message"):
            self.heard.append(f"edit {edited['text']}")
        elif message := update.get("message"):
            self.heard.append(str(message.get("text") or message.get("document")))


@asynccontextmanager
async def a_page(
    browser: Browser, telegram: PlaygroundServer, *, phone: bool = False
) -> AsyncIterator[Page]:
    context = await browser.new_context(
        viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
        color_scheme="dark" if phone else "light",
    )
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(f"dialog {dialog.message}"))
    await page.goto(telegram.chat_url)
    yield page
    await context.close()
    assert errors == []


@pytest.fixture
async def telegram() -> AsyncIterator[PlaygroundServer]:
    server = PlaygroundServer(token=TOKEN, owner_id=OWNER)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def bot(telegram: PlaygroundServer) -> AsyncIterator[Bot]:
    made = Bot(telegram)
    async with held(made.run(), name="bot"):
        yield made


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing; `make test` installs it"
    async with async_playwright() as play:
        launched = await play.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        await launched.close()


async def heard(bot: Bot, text: str) -> None:
    async with asyncio.timeout(10):
        while text not in bot.heard:
            await asyncio.sleep(0.02)


async def test_a_newcomer_starts_writes_and_reads(
    browser: Browser, telegram: PlaygroundServer, bot: Bot
) -> None:
    async with a_page(browser, telegram) as page:
        await page.click("#start")
        await heard(bot, "/start")
        await expect(page.locator("#welcome")).to_be_hidden()
        await page.fill("#text", "hello")
        await page.keyboard.press("Enter")
        await heard(bot, "hello")
        await expect(page.locator(".row.me .bubble").last).to_contain_text("hello")
        await bot.say(
            "bold code link\nx = 1",
            entities=[
                {"type": "bold", "offset": 0, "length": 4},
                {"type": "code", "offset": 5, "length": 4},
                {"type": "text_link", "offset": 10, "length": 4, "url": "https://example.org"},
                {"type": "pre", "offset": 15, "length": 5, "language": "python"},
            ],
        )
        shown = page.locator(".row.bot .bubble").last
        await expect(shown.locator("b")).to_have_text("bold")
        await expect(shown.locator("> code")).to_have_text("code")
        await expect(shown.locator("a")).to_have_attribute("href", "https://example.org")
        await expect(shown.locator("figcaption span")).to_have_text("python")
        await bot.say(HOSTILE)
        await expect(page.locator(".row.bot .bubble").last).to_contain_text(HOSTILE)
        assert await page.locator(".bubble img, .bubble script").count() == 0


async def test_buttons_commands_edits_and_replies(
    browser: Browser, telegram: PlaygroundServer, bot: Bot
) -> None:
    async with a_page(browser, telegram) as page:
        key = {"text": "Cancel", "callback_data": "c:1"}
        await bot.say("#1 working", reply_markup={"inline_keyboard": [[key]]})
        await page.click(".keys button")
        await heard(bot, "press c:1")
        await expect(page.locator("#toast")).to_have_text("Noted")
        await page.fill("#text", "/s")
        await expect(page.locator("#commands li")).to_have_count(2)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await heard(bot, "/status")
        await page.fill("#text", "wrogn")
        await page.keyboard.press("Enter")
        await heard(bot, "wrogn")
        await page.keyboard.press("ArrowUp")
        await expect(page.locator("#text")).to_have_value("wrogn")
        await page.fill("#text", "right")
        await page.keyboard.press("Enter")
        await heard(bot, "edit right")
        await expect(page.locator(".row.me .bubble").last).to_contain_text("edited")
        await page.locator(".row.bot .bubble").first.dblclick()
        await page.fill("#text", "about that")
        await page.keyboard.press("Enter")
        await heard(bot, "about that")
        await expect(page.locator(".row.me .quote span").last).to_have_text("#1 working")
        await bot.call("sendChatAction", chat_id=OWNER, action="typing")
        await expect(page.locator("#presence")).to_have_text("typing…")


async def test_files_go_both_ways(
    browser: Browser, telegram: PlaygroundServer, bot: Bot, tmp_path: Path
) -> None:
    async with a_page(browser, telegram) as page:
        await page.set_input_files(
            "#files", {"name": "data.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
        )
        await expect(page.locator("#chips button")).to_contain_text("data.csv")
        await page.keyboard.press("Enter")
        async with asyncio.timeout(10):
            while not any("data.csv" in text for text in bot.heard):
                await asyncio.sleep(0.02)
        file_id = next(iter(telegram.state.files))
        await bot.call("sendDocument", chat_id=OWNER, document=file_id, caption="here it is")
        link = page.locator(".row.bot a.file")
        await expect(link).to_contain_text("data.csv")
        async with page.expect_download() as download:
            await link.click()
        saved = tmp_path / "saved"
        await (await download.value).save_as(saved)
        assert saved.read_bytes() == b"a,b\n1,2\n"


@pytest.mark.parametrize("phone", [False, True])
async def test_nothing_is_wider_than_the_window(
    browser: Browser, telegram: PlaygroundServer, bot: Bot, tmp_path: Path, phone: bool
) -> None:
    async with a_page(browser, telegram, phone=phone) as page:
        keys = [[{"text": "a very long label " * 4, "callback_data": "x"}]]
        await bot.say("word" * 120, reply_markup={"inline_keyboard": keys})
        code = "x = '" + "long " * 80 + "'"
        await bot.say(code, entities=[{"type": "pre", "offset": 0, "length": len(code)}])
        await expect(page.locator("figure.code")).to_be_visible()
        width = await page.evaluate("document.documentElement.scrollWidth")
        log_width = await page.evaluate("document.querySelector('#log').scrollWidth")
        client = await page.evaluate("document.querySelector('#log').clientWidth")
        assert width <= (PHONE if phone else DESKTOP)["width"]
        assert log_width <= client
        picture = await page.screenshot(path=tmp_path / "page.png")
        assert len(picture) > 5_000


async def test_the_page_finds_its_way_back_after_a_restart(browser: Browser) -> None:
    first = PlaygroundServer(token=TOKEN, owner_id=OWNER)
    await first.start()
    port, key = first.port, first.key
    async with a_page(browser, first) as page:
        await expect(page.locator("#presence")).to_have_text("bot")
        await first.stop()
        await expect(page.locator("#presence")).to_have_text("reconnecting…")
        second = PlaygroundServer(token=TOKEN, owner_id=OWNER, key=key)
        await second.start(port=port)
        await expect(page.locator("#presence")).to_have_text("bot", timeout=20_000)
        await page.fill("#text", "still here")
        await page.keyboard.press("Enter")
        await expect(page.locator(".row.me .bubble")).to_contain_text("still here")
        await second.stop()


async def at_the_end(page: Page) -> bool:
    return bool(
        await page.evaluate(
            "() => { const n = document.getElementById('log');"
            " return n.scrollHeight - n.scrollTop - n.clientHeight < 4; }"
        )
    )


async def test_what_comes_quickly_one_after_the_other_stays_in_view(
    browser: Browser, telegram: PlaygroundServer, bot: Bot
) -> None:
    async with a_page(browser, telegram) as page:
        for number in range(12):
            await bot.say(f"message {number}\n" + "line\n" * 12)
        await expect(page.locator(".row.bot").last).to_contain_text("message 11")
        async with asyncio.timeout(10):
            while not await at_the_end(page):
                await asyncio.sleep(0.02)
        await expect(page.locator("#down")).to_be_hidden()
        await page.locator("#log").hover()
        await page.mouse.wheel(0, -600)
        await expect(page.locator("#down")).to_be_visible()
        await bot.say("one more")
        await expect(page.locator("#unread")).to_have_text("1")


async def test_a_block_of_code_ends_its_own_line(
    browser: Browser, telegram: PlaygroundServer, bot: Bot
) -> None:
    async with a_page(browser, telegram) as page:
        pre = {"type": "pre", "offset": 6, "length": 2}
        await bot.say("head\n\n42\n\nfoot", entities=[pre])
        bubble = page.locator(".row.bot .bubble").last
        await expect(bubble.locator("pre")).to_have_text("42")
        after = await bubble.evaluate("n => n.querySelector('figure').nextSibling.textContent")
        assert after == "\nfoot"
