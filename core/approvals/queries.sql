-- name: add
insert into approvals (nonce, code, task_no, chat_id, reason, detail, is_production, may_remember, expires_at)
select $1, $2, t.no, t.chat_id, $4, $5, $6, $7, clock_timestamp() + $8 * interval '1 second'
from tasks t where t.no = $3 and t.state in ('running', 'waiting') and t.cancel_requested_at is null
returning id

-- name: add_action
insert into approval_actions (approval_id, index, digest, action, display, remember) values ($1, $2, $3, $4, $5, $6)

-- name: same_pending
select a.id from approvals a
where a.task_no = $1 and a.state = 'pending' and a.expires_at > clock_timestamp()
  and (select array_agg(i.digest order by i.index) from approval_actions i where i.approval_id = a.id) = $2::text[]
limit 1

-- name: one
select id, nonce, code, task_no, chat_id, reason, detail, is_production, may_remember, state, scope, created_at,
       expires_at, decided_at, shown
from approvals

-- name: actions
select digest, action, display, remember from approval_actions where approval_id = $1 order by index

-- name: decide
update approvals set state = $2, scope = $3, decided_at = clock_timestamp(), decided_by = $4, via = $5
where id = $1 and state = 'pending' and clock_timestamp() < expires_at
  and exists (select 1 from tasks t where t.no = task_no and t.state in ('running', 'waiting')
              and t.cancel_requested_at is null)
returning id

-- name: now
select clock_timestamp()

-- name: expire
update approvals set state = 'expired', decided_at = clock_timestamp()
where state = 'pending' and (clock_timestamp() >= expires_at or clock_timestamp() < created_at)
returning id, task_no

-- name: abandon
update approvals a set state = 'withdrawn', decided_at = clock_timestamp()
from tasks t
where t.no = a.task_no and a.state = 'pending'
  and (t.state not in ('running', 'waiting') or t.cancel_requested_at is not null)
returning a.id, a.task_no

-- name: withdraw
update approvals set state = 'withdrawn', decided_at = clock_timestamp()
where state = 'pending' and ($1::int is null or task_no = $1)
returning id, task_no

-- name: withdraw_unused
update approval_actions i set consumed_at = clock_timestamp(), outcome = 'withdrawn'
from approvals a
where a.id = i.approval_id and a.state = 'approved' and i.consumed_at is null and ($1::int is null or a.task_no = $1)

-- name: approved
select distinct i.digest from approval_actions i join approvals a on a.id = i.approval_id
where a.task_no = $1 and a.state = 'approved' and i.consumed_at is null
  and clock_timestamp() between a.decided_at and a.decided_at + $2 * interval '1 second'

-- name: consume
update approval_actions set consumed_at = clock_timestamp()
where (approval_id, index) = (
    select i.approval_id, i.index
    from approval_actions i
    join approvals a on a.id = i.approval_id
    join tasks t on t.no = a.task_no
    where a.task_no = $1 and i.digest = $2 and a.state = 'approved' and i.consumed_at is null
      and clock_timestamp() between a.decided_at and a.decided_at + $3 * interval '1 second'
      and t.state in ('running', 'waiting') and t.fence = $4 and t.cancel_requested_at is null
    order by i.approval_id, i.index
    limit 1
    for update of i
)
and consumed_at is null
returning approval_id, index

-- name: close
update approval_actions set outcome = $3 where approval_id = $1 and index = $2 and outcome is null

-- name: in_doubt
select i.approval_id, i.index, i.digest, a.task_no from approval_actions i join approvals a on a.id = i.approval_id
where a.task_no = $1 and i.consumed_at is not null and i.outcome is null

-- name: cards
select count(*)::int from approvals where task_no = $1

-- name: set_shown
update approvals set shown = $2 where id = $1

-- name: to_show
select id from approvals
where shown is distinct from state and (state = 'pending' or shown is not null) order by id

-- name: add_grant
insert into grants (task_no, skill, kind, rule, approval_id) values ($1, $2, $3, $4, $5) on conflict do nothing

-- name: remember
insert into grants (task_no, skill, kind, rule, approval_id)
select $1::int, t.skill, $3, $4, $5 from tasks t where t.no = $2 on conflict do nothing

-- name: grants
select id, task_no, skill, kind, rule, created_at from grants
where revoked_at is null and (task_no is null or task_no = any($1::int[]))
  and (skill = '' or skill in (select t.skill from tasks t where t.no = any($1::int[]))) order by id

-- name: live_grants
select g.id, g.task_no, g.skill, g.kind, g.rule, g.created_at from grants g left join tasks t on t.no = g.task_no
where g.revoked_at is null and (g.task_no is null or t.state in ('queued', 'running', 'waiting')) order by g.id

-- name: revoke
update grants set revoked_at = clock_timestamp() where id = $1 and revoked_at is null returning id

-- name: withdraw_of_grant
update approval_actions i set consumed_at = clock_timestamp(), outcome = 'withdrawn'
from approvals a, grants g
where g.id = $1 and a.id = i.approval_id and a.scope in ('task', 'always') and i.consumed_at is null
  and (g.task_no is null or a.task_no = g.task_no)
  and i.remember @> jsonb_build_array(jsonb_build_object('kind', g.kind, 'rule', g.rule))

-- name: revoke_of_tasks
update grants set revoked_at = clock_timestamp() where task_no is not null and revoked_at is null
