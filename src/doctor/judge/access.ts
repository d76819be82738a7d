// Pure: no I/O, no clock, no randomness.

import type { Line } from '../../db/line.ts';
import { type Grantee, grantees } from '../../db/rights.ts';
import { listed } from '../amounts.ts';
import type { ServerFacts } from '../facts/server.ts';
import { type Finding, verdictsOf } from '../finding.ts';
import { identifier } from './change-settings.ts';

/** What the role that the doctor came with may do. */
export interface RoleFacts {
  readonly role: string;
  readonly isSuperuser: boolean;
  /** Posthorn's own server, on which nothing else is. */
  readonly isEmbedded: boolean;
  readonly isOwner: boolean;
  /** What each of the others may do and this one may not. */
  readonly lacks: Readonly<Record<Grantee, readonly string[]>>;
}

export function judgeLine(line: Line): Finding {
  const { ok, warn } = verdictsOf(
    'line',
    'direct, or through a pooler in session mode: a worker keeps a lock and listens, which takes a session of its own',
  );
  return line === 'transaction pooler'
    ? warn(
        'a pooler in transaction mode',
        'Good for producers and "posthorn api"; give "posthorn worker", "start" and "migrate" a DATABASE_URL that leads past it.',
      )
    : ok(line === 'direct' ? 'direct' : 'a pooler in session mode');
}

/** What the role lacks of the worker's rights tells what it is for. */
export function judgeRole(facts: RoleFacts): Finding {
  const { role, isSuperuser, isEmbedded, isOwner, lacks } = facts;
  const { ok, warn, fail } = verdictsOf(
    'role',
    'owns the schema or has the rights of a worker, and is no superuser: who breaks into the worker has all that its role has',
  );
  if (isSuperuser && isEmbedded) return ok(`${role}, a superuser on the embedded Postgres`);
  if (isSuperuser) {
    return warn(
      `${role}, a superuser`,
      '"posthorn roles" makes roles with what each needs; give the worker a login that is a member of one.',
    );
  }
  if (isOwner) return ok(`${role}, owner of the schema or a member of it`);
  if (lacks.worker.length === 0) return ok(`${role}, with the rights of a worker`);
  const others = grantees.filter((grantee) => lacks[grantee].length === 0);
  const what = `${role} lacks ${listed(lacks.worker, 3)}`;
  if (others.length > 0) {
    return warn(
      `${role}, with the rights of a ${others.join(' and a ')}`,
      'No worker and no API can run with it. If it is what they run with: run "posthorn roles" as the owner, and grant it the worker’s role.',
    );
  }
  return fail(
    what,
    'Run "posthorn roles" as the owner, and grant the role that this one is to be.',
  );
}

/** A role sees of other roles' sessions that they are there, and not what they do. */
export function judgeSight({ role, can_see_all: canSeeAll }: ServerFacts): Finding {
  const { ok, warn } = verdictsOf(
    'sight',
    'may see what all sessions do: else the checks of transactions know of this role’s alone',
  );
  return canSeeAll
    ? ok('all sessions')
    : warn('own sessions', `grant pg_read_all_stats to ${identifier(role)};`);
}

/** Whether the roles have what this version grants them. */
export function judgeGrants(facts: {
  readonly prefix: string | undefined;
  readonly expected: readonly { readonly who: Grantee; readonly what: string }[];
  readonly granted: readonly { readonly who: Grantee; readonly what: string }[];
}): Finding {
  const { prefix, expected, granted } = facts;
  const { ok, warn, fail } = verdictsOf(
    'roles',
    'have the rights that this version grants, and no others: a worker stops without them, and others could read secrets',
  );
  if (prefix === undefined) return ok('none were made');
  const sayings = (rights: typeof expected) =>
    new Set(rights.map(({ who, what }) => `${who}: ${what}`));
  const [should, is] = [sayings(expected), sayings(granted)];
  const missing = [...should].filter((one) => !is.has(one));
  const extra = [...is].filter((one) => !should.has(one));
  const remedy = `posthorn roles --prefix ${prefix}`;
  const also = extra.length === 0 ? '' : `; and beyond it: ${listed(extra)}`;
  if (missing.length > 0) return fail(`missing: ${listed(missing)}${also}`, remedy);
  if (extra.length > 0) {
    return warn(
      `more than that: ${listed(extra)}`,
      `${remedy} takes it back; grant to logins what they need beyond.`,
    );
  }
  return ok(`${prefix}_owner, ${grantees.map((grantee) => `${prefix}_${grantee}`).join(', ')}`);
}
