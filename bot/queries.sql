-- name: keep_updates
insert into inbox (update_id, payload)
select * from unnest($1::bigint[], $2::text[])
on conflict (update_id) do nothing

-- name: waiting_updates
select update_id, payload from inbox where handled_at is null order by update_id limit $1

-- name: mark_handled
-- With $3 the commit of this transaction does not wait for the disk.
update inbox set handled_at = clock_timestamp(), error = $2 where update_id = $1 and handled_at is null
returning update_id, case when $3::boolean then set_config('synchronous_commit', 'off', true) end

-- name: prune_inbox
delete from inbox where handled_at < clock_timestamp() - interval '30 days'

-- name: get_fact
select value from instance where name = $1

-- name: set_fact
insert into instance (name, value) values ($1, $2)
on conflict (name) do update set value = excluded.value

-- name: add_fact
insert into instance (name, value) values ($1, $2) on conflict (name) do nothing returning name

-- name: delete_fact
delete from instance where name = $1

-- name: enqueue
insert into outbox (chat_id, key, method, payload, edit_of, task_no)
values ($1, $2, $3, $4, $5, $6)
on conflict (key) do nothing
returning id

-- name: find_by_key
select id, state, message_id from outbox where key = $1

-- name: sent_by_key
select chat_id, message_id from outbox where key = $1 and state = 'sent' and message_id is not null

-- name: replace_queued
update outbox set payload = $2 where id = $1 and state = 'queued' and attempts = 0 returning id

-- name: take_next
update outbox
set state = 'sending', attempts = attempts + 1, after_id = $1
where id = (select id from outbox where state = 'queued' order by id limit 1)
returning id, chat_id, method, payload, edit_of, task_no, attempts, after_id,
          (select message_id from outbox o where o.id = outbox.edit_of) as edit_message_id

-- name: in_doubt
select id, chat_id, method, payload, edit_of, task_no, attempts, after_id,
       (select message_id from outbox o where o.id = outbox.edit_of) as edit_message_id
from outbox where state = 'sending' order by id

-- name: mark_sent
update outbox set state = 'sent', message_id = $2, more_ids = $3::bigint[], sent_at = clock_timestamp(), error = null where id = $1

-- name: mark_queued
update outbox set state = 'queued', error = $2 where id = $1 and state = 'sending'

-- name: mark_failed
update outbox set state = 'failed', error = $2 where id = $1 and state = 'sending'

-- name: known_message_ids
select message_id as id from outbox where chat_id = $1 and message_id > $2
union
select unnest(more_ids) from outbox where chat_id = $1 and more_ids <> '{}' and message_id > $2 - 10
union
select telegram_id from messages where chat_id = $1 and telegram_id > $2

-- name: newest_message_id
select greatest(
    coalesce((select max(message_id + cardinality(more_ids)) from outbox), 0),
    coalesce((select max(telegram_id) from messages), 0),
    coalesce((select (value #>> '{}')::bigint from instance where name = 'newest_message_id'), 0)
)

-- name: of_message
select id, task_no, payload, key from outbox
where chat_id = $1 and (message_id = $2 or (more_ids <> '{}' and more_ids @> array[$2::bigint]))
  and edit_of is null order by id limit 1

-- name: choose
update outbox set payload = payload || jsonb_build_object('chosen', $2::int)
where id = $1 and not payload ? 'chosen'
returning payload, chat_id

-- name: cards_of
select id, message_id from outbox
where (key = $1 or key like $1 || ':again:%') and edit_of is null and method = 'text' order by id

-- name: card_rows
select task_no, message_id from outbox
where key = any($1::text[]) and state = 'sent' and message_id is not null

-- name: unfinished_cards
select no from tasks
where not is_quiet and (state in ('queued', 'running', 'waiting')
   or (ended_at > clock_timestamp() - interval '1 day' and card_shown is distinct from 'gone'
       and coalesce(card_shown, '') not like state || ':%'))
order by no

-- name: add_file
insert into files (chat_id, telegram_id, file_id, name, mime, size, error, kind)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (chat_id, telegram_id, file_id) do update set name = excluded.name
returning id

-- name: files_to_fetch
select id, chat_id, file_id, name, size, kind from files where path is null and error is null
and id <> all ($1::bigint[]) order by id limit 5

-- name: file_fetched
update files set path = $2, size = $3, kept_as = $4 where id = $1

-- name: file_failed
update files set error = $2 where id = $1

-- name: files_of_message
select id, name, path, error from files where chat_id = $1 and telegram_id = $2 order by id

-- name: spent
select coalesce(sum(cost_usd), 0) as today from usage where at > date_trunc('day', clock_timestamp())

-- name: has_schedules
select exists (select 1 from schedules)

-- name: has_triggers
select exists (select 1 from triggers)

-- name: is_unnoted
select exists (select from outbox where chat_id = $1 and state = 'sending' and coalesce(after_id, 0) < $2)
   and not exists (select from outbox where chat_id = $1 and message_id = $2)

-- name: lists_with_task
-- Only among the newest rows: what is further up in the chat, nobody looks at.
with bounds as (select coalesce(max(id), 0) - 2000 as oldest from outbox)
select o.id, o.key from outbox o, bounds
where o.id > bounds.oldest and o.chat_id = $1 and o.edit_of is null and o.state <> 'failed'
  and (o.key like 'status:%' or o.key like 'which:%')
  and position($2::text in (
      select v.payload::text from outbox v
      where v.id > bounds.oldest and (v.id = o.id or v.edit_of = o.id) order by v.id desc limit 1
  )) > 0
order by o.id

-- name: paste_with
-- The newest version of the message that the piece belongs to, if it is the paste before it.
select c.id, c.text, coalesce(c.corrects, c.id) as original, c.is_forwarded, c.files, c.has_foreign, c.is_spoken, o.telegram_id
from (
    select id, chat_id, telegram_id from messages
    where chat_id = $1 and role = 'owner' and corrects is null and telegram_id between $2 - 30 and $2
      and not is_spoken and album is null
    order by telegram_id desc limit 1
) o join messages c on c.chat_id = o.chat_id and c.role = 'owner' and (c.id = o.id or c.corrects = o.id)
order by o.telegram_id desc, c.id desc limit 1

-- name: album_with
select c.id, c.text, coalesce(c.corrects, c.id) as original, c.is_forwarded, c.files, c.has_foreign, c.is_spoken, o.telegram_id
from messages o join messages c on c.chat_id = o.chat_id and c.role = 'owner' and (c.id = o.id or c.corrects = o.id)
where o.chat_id = $1 and o.role = 'owner' and o.corrects is null and o.album = $2 and o.files @> array[$3::bigint]
order by c.id desc limit 1

-- name: updates_about
select payload from inbox where update_id < $1 and received_at > clock_timestamp() - interval '3 days' and payload ~ $2
order by update_id

-- name: passing_paths
select payload ->> 'path' as path from outbox where state in ('queued', 'sending') and payload ? 'is_passing'
