-- name: all
select name, source, state, approved_digest, approved_code, approved_permissions, trust, installed_at, used_at, uses
from skills order by name

-- name: one
select name, source, state, approved_digest, approved_code, approved_permissions, trust, installed_at, used_at, uses
from skills where name = $1

-- name: see
insert into skills (name, source, state) values ($1, $2, $3)
on conflict (name) do update set
    source = excluded.source,
    state = case when skills.state = 'disabled' then 'disabled' else excluded.state end,
    approved_digest = case when skills.source = excluded.source then skills.approved_digest end,
    approved_code = case when skills.source = excluded.source then skills.approved_code end,
    approved_permissions = case when skills.source = excluded.source then skills.approved_permissions end,
    trust = case when skills.source = excluded.source then skills.trust else 'ask' end
where skills.source <> excluded.source or skills.state not in ('disabled', excluded.state)

-- name: approve
insert into skills (name, source, state, approved_digest, approved_code, approved_permissions)
values ($1, $2, 'enabled', $3, $4, $5)
on conflict (name) do update set
    state = 'enabled', source = excluded.source, approved_digest = excluded.approved_digest,
    approved_code = excluded.approved_code, approved_permissions = excluded.approved_permissions,
    trust = case when skills.source = excluded.source then skills.trust else 'ask' end

-- name: revoke
update skills set approved_digest = null, approved_code = null, approved_permissions = null, trust = 'ask'
where name = $1 returning name

-- name: set_disabled
insert into skills (name, source, state) values ($1, $2, 'disabled')
on conflict (name) do update set state = 'disabled'

-- name: set_enabled
update skills set state = 'enabled' where name = $1 and state = 'disabled' returning name

-- name: set_trust
update skills set trust = $2 where name = $1 returning name

-- name: used
insert into skills (name, source, uses, used_at) values ($1, $2, 1, clock_timestamp())
on conflict (name) do update set uses = skills.uses + 1, used_at = clock_timestamp()

-- name: forget
delete from skills where name = $1 returning name

-- name: propose
insert into proposals (skill, kind, text, diff, reason, trial) values ($1, $2, $3, $4, $5, $6) returning id

-- name: proposal
select id, skill, kind, text, diff, reason, trial, state, created_at, decided_at from proposals where id = $1

-- name: open_proposals
select id, skill, kind, text, diff, reason, trial, state, created_at, decided_at
from proposals where state = 'open' order by id desc limit $1

-- name: set_trial
update proposals set trial = $2 where id = $1 and state = 'open' returning id

-- name: decide
update proposals set state = $2, decided_at = clock_timestamp() where id = $1 and state = 'open' returning id
