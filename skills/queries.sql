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
