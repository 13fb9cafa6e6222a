-- One card that waits for the owner's decision, or got it. `nonce` stands in its buttons; `code` is what the owner
-- types to decide without a button, and must be typed for production.
create table approvals (
    id            int generated always as identity primary key,
    nonce         text not null unique,
    code          text not null,
    task_no       int not null references tasks (no),
    chat_id       bigint not null,
    reason        text not null,
    detail        text not null default '',
    is_production boolean not null default false,
    may_remember  boolean not null default false,
    state         text not null default 'pending'
        check (state in ('pending', 'approved', 'denied', 'expired', 'withdrawn')),
    scope         text check (scope in ('once', 'task', 'always')),
    created_at    timestamptz not null default clock_timestamp(),
    expires_at    timestamptz not null,
    decided_at    timestamptz,
    decided_by    bigint,
    via           text,
    shown         text
);
create index approvals_task on approvals (task_no);
create index approvals_pending on approvals (id) where state = 'pending';

-- What the card is about, one row an action. `action` is the canonical JSON that `digest` was made from, kept as text:
-- not a letter of it may change. `display` is what a person reads beside it (a diff), bound by a digest inside `action`.
create table approval_actions (
    approval_id int not null references approvals (id),
    index       int not null,
    digest      text not null,
    action      text not null,
    display     text not null default '',
    remember    jsonb not null default '[]',
    consumed_at timestamptz,
    outcome     text,
    primary key (approval_id, index)
);
create index approval_actions_digest on approval_actions (digest) where consumed_at is null;

-- What the owner allowed beyond one action: for a task, or for good (task_no is null), for tasks of the same skill.
create table grants (
    id          int generated always as identity primary key,
    task_no     int references tasks (no),
    skill       text not null default '',
    kind        text not null check (kind in ('host', 'scope')),
    rule        jsonb not null,
    approval_id int references approvals (id),
    created_at  timestamptz not null default clock_timestamp(),
    revoked_at  timestamptz
);
create unique index grants_once on grants (coalesce(task_no, 0), skill, kind, rule) where revoked_at is null;

-- What a task has seen and used up. Labels and figures only grow.
alter table tasks
    add column labels    text[] not null default '{owner}',
    add column calls     int not null default 0,
    add column bytes_out bigint not null default 0,
    add column reached   text[] not null default '{}',
    add column waits_for text check (waits_for in ('approval', 'input')),
    add column base      jsonb,
    add column finishing jsonb;

-- Forwarded text was written by somebody else, the text of a chosen button by the model: neither counts as the owner's
-- words.
alter table messages
    add column is_forwarded boolean not null default false,
    add column is_chosen    boolean not null default false;
