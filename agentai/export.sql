-- name: setting_versions
select version, at, actor, note from config_versions order by version

-- name: messages
select id, role, text, created_at from messages order by id

-- name: summaries
select text, updated_at from summaries

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
