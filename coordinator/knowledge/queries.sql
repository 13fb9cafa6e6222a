-- name: make_vectors
select knowledge_make_vectors()

-- name: current_digest
select digest from documents
where name = $1 and state <> 'failed' order by is_current limit 1

-- name: drop_coming
delete from documents where name = $1 and not is_current

-- name: add
insert into documents (name, digest, path, size, source, chat_id)
values ($1, $2, $3, $4, $5, $6) returning id

-- name: list
select id, name, state, size, pages, chunks, error,
       case when state = 'embedding' then chunks - (
           select count(*) from knowledge_unembedded u join knowledge_chunks c on c.id = u.chunk_id
           where c.document_id = d.id)
       else chunks end as done
from documents d order by name, is_current desc

-- name: leave
insert into documents_left (name, digest)
select distinct on (name) name, digest from documents where name = $1 and source = 'folder'
order by name, is_current
on conflict (name) do update set digest = excluded.digest

-- name: left
select name, digest from documents_left

-- name: name_of
select name from documents where id = $1

-- name: remove
delete from documents where name = $1 returning path

-- name: want
insert into documents_wanted (file_id, chat_id) values ($1, $2) on conflict do nothing

-- name: wanted
select w.file_id, w.chat_id, f.name, f.path, f.error from documents_wanted w join files f on f.id = w.file_id
where f.path is not null or f.error is not null order by w.file_id limit 1

-- name: had
delete from documents_wanted where file_id = $1

-- name: paths
select path from documents

-- name: folder_digests
select distinct on (name) name, digest, state from documents where source = 'folder' order by name, is_current

-- name: take
update documents set state = 'reading', taken = taken + 1
where id = (
    select id from documents where state in ('queued', 'reading') and due_at <= clock_timestamp()
    order by due_at, id limit 1
)
returning id, name, path, size, source, chat_id, taken, card

-- name: put_back
update documents set state = 'queued', taken = taken - $3::int,
    due_at = clock_timestamp() + $2 * interval '1 second'
where id = $1

-- name: fail
update documents set state = 'failed', error = $2 where id = $1 and state <> 'failed' returning name, chat_id

-- name: set_card
update documents set card = $2 where id = $1

-- name: lock_document
select name from documents where id = $1 and state = 'reading' for update

-- name: drop_chunks
delete from knowledge_chunks where document_id = $1

-- name: drop_postings
delete from knowledge_postings where document_id = $1

-- name: add_chunks
insert into knowledge_chunks (document_id, position, page, headings, text, terms)
select $1, c.position, c.page, string_to_array(c.headings, E'\n'), c.text, c.terms
from unnest($2::int[], $3::int[], $4::text[], $5::text[], $6::text[])
    as c (position, page, headings, text, terms)
order by c.position
returning id, position

-- name: add_posting
insert into knowledge_postings (term, document_id, segment, holding, chunk_ids, weights)
values ($1, $2, $3, cardinality($4::int[]), $4::int[], $5::real[])

-- name: to_be_embedded
insert into knowledge_unembedded (chunk_id) select id from knowledge_chunks where document_id = $1

-- name: drop_former
delete from documents where name = $1 and is_current and id <> $2 returning path

-- name: make_current
update documents set is_current = true, state = $2, chunks = $3, pages = $4, error = null,
    ready_at = case when $2 = 'ready' then clock_timestamp() end
where id = $1

-- name: due_to_embed
select u.chunk_id as id, c.text, c.headings from knowledge_unembedded u
join knowledge_chunks c on c.id = u.chunk_id
order by u.chunk_id limit $1

-- name: settle
update documents d set state = 'ready', ready_at = clock_timestamp()
where d.state = 'embedding' and not exists (
    select from knowledge_unembedded u join knowledge_chunks c on c.id = u.chunk_id
    where c.document_id = d.id
)
returning id, name, chat_id, card, pages, chunks

-- name: progress
select d.id, d.name, d.chat_id, d.card, d.chunks, d.pages, (
    select count(*) from knowledge_unembedded u join knowledge_chunks c on c.id = u.chunk_id
    where c.document_id = d.id) as missing
from documents d where d.state = 'embedding' order by d.id

-- name: keep_model
insert into knowledge_models (name) values ($1)
on conflict (name) do update set name = excluded.name returning id, is_present, has_center

-- name: present_model
select id, has_center from knowledge_models where name = $1

-- name: has_former_models
select exists (select from knowledge_models where name <> $1)

-- name: shares
select m.name, (select count(*) from knowledge_vectors v where v.model_id = m.id)::float8
    / greatest((select count(*) from knowledge_chunks), 1) as share
from knowledge_models m

-- name: make_present
update knowledge_models set is_present = (id = $1)

-- name: unembed_all
insert into knowledge_unembedded (chunk_id)
select c.id from knowledge_chunks c
where not exists (select from knowledge_vectors v where v.chunk_id = c.id and v.model_id = $1)
on conflict do nothing

-- What a model embedded before it was replaced need not be made again when it comes back.

