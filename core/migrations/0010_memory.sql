-- What the agent remembers. `key` names where a memory came from, so that nothing is kept twice: the update of a command,
-- or a message and the digest of what was taken from it. `superseded_by` is the memory that says otherwise by now.
create table memories (
    id            bigint generated always as identity primary key,
    layer         text not null check (layer in ('fact', 'preference', 'episode', 'note')),
    text          text not null,
    label         text not null check (label in ('owner', 'private', 'untrusted')),
    state         text not null default 'active' check (state in ('active', 'superseded', 'quarantined')),
    message_id    bigint references messages (id) on delete set null,
    key           text not null unique,
    superseded_by bigint references memories (id) on delete set null,
    expires_at    timestamptz,
    created_at    timestamptz not null default clock_timestamp()
);
create index memories_state on memories (state, id);
create index memories_history on memories (superseded_by) where superseded_by is not null;
create index memories_expiry on memories (expires_at) where expires_at is not null;

-- All that is left of a memory that was forgotten.
create table memories_forgotten (
    id           bigint primary key,
    forgotten_at timestamptz not null default clock_timestamp()
);

-- Work for the background, put here by the commit that caused it and taken out by the commit that did it.
create table memory_queue (
    message_id bigint not null references messages (id) on delete cascade,
    work       text not null check (work in ('index', 'extract')),
    attempts   int not null default 0,
    due_at     timestamptz not null default clock_timestamp(),
    primary key (work, message_id)
);

-- What can be searched: one passage for each active memory and for each message. (talk, place) tells what stands
-- beside what: a talk is a run of messages without a long pause.
create table memory_passages (
    id         bigint generated always as identity primary key,
    memory_id  bigint unique references memories (id) on delete cascade,
    message_id bigint unique references messages (id) on delete cascade,
    is_memory  boolean not null generated always as (memory_id is not null) stored,
    role       text not null default 'owner',
    label      text not null,
    text       text not null,
    words      int not null,
    tsv        tsvector not null,
    talk       bigint,
    place      int,
    at         timestamptz not null default clock_timestamp()
) with (toast_tuple_target = 8160);
create index memory_passages_tsv on memory_passages using gin (tsv);
create index memory_passages_place on memory_passages (talk, place);

-- In how many passages each word stands, and how long passages are: what BM25 needs, always exact.
create table memory_words (
    lexeme   text primary key,
    passages bigint not null
);
create table memory_totals (
    passages bigint not null,
    words    bigint not null
);
insert into memory_totals values (0, 0);

-- Passages without a vector of the present model.
create table memory_unembedded (
    passage_id bigint primary key references memory_passages (id) on delete cascade,
    attempts   int not null default 0,
    due_at     timestamptz not null default clock_timestamp()
);

create function memory_passages_added() returns trigger language plpgsql as $$
begin
    insert into memory_words as known (lexeme, passages)
    select word.lexeme, count(*) from added, unnest(added.tsv) as word
    group by word.lexeme order by word.lexeme
    on conflict (lexeme) do update set passages = known.passages + excluded.passages;
    insert into memory_unembedded (passage_id) select id from added;
    update memory_totals
    set passages = memory_totals.passages + (select count(*) from added),
        words = memory_totals.words + (select coalesce(sum(added.words), 0) from added);
    return null;
end $$;

create function memory_passages_gone() returns trigger language plpgsql as $$
begin
    update memory_words as known set passages = known.passages - less.passages
    from (
        select word.lexeme, count(*) as passages from gone, unnest(gone.tsv) as word
        group by word.lexeme order by word.lexeme
    ) as less
    where known.lexeme = less.lexeme;
    delete from memory_words
    where passages <= 0 and lexeme in (select word.lexeme from gone, unnest(gone.tsv) as word);
    update memory_totals
    set passages = memory_totals.passages - (select count(*) from gone),
        words = memory_totals.words - (select coalesce(sum(gone.words), 0) from gone);
    return null;
end $$;

create trigger memory_passages_added after insert on memory_passages
referencing new table as added for each statement execute function memory_passages_added();
create trigger memory_passages_gone after delete on memory_passages
referencing old table as gone for each statement execute function memory_passages_gone();

-- Embedding models that made vectors here. Vectors are compared in full where there are few; where there are many, the
-- signs of their distances from `center` (384 bits instead of 384 numbers) choose candidates first.
create table memory_models (
    id         smallint generated always as identity primary key,
    name       text not null unique,
    dimension  int not null,
    is_present boolean not null default false,
    has_center boolean not null default false
);

-- Needs pgvector; a database without it has full text only. Called again at each start, so that it may come later.
create function memory_make_vectors() returns boolean language plpgsql as $$
begin
    if to_regclass('memory_vectors') is not null then
        return true;
    end if;
    if not exists (select from pg_extension where extname = 'vector') then
        begin
            create extension vector;
        exception when others then
            return false;
        end;
    end if;
    begin
        execute 'create table memory_vectors (
            passage_id bigint not null references memory_passages (id) on delete cascade,
            model_id   smallint not null references memory_models (id) on delete cascade,
            is_memory  boolean not null,
            vec        halfvec not null,
            primary key (passage_id, model_id)
        ) with (toast_tuple_target = 8160)';
        execute 'alter table memory_vectors alter column vec set storage main';
        execute 'create table memory_bits (
            passage_id bigint not null references memory_passages (id) on delete cascade,
            model_id   smallint not null references memory_models (id) on delete cascade,
            is_memory  boolean not null,
            bits       bit varying not null,
            primary key (passage_id, model_id)
        )';
        execute 'create table memory_centers (
            model_id smallint primary key references memory_models (id) on delete cascade,
            center   halfvec not null
        )';
    exception when undefined_object then
        return false;
    end;
    return true;
end $$;
select memory_make_vectors();

-- What was said before this file ran can be searched, too.
insert into memory_queue (message_id, work)
select id, 'index' from messages where role in ('owner', 'assistant') and (role <> 'owner' or turn_id is not null);
