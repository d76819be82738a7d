// Pure: no I/O, no clock, no randomness.

import { mark } from './planned-file.ts';

/**
 * Makes the login that runs it a member of posthorn_producer. It has no backtick, no "${" and no three quotes, so that it can stand
 * in a string of each language.
 */
const sql = `do $$
declare
  -- The login of your application, if it is another one than that which runs this.
  app_login name := current_user;
begin
  if not exists (select from pg_roles where rolname = 'posthorn_producer') then
    raise exception 'There is no role posthorn_producer'
      using hint = 'Run "posthorn migrate" and "posthorn roles" first.';
  end if;
  -- A superuser is a member of everything.
  if not pg_has_role(app_login, 'posthorn_producer', 'member') then
    begin
      execute format('grant posthorn_producer to %I', app_login);
    exception when insufficient_privilege then
      raise exception 'The login % may not make itself a member of posthorn_producer', current_user
        using hint = format('Let an administrator run: grant posthorn_producer to %I', app_login);
    end;
  end if;
end
$$;`;

/** As a script of its own, with comments that begin like this. */
export function loginSql(comment: string): string {
  return `${comment} ${mark} Lets the login of your application send webhooks: it becomes a member of posthorn_producer.
${comment} "posthorn migrate" makes the schema, and "posthorn roles" the role. docs/roles.md of Posthorn has more.
${sql}
`;
}

/** Each line after so many spaces. */
export function joinSql(spaces: number): string {
  return sql
    .split('\n')
    .map((line) => `${' '.repeat(spaces)}${line}`)
    .join('\n');
}
