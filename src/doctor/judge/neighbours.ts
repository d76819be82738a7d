// Pure: no I/O, no clock, no randomness.

import { counted, listed } from '../amounts.ts';
import type { MixedOwner, PathFacts } from '../facts/neighbours.ts';
import type { ServerFacts } from '../facts/server.ts';
import { type Finding, verdictsOf } from '../finding.ts';
import { identifier } from './change-settings.ts';

/*
 * What an application and its migration tool do in the same database. A tool that finds Posthorn's tables where it looks for
 * its own proposes to drop them.
 */

export function judgePath(
  { schema, is_of_role: isOfRole }: PathFacts,
  server: ServerFacts,
): Finding {
  const { ok, warn } = verdictsOf(
    'search path',
    'does not begin with the schema posthorn: otherwise what applications make without a schema lands among Posthorn’s tables, and migration tools see those',
  );
  if (schema !== 'posthorn') return ok(schema === null ? 'no schema' : `begins with ${schema}`);
  const [role, database] = [identifier(server.role), identifier(server.database)];
  return warn(
    `begins with posthorn, for the role ${server.role}`,
    isOfRole
      ? `alter role ${role} in database ${database} set search_path = public;`
      : `alter database ${database} set search_path = public;`,
  );
}

/** @param facts.isNewer whether a newer version was here, whose tables this one does not know. */
export function judgeForeignTables(facts: {
  readonly names: readonly string[];
  readonly isNewer: boolean;
}): Finding {
  const { ok, warn } = verdictsOf(
    'foreign tables',
    'none in the schema posthorn: a migration tool that manages them there proposes to drop Posthorn’s',
  );
  if (facts.isNewer) return ok('not looked for, because a newer version was here');
  if (facts.names.length === 0) return ok('none');
  return warn(
    listed(facts.names),
    `Move them, such as: alter table posthorn.${identifier(facts.names[0] ?? '')} set schema public; and see the check "search path".`,
  );
}

export function judgeOwners(owners: readonly MixedOwner[]): Finding {
  const { ok, warn } = verdictsOf(
    'table owner',
    'no role that may drop Posthorn’s tables owns others: a migration tool that runs as such a role can drop Posthorn’s by mistake',
  );
  if (owners.length === 0) return ok('owns only Posthorn’s tables');
  return warn(
    listed(
      owners.map(
        ({ role, tables, example }) =>
          `${role} also owns ${counted(tables, 'table')}, such as ${example}`,
      ),
    ),
    'Let your application and its migration tool use a role that is neither the owner of the schema posthorn, nor a member of it, nor a superuser. "posthorn roles" gives the schema an owner of its own (docs/roles.md).',
  );
}
