-- $1 is the pattern of `words.Eraser`. Each query that bears a table's name locks the rows that may hold the words and
-- may be changed; `at` is where they lie until the transaction ends.

-- name: replace
update {table} set {changes} where ctid = $1::text::tid

-- name: sources
select m.id, m.chat_id, m.role, m.telegram_id, m.text, m.created_at from messages m
where m.text <> '[forgotten]' and (m.id = any($1::bigint[]) or (m.role = 'owner' and m.telegram_id is not null
    and (m.chat_id, m.telegram_id) in (select chat_id, telegram_id from messages where id = any($1::bigint[]) and role = 'owner')))
order by m.id

-- name: updates
select ctid::text as at, update_id, payload from inbox
where handled_at is not null and (update_id = any($1::bigint[])
    or cardinality($2::bigint[]) > 0 and payload ~ ('"message_id":\s*(' || array_to_string($2::bigint[], '|') || ')\M'))
for update

-- name: edits
select ctid::text as at, update_id, payload from inbox
where handled_at is not null and payload ~* '/memory(@\w+)?\s+edit' for update

-- name: in_use
select distinct lower(hit[1]) as word from (
    select text from messages
    where role = 'owner' and not is_forwarded and not is_chosen and text <> '[forgotten]'
    union all
    select text from memories where state = 'active'
) own, regexp_matches(own.text, '([[:alnum:]]*(?:' || $1 || ')[[:alnum:]]*)', 'gi') as hit

-- name: common
select word from unnest($1::text[]) as word
where exists (
    select from memory_words known cross join memory_totals total
    where known.lexeme = any(tsvector_to_array(to_tsvector('english', word)))
      and known.passages > greatest(50, total.passages / 50))

-- name: inbox
select ctid::text as at, payload from inbox where handled_at is not null and payload ~* $1 for update

-- name: turns
select ctid::text as at, steps from turns where state = 'done' and steps::text ~* $1 for update

-- name: messages
select ctid::text as at, id, text from messages
where text ~* $1 and (role <> 'owner' or is_forwarded or is_chosen) for update

-- name: reindex
with gone as (delete from memory_passages where message_id = any($1::bigint[]) returning message_id)
insert into memory_queue (message_id, work) select message_id, 'index' from gone on conflict do nothing

-- name: summaries
select ctid::text as at, text from summaries where text ~* $1 for update

-- name: summaries_anew
update summaries set version = version + 1, updated_at = clock_timestamp()

-- name: outbox
select ctid::text as at, id, chat_id, state, message_id, more_ids, created_at > clock_timestamp() - interval '47 hours' as is_fresh,
       payload, error
from outbox where payload ? 'content' or payload ? 'photos' or payload::text ~* $1 or error ~* $1 for update

-- name: tasks
select ctid::text as at, title, instructions, progress, question, result, reason, finishing from tasks
where ended_at is not null
  and concat_ws(' ', title, instructions, progress, question, result, reason, finishing::text) ~* $1 for update

-- name: task_steps
select s.ctid::text as at, s.arguments, s.result from task_steps s join tasks t on t.no = s.task_no
where t.ended_at is not null and (s.arguments::text ~* $1 or s.result ~* $1) for update of s

-- name: task_inputs
select i.ctid::text as at, i.text from task_inputs i join tasks t on t.no = i.task_no
where t.ended_at is not null and i.text ~* $1 for update of i

-- name: approvals
select a.ctid::text as at, a.detail from approvals a join tasks t on t.no = a.task_no
where t.ended_at is not null and a.state <> 'pending' and a.detail ~* $1 for update of a

-- name: approval_actions
select x.ctid::text as at, x.action, x.display from approval_actions x
join approvals a on a.id = x.approval_id join tasks t on t.no = a.task_no
where t.ended_at is not null and a.state <> 'pending' and (x.action ~* $1 or x.display ~* $1) for update of x

-- name: proposals
select ctid::text as at, tokens, base, text, reason, trial, note from proposals
where state in ('poor', 'dropped', 'rejected', 'stale', 'undone')
  and concat_ws(' ', tokens::text, base, text, reason, trial::text, note) ~* $1 for update

-- name: schedule_runs
select ctid::text as at, reason from schedule_runs where reason ~* $1 for update

-- name: notices
select ctid::text as at, text from notices where text ~* $1 for update

-- name: trigger_events
select ctid::text as at, payload from trigger_events where handled_at is not null and payload ~* $1 for update

-- name: memories
select ctid::text as at, text from memories where state <> 'active' and text ~* $1 for update

-- name: voice_replies
select ctid::text as at, id, text, error from voice_replies where text ~* $1 or error ~* $1 for update

-- name: standing_rules
select ctid::text as at, text, fingerprint from standing_rules
where lifted_at is not null and (text ~* $1 or fingerprint ~* $1) for update

-- name: spoken
select id, state, payload ->> 'path' as path from outbox where method = 'voice' and key = any($1::text[]) for update

-- name: unspoken
update outbox set method = 'text', payload = jsonb_build_object('text', $2::text)
where id = any($1::bigint[]) and state = 'queued'

-- name: live_tasks
select distinct t.no, t.is_quiet from tasks t
where t.ended_at is null and (
    concat_ws(' ', t.title, t.instructions, t.progress, t.question) ~* $1
    or exists (select from task_inputs i where i.task_no = t.no and i.text ~* $1)
    or exists (select from task_steps s where s.task_no = t.no and (s.arguments::text ~* $1 or s.result ~* $1)))
order by t.no

-- name: kept
select 'rule ' || no as name, text, '/rules lift ' || no as remedy from standing_rules where lifted_at is null and text ~* $1
union all
select 'schedule ' || id, title || E'\n' || instructions, '/schedules' from schedules
where title ~* $1 or instructions ~* $1
union all
select 'trigger', concat_ws(E'\n', name, instructions, spec::text), '/triggers' from triggers
where concat_ws(' ', name, instructions, spec::text) ~* $1
union all
select 'skill proposal ' || id, concat_ws(E'\n', base, text, reason), '/proposals' from proposals
where state in ('writing', 'trial', 'offered', 'accepted', 'installed', 'undoing') and concat_ws(' ', base, text, reason) ~* $1
union all
(select 'document', string_agg(c.text, E'\n'), '/docs' from knowledge_chunks c where c.text ~* $1 having count(*) > 0)

-- name: later
insert into instance (name, value) values ($1, $2)

-- name: waiting
select name, value from instance
where name like 'forgetting:%' and (value ->> 'due')::timestamptz < clock_timestamp()
  and not exists (
      select from tasks t where t.no in (select no::int from jsonb_array_elements_text(value -> 'tasks') as no)
        and (t.ended_at is null or t.reported_at is null and not t.is_quiet))
order by name

-- name: hold
select value from instance where name = $1 for update

-- name: done
delete from instance where name = $1
