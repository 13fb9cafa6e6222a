-- What the agent would like to change in its skills. The table of 0005 was never written to; this one also knows how a
-- proposal came about, how its trial went, and what is still to be done about it after a crash.
drop table proposals;

-- `tokens` are the words of the kind of task it was born of (for an edit: of what the owner corrected), `task_kind` their
-- digest. `tasks` are those tasks, newest first: the first of them is what the trial replays. `base` is the text that an
-- edit was written for. `digest` covers all files of the skill as it would be installed, `base_digest` as it was.
create table proposals (
    id           int generated always as identity primary key,
    kind         text not null check (kind in ('new', 'edit')),
    skill        text not null default '' check (skill = '' or skill ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    task_kind    text not null,
    tokens       text[] not null,
    tasks        int[] not null,
    is_corrected boolean not null,
    is_untrusted boolean not null,
    base         text not null default '',
    base_digest  text not null default '',
    text         text not null default '',
    digest       text not null default '',
    reason       text not null default '',
    state        text not null default 'writing' check (state in (
        'writing', 'trial', 'offered', 'poor', 'dropped', 'accepted', 'installed', 'rejected', 'stale', 'undoing', 'undone')),
    attempts     int not null default 0,
    trial        jsonb,
    note         text not null default '',
    decided_by   text check (decided_by in ('owner', 'setting')),
    created_at   timestamptz not null default clock_timestamp(),
    decided_at   timestamptz,
    check (state in ('writing', 'dropped') or (skill <> '' and text <> '' and digest <> ''))
);
create index proposals_waiting on proposals (id) where state in ('writing', 'trial', 'accepted', 'undoing');
create unique index proposals_once on proposals (task_kind) where state in ('writing', 'trial', 'offered', 'accepted');
