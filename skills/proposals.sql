-- name: news
select exists (select 1 from proposals where state in ('writing', 'trial')) as has_work,
       (select max(ended_at) from (
           select ended_at from tasks where not is_quiet order by no desc limit 200) recent) as last_end

-- name: done_tasks
select t.no, t.instructions, t.skill, 'untrusted' = any(t.labels) as is_untrusted,
       coalesce('m' || t.origin_message_id, 't' || t.turn_id, 'n' || t.no) as asked,
       array(select i.text from task_inputs i
             where i.task_no = t.no and i.kind = 'steer' and i.key like 'update:%' order by i.id)
       || array(select m.text from messages m
                where m.turn_id = t.turn_id and m.role = 'owner' and m.corrects is not null and not m.is_forwarded
                order by m.id) as corrections,
       array(select substring(m.text from '^\[about task #(\d{1,9}):')::int from messages m
             where m.turn_id = t.turn_id and m.role = 'owner' and not m.is_forwarded
               and m.text ~ '^\[about task #\d{1,9}:' order by m.id) as again_of
from tasks t
where t.kind = 'agent' and t.origin = 'owner' and t.state = 'done' and not t.is_quiet
  and t.ended_at > clock_timestamp() - interval '60 days'
order by t.no desc limit 200

-- name: said
select m.text from messages m join tasks t on t.turn_id = m.turn_id
where t.no = $1 and m.role = 'owner' and not m.is_forwarded and not m.is_chosen order by m.id

-- name: earlier
select kind, skill, tokens, state, tasks[1] as newest_task from proposals order by id desc limit 500

-- name: made_today
select count(*)::int from proposals where created_at > clock_timestamp() - interval '1 day'

-- name: begin
insert into proposals (kind, skill, task_kind, tokens, tasks, is_corrected, is_untrusted, base, base_digest)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict do nothing
returning id

-- name: select
select id, kind, skill, tasks, is_corrected, is_untrusted, base, base_digest, text, digest, reason, state, attempts,
       trial, note, decided_by, created_at
from proposals

-- name: attempt
update proposals set attempts = attempts + 1 where id = $1 and state = $2 returning attempts

-- name: written
update proposals set skill = $2, text = $3, digest = $4, reason = $5, attempts = 0, state = 'trial'
where id = $1 and state = 'writing' returning id

-- name: tried
update proposals set trial = $2 where id = $1 and state = 'trial' returning id

-- name: move
update proposals
set state = $3, note = case when $4 = '' then note else $4 end, decided_by = coalesce($5, decided_by),
    decided_at = case when $5 is null then decided_at else clock_timestamp() end
where id = $1 and state = $2 returning id

-- name: own_digests
select digest from proposals where skill = $1 and state = 'installed'

-- name: denied
select distinct body::jsonb ->> 'scope' as scope, body::jsonb ->> 'reason' as reason from (
    select kind, body from audit order by seq desc limit 2000) newest
where kind = 'effect.denied' and (body::jsonb ->> 'task') = $1::int::text order by 1, 2 limit 20
