-- name: newest
select version, overrides from config_versions order by version desc limit 1

-- name: newest_version
select coalesce(max(version), 0) from config_versions

-- name: one
select version, overrides from config_versions where version = $1

-- name: history
select version, at, actor, note from config_versions order by version desc limit $1

-- name: lock
select pg_advisory_xact_lock(7310591)

-- name: add
insert into config_versions (actor, note, overrides) values ($1, $2, $3) returning version
