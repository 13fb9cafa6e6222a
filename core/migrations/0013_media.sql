-- Files that came with a message, so that a turn can show its pictures; `has_foreign`: it carries data that the
-- owner did not write (a picture, a contact, a poll, words quoted from another chat).
alter table messages
    add column files bigint[] not null default '{}',
    add column has_foreign boolean not null default false;

-- What Telegram calls the file, and the name under which it lies among the owner's files.
alter table files
    add column kind text not null default 'document',
    add column kept_as text;

-- The further messages of an album; `message_id` is the first.
alter table outbox
    add column more_ids bigint[] not null default '{}';
create index outbox_albums on outbox using gin (more_ids) where more_ids <> '{}';
