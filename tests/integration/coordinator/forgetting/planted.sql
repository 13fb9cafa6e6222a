-- What the tests of forgetting put into the database: the word in every place, a query for each table.

-- name: inbox
insert into inbox (update_id, payload, handled_at) values
    (90, '{"message": {"text": "a Quixotic idea in Z\u00fcrich"}}', now()), (91, 'broken quixotic', now())

-- name: turns
insert into turns (chat_id, state, steps) values (9, 'done',
    '[{"role": "assistant", "tool_calls": [{"function": {"arguments": "{\"x\": \"\\nquixotic\"}"}}]}]')

-- name: messages
insert into messages (chat_id, role, text) values
    (1, 'assistant', 'the quixotic one'), (1, 'event', '#3 quixotic')

-- name: summaries
insert into summaries (chat_id, up_to, text) values (9, 0, 'It is quixotic.')

-- name: outbox
insert into outbox (chat_id, method, payload, state, error) values
    (1, 'text', '{"text": "so quixotic", "entities": [{"type": "bold"}]}', 'sent', 'no quixotic'),
    (1, 'file', jsonb_build_object('filename', 'quixotic.txt', 'content',
    encode(convert_to('a Quixotic file', 'UTF8'), 'base64')), 'sent', null)

-- name: tasks
insert into tasks (kind, title, instructions, chat_id, state, progress, question, result, reason, finishing,
    ended_at) values ('shell', 'quixotic', 'quixotic', 1, 'done', 'quixotic', 'quixotic', 'quixotic', 'quixotic',
    '{"text": "quixotic"}', now())

-- name: task_steps
insert into task_steps values (1, 0, 'run', '{"quixotic": "echo quixotic"}', 'quixotic', now(), now())

-- name: task_inputs
insert into task_inputs (task_no, kind, text) values (1, 'steer', 'be quixotic')

-- name: approvals
insert into approvals (nonce, code, task_no, chat_id, reason, detail, state, expires_at)
    values ('n', 'c', 1, 1, 'r', 'quixotic', 'approved', now())

-- name: approval_actions
insert into approval_actions (approval_id, index, digest, action, display)
    values (1, 0, 'd', '{"to": "quixotic"}', 'quixotic')

-- name: proposals
insert into proposals (kind, task_kind, tokens, tasks, is_corrected, is_untrusted, base, text, reason,
    trial, note, state) values ('new', 'k', '{quixotic}', '{1}', false, false, 'quixotic', 'quixotic', 'quixotic',
    '{"t": "quixotic"}', 'quixotic', 'dropped')

-- name: schedule_runs
with s as (insert into schedules (title, instructions, cadence, zone, created_at, last_time)
    values ('t', 'i', '{}', 'UTC', now(), now()) returning id)
    insert into schedule_runs (schedule_id, at, claimed_at, reason) select id, now(), now(), 'quixotic' from s

-- name: notices
insert into notices (check_name, digest, text, at) values ('c', 'd', 'quixotic', now())

-- name: trigger_events
with t as (insert into triggers (name, kind, created_at) values ('t', 'file', now()) returning name)
    insert into trigger_events (trigger, event_key, digest, at, payload, handled_at)
    select name, 'k', 'd', now(), 'quixotic', now() from t

-- name: memories
insert into memories (layer, text, label, state, key)
    values ('fact', 'quixotic', 'untrusted', 'quarantined', 'k')

-- name: voice_replies
insert into voice_replies (chat_id, text, error) values (1, 'quixotic', 'quixotic')

-- name: standing_rules
insert into standing_rules (text, fingerprint, source, lifted_at)
    values ('quixotic', 'quixotic', 'heard', now())

-- name: columns
select c.table_name as "table", c.column_name as "column" from information_schema.columns c
join information_schema.tables t using (table_schema, table_name)
where c.table_schema = 'public' and t.table_type = 'BASE TABLE'
  and (c.data_type in ('text', 'jsonb', 'json', 'bytea', 'character varying', 'ARRAY', 'tsvector', 'xml')
       or c.data_type = 'USER-DEFINED')
  and c.udt_name not in ('_int2', '_int4', '_int8', '_float4', '_float8', '_timestamptz')
