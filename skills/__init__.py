"""Skills: what a skill is, what it may do, where skills lie, and what became of them.

    file ──► manifest ──► Skill ──► activation ──► active | waiting | disabled
                            │           ▲
                        permissions   store (what the owner approved)

A skill's text is a stranger's until the owner says otherwise: nothing in it grants anything. What
its manifest asks for becomes one layer of `core.policy`, clipped by the tier, and only after the
owner has seen it.
"""
