-- Whether the agent may act by itself: one row. A stop pauses schedules, checks and triggers until the owner resumes
-- them. Whatever starts work unasked holds this row FOR SHARE in its own transaction, so a stop waits for it or is
-- seen by it; what fell due before `changed_at` never happens.
create table autonomy (
    is_only    boolean primary key default true check (is_only),
    is_paused  boolean not null default false,
    changed_at timestamptz not null default 'epoch'
);
insert into autonomy default values;

-- Why a run failed, also one whose task could not even be queued.
alter table schedule_runs add column reason text not null default '';
