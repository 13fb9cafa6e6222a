-- Work that repeats. Everything up to `last_time` has been decided; `next_time` is a copy of what the cadence says,
-- so that an idle look is one index probe.
create table schedules (
    id           int generated always as identity primary key,
    title        text not null,
    instructions text not null,
    cadence      jsonb not null,
    zone         text not null,
    skill        text not null default '',
    state        text not null default 'active' check (state in ('active', 'paused', 'disabled')),
    catch_up     text not null default 'run_once' check (catch_up in ('run_once', 'skip')),
    failures     int not null default 0,
    created_at   timestamptz not null,
    last_time    timestamptz not null,
    next_time    timestamptz
);
create index schedules_next on schedules (next_time) where state = 'active';

-- One row a time: a time that stands here cannot be claimed again. `outcome` is how its task ended.
create table schedule_runs (
    schedule_id int not null references schedules (id) on delete cascade,
    at          timestamptz not null,
    claimed_at  timestamptz not null,
    task_no     int references tasks (no),
    missed      int not null default 0,
    outcome     text,
    unique (schedule_id, at)
);
create index schedule_runs_open on schedule_runs (task_no) where outcome is null and task_no is not null;

-- Tasks that nobody asked for in the chat, and where they come from: `schedule`, `check` or `trigger`.
create table autonomous_tasks (
    task_no int primary key references tasks (no),
    source  text not null check (source in ('schedule', 'check', 'trigger')),
    name    text not null
);

-- What is remembered of each check of HEARTBEAT.md between beats.
create table check_states (
    name        text primary key,
    digest      text not null,
    last_run    timestamptz not null,
    look        text,
    factor      float8 not null default 1 check (factor >= 1),
    muted_until timestamptz,
    calls_today int not null default 0,
    cost_today  numeric(14, 8) not null default 0,
    day         text not null default '',
    is_paused   boolean not null default false
);

-- One row a model call of the beat, written before the call is made.
create table beat_runs (
    id       bigint generated always as identity primary key,
    at       timestamptz not null,
    day      text not null,
    checks   text[] not null,
    outcome  text not null default 'asked',
    cost_usd numeric(14, 8) not null default 0
);
create index beat_runs_day on beat_runs (day);

-- What checks said or started; `digest` keeps them from saying it again.
create table notices (
    id         bigint generated always as identity primary key,
    check_name text not null,
    digest     text not null,
    text       text not null,
    feedback   text check (feedback in ('useful', 'not_now', 'never')),
    at         timestamptz not null
);
create index notices_check on notices (check_name, id);

-- Outside events that start work. `permissions` is all that such work may do; `spec` is what the kind needs,
-- `position` how far its source was read.
create table triggers (
    name         text primary key,
    kind         text not null check (kind in ('webhook', 'file', 'mail', 'task')),
    secret_name  text not null default '',
    permissions  jsonb not null default '{}',
    spec         jsonb not null default '{}',
    instructions text not null default '',
    state        text not null default 'active' check (state in ('active', 'paused')),
    position     text not null default '',
    created_at   timestamptz not null
);

-- What arrived, once: `event_key` names the delivery, `digest` what was signed, where only that is proven.
create table trigger_events (
    id         bigint generated always as identity primary key,
    trigger    text not null references triggers (name) on delete cascade,
    event_key  text not null,
    digest     text not null,
    at         timestamptz not null,
    payload    text not null,
    handled_at timestamptz,
    outcome    text,
    task_no    int references tasks (no),
    unique (trigger, event_key),
    unique (trigger, digest)
);
create index trigger_events_open on trigger_events (id) where handled_at is null;
