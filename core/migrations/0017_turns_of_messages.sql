-- Each answer looks for the messages of its turn, each edit for the message it changes: by index, however long the talk.
create index messages_turn on messages (turn_id) where turn_id is not null;
create index messages_edited on messages (chat_id, telegram_id, id) where role = 'owner';
