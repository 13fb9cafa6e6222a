-- name: append
select seq from audit_append($1, $2)

-- name: is_there
select to_regclass('audit') is not null

-- name: entries
-- Also reads what an owner of the table may have made of it: no value may stop the check.
select seq, case when isfinite(at) then (extract(epoch from at) * 1000000)::bigint else -1 end as at_us,
       coalesce(kind, '') as kind, coalesce(body, '') as body,
       coalesce(previous, '') as previous, coalesce(digest, '') as digest
from audit where seq > $1 order by seq, digest limit $2

-- name: recent
select seq, (extract(epoch from at) * 1000000)::bigint as at_us, kind, body, previous, digest
from audit order by seq desc limit $1

-- name: newest
select seq, digest from audit order by seq desc limit 1
