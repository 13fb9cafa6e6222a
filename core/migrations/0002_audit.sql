-- The audit trail: a hash chain that grows by `audit_append` and by nothing else.
--
-- Threat: somebody who reached the application's database login changes, removes, reorders or invents
-- rows. What stands against it here:
--   * the login has lost UPDATE, DELETE, TRUNCATE, REFERENCES and TRIGGER on the table (revoke);
--   * a trigger, also in replica mode, refuses them for every role, a superuser's too, and refuses an
--     INSERT that does not come from `audit_append`;
--   * one lock up to the end of the appending transaction: numbers have no gap, whatever rolls back.
-- What a role that owns the table can still do (the embedded Postgres' application role does): grant
-- itself the rights again, drop or disable the trigger, feign the call stack that the trigger looks at,
-- replace the function, then rewrite the rows and compute every digest anew; a superuser, a restored dump
-- and an edited file can do as much. Nothing inside the database can prevent that. The signed heads
-- outside the database (core/audit/heads.py) are what catches it. An operator with two roles lets the
-- owner run the migrations and gives the application's role only SELECT on the table and EXECUTE on the
-- function.
--
-- digest = sha256(previous || field(seq) || field(microseconds since 1970) || field(kind) || field(body)),
-- field(x) = four bytes of length, then x in UTF-8; numbers in decimal. core/audit/chain.py does the same.
-- Needs Postgres 14 (exact microseconds). Running this file again changes nothing.
create table if not exists audit (
    seq      bigint primary key check (seq > 0),
    at       timestamptz not null,
    kind     text not null check (kind <> ''),
    body     text not null,
    previous bytea not null check (octet_length(previous) = 32),
    digest   bytea not null check (octet_length(digest) = 32)
);

-- Takes the lock first, then looks: in a READ COMMITTED transaction the newest row is then really the
-- newest. Under a stricter level an old snapshot ends in a refused duplicate number, never in a fork.
create or replace function audit_append(kind text, body text)
    returns table (seq bigint, digest bytea)
    language plpgsql security definer as
$$
declare
    now_at   timestamptz;
    before   bytea;
    message  bytea;
    part     text;
begin
    perform pg_advisory_xact_lock(418581342580); -- "audit"
    select a.seq, a.digest into seq, before from audit a order by a.seq desc limit 1;
    seq := coalesce(seq, 0) + 1;
    before := coalesce(before, decode(repeat('00', 32), 'hex'));
    now_at := clock_timestamp();
    message := before;
    foreach part in array
        array [seq::text, (extract(epoch from now_at) * 1000000)::bigint::text, kind, body]
    loop
        message := message || int4send(octet_length(convert_to(part, 'UTF8'))) || convert_to(part, 'UTF8');
    end loop;
    digest := sha256(message);
    insert into audit values (seq, now_at, kind, body, before, digest);
    return next;
end
$$;

-- The names inside `audit_append` mean this schema's, whatever search path or temporary table a caller has.
do
$$
begin
    execute format(
        'alter function audit_append(text, text) set search_path = pg_catalog, %I, pg_temp', current_schema()
    );
end
$$;

create or replace function audit_guard() returns trigger language plpgsql as
$$
declare
    stack text;
begin
    get diagnostics stack = pg_context;
    if tg_op = 'INSERT' and stack like '% audit_append(text,text) %' then
        return null;
    end if;
    raise insufficient_privilege using message = 'the audit trail only grows: ' || tg_op || ' is refused';
end
$$;

grant trigger on audit to current_user; -- until the end of this file
create or replace trigger audit_only_grows
    before insert or update or delete or truncate on audit
    for each statement execute function audit_guard();
alter table audit enable always trigger audit_only_grows;

revoke all on audit from public, current_user;
grant select, insert on audit to current_user;
revoke all on function audit_append(text, text) from public;
