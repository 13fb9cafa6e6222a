-- name: add_schedule
insert into schedules (title, instructions, cadence, zone, skill, catch_up, created_at, last_time, next_time)
values ($1, $2, $3, $4, $5, $6, $7, $7, $8)
returning id

-- name: schedule
select id, title, instructions, cadence, skill, state, catch_up, failures, created_at, last_time from schedules

-- name: due_schedules
select id from schedules where state = 'active' and next_time <= $1 and not (select is_paused from autonomy)
order by next_time, id

-- name: insert_run
insert into schedule_runs (schedule_id, at, claimed_at, missed) values ($1, $2, $3, $4)
on conflict (schedule_id, at) do nothing
returning at

-- name: set_run_task
update schedule_runs set task_no = $3 where schedule_id = $1 and at = $2

-- name: move_schedule
update schedules set last_time = $2, next_time = $3 where id = $1

-- name: set_schedule_state
update schedules set state = $2, last_time = $3, next_time = $4,
    failures = case when $2 = 'active' then 0 else failures end
where id = $1 returning id

-- name: delete_schedule
delete from schedules where id = $1 returning id

-- name: schedule_history
select at, task_no, outcome, reason from schedule_runs where schedule_id = $1 order by at desc limit $2

-- name: ended_runs
select r.schedule_id, r.at, t.state, coalesce(t.reason, '') as reason
from schedule_runs r join tasks t on t.no = r.task_no
where r.outcome is null and t.state in ('done', 'failed', 'cancelled', 'unknown')
order by t.ended_at, r.schedule_id, r.at
limit 50

-- name: set_outcome
update schedule_runs set outcome = $3, reason = $4 where schedule_id = $1 and at = $2 and outcome is null returning at

-- name: set_verdict
update schedules set state = $2, failures = $3 where id = $1

-- name: mark_autonomous
insert into autonomous_tasks (task_no, source, name) values ($1, $2, $3) on conflict (task_no) do nothing

-- name: states
select name, digest, last_run, look, factor, muted_until, calls_today, cost_today, day, is_paused from check_states

-- name: save_state
insert into check_states
    (name, digest, last_run, look, factor, muted_until, calls_today, cost_today, day, is_paused)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (name) do update set digest = excluded.digest, last_run = excluded.last_run, look = excluded.look,
    factor = excluded.factor, muted_until = excluded.muted_until, calls_today = excluded.calls_today,
    cost_today = excluded.cost_today, day = excluded.day, is_paused = excluded.is_paused

-- name: spent
select count(*)::int as calls, coalesce(sum(cost_usd), 0) as usd, (select is_paused from autonomy) as is_paused
from beat_runs where day = $1

-- name: begin_beat
insert into beat_runs (at, day, checks) values ($1, $2, $3) returning id

-- name: end_beat
update beat_runs set outcome = $2, cost_usd = $3 where id = $1

-- name: beats
select at, checks, outcome, cost_usd from beat_runs order by id desc limit $1

-- name: recent_digests
select digest from notices where check_name = $1 order by id desc limit $2

-- name: add_notice
insert into notices (check_name, digest, text, at) values ($1, $2, $3, $4) returning id

-- name: set_feedback
update notices set feedback = $2 where id = $1 returning check_name

-- name: ended_tasks
select t.no, t.state, t.title, coalesce(left(t.result, 1500), '') as result from tasks t
where t.state in ('done', 'failed', 'cancelled', 'unknown') and ($1::int is null or t.no = $1) and not t.is_quiet
    and not exists (select 1 from autonomous_tasks a where a.task_no = t.no and a.source in ('check', 'trigger'))
order by t.ended_at desc, t.no desc limit 1

-- name: newest_event
select id, payload from trigger_events where trigger = $1 order by id desc limit 1

-- name: trigger
select name, kind, secret_name, permissions, spec, instructions, state, position, created_at from triggers

-- name: save_trigger
insert into triggers (name, kind, secret_name, permissions, spec, instructions, created_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (name) do nothing
returning name

-- name: set_trigger_state
update triggers set state = $2 where name = $1 returning name

-- name: set_position
update triggers set position = $2 where name = $1

-- name: delete_trigger
delete from triggers where name = $1 returning name

-- name: add_event
insert into trigger_events (trigger, event_key, digest, at, payload)
select $1, $2, $3, $4, $5 from triggers where name = $1 and state = 'active' and not (select is_paused from autonomy)
on conflict do nothing
returning id

-- name: add_ended_tasks
insert into trigger_events (trigger, event_key, digest, at, payload)
select g.name, 'task:' || t.no, 'task:' || t.no, $1, concat('Task #', t.no, ' (', t.title, ') ended: ', t.state, E'\n', left(t.result, 8000))
from autonomy a join triggers g on not a.is_paused join tasks t on t.ended_at > greatest(g.created_at, a.changed_at)
    and (g.spec ->> 'no' is null or g.spec ->> 'no' = t.no::text)
where g.kind = 'task' and g.state = 'active' and t.state in ('done', 'failed', 'cancelled', 'unknown')
    and not t.is_quiet
    and not exists (select 1 from autonomous_tasks o where o.task_no = t.no and o.source in ('check', 'trigger'))
    and not exists (select 1 from trigger_events e where e.trigger = g.name and e.event_key = 'task:' || t.no)
on conflict do nothing

-- name: open_events
select id, trigger, event_key, at, payload from trigger_events where handled_at is null and not (select is_paused from autonomy)
order by id limit 20

-- name: lock_event
select id from trigger_events where id = $1 and handled_at is null for update skip locked

-- name: started_since
select count(*)::int from trigger_events where trigger = $1 and task_no is not null and handled_at > $2

-- name: refused_since
select count(*)::int from trigger_events where trigger = $1 and outcome = 'refused' and handled_at > $2

-- name: activity
select distinct on (trigger) trigger, at, outcome, task_no,
    (select count(*)::int from trigger_events o where o.trigger = e.trigger and o.at >= $1) as today
from trigger_events e order by trigger, id desc

-- name: end_event
update trigger_events set handled_at = $2, outcome = $3, task_no = $4 where id = $1

-- name: day_tasks
select no, state, left(title, 200) as title, left(coalesce(question, reason, ''), 300) as note
from tasks where not is_quiet and (state in ('queued', 'running', 'waiting') or ended_at > $1)
order by state <> 'waiting', state not in ('failed', 'unknown'), no desc limit 20

-- name: day_approvals
select a.id, a.task_no, left(t.title, 200) as title from approvals a join tasks t on t.no = a.task_no
where a.state = 'pending' and a.expires_at > $1 order by a.id limit 10
