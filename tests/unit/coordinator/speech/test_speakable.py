"""What is said aloud of an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.speech.speakable import is_english_enough, sentences, shortened, speakable

CASES = (
    ("Hello **there**", "Hello there."),
    ("# Title\n\nOne.\n\n- first\n- second", "Title. One. first. second."),
    ("Before.\n\n```python\nprint(1)\n```\n\nAfter!", "Before. After!"),
    ("    indented code", ""),
    ("| a | b |\n|---|---|\n| 1 | 2 |\n\nThat is all.", "That is all."),
    ("See [the page](https://example.com/x?y=1) now", "See the page now."),
    ("See https://example.com/x?y=1 now", "See now."),
    ("![a cat](cat.png)\n\nA cat.", "A cat."),
    ("Run `ls` or `rm -rf /tmp/x && echo $HOME | sort`.", "Run ls or."),
    ("Done 🎉 🎉", "Done."),
    ("🎉", ""),
    ("", ""),
    ("> quoted\n\nreply", "quoted. reply."),
    ("one  \ntwo\nthree", "one two three."),
    ("1. 3 + 4\n2. 5 € & more", "3 + 4. 5 € & more."),
    ("***", ""),
)


@pytest.mark.parametrize(("markdown", "said"), CASES)
def test_prose_is_said_and_what_is_for_the_eyes_is_not(markdown: str, said: str) -> None:
    assert speakable(markdown, 1000) == said


def test_a_long_answer_ends_with_a_whole_sentence() -> None:
    text = "This is one. And this is two! Is this three? Here comes a fourth."
    assert speakable(text, 45) == "This is one. And this is two! Is this three?"
    assert speakable(text, 12) == "This is one."


def test_one_endless_sentence_ends_with_a_whole_word() -> None:
    assert shortened("word " * 100, 22) == "word word word word…"
    assert shortened("x" * 100, 5) == "xxxx…"


def test_numbers_and_short_forms_are_not_cut() -> None:
    assert sentences("It costs 3.50 today. Fine.") == ["It costs 3.50 today.", "Fine."]
    assert sentences("一。二\uff01") == ["一。", "二\uff01"]


@given(st.text(max_size=400), st.integers(1, 300))
def test_whatever_is_answered_the_speech_is_bounded(text: str, cap: int) -> None:
    said = speakable(text, cap)
    assert len(said) <= cap
    assert said == said.strip()
    assert "```" not in said


@given(st.lists(st.sampled_from(["Yes.", "No!", "a b,", "Hm…", "why?", "x"]), max_size=30))
def test_cutting_into_sentences_loses_no_word(words: list[str]) -> None:
    text = " ".join(words)
    assert " ".join(sentences(text)) == text


@pytest.mark.parametrize(
    ("text", "is_english"),
    [("Hello, how are you?", True), ("", False),
     ("a café in the old town, and some more words after it", True),
     ("Привет, как дела?", False), ("你好", False), ("123", False)],
)  # fmt: skip
def test_a_voice_that_knows_english_only_is_not_given_other_letters(
    text: str, is_english: bool
) -> None:
    assert is_english_enough(text) is is_english
