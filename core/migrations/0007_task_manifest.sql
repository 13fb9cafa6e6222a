-- What set a task in motion, and for a skill's task the skill and its compiled manifest: the task never gets more than
-- that, whatever becomes of the skill's file meanwhile.
alter table tasks
    add column origin   text not null default 'owner'
        check (origin in ('owner', 'skill', 'schedule', 'trigger', 'subtask')),
    add column skill    text not null default '',
    add column manifest jsonb;
