"""The browser's tools against a real Chromium and real pages, without a container."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from executors.browser.browser import Browser
from executors.browser.tools import BrowserTools
from executors.worker.tools import BadCall
from tests.support.browsing import ref
from tests.support.sites import SHOP, Sites

HERE = f"http://{SHOP}"
Do = Callable[..., Any]


@pytest.fixture
async def sites(tmp_path: Path) -> AsyncIterator[Sites]:
    made = Sites(tmp_path / "sites")
    yield made
    await made.stop()


@pytest.fixture
async def do(sites: Sites, tmp_path: Path) -> AsyncIterator[Do]:
    """Runs a tool in a thread: the site answers in this one."""
    port = await sites.start_as_proxy()
    work = tmp_path / "work"
    work.mkdir()
    scratch = tempfile.mkdtemp(prefix="b-")  # short: the profile holds a socket
    browser = Browser(scratch=scratch, port=port)
    tools = BrowserTools(browser, work, {"PASSWORD": "agentai_secret_" + "a" * 40})
    browser.launch()

    async def run(name: str, /, **arguments: Any) -> str:
        return await asyncio.to_thread(tools.run, name, arguments)

    yield run
    await asyncio.to_thread(browser.stop)
    await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)


async def test_references_stay_with_their_elements_and_end_with_their_document(do: Do) -> None:
    first = await do("open_page", url=f"{HERE}/form")
    name = ref(first, 'textbox "Name"')
    await do("type_text", ref=name, text="Ada")
    again = await do("read_page")
    assert ref(again, 'textbox "Name"') == name
    assert '= "Ada"' in again
    await do("open_page", url=f"{HERE}/login")
    with pytest.raises(BadCall, match="is not on the page any more; read the page again"):
        await do("click", ref=name)


async def test_what_is_covered_is_not_clicked(do: Do) -> None:
    page = await do("open_page", url=f"{HERE}/covered")
    with pytest.raises(BadCall, match="is covered by"):
        await do("click", ref=ref(page, 'button "Below"'))
    await do("click", ref=ref(page, 'button "Fine"'))
    await do("click", ref=ref(page, 'button "Below"'))


async def test_a_question_of_the_page_is_answered(do: Do) -> None:
    page = await do("open_page", url=f"{HERE}/dialog")
    asked = await do("click", ref=ref(page, 'button "Delete"'))
    assert 'answered with the tool dialog (confirm): "Delete it?"' in asked
    assert "answered with the tool dialog" in await do("read_page")
    assert "kept" in await do("dialog", accept=False)
    await do("click", ref=ref(page, 'button "Delete"'))
    assert "deleted" in await do("dialog", accept=True)


async def test_a_file_of_the_workspace_is_handed_over_and_nothing_else(
    do: Do, sites: Sites, tmp_path: Path
) -> None:
    (tmp_path / "work" / "a.txt").write_text("content")
    (tmp_path / "outside.txt").write_text("secret")
    (tmp_path / "work" / "link.txt").symlink_to(tmp_path / "outside.txt")
    page = await do("open_page", url=f"{HERE}/upload")
    field = ref(page, '"File')
    for name in ("../outside.txt", str(tmp_path / "outside.txt"), "link.txt"):
        with pytest.raises(BadCall, match="is not in the workspace"):
            await do("upload", ref=field, files=[name])
    await do("upload", ref=field, files=["a.txt"])
    await do("click", ref=ref(page, 'button "Send"'))
    assert "content" in sites.posts[0][1]


async def test_a_frame_is_read_and_used(do: Do, sites: Sites) -> None:
    page = await do("open_page", url=f"{HERE}/framed")
    assert 'heading "Outer"' in page
    assert "1 lamp, 49.00" in page
    await do("click", ref=ref(page, 'button "Buy now"'))
    assert [path for path, _ in sites.posts] == ["/shop/buy"]


async def test_a_table_comes_as_rows(do: Do, tmp_path: Path) -> None:
    page = await do("open_page", url=f"{HERE}/table")
    table = ref(page, "- table")
    assert "No,Name,Price\n1,Item 1,1.50" in await do("extract_table", ref=table)
    found = await do("extract_table", ref=table, format="json", save_as="t.json")
    assert '"Name": "Item 10"' in found
    assert (tmp_path / "work" / "t.json").exists()


async def test_a_download_is_kept_under_its_name(do: Do, tmp_path: Path) -> None:
    assert "saved as Report 2026.csv (8 bytes)" in await do("download", url=f"{HERE}/report.csv")
    assert (tmp_path / "work" / "Report 2026.csv").read_text() == "a,b\n1,2\n"
    assert "Report 2026-2.csv" in await do("download", url=f"{HERE}/report.csv")


async def test_addresses_that_are_no_web_pages_are_refused(do: Do) -> None:
    for url in (
        "file:///etc/passwd",
        "chrome://version",
        "javascript:alert(1)",
        "data:text/html,x",
    ):
        with pytest.raises(BadCall):
            await do("open_page", url=url)


async def test_a_page_that_hangs_is_given_up(do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executors.browser.browser.CALL_S", 1.0)
    page = await do("open_page", url=f"{HERE}/hang")
    assert "did not answer in time" in await do("click", ref=ref(page, 'button "Work"'))
    assert 'heading "Shop"' in await do("open_page", url=f"{HERE}/")


async def test_a_request_that_never_ends_does_not_hold_up_the_page(
    do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executors.browser.browser.STUCK_S", 0.5)
    page = await asyncio.wait_for(do("open_page", url=f"{HERE}/polls"), 20)
    assert 'heading "Polls"' in page
    assert "still loading" not in page


async def test_the_browser_asks_for_nothing_by_itself(do: Do, sites: Sites) -> None:
    await do("open_page", url=f"{HERE}/")
    await do("wait", seconds=2)
    assert set(sites.gets) <= {"/", "/favicon.ico"}
    assert sites.posts == []
    assert sites.strangers == []


async def test_a_picture_is_kept_for_the_owner(do: Do, tmp_path: Path) -> None:
    await do("open_page", url=f"{HERE}/cart")
    assert "handed over" in await do("screenshot", name="cart", whole_page=True)
    assert (tmp_path / "work" / "cart.png").read_bytes().startswith(b"\x89PNG")
