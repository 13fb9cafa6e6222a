-- name: make_vectors
select memory_make_vectors()

-- name: add_memory
insert into memories (layer, text, label, state, message_id, key, expires_at)
values ($1, $2, $3, $4, $5, $6,
        case when $1 = 'note' then clock_timestamp() + $7 * interval '1 day' end)
on conflict (key) do nothing
returning id

-- name: same_memory
select id from memories
where state = 'active' and lower(btrim(text, E' \t\n.!')) = lower(btrim($1, E' \t\n.!'))
order by id limit 1

-- name: supersede
update memories set state = 'superseded', superseded_by = $2
where id = $1 and state = 'active' and id <> $2
returning id

-- name: unindex_memory
delete from memory_passages where memory_id = $1

-- name: index_memory
insert into memory_passages (memory_id, role, label, text, words, tsv, at)
select id, 'owner', label, text, length(to_tsvector('english', text)), to_tsvector('english', text), created_at
from memories where id = $1 and state = 'active'
on conflict do nothing

-- name: get
select id, layer, text, label, state, message_id, superseded_by, expires_at, created_at
from memories where id = $1

-- name: several
select id, layer, text, label, state, message_id, superseded_by, expires_at, created_at
from memories where id = any($1::bigint[]) order by id

-- name: newest
select id, layer, text, label, state, message_id, superseded_by, expires_at, created_at
from memories where state = $1 order by id desc limit $2

-- name: all
select id, layer, text, label, state, message_id, superseded_by, expires_at, created_at
from memories order by id

-- name: history
with recursive earlier as (
    select id from memories where superseded_by = $1
    union
    select memories.id from memories join earlier on memories.superseded_by = earlier.id
)
select id, layer, text, label, state, message_id, superseded_by, expires_at, created_at
from memories where id in (select id from earlier) order by id desc

-- name: counts
select count(*) filter (where state = 'active') as active,
       count(*) filter (where state = 'quarantined') as quarantined,
       count(*) filter (where state = 'superseded') as superseded
from memories

-- name: edit
update memories set text = $2, label = 'owner' where id = $1 and state = 'active' returning id

-- name: confirm
update memories set state = 'active', label = 'owner' where id = $1 and state = 'quarantined' returning id

-- name: keys
select id, text, key from memories where id = any($1::bigint[])

-- name: forget
with recursive line as (
    select id from memories where id = $1
    union
    select memories.id from memories join line on memories.superseded_by = line.id
), gone as (
    delete from memories where id in (select id from line) returning id
)
insert into memories_forgotten (id) select id from gone on conflict do nothing
returning id

-- name: forget_expired
with gone as (
    delete from memories where expires_at < clock_timestamp() returning id
)
insert into memories_forgotten (id) select id from gone on conflict do nothing

-- name: queue_turn
insert into memory_queue (message_id, work, due_at)
select id, 'index', clock_timestamp() from messages where turn_id = $1 and role in ('owner', 'assistant')
union all
select id, 'extract', clock_timestamp() + $3 * interval '1 second' from messages
where turn_id = $1 and role = 'owner' and not is_forwarded and not is_chosen and $2
on conflict do nothing

-- name: waiting
select count(*) filter (where work = 'index') as to_index,
       count(*) filter (where work = 'extract') as to_extract,
       (select count(*) from memory_unembedded) as to_embed,
       count(*) filter (where attempts > 0)
           + (select count(*) from memory_unembedded where attempts > 0) as failed
from memory_queue

-- name: due_to_index
select m.id, m.chat_id, m.role, m.text, m.is_forwarded, m.created_at from memory_queue q
join messages m on m.id = q.message_id
where q.work = 'index' and q.due_at <= clock_timestamp()
order by q.message_id limit $1

-- name: last_place
select p.talk, p.place, p.at from memory_passages p
join messages m on m.id = p.message_id
where m.chat_id = $1 and p.message_id < $2
order by p.message_id desc limit 1

-- name: index_message
insert into memory_passages (message_id, role, label, text, words, tsv, talk, place, at)
select $1, $2, $3, $4, length(to_tsvector('english', $4)), to_tsvector('english', $4), $5, $6, $7
where exists (select from messages where id = $1)
on conflict (message_id) do nothing

-- name: done
delete from memory_queue where work = $1 and message_id = any($2::bigint[]) returning message_id

-- name: due_to_extract
select m.id as message_id, m.text, m.created_at as at, m.corrects is not null as is_correction,
       q.attempts
from memory_queue q
join messages m on m.id = q.message_id
where q.work = 'extract' and (
    q.due_at <= clock_timestamp()
    -- What is new goes along with what is due: one call for all that was said in between.
    or q.attempts = 0 and exists (
        select 1 from memory_queue d
        where d.work = 'extract' and d.attempts = 0 and d.due_at <= clock_timestamp()))
order by q.attempts, q.message_id limit $1

-- name: put_off
update memory_queue
set attempts = attempts + 1,
    due_at = clock_timestamp() + least(3600, 5 * power(2, least(attempts, 12))) * interval '1 second'
where work = $1 and message_id = any($2::bigint[])

-- name: counts_of_words
select asked.lexeme, coalesce(known.passages, 0) as passages, totals.passages as total,
       totals.words::float8 / greatest(totals.passages, 1) as average
from (select lexeme from unnest(to_tsvector('english', $1))) asked
left join memory_words known on known.lexeme = asked.lexeme
cross join memory_totals totals

-- name: search_text
select p.id, (
           select sum(term.weight * ts_rank('{1,1,1,1}', p.tsv, term.query))
           from unnest($2::text[]::tsquery[], $3::float8[]) as term (query, weight)
       ) / (0.8::float8 + 0.2::float8 * p.words / greatest($4::float8, 1)) as score
