-- Every write takes this lock, so that a version number, the newest key and a rotation never race.
-- Reads take none. The number spells "vault".
-- name: lock
select pg_advisory_xact_lock(x'7661756c74'::bigint)

-- name: newest_key
select id, wrapped from vault_keys order by id desc limit 1

-- name: all_keys
select id, wrapped from vault_keys order by id

-- name: next_key_id
select nextval(pg_get_serial_sequence('vault_keys', 'id'))

-- name: add_key
insert into vault_keys (id, wrapped) values ($1, $2)

-- name: rewrap_key
update vault_keys set wrapped = $2 where id = $1

-- name: delete_idle_keys
delete from vault_keys k
where k.id < (select max(id) from vault_keys)
  and not exists (select from vault_secrets s where s.key_id = k.id)

-- name: version_of
select version from vault_secrets where name = $1

-- name: put
insert into vault_secrets (name, version, key_id, host, header, template, sealed)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (name) do update
set version = excluded.version, key_id = excluded.key_id, host = excluded.host,
    header = excluded.header, template = excluded.template, sealed = excluded.sealed,
    created_at = clock_timestamp(), used_at = null

-- name: open
select s.name, s.version, s.host, s.header, s.template, s.sealed, s.key_id, k.wrapped
from vault_secrets s join vault_keys k on k.id = s.key_id
where s.name = $1

-- name: list
select name, version, host, header, template, created_at, used_at from vault_secrets order by name

-- name: delete
delete from vault_secrets where name = $1 returning name

-- name: touch
update vault_secrets set used_at = clock_timestamp() where name = $1

-- name: next_stale
select s.name, s.version, s.host, s.header, s.template, s.sealed, s.key_id, k.wrapped
from vault_secrets s join vault_keys k on k.id = s.key_id
where s.key_id < (select max(id) from vault_keys)
order by s.name limit 1
for update of s

-- name: reseal
update vault_secrets set key_id = $2, sealed = $3 where name = $1

-- name: settings
select version, overrides from config_versions order by version for update

-- name: reseal_settings
update config_versions set overrides = $2 where version = $1
