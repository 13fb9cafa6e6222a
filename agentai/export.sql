-- name: setting_versions
select version, at, actor, note from config_versions order by version

-- name: messages
select id, role, text, created_at from messages order by id

-- name: summaries
select text, updated_at from summaries

-- name: standing_rules
select no, text, hold, source, created_at, lifted_at from standing_rules order by no

-- name: tasks
select no, kind, title, instructions, state, result, reason, created_at, started_at, ended_at
from tasks order by no

-- name: steps
select task_no, index, tool, arguments, result, begun_at, ended_at from task_steps order by task_no, index

-- name: files
select id, name, mime, size, path, created_at from files order by id

-- name: usage
select at, role, model, purpose, task_no, prompt_tokens, completion_tokens, cost_usd, outcome
from usage order by id

-- name: skills
select name, source, state, approved_digest, approved_code, approved_permissions, trust, installed_at, used_at, uses
from skills order by name

-- name: proposals
select id, kind, skill, tasks, is_corrected, is_untrusted, base, text, reason, trial, note, state, decided_by, created_at,
       decided_at
from proposals order by id

-- name: schedules
select id, title, instructions, cadence, skill, state, catch_up, created_at, next_time from schedules order by id

-- name: schedule_runs
select schedule_id, at, task_no, missed, outcome from schedule_runs order by schedule_id, at

-- name: checks
select name, last_run, factor, muted_until, is_paused from check_states order by name

-- name: beats
select at, checks, outcome, cost_usd from beat_runs order by id

-- name: notices
select check_name, text, feedback, at from notices order by id

-- name: triggers
select name, kind, secret_name, permissions, spec, instructions, state, created_at from triggers order by name

-- name: trigger_events
select trigger, event_key, at, payload, outcome, task_no from trigger_events order by id

-- name: voice_notes
select update_id, chat_id, telegram_id, state, language, seconds, error, created_at, ended_at from voice_notes order by update_id

-- name: voice_chats
select chat_id, mode, engine, voice, voice_name from voice_chats order by chat_id

-- name: voice_replies
select id, chat_id, text, engine, voice_name, is_sample, state, error, created_at, ended_at from voice_replies order by id
