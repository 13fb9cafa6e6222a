"""How a task wants to end, as Postgres keeps it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from core.tasks import Outcome, ResultFile, TaskState
from core.workspace import Change, Changes, FileState
from executors.ending import Ending, Staged

STATES = st.builds(FileState, size=st.integers(0, 2**40), sha256=st.just("ab" * 32))
CHANGES = st.one_of(
    st.builds(Change, path=st.text(), before=st.none(), after=STATES),
    st.builds(Change, path=st.text(), before=STATES, after=st.none()),
)
STAGED = st.builds(
    Staged,
    changes=st.builds(
        Changes,
        items=st.lists(CHANGES).map(tuple),
        refused=st.lists(st.tuples(st.text(), st.text())).map(tuple),
    ),
    commit=st.text(), config=st.integers(0, 2**31), displays=st.dictionaries(st.text(), st.text()),
)  # fmt: skip
OUTCOME = Outcome(state=TaskState.DONE, result="r", files=(ResultFile(name="n", path="p", size=1),))


@given(STAGED)
def test_an_ending_comes_back_from_postgres_as_it_was(staged: Staged) -> None:
    ending = Ending(outcome=OUTCOME, changes=staged)
    assert Ending.from_json(json.loads(json.dumps(ending.to_json()))) == ending
    assert staged.items == staged.changes.items
    assert staged.refused == staged.changes.refused
