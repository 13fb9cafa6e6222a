-- $1 are the patterns of `words.Eraser`, $2 and $3 the keys after and up to which a batch goes. Each query that bears a
-- table's name locks the rows that may hold the words and may be changed; `at` is where they lie until the transaction
-- ends.

-- name: replace
update {table} set {changes} where ctid = $1::text::tid

-- name: upto
select max(key) from (select {key} as key from {table} where {key} > $1::bigint order by {key} limit $2) as part

-- name: sources
select m.id, m.chat_id, m.role, m.telegram_id, m.text, m.created_at from messages m
where m.text <> '[forgotten]' and (m.id = any($1::bigint[]) or (m.role = 'owner' and m.telegram_id is not null
    and (m.chat_id, m.telegram_id) in (select chat_id, telegram_id from messages where id = any($1::bigint[]) and role = 'owner')))
order by m.id

-- name: updates
select ctid::text as at, update_id, payload from inbox where handled_at is not null and update_id = any($1::bigint[]) for update

-- name: told
select ctid::text as at, update_id, payload from inbox
where update_id > $3::bigint and update_id <= $4::bigint and handled_at is not null
  and (cardinality($1::bigint[]) > 0 and payload ~ ('"message_id":\s*(' || array_to_string($1::bigint[], '|') || ')\M')
       or $2 and payload ~* '/memory(@\w+)?\s+edit')
for update

-- name: used_messages
select text from messages
where id > $2::bigint and id <= $3::bigint and role = 'owner' and not is_forwarded and not is_chosen and text <> '[forgotten]'
  and text ~* any($1::text[])

-- name: used_memories
select text from memories where id > $2::bigint and id <= $3::bigint and state = 'active' and text ~* any($1::text[])

-- What the index of words knows of them, and what it does not hold yet: quick, and nearly the same as all of `used_*`.
-- name: used_soon
select p.text from unnest($1::text[]) as word
cross join lateral (
    select p.text from memory_passages p left join messages m on m.id = p.message_id
    where p.tsv @@ plainto_tsquery('english', word) and p.role = 'owner' and not coalesce(m.is_forwarded or m.is_chosen, false)
    limit 5) as p
union
(select m.text from memory_queue q join messages m on m.id = q.message_id
 where q.work = 'index' and m.role = 'owner' and not m.is_forwarded and not m.is_chosen and m.text <> '[forgotten]'
 order by m.id desc limit 200)

-- What was said here within Telegram's time for deleting, the newest.
-- name: shown_outbox
select o.payload::text as text, o.message_id, o.more_ids from (
    select * from outbox order by id desc limit 2000) o
where o.created_at > clock_timestamp() - interval '47 hours' and o.message_id is not null and o.payload::text ~* any($1::text[])

-- name: shown_inbox
select i.payload from (select * from inbox order by update_id desc limit 2000) i
where i.received_at > clock_timestamp() - interval '47 hours' and i.handled_at is not null and i.payload ~* any($1::text[])

-- name: common
select word from unnest($1::text[]) as word
where exists (
    select from memory_words known cross join memory_totals total
    where known.lexeme = any(tsvector_to_array(to_tsvector('english', word)))
      and known.passages > greatest(50, total.passages / 50))

-- name: inbox
select ctid::text as at, payload from inbox where update_id > $2::bigint and update_id <= $3::bigint
  and (handled_at is not null and payload ~* any($1::text[]))
for update

-- name: turns
select ctid::text as at, steps from turns where id > $2::bigint and id <= $3::bigint
  and (state = 'done' and steps::text ~* any($1::text[]))
for update

-- name: messages
select ctid::text as at, id, text from messages
where id > $2::bigint and id <= $3::bigint
  and (text ~* any($1::text[]) and (role <> 'owner' or is_forwarded or is_chosen))
for update

-- name: reindex
with gone as (delete from memory_passages where message_id = any($1::bigint[]) returning message_id)
insert into memory_queue (message_id, work) select message_id, 'index' from gone on conflict do nothing

-- name: summaries
select ctid::text as at, text from summaries where chat_id > $2::bigint and chat_id <= $3::bigint
  and (text ~* any($1::text[]))
for update

-- name: summaries_anew
update summaries set version = version + 1, updated_at = clock_timestamp()

-- The card of an approval that is still to be given stays as it is: the owner must see what they allow.
-- name: outbox
select o.ctid::text as at, o.id, o.payload, o.error from outbox o
where o.id > $2::bigint and o.id <= $3::bigint
  and (o.payload ? 'content' or o.payload ? 'photos' or o.payload::text ~* any($1::text[]) or o.error ~* any($1::text[]))
  and not exists (select from approvals a where a.state = 'pending' and o.key = 'approval:' || a.id)
for update of o

-- name: tasks
select ctid::text as at, title, instructions, progress, question, result, reason, finishing from tasks
where no > $2::bigint and no <= $3::bigint
  and (ended_at is not null
  and concat_ws(' ', title, instructions, progress, question, result, reason, finishing::text) ~* any($1::text[]))
for update

-- name: task_steps
select s.ctid::text as at, s.arguments, s.result from task_steps s join tasks t on t.no = s.task_no
where s.task_no > $2::bigint and s.task_no <= $3::bigint
  and (t.ended_at is not null and (s.arguments::text ~* any($1::text[]) or s.result ~* any($1::text[])))
for update of s

