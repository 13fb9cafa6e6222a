-- Facts about this instance: its id, its owner, the claim link, the bot's identity.
create table instance (
    name  text primary key,
    value jsonb not null
);

-- What Telegram delivered, word for word, committed before the offset moves.
-- `payload` is text, not jsonb: a malformed update must be kept, too.
create table inbox (
    update_id   bigint primary key,
    payload     text not null,
    received_at timestamptz not null default clock_timestamp(),
    handled_at  timestamptz,
    error       text
);
create index inbox_waiting on inbox (update_id) where handled_at is null;

-- One pass of the coordinator. A row exists from the turn's first act (tool call, streamed text) or its answer;
-- `steps` is the transcript since the owner's messages, so that a restart goes on instead of acting again.
create table turns (
    id         bigint generated always as identity primary key,
    chat_id    bigint not null,
    state      text not null check (state in ('open', 'done')),
    steps      jsonb not null default '[]',
    started_at timestamptz not null default clock_timestamp(),
    ended_at   timestamptz
);
create unique index turns_open on turns (chat_id) where state = 'open';

-- The conversation as the coordinator sees it.
create table messages (
    id          bigint generated always as identity primary key,
    chat_id     bigint not null,
    role        text not null check (role in ('owner', 'assistant', 'event')),
    telegram_id bigint,
    text        text not null,
    corrects    bigint,
    reply_to    bigint,
    album       text,
    hold_until  timestamptz,
    turn_id     bigint references turns (id),
    created_at  timestamptz not null default clock_timestamp()
);
create index messages_chat on messages (chat_id, id);
create index messages_new on messages (chat_id, id) where role = 'owner' and turn_id is null;
create unique index messages_telegram on messages (chat_id, telegram_id)
    where role = 'owner' and corrects is null;

-- What has been said before the messages that a prompt still carries in full.
create table summaries (
    chat_id    bigint primary key,
    up_to      bigint not null,
    text       text not null,
    updated_at timestamptz not null default clock_timestamp()
);

-- Documents that the owner sent.
create table files (
    id          bigint generated always as identity primary key,
    chat_id     bigint not null,
    telegram_id bigint not null,
    file_id     text not null,
    name        text not null,
    mime        text,
    size        bigint not null,
    path        text,
    error       text,
    created_at  timestamptz not null default clock_timestamp(),
    unique (chat_id, telegram_id, file_id)
);

-- Everything that goes to Telegram and must arrive. `after_id` is the newest message id known when a send began:
-- a send whose answer was lost is looked for above it before it is repeated.
create table outbox (
    id         bigint generated always as identity primary key,
    chat_id    bigint not null,
    key        text unique,
    method     text not null,
    payload    jsonb not null,
    edit_of    bigint references outbox (id),
    task_no    int,
    state      text not null default 'queued' check (state in ('queued', 'sending', 'sent', 'failed')),
    attempts   int not null default 0,
    after_id   bigint,
    message_id bigint,
    error      text,
    created_at timestamptz not null default clock_timestamp(),
    sent_at    timestamptz
);
create index outbox_waiting on outbox (id) where state in ('queued', 'sending');
create index outbox_message on outbox (chat_id, message_id);

create table tasks (
    no                  int generated always as identity primary key,
    kind                text not null check (kind in ('shell', 'agent')),
    title               text not null,
    instructions        text not null,
    chat_id             bigint not null,
    origin_message_id   bigint,
    turn_id             bigint references turns (id),
    input_files         jsonb not null default '[]',
    state               text not null default 'queued'
        check (state in ('queued', 'running', 'waiting', 'done', 'failed', 'cancelled', 'unknown')),
    fence               int not null default 0,
    host                text,
    slot                text,
    lease_until         timestamptz,
    cancel_requested_at timestamptz,
    progress            text,
    question            text,
    question_step       int,
    result              text,
    reason              text,
    result_files        jsonb not null default '[]',
    created_at          timestamptz not null default clock_timestamp(),
    started_at          timestamptz,
    ended_at            timestamptz,
    reported_at         timestamptz,
    card_shown          text
);
create index tasks_queued on tasks (no) where state = 'queued';
create index tasks_live on tasks (host) where state in ('running', 'waiting');
create index tasks_unreported on tasks (no)
    where state in ('done', 'failed', 'cancelled', 'unknown') and reported_at is null;

-- Checkpoints: a step is written before its tool runs and completed after.
create table task_steps (
    task_no   int not null references tasks (no),
    index     int not null,
    tool      text not null,
    arguments jsonb not null,
    result    text,
    begun_at  timestamptz not null default clock_timestamp(),
    ended_at  timestamptz,
    primary key (task_no, index)
);

-- What the owner says to a task: steering, or the answer to its question.
create table task_inputs (
    id         bigint generated always as identity primary key,
    task_no    int not null references tasks (no),
    kind       text not null check (kind in ('steer', 'answer')),
    text       text not null,
    step       int,
    key        text unique,
    created_at timestamptz not null default clock_timestamp()
);
create index task_inputs_task on task_inputs (task_no, id);

create table hosts (
    host    text primary key,
    status  text not null,
    detail  text not null,
    seen_at timestamptz not null default clock_timestamp()
);

create table usage (
    id                bigint generated always as identity primary key,
    at                timestamptz not null default clock_timestamp(),
    role              text not null,
    model             text not null,
    purpose           text not null,
    task_no           int,
    turn_id           bigint,
    prompt_tokens     int not null default 0,
    completion_tokens int not null default 0,
    cost_usd          numeric(14, 8) not null default 0,
    outcome           text not null
);
create index usage_task on usage (task_no) where task_no is not null;
create index usage_at on usage (at);

-- Every version holds all changed settings; secrets inside are sealed.
create table config_versions (
    version    int generated always as identity primary key,
    at         timestamptz not null default clock_timestamp(),
    actor      text not null,
    note       text not null,
    overrides  jsonb not null
);
