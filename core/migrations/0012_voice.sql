-- Speech of the owner that is to become text. The update itself lies in the inbox; a row that waits is listened to
-- again after a crash, and what it says enters the conversation in the commit that ends the row.
create table voice_notes (
    update_id   bigint primary key,
    chat_id     bigint not null,
    telegram_id bigint not null,
    state       text not null default 'waiting' check (state in ('waiting', 'heard', 'failed')),
    attempts    int not null default 0,
    language    text,
    seconds     real,
    error       text,
    created_at  timestamptz not null default clock_timestamp(),
    ended_at    timestamptz
);
create index voice_notes_waiting on voice_notes (update_id) where state = 'waiting';

-- When each chat is answered aloud, by which voice, and what the owner was last told about why not.
create table voice_chats (
    chat_id    bigint primary key,
    mode       text not null default 'off' check (mode in ('off', 'auto', 'always')),
    engine     text not null default '',
    voice      text not null default '',
    voice_name text not null default '',
    trouble    text not null default ''
);

-- What is to be said aloud: an answer of a turn, or a sample of a voice.
create table voice_replies (
    id         bigint generated always as identity primary key,
    key        text unique,
    chat_id    bigint not null,
    text       text not null,
    engine     text not null default '',
    voice      text not null default '',
    voice_name text not null default '',
    is_sample  boolean not null default false,
    state      text not null default 'waiting' check (state in ('waiting', 'spoken', 'failed')),
    attempts   int not null default 0,
    error      text,
    created_at timestamptz not null default clock_timestamp(),
    ended_at   timestamptz
);
create index voice_replies_waiting on voice_replies (id) where state = 'waiting';

-- Heard, not typed: what a recogniser understood counts as said, but never as the owner's literal words (policy).
alter table messages add column is_spoken boolean not null default false;
