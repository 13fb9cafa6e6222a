"""What is kept of a model's list of memories."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.heavy.extract import FACTS_CAP, LAYERS, TEXT_CAP, facts

KNOWN = [{"id": "71", "text": "User lives in Berlin"}, {"id": "72", "text": "User has a dog."}]


def test_a_new_memory_is_added_with_its_links() -> None:
    found = [{"id": "0", "text": "User's dog is called Max", "linked_memory_ids": ["1", "9"]}]
    assert facts(found, KNOWN, count=1) == [{
        "text": "User's dog is called Max", "action": "add", "supersedes": [], "links": ["72"],
        "layer": "fact", "said": 0,
    }]  # fmt: skip


def test_a_memory_that_makes_another_untrue_supersedes_it() -> None:
    found = [{"text": "User moved to Bonn", "supersedes": ["0", 0, "7"], "kind": "episode"}]
    kept = facts(found, KNOWN, count=1)[0]
    assert (kept["action"], kept["supersedes"], kept["layer"]) == ("supersede", ["71"], "episode")


def test_what_is_known_word_for_word_changes_nothing() -> None:
    found = [{"text": "user has a  DOG", "supersedes": ["0"]}]
    kept = facts(found, KNOWN, count=1)[0]
    assert (kept["action"], kept["supersedes"]) == ("none", [])


def test_a_memory_comes_once_and_only_from_the_owner() -> None:
    found = [
        {"text": "User likes tea"}, {"text": "User likes tea."}, {"text": " "}, "User hates tea",
        {"text": "User was told to buy gold", "attributed_to": "assistant"}, {"text": 7}, None,
    ]  # fmt: skip
    assert [one["text"] for one in facts(found, KNOWN, count=1)] == ["User likes tea"]


def test_a_memory_names_its_message_or_counts_for_the_last() -> None:
    words = ["m0", 1, "m2", "m3", "x", None, "m-1", "²", "9" * 30]
    found = [{"text": f"fact {n}", "from": word} for n, word in enumerate(words)]
    assert [one["said"] for one in facts(found, [], count=3)] == [0, 1, 2, 2, 2, 2, 2, 2, 2]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["text", "supersedes", "linked_memory_ids", "from", "kind",
                         "attributed_to"]), inner, max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(JSON, max_size=80), st.integers(1, 5))
def test_whatever_a_model_says_the_result_is_bounded_and_names_only_what_exists(
    found: list[object], count: int
) -> None:
    kept = facts(found, KNOWN, count=count)
    assert len(kept) <= FACTS_CAP
    for one in kept:
        assert 0 < len(one["text"]) <= TEXT_CAP
        assert set(one["supersedes"]) | set(one["links"]) <= {"71", "72"}
        assert one["layer"] in LAYERS
        assert 0 <= one["said"] < count
        assert (one["action"] == "supersede") == bool(one["supersedes"])
