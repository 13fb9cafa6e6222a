-- name: set_pause
update autonomy set is_paused = $1, changed_at = $2 where is_paused <> $1 returning is_paused

-- name: pause
select is_paused, changed_at from autonomy

-- name: drop_events
update trigger_events set handled_at = $1, outcome = 'stopped' where handled_at is null
