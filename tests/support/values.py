"""What every value that crosses a module's border has to be."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest


def is_a_plain_value(value: object) -> None:
    """Fails the test when it can be changed, given more, or made without naming its parts."""
    names = [field.name for field in fields(value)]  # type: ignore[arg-type]
    with pytest.raises(FrozenInstanceError):
        setattr(value, names[0], None)
    assert not hasattr(value, "__dict__")
    with pytest.raises(TypeError, match="positional"):
        type(value)(*[getattr(value, name) for name in names])
