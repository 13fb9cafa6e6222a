-- The owner's documents. Of each name one row is current and answers; a newer one stands beside it until it can answer,
-- then takes its place in one commit. `taken` counts the times that reading began, `card` is the outbox row that shows
-- how far a long one is.
create table documents (
    id         bigint generated always as identity primary key,
    name       text not null,
    digest     text not null,
    path       text not null,
    size       bigint not null,
    source     text not null check (source in ('chat', 'folder')),
    chat_id    bigint,
    state      text not null default 'queued'
               check (state in ('queued', 'reading', 'embedding', 'ready', 'failed')),
    is_current boolean not null default false,
    error      text,
    pages      int,
    chunks     int not null default 0,
    taken      int not null default 0,
    due_at     timestamptz not null default clock_timestamp(),
    card       bigint,
    added_at   timestamptz not null default clock_timestamp(),
    ready_at   timestamptz
);
create unique index documents_current on documents (name) where is_current;
create unique index documents_coming on documents (name) where not is_current;

-- Files that the owner sent and wants to become documents; they go in once they are fetched.
create table documents_wanted (
    file_id bigint primary key references files (id) on delete cascade,
    chat_id bigint not null
);

-- What the owner removed although its file still lies in the folder: the same file does not come back by itself.
create table documents_left (
    name   text primary key,
    digest text not null
);

-- Chunks lie one after another: position 0, 1, 2, … and their texts together are the document's. `terms` are the words
-- of the full text search in order, for phrases.
create table knowledge_chunks (
    id          int generated always as identity primary key,
    document_id bigint not null references documents (id) on delete cascade,
    position    int not null,
    page        int,
    headings    text[] not null,
    text        text not null,
    terms       text not null,
    unique (document_id, position)
);

-- Of each word in each run of chunks of a document: the chunks that hold it and what it is worth there (see coordinator/knowledge/terms.py).
create table knowledge_postings (
    term        text not null,
    document_id bigint not null references documents (id) on delete cascade,
    segment     int not null,
    holding     int not null,
    chunk_ids   int[] not null,
    weights     real[] not null,
    primary key (term, document_id, segment)
);
create index knowledge_postings_document on knowledge_postings (document_id);

-- Embedding models that made vectors here. Where there are many vectors, the signs of their distances from `center`
-- choose candidates, which are then compared in full.
create table knowledge_models (
    id         smallint generated always as identity primary key,
    name       text not null unique,
    is_present boolean not null default false,
    has_center boolean not null default false
);

-- Chunks that the present model still has to embed.
create table knowledge_unembedded (
    chunk_id int primary key references knowledge_chunks (id) on delete cascade
);

-- Needs pgvector; a database without it has full text only. Called again at each start, so that it may come later.
create function knowledge_make_vectors() returns boolean language plpgsql as $$
begin
    if to_regclass('knowledge_vectors') is not null then
        return true;
    end if;
    begin
        create extension if not exists vector;
        execute 'create table knowledge_vectors (
            chunk_id int not null references knowledge_chunks (id) on delete cascade,
            model_id smallint not null references knowledge_models (id) on delete cascade,
            vec      halfvec not null,
            primary key (chunk_id, model_id)
        ) with (toast_tuple_target = 8160)';
        execute 'alter table knowledge_vectors alter column vec set storage plain';
        execute 'create table knowledge_bits (
            chunk_id int not null references knowledge_chunks (id) on delete cascade,
            model_id smallint not null references knowledge_models (id) on delete cascade,
            bits     bit varying not null,
            primary key (chunk_id, model_id)
        )';
        execute 'create table knowledge_centers (
            model_id smallint primary key references knowledge_models (id) on delete cascade,
            center   halfvec not null
        )';
    exception when others then
        return false;
    end;
    return true;
end $$;
select knowledge_make_vectors();
