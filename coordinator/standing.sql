-- name: add
insert into standing_rules (text, fingerprint, hold, source)
select $1, $2, $3, $4
where (select count(*) from standing_rules where lifted_at is null) < $5
on conflict (fingerprint) where lifted_at is null do nothing
returning no, text, hold, created_at

-- name: same
select no, text, hold, created_at from standing_rules where fingerprint = $1 and lifted_at is null

-- name: in_force
select no, text, hold, created_at from standing_rules where lifted_at is null order by no

-- name: lift
update standing_rules set lifted_at = clock_timestamp() where no = any($1::int[]) and lifted_at is null
returning no, text, hold, created_at

-- name: set_hold
update standing_rules set hold = $2 where no = $1 and lifted_at is null
returning no, text, hold, created_at

-- name: own_messages
select text from messages where id = any($1::bigint[]) and role = 'owner' and not is_forwarded and not is_chosen