-- name: task_inputs
select i.ctid::text as at, i.text from task_inputs i join tasks t on t.no = i.task_no
where i.id > $2::bigint and i.id <= $3::bigint
  and (t.ended_at is not null and i.text ~* any($1::text[]))
for update of i

-- name: approvals
select a.ctid::text as at, a.detail from approvals a join tasks t on t.no = a.task_no
where a.id > $2::bigint and a.id <= $3::bigint
  and (t.ended_at is not null and a.state <> 'pending' and a.detail ~* any($1::text[]))
for update of a

-- name: approval_actions
select x.ctid::text as at, x.action, x.display from approval_actions x
join approvals a on a.id = x.approval_id join tasks t on t.no = a.task_no
where x.approval_id > $2::bigint and x.approval_id <= $3::bigint
  and (t.ended_at is not null and a.state <> 'pending' and (x.action ~* any($1::text[]) or x.display ~* any($1::text[])))
for update of x

-- name: proposals
select ctid::text as at, tokens, base, text, reason, trial, note from proposals
where id > $2::bigint and id <= $3::bigint
  and (state in ('poor', 'dropped', 'rejected', 'stale', 'undone')
  and concat_ws(' ', tokens::text, base, text, reason, trial::text, note) ~* any($1::text[]))
for update

-- name: schedule_runs
select ctid::text as at, reason from schedule_runs where schedule_id > $2::bigint and schedule_id <= $3::bigint
  and (reason ~* any($1::text[]))
for update

-- name: notices
select ctid::text as at, text from notices where id > $2::bigint and id <= $3::bigint
  and (text ~* any($1::text[]))
for update

-- name: trigger_events
select ctid::text as at, payload from trigger_events where id > $2::bigint and id <= $3::bigint
  and (handled_at is not null and payload ~* any($1::text[]))
for update

-- name: memories
select ctid::text as at, text from memories where id > $2::bigint and id <= $3::bigint
  and (state <> 'active' and text ~* any($1::text[]))
for update

-- name: voice_replies
select ctid::text as at, id, text, error from voice_replies where id > $2::bigint and id <= $3::bigint
  and (text ~* any($1::text[]) or error ~* any($1::text[]))
for update

-- name: standing_rules
select ctid::text as at, text, fingerprint from standing_rules
where no > $2::bigint and no <= $3::bigint
  and (lifted_at is not null and (text ~* any($1::text[]) or fingerprint ~* any($1::text[])))
for update

-- name: spoken
select id, state, payload ->> 'path' as path from outbox where method = 'voice' and key = any($1::text[]) for update

-- name: unspoken
update outbox set method = 'text', payload = jsonb_build_object('text', $2::text)
where id = any($1::bigint[]) and state = 'queued'

-- name: live_tasks
select t.no, t.is_quiet from tasks t
where t.ended_at is null and (
    concat_ws(' ', t.title, t.instructions, t.progress, t.question) ~* any($1::text[])
    or exists (select from task_inputs i where i.task_no = t.no and i.text ~* any($1::text[]))
    or exists (select from task_steps s
               where s.task_no = t.no and (s.arguments::text ~* any($1::text[]) or s.result ~* any($1::text[])))
    or exists (select from approvals a left join outbox o on o.key = 'approval:' || a.id
               where a.task_no = t.no and a.state = 'pending'
                 and (a.detail ~* any($1::text[]) or o.payload::text ~* any($1::text[])))
    or exists (select from approvals a join approval_actions x on x.approval_id = a.id
               where a.task_no = t.no and (x.action ~* any($1::text[]) or x.display ~* any($1::text[]))))
order by t.no

-- name: kept
select 'rule ' || no as name, text, '/rules lift ' || no as remedy from standing_rules
where lifted_at is null and text ~* any($1::text[])
union all
select 'schedule ' || id, title || E'\n' || instructions, '/schedules' from schedules
where title ~* any($1::text[]) or instructions ~* any($1::text[])
union all
select 'trigger', concat_ws(E'\n', name, instructions, spec::text), '/triggers' from triggers
where concat_ws(' ', name, instructions, spec::text) ~* any($1::text[])
union all
select 'skill proposal ' || id, concat_ws(E'\n', base, text, reason), '/proposals' from proposals
where state in ('writing', 'trial', 'offered', 'accepted', 'installed', 'undoing')
  and concat_ws(' ', base, text, reason) ~* any($1::text[])

-- By the index of words, not by looking through all documents: $2 are its terms.
-- name: documents
select c.text from (
    select distinct u.id from knowledge_postings p cross join lateral unnest(p.chunk_ids[1:20]) as u (id)
    where p.term = any($2::text[]) limit 500) hit
join knowledge_chunks c on c.id = hit.id
where c.text ~* any($1::text[]) limit 20

-- name: later
insert into instance (name, value) values ($1, $2)

-- name: waiting
select name, value from instance
where name like 'forgetting:%' and (value ->> 'due')::timestamptz < clock_timestamp()
  and not exists (
      select from tasks t where t.no in (select no::int from jsonb_array_elements_text(value -> 'tasks') as no)
        and (t.ended_at is null or t.reported_at is null and not t.is_quiet
             or exists (select from approvals a where a.task_no = t.no and a.state = 'pending')))
order by name

-- name: onward
update instance set value = $2 where name = $1

-- name: hold
select value from instance where name = $1 for update

-- name: done
delete from instance where name = $1