-- name: unqueue_embedded
delete from knowledge_unembedded u using knowledge_vectors v
where v.chunk_id = u.chunk_id and v.model_id = $1

-- name: add_vectors
with wanted as (
    insert into knowledge_vectors (chunk_id, model_id, vec)
    select c.id, $1, n.vec::halfvec from unnest($2::int[], $3::text[]) as n (id, vec)
    join knowledge_chunks c on c.id = n.id
    on conflict (chunk_id, model_id) do update set vec = excluded.vec
    returning chunk_id, vec
), signs as (
    insert into knowledge_bits (chunk_id, model_id, bits)
    select w.chunk_id, $1, binary_quantize(w.vec - c.center)
    from wanted w join knowledge_centers c on c.model_id = $1
    on conflict (chunk_id, model_id) do update set bits = excluded.bits
)
delete from knowledge_unembedded where chunk_id = any($2::int[])

-- name: count_vectors
select count(*) from knowledge_vectors where model_id = $1

-- name: set_center
insert into knowledge_centers (model_id, center)
select $1, avg(vec) from (select vec from knowledge_vectors where model_id = $1 limit 5000) as sample
on conflict (model_id) do nothing

-- name: add_bits
insert into knowledge_bits (chunk_id, model_id, bits)
select v.chunk_id, v.model_id, binary_quantize(v.vec - c.center)
from knowledge_vectors v join knowledge_centers c on c.model_id = v.model_id
where v.model_id = $1
on conflict do nothing

-- name: has_center
update knowledge_models set has_center = true where id = $1

-- name: drop_other_models
delete from knowledge_models where not is_present and not exists (select from knowledge_unembedded)

-- Chunks, postings and vectors are those of current documents: they come in the commit that makes theirs current, and
-- go with it. So a search need not look at the documents.

-- The rows without an id are the question's words that any document holds, with what each counts
-- (as in coordinator/knowledge/terms.py). The rarest whose postings stay within $2 choose the chunks; one at least.

-- name: by_words
with counted as (
    select p.term, sum(p.holding)::bigint as holding
    from knowledge_postings p
    where p.term = any($1::text[])
    group by p.term
), valued as materialized (
    select term, ln(1 + (total.chunks - holding + 0.5) / (holding + 0.5))::real as worth,
           row_number() over rarest = 1 or sum(holding) over rarest <= $2::bigint as is_chosen
    from counted
    cross join (select coalesce(sum(chunks), 0)::float8 as chunks from documents where is_current) as total
    window rarest as (order by holding, term)
), hits as (
    select u.chunk_id, sum(u.score) as score
    from (
        select unnest(p.chunk_ids) as chunk_id, unnest(p.weights) * v.worth as score
        from valued v
        join knowledge_postings p on p.term = v.term
        where v.is_chosen
    ) as u
    group by u.chunk_id
    order by score desc, u.chunk_id limit $3
), found as (
    select h.chunk_id as id, h.score::float8, c.document_id, c.position, c.terms
    from hits h join knowledge_chunks c on c.id = h.chunk_id
    order by h.score desc, h.chunk_id
)
select id, score, document_id, position, terms from found
union all
select null, worth::float8, null, null, term from valued

-- The question is a subselect everywhere, so that it is made once and not for each row.

-- name: by_vector
with best as materialized (
    select v.chunk_id, v.vec <#> (select $2::text::halfvec) as distance
    from knowledge_vectors v
    where v.model_id = $1
    order by distance, v.chunk_id limit $3
)
select best.chunk_id as id, -best.distance as score, c.document_id, c.position, '' as terms
from best
join knowledge_chunks c on c.id = best.chunk_id
order by best.distance, best.chunk_id

-- name: by_bits
with near as materialized (
    select b.chunk_id from knowledge_bits b
    where b.model_id = $1
    order by b.bits <~> (select binary_quantize(
        $2::text::halfvec - (select c.center from knowledge_centers c where c.model_id = $1)))
    limit $4
), best as materialized (
    select v.chunk_id, v.vec <#> (select $2::text::halfvec) as distance
    from knowledge_vectors v
    where v.chunk_id = any(array(select near.chunk_id from near)) and v.model_id = $1
    order by distance, v.chunk_id limit $3
)
select best.chunk_id as id, -best.distance as score, c.document_id, c.position, '' as terms
from best
join knowledge_chunks c on c.id = best.chunk_id
order by best.distance, best.chunk_id

-- name: passages
select c.id, c.document_id, d.name as document, c.position, c.text, c.page, c.headings
from knowledge_chunks c join documents d on d.id = c.document_id
where c.id = any($1::int[])

-- name: around
select c.id, c.document_id, d.name as document, c.position, c.text, c.page, c.headings
from knowledge_chunks c join documents d on d.id = c.document_id
join knowledge_chunks me on me.document_id = c.document_id and abs(c.position - me.position) <= $2
where me.id = $1 order by c.position

-- name: is_empty
select not exists (select from documents where is_current)

-- name: asks_center
select has_center from knowledge_models where id = $1
