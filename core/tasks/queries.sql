-- name: add
insert into tasks (no, kind, title, instructions, chat_id, origin_message_id, turn_id, input_files, origin, skill,
                   manifest, box, is_quiet, labels)
overriding system value
values (nextval(case when $12 then 'quiet_task_numbers' else pg_get_serial_sequence('tasks', 'no') end),
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
        case when $8 = 'trigger' then '{untrusted}'::text[]
             when jsonb_array_length($7) > 0 then '{owner,private,untrusted}'::text[]
             -- What the model may have read when it wrote the instructions: messages of others, documents.
             when $6::bigint is not null and (exists (select 1 from documents) or exists (select 1 from messages
                  where chat_id = $4 and (role = 'event' or is_forwarded or has_foreign))) then '{owner,untrusted}'::text[]
             else '{owner}'::text[] end)
returning no

-- name: select
select t.no, t.kind, t.title, t.instructions, t.chat_id, t.origin_message_id, t.turn_id, t.input_files, t.state,
       t.fence, t.host, t.slot, t.lease_until, t.cancel_requested_at, t.progress, t.question, t.question_step,
       t.waits_for, t.origin, t.skill, t.manifest, t.box, t.is_quiet, t.result, t.reason, t.exit_code,
       t.result_files, t.created_at, t.started_at, t.ended_at, t.reported_at, t.card_shown,
       (select count(*)::int from task_steps s where s.task_no = t.no) as steps,
       (select coalesce(sum(u.cost_usd), 0) from usage u where u.task_no = t.no) as cost_usd
from tasks t

-- name: lock_claims
select pg_advisory_xact_lock(7310592)

-- name: claim_next
with live as (
    select count(*) filter (where is_quiet) as quiet, count(*) filter (where not is_quiet) as shown
    from tasks where state in ('running', 'waiting')
)
update tasks
set state = 'running', host = $1, fence = fence + 1, slot = null,
    lease_until = clock_timestamp() + $3 * interval '1 second',
    started_at = coalesce(started_at, clock_timestamp())
where no = (
    select t.no from tasks t, live
    where t.state = 'queued' and case when t.is_quiet then live.quiet < $4 else live.shown < $2 end
    order by t.no
    limit 1
    for update of t skip locked
)
returning no

-- name: renew
update tasks set lease_until = clock_timestamp() + $2 * interval '1 second'
where no = any($3::int[]) and host = $1 and state in ('running', 'waiting')

-- name: attach
update tasks set slot = $3 where no = $1 and fence = $2 and state in ('running', 'waiting') returning no

-- name: owned
select no from tasks where no = $1 and fence = $2 and state in ('running', 'waiting') for update

-- name: begin_step
insert into task_steps (task_no, index, tool, arguments) values ($1, $2, $3, $4)
on conflict (task_no, index) do nothing

-- name: end_step
update task_steps set result = $3, ended_at = clock_timestamp()
where task_no = $1 and index = $2 and ended_at is null

-- name: steps
select index, tool, arguments, result from task_steps where task_no = $1 order by index

-- name: report_progress
update tasks set progress = $3 where no = $1 and fence = $2 and state in ('running', 'waiting') returning no

-- name: ask
update tasks set state = 'waiting', question = $4, question_step = $3, waits_for = 'input'
where no = $1 and fence = $2 and state in ('running', 'waiting')
  and not exists (select 1 from task_inputs i where i.task_no = $1 and i.kind = 'answer' and i.step = $3)
returning no

-- name: resume_running
update tasks set state = 'running', question = null, question_step = null, waits_for = null
where no = $1 and fence = $2 and state in ('running', 'waiting')
returning no

-- name: requeue
update tasks set state = 'queued', host = null, slot = null, lease_until = null
where no = $1 and fence = $2 and state in ('running', 'waiting')
returning no

-- name: await_approval
update tasks set state = 'waiting', waits_for = 'approval'
where no = $1 and fence = $2 and state in ('running', 'waiting') and question is null
returning no

-- name: approval_over
update tasks set state = case when question is null then 'running' else 'waiting' end,
    waits_for = case when question is null then null else 'input' end
where no = $1 and fence = $2 and state in ('running', 'waiting')
returning no

-- name: hold
select hold from standing_rules where lifted_at is null and hold <> 'none' order by hold = 'deny' desc limit 1

