-- name: add_message
insert into messages (chat_id, role, telegram_id, text, corrects, reply_to, album, is_forwarded, is_chosen, files, has_foreign,
                      is_spoken, hold_until)
values ($1, $2, $3, $4, $5, $6, $7, $9, $10, $11, $12, $13,
        case when $8::float8 > 0 then clock_timestamp() + $8 * interval '1 second' end)
on conflict do nothing
returning id

-- name: find_owner_message
select id, text, coalesce(corrects, id) as original, is_forwarded, files, has_foreign, is_spoken from messages
where chat_id = $1 and telegram_id = $2 and role = 'owner'
order by id desc limit 1

-- name: replace_pending_text
update messages set text = $2 where id = $1 and turn_id is null returning id

-- name: refresh_text
update messages set text = $2 where id = $1 and turn_id is not null

-- name: join_album
update messages
set text = text || E'\n' || $3, hold_until = clock_timestamp() + $4 * interval '1 second',
    files = files || $5::bigint[], has_foreign = has_foreign or $6
where id = (
    select id from messages
    where chat_id = $1 and album = $2 and role = 'owner' and turn_id is null
    order by id desc limit 1
)
returning id

-- name: newest_pending
select id, text, telegram_id, hold_until > clock_timestamp() as is_held from messages
where chat_id = $1 and role = 'owner' and turn_id is null and corrects is null and album is null
  and not is_forwarded
order by id desc limit 1

-- name: append_pending
update messages
set text = text || $2,
    hold_until = case when $3::float8 > 0 then clock_timestamp() + $3 * interval '1 second' end
where id = $1 and turn_id is null
returning id

-- name: next_work
-- The open turn if there is one, else the pending messages; never more than one statement.
select o.id as turn_id, o.steps, m.id, m.telegram_id, m.text, m.corrects is not null as is_correction,
       m.is_forwarded, m.files,
       greatest(
           extract(epoch from m.hold_until - clock_timestamp()),
           case when exists (
               select 1 from files f
               where f.chat_id = $1 and f.path is null and f.error is null
                 and f.created_at > clock_timestamp() - interval '1 minute'
           ) then 0.25 end
       )::float8 as held_s
from (select) as always
left join turns o on o.chat_id = $1 and o.state = 'open'
left join lateral (
    -- Two branches, not one condition: so the pending ones are found by their index.
    select * from messages where o.id is null and chat_id = $1 and role = 'owner' and turn_id is null
    union all
    select * from messages where o.id is not null and chat_id = $1 and role = 'owner' and turn_id = o.id
) m on true
order by m.id

-- name: start_turn
with started as (insert into turns (chat_id, state) values ($1, 'open') returning id),
     claimed as (
         -- Only as the turn saw them: what was corrected or grew meanwhile makes it begin anew.
         update messages m set turn_id = (select id from started)
         from unnest($2::bigint[], $3::text[], $4::int[]) as seen (id, text, files)
         where m.id = seen.id and m.turn_id is null and cardinality(m.files) = seen.files
           and (m.is_forwarded or m.text = seen.text)
         returning m.id)
select id, (select count(*) from claimed) as claimed from started

-- name: save_steps
update turns set steps = $2 where id = $1

-- name: answer_new
with started as (
         insert into turns (chat_id, state, ended_at) values ($1, 'done', clock_timestamp()) returning id),
     claimed as (
         -- Only as the turn saw them: what was corrected or grew meanwhile makes it begin anew.
         update messages m set turn_id = (select id from started)
         from unnest($2::bigint[], $3::text[], $4::int[]) as seen (id, text, files)
         where m.id = seen.id and m.turn_id is null and cardinality(m.files) = seen.files
           and (m.is_forwarded or m.text = seen.text)
         returning m.id),
     said as (
         insert into messages (chat_id, role, text, turn_id)
         select $1, 'assistant', $5, id from started)
select id, (select count(*) from claimed) as claimed from started

-- name: answer_open
with ended as (update turns set state = 'done', ended_at = clock_timestamp() where id = $2),
     said as (insert into messages (chat_id, role, text, turn_id) values ($1, 'assistant', $3, $2))
select 1

-- name: history
select id, role, text, is_correction, is_forwarded from (
    select id, role, text, corrects is not null as is_correction, is_forwarded from messages
    where chat_id = $1 and (role <> 'owner' or turn_id is not null)
      and ($2::bigint is null or turn_id is distinct from $2)
      and id > coalesce((select since from summaries where chat_id = $1), 0)
    order by id desc limit 400
) newest order by id

-- name: around
select coalesce((select text from summaries where chat_id = $1), '') as summary,
       exists (select from standing_rules where lifted_at is null) as has_rules,
       exists (select from tasks where not is_quiet) as has_tasks,
       exists (select from tasks where not is_quiet and state = 'queued')
           or exists (select from tasks where not is_quiet and state in ('running', 'waiting')) as has_live_tasks,
       exists (select from documents where is_current) as has_documents,
       exists (select from files where chat_id = $1 and path is not null
                 and (kind in ('photo', 'sticker') or mime like 'image/%')) as has_pictures,
       (select min(memory_id) from memory_passages) is not null as has_memories,
       (select min(message_id) from memory_passages) as oldest_passage

-- name: summary
select text from summaries where chat_id = $1

-- name: begin_summary
insert into summaries (chat_id, up_to, text) values ($1, 0, '') on conflict do nothing

-- name: summary_state
select text, version from summaries where chat_id = $1

-- name: unsummarised
select id, role, text, corrects is not null as is_correction, is_forwarded from messages
where chat_id = $1 and (role <> 'owner' or turn_id is not null)
  and id > coalesce((select up_to from summaries where chat_id = $1), 0)
  and not exists (
      select 1 from messages earlier
      where earlier.chat_id = $1 and earlier.role = 'owner' and earlier.turn_id is null and earlier.id < messages.id
  )
order by id limit 1000

-- name: save_summary
update summaries set up_to = $2, text = $3, version = version + 1, updated_at = clock_timestamp()
where chat_id = $1 and version = $4
returning chat_id

-- name: forget
insert into summaries (chat_id, up_to, since, text)
select $1, newest, newest, '' from (select coalesce(max(id), 0) as newest from messages where chat_id = $1) as said
on conflict (chat_id) do update
set up_to = excluded.up_to, since = excluded.since, text = '', version = summaries.version + 1,
    updated_at = clock_timestamp()

-- name: chats_with_work
select chat_id from messages where role = 'owner' and turn_id is null
union
select chat_id from turns where state = 'open'

-- name: pictures
select id, name, mime, size, path, error from files where chat_id = $1 and id = any($2::bigint[])
order by array_position($2::bigint[], id)

-- name: files
select id, name, path from files where chat_id = $1 and id = any($2::bigint[]) and path is not null
