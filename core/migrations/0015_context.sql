-- Orders of the owner's that hold until they are lifted. `hold` is what the policy kernel does to effects meanwhile;
-- `fingerprint` is the wording without case and punctuation: the same order stands once.
create table standing_rules (
    no          int generated always as identity primary key,
    text        text not null,
    fingerprint text not null,
    hold        text not null default 'none' check (hold in ('none', 'ask', 'deny')),
    source      text not null check (source in ('heard', 'model', 'command')),
    created_at  timestamptz not null default clock_timestamp(),
    lifted_at   timestamptz
);
create unique index standing_rules_in_force on standing_rules (fingerprint) where lifted_at is null;

-- `since`: where the conversation begins (/new moves it); the summary covers what lies between it and `up_to`.
-- `version` grows with every change, so that a summary made from older facts is not kept.
alter table summaries
    add column since   bigint not null default 0,
    add column version int not null default 0;
update summaries set since = up_to;

-- A summary may repeat what the owner made us forget. So it is thrown away with the message and made again from what is
-- left; one that is being made at that moment finds another version.
create function summaries_forget() returns trigger language plpgsql as $$
begin
    update summaries
    set up_to = case when new.id <= up_to then since else up_to end,
        text = case when new.id <= up_to then '' else text end,
        version = version + 1, updated_at = clock_timestamp()
    where chat_id = new.chat_id and new.id > since;
    return null;
end $$;
create trigger summaries_forget after update of text on messages
for each row when (new.text = '[forgotten]' and old.text <> new.text) execute function summaries_forget();
