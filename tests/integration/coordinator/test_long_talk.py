"""A long conversation in short: prompts stay small, facts and standing rules stay known."""

from coordinator.packing import prompt_cap
from tests.support.long_talk import ORDERS, long_talk
from tests.support.memory import WordEmbedder


async def test_a_long_conversation_keeps_what_matters_in_a_small_prompt(
    database_url: str, redis_url: str
) -> None:
    async with long_talk(database_url, redis_url, WordEmbedder(), history_kb=2) as talk:
        seen = await talk.run(80, planted=12)
        assert [rule.text for rule in await talk.rules.in_force()] == list(ORDERS)
    assert seen.kept_share == 100
    assert seen.rules_missing == 0
    assert seen.peak_bytes < 12_000 < prompt_cap(2 * 1024)
    assert 0 < seen.summary_calls < seen.turns
    assert seen.turn_calls >= seen.turns + seen.facts
