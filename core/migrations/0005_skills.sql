-- What is remembered of a skill: whether it may be used, and what the owner approved of it. The files are the truth of
-- what it says; these digests are the truth of what the owner saw. `source` tells a shipped skill from the owner's own
-- of the same name: approvals never pass from one to the other.
create table skills (
    name                 text primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    source               text not null check (source in ('builtin', 'owner')),
    state                text not null default 'enabled' check (state in ('enabled', 'disabled', 'waiting')),
    approved_digest      text,
    approved_code        text,
    approved_permissions jsonb,
    trust                text not null default 'ask' check (trust in ('ask', 'wording')),
    installed_at         timestamptz not null default clock_timestamp(),
    used_at              timestamptz,
    uses                 int not null default 0,
    check ((approved_digest is null) = (approved_permissions is null)),
    check ((approved_digest is null) = (approved_code is null))
);

-- What the agent would like to change in a skill. `trial` is how the proposal did on the recorded task.
create table proposals (
    id         int generated always as identity primary key,
    skill      text not null check (skill ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    kind       text not null check (kind in ('new', 'edit')),
    text       text not null,
    diff       text not null,
    reason     text not null,
    trial      jsonb,
    state      text not null default 'open' check (state in ('open', 'accepted', 'rejected')),
    created_at timestamptz not null default clock_timestamp(),
    decided_at timestamptz,
    check ((state = 'open') = (decided_at is null))
);
create index proposals_open on proposals (id) where state = 'open';