from memory_passages p
where p.tsv @@ $1::text::tsquery
  and ($5::boolean is null or p.is_memory = $5)
  and ($6::bigint is null or p.message_id is null or p.message_id < $6)
order by score desc, p.id limit $7

-- name: search_plainly
select p.id, 1.0::float8 as score from memory_passages p
where p.text ilike $1 and ($2::boolean is null or p.is_memory = $2)
order by p.id desc limit $3

-- name: search_all_vectors
select near.id, -near.distance as score
from (
    -- The inner selects stand alone so that they are worked out once, not for every row.
    select v.passage_id as id, v.vec <#> (select $2::text::halfvec) as distance
    from memory_vectors v
    where v.model_id = $1 and ($3::boolean is null or v.is_memory = $3)
    order by distance, v.passage_id limit $4
) as near order by near.distance, near.id

-- name: search_bits
with near as materialized (
    select b.passage_id from memory_bits b
    where b.model_id = $1 and ($3::boolean is null or b.is_memory = $3)
    order by b.bits <~> (
        select binary_quantize($2::text::halfvec - c.center) from memory_centers c where c.model_id = $1)
    limit $5
)
select best.id, -best.distance as score
from (
    select v.passage_id as id, v.vec <#> (select $2::text::halfvec) as distance
    from memory_vectors v
    where v.passage_id = any(array(select near.passage_id from near)) and v.model_id = $1
    order by distance, v.passage_id limit $4
) as best order by best.distance, best.id

-- name: beside
select hit.id, other.id as neighbour, other.place - hit.place as step
from memory_passages hit
join memory_passages other
  on other.talk = hit.talk and other.place between hit.place - $2 and hit.place + $2 and other.id <> hit.id
where hit.id = any($1::bigint[]) and ($3::bigint is null or other.message_id < $3)

-- name: passages
select p.id, p.text, p.role, p.label, p.at, p.memory_id, p.message_id, m.layer
from memory_passages p left join memories m on m.id = p.memory_id
where p.id = any($1::bigint[])

-- name: model
insert into memory_models (name, dimension) values ($1, $2)
on conflict (name) do update set name = excluded.name
returning id, is_present, dimension

-- name: set_dimension
update memory_models set dimension = $2, has_center = false where id = $1

-- name: drop_vectors
delete from memory_vectors where model_id = $1

-- name: drop_bits
delete from memory_bits where model_id = $1

-- name: drop_center
delete from memory_centers where model_id = $1

-- name: model_by_name
select id, name, dimension, has_center from memory_models where name = $1

-- name: has_former_models
select exists (select from memory_models where name <> $1)

-- name: shares
select m.name, (select count(*) from memory_vectors v where v.model_id = m.id)::float8
    / greatest((select passages from memory_totals), 1) as share
from memory_models m

-- name: make_present
update memory_models set is_present = (id = $1)

-- name: unembed_all
insert into memory_unembedded (passage_id)
select p.id from memory_passages p
where not exists (select from memory_vectors v where v.passage_id = p.id and v.model_id = $1)
on conflict do nothing

-- What a model embedded before it was replaced need not be made again when it comes back.

-- name: unqueue_embedded
delete from memory_unembedded u using memory_vectors v
where v.passage_id = u.passage_id and v.model_id = $1

-- name: due_to_embed
select p.id, p.text, u.attempts from memory_unembedded u join memory_passages p on p.id = u.passage_id
where u.due_at <= clock_timestamp()
order by u.attempts, u.passage_id desc limit $1

-- name: put_off_embedding
update memory_unembedded
set attempts = attempts + 1,
    due_at = clock_timestamp() + least(3600, 5 * power(2, least(attempts, 12))) * interval '1 second'
where passage_id = any($1::bigint[])

-- name: add_vectors
with wanted as (
    select p.id, p.is_memory, given.vec::halfvec as vec
    from unnest($2::bigint[], $3::text[]) as given (id, vec)
    join memory_passages p on p.id = given.id
    for key share of p
), added as (
    insert into memory_vectors (passage_id, model_id, is_memory, vec)
    select id, $1, is_memory, vec from wanted
    on conflict (passage_id, model_id) do update set vec = excluded.vec
), signs as (
    insert into memory_bits (passage_id, model_id, is_memory, bits)
    select w.id, $1, w.is_memory, binary_quantize(w.vec - c.center)
    from wanted w join memory_centers c on c.model_id = $1
    on conflict (passage_id, model_id) do update set bits = excluded.bits
)
delete from memory_unembedded where passage_id = any($2::bigint[])

-- name: count_vectors
select count(*) from memory_vectors where model_id = $1

-- name: lock_vectors
lock table memory_vectors in share row exclusive mode

-- name: set_center
insert into memory_centers (model_id, center)
select $1, avg(vec) from memory_vectors where model_id = $1
on conflict (model_id) do nothing

-- name: add_bits
insert into memory_bits (passage_id, model_id, is_memory, bits)
select v.passage_id, v.model_id, v.is_memory, binary_quantize(v.vec - c.center)
from memory_vectors v join memory_centers c on c.model_id = v.model_id
where v.model_id = $1
on conflict do nothing

-- name: has_center
update memory_models set has_center = true where id = $1

-- name: drop_other_models
delete from memory_models where not is_present and not exists (select from memory_unembedded)

-- name: own_messages
select text from messages
where id = any($1::bigint[]) and role = 'owner' and not is_forwarded and not is_chosen

-- name: forget_messages
with passages as (delete from memory_passages where message_id = any($1::bigint[])),
     work as (delete from memory_queue where message_id = any($1::bigint[]))
update messages set text = '[forgotten]' where id = any($1::bigint[]) returning id

-- name: has_older
select exists (select from memory_passages where is_memory) or exists (select from memory_passages where message_id < $1)
