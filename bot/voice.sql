-- name: note_arrived
insert into voice_notes (update_id, chat_id, telegram_id) values ($1, $2, $3) on conflict do nothing

-- name: next_note
select n.update_id, n.chat_id, n.telegram_id, n.attempts, i.payload
from voice_notes n left join inbox i using (update_id)
where n.state = 'waiting' order by n.update_id limit 1

-- name: note_tried
update voice_notes set attempts = attempts + 1 where update_id = $1

-- name: note_heard
update voice_notes set state = 'heard', language = $2, seconds = $3, ended_at = clock_timestamp()
where update_id = $1 and state = 'waiting' returning update_id

-- name: note_failed
update voice_notes set state = 'failed', error = $2, ended_at = clock_timestamp()
where update_id = $1 and state = 'waiting' returning update_id

-- name: chat
select mode, engine, voice, voice_name, trouble from voice_chats where chat_id = $1

-- name: set_mode
insert into voice_chats (chat_id, mode) values ($1, $2) on conflict (chat_id) do update set mode = excluded.mode, trouble = ''

-- name: set_voice
insert into voice_chats (chat_id, engine, voice, voice_name) values ($1, $2, $3, $4)
on conflict (chat_id) do update
set engine = excluded.engine, voice = excluded.voice, voice_name = excluded.voice_name, trouble = ''

-- name: set_trouble
insert into voice_chats (chat_id, trouble) values ($1, $2)
on conflict (chat_id) do update set trouble = excluded.trouble where voice_chats.trouble <> excluded.trouble
returning chat_id

-- name: was_spoken
select exists (select 1 from messages where turn_id = $1 and role = 'owner' and is_spoken)

-- name: add_reply
insert into voice_replies (key, chat_id, text, engine, voice, voice_name, is_sample)
values ($1, $2, $3, $4, $5, $6, $7) on conflict (key) do nothing returning id

-- name: next_reply
select id, chat_id, text, engine, voice, voice_name, is_sample, attempts,
       created_at < clock_timestamp() - interval '10 minutes' as is_late
from voice_replies where state = 'waiting' order by id limit 1

-- name: reply_tried
update voice_replies set attempts = attempts + 1 where id = $1

-- name: reply_ended
update voice_replies set state = $2, error = $3, ended_at = clock_timestamp()
where id = $1 and state = 'waiting' returning id