-- name: seen
select t.labels, t.calls, t.bytes_out, t.reached,
       coalesce(extract(epoch from clock_timestamp() - t.started_at), 0)::float8 as seconds,
       t.cancel_requested_at is not null or t.fence <> $2 or t.state not in ('running', 'waiting') as is_stopped,
       (select coalesce(sum(u.cost_usd), 0) from usage u where u.task_no = t.no) as cost,
       (select count(*)::int from approvals a where a.task_no = t.no) as cards
from tasks t where t.no = $1

-- name: words
select text from (
    select m.id as at, m.text from messages m join tasks t on t.turn_id = m.turn_id
    where t.no = $1 and m.role = 'owner' and not m.is_forwarded and not m.is_chosen and not m.is_spoken
    union all
    select 0, instructions from tasks where no = $1 and turn_id is null and origin = 'owner' and not is_quiet
    union all
    select 2^62::bigint, i.text from task_inputs i where i.task_no = $1 and i.key like 'update:%'
) said order by at

-- name: add_labels
update tasks set labels = (select array(select distinct unnest(labels || $3::text[])))
where no = $1 and fence = $2 and not labels @> $3::text[]

-- name: spend
update tasks set calls = calls + $3, bytes_out = bytes_out + $4,
    reached = (select array(select distinct unnest(reached || $5::text[])))
where no = $1 and fence = $2

-- name: set_base
update tasks set base = $3 where no = $1 and fence = $2 and state in ('running', 'waiting') returning no

-- name: base
select base from tasks where no = $1

-- name: set_finishing
update tasks set finishing = $3 where no = $1 and fence = $2 and state in ('running', 'waiting') returning no

-- name: finishing
select finishing from tasks where no = $1

-- name: finish
update tasks
set state = $3, result = $4, reason = $5, result_files = $6, exit_code = $7, ended_at = clock_timestamp(),
    lease_until = null, question = null, question_step = null, waits_for = null
where no = $1 and fence = $2 and state in ('running', 'waiting')
returning no

-- name: give_up
update tasks
set state = $3, reason = $4, ended_at = clock_timestamp(), lease_until = null, fence = fence + 1,
    question = null, question_step = null
where no = $1 and fence = $2 and state in ('running', 'waiting')
returning no

-- name: request_cancel
update tasks
set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
    state = case when state = 'queued' then 'cancelled' else state end,
    ended_at = case when state = 'queued' then clock_timestamp() else ended_at end
where no = $1 and state in ('queued', 'running', 'waiting')
returning state

-- name: cancel_all
update tasks
set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
    state = case when state = 'queued' then 'cancelled' else state end,
    ended_at = case when state = 'queued' then clock_timestamp() else ended_at end
where state in ('queued', 'running', 'waiting')
returning no

-- name: add_input
insert into task_inputs (task_no, kind, text, step, key)
select $1, $2, $3, $4, $5
where exists (select 1 from tasks where no = $1 and state in ('queued', 'running', 'waiting'))
on conflict (key) do nothing
returning id

-- name: inputs
select id, kind, text, step from task_inputs where task_no = $1 and id > $2 order by id

-- name: replace_queued
update tasks set instructions = $2, title = $3 where no = $1 and state = 'queued' returning no

-- name: mark_reported
update tasks set reported_at = clock_timestamp()
where no = $1 and reported_at is null and not is_quiet and state in ('done', 'failed', 'cancelled', 'unknown')
returning no

-- name: set_card_shown
update tasks set card_shown = $2 where no = $1

-- name: record_usage
insert into usage (role, model, purpose, task_no, turn_id, prompt_tokens, completion_tokens, cost_usd, outcome)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: cost
select coalesce(sum(cost_usd), 0) from usage where task_no = $1

-- name: report_host
insert into hosts (host, status, detail) values ($1, $2, $3)
on conflict (host) do update set status = excluded.status, detail = excluded.detail, seen_at = clock_timestamp()

-- name: hosts
select host, status, detail from hosts where seen_at > clock_timestamp() - interval '1 minute' order by seen_at desc

-- name: backend
select pg_backend_pid()

-- name: break_locks
select pg_terminate_backend(pid) from unnest(pg_blocking_pids($1)) as pid

-- name: prune_quiet
with old as (
    select no from tasks
    where is_quiet and state in ('done', 'failed', 'cancelled', 'unknown')
      and ended_at < clock_timestamp() - $1 * interval '1 second'
    for update skip locked
), steps as (delete from task_steps s using old where s.task_no = old.no)
, inputs as (delete from task_inputs i using old where i.task_no = old.no)
delete from tasks t using old
where t.no = old.no and not exists (select 1 from approvals a where a.task_no = old.no)
returning t.no

-- name: known
select no from tasks where no = any($1::int[])
