-- name: add
insert into tasks (kind, title, instructions, chat_id, origin_message_id, turn_id, input_files)
values ($1, $2, $3, $4, $5, $6, $7)
returning no

-- name: select
select t.*,
       (select count(*)::int from task_steps s where s.task_no = t.no) as steps,
       (select coalesce(sum(u.cost_usd), 0) from usage u where u.task_no = t.no) as cost_usd
from tasks t

-- name: lock_claims
select pg_advisory_xact_lock(7310592)

-- name: claim_next
update tasks
set state = 'running', host = $1, fence = fence + 1, slot = null,
    lease_until = clock_timestamp() + $3 * interval '1 second',
    started_at = coalesce(started_at, clock_timestamp())
where no = (
    select no from tasks
    where state = 'queued'
      and (select count(*) from tasks where state in ('running', 'waiting')) < $2
    order by no
    limit 1
    for update skip locked
)
returning no

-- name: renew
update tasks set lease_until = clock_timestamp() + $2 * interval '1 second'
where host = $1 and state in ('running', 'waiting')

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
update tasks set state = 'waiting', question = $4, question_step = $3
where no = $1 and fence = $2 and state in ('running', 'waiting')
  and not exists (select 1 from task_inputs i where i.task_no = $1 and i.kind = 'answer' and i.step = $3)
returning no

-- name: resume_running
update tasks set state = 'running', question = null, question_step = null
where no = $1 and fence = $2 and state in ('running', 'waiting')
returning no

-- name: requeue
update tasks set state = 'queued', host = null, slot = null, lease_until = null
where no = $1 and fence = $2 and state in ('running', 'waiting')
returning no

-- name: finish
update tasks
set state = $3, result = $4, reason = $5, result_files = $6, ended_at = clock_timestamp(),
    lease_until = null, question = null, question_step = null
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
where no = $1 and reported_at is null and state in ('done', 'failed', 'cancelled', 'unknown')
returning no

-- name: set_card_shown
update tasks set card_shown = $2 where no = $1

-- name: record_usage
insert into usage (role, model, purpose, task_no, turn_id, prompt_tokens, completion_tokens, cost_usd, outcome)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: report_host
insert into hosts (host, status, detail) values ($1, $2, $3)
on conflict (host) do update set status = excluded.status, detail = excluded.detail, seen_at = clock_timestamp()

-- name: hosts
select host, status, detail, seen_at from hosts where seen_at > clock_timestamp() - interval '1 minute' order by seen_at desc
