-- The kind of container a task runs in; whether it is work of the agent's own that nobody is told of; and how its
-- command ended. Quiet tasks are numbered apart, so that the owner's numbers have no gaps.
alter table tasks
    add column box       text not null default 'executor' check (box in ('executor', 'reader', 'browser')),
    add column is_quiet  boolean not null default false,
    add column exit_code int;
create sequence quiet_task_numbers as int minvalue 1000000001 start with 1000000001;
create index tasks_quiet_ended on tasks (ended_at) where is_quiet;
