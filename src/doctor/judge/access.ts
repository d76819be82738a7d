// Pure: no I/O, no clock, no randomness.

import type { ConnectionKind } from '../../db/connection-kind.ts';
import { type Grantee, grantees } from '../../db/rights.ts';
import { listed } from '../amounts.ts';
import type { ServerFacts } from '../facts/server.ts';
import { type Finding, verdictsOf } from '../finding.ts';
import { identifier } from './change-settings.ts';

/** The rights of the role that the doctor uses. */
export interface RoleFacts {
  readonly role: string;
  readonly isSuperuser: boolean;
  /** Posthorn's own server, which nothing else uses. */
  readonly isEmbedded: boolean;
  readonly isOwner: boolean;
  /** For each other role, the rights that it has and this one lacks. */
  readonly lacks: Readonly<Record<Grantee, readonly string[]>>;
}

export function judgeConnectionKind(line: ConnectionKind): Finding {
  const { ok, warn } = verdictsOf(
    'line',
    'direct, or through a pooler in session mode: a worker holds a lock and listens, which needs its own session',
  );
  return line === 'transaction pooler'
    ? warn(
        'a pooler in transaction mode',
        'Good for producers and "posthorn api"; give "posthorn worker", "start" and "migrate" a DATABASE_URL that bypasses it.',
      )
    : ok(line === 'direct' ? 'direct' : 'a pooler in session mode');
}

/** The worker's rights that the role lacks show what the role is for. */
export function judgeRole(facts: RoleFacts): Finding {
  const { role, isSuperuser, isEmbedded, isOwner, lacks } = facts;
  const { ok, warn, fail } = verdictsOf(
    'role',
    'owns the schema or has the rights of a worker, and is not a superuser: an attacker in the worker would have all rights of its role',
  );
  if (isSuperuser && isEmbedded) return ok(`${role}, a superuser on the embedded Postgres`);
  if (isSuperuser) {
    return warn(
      `${role}, a superuser`,
      '"posthorn roles" makes roles with the rights that each needs; give the worker a login that is a member of one.',
    );
  }
  if (isOwner) return ok(`${role}, owner of the schema or a member of it`);
  if (lacks.worker.length === 0) return ok(`${role}, with the rights of a worker`);
  const others = grantees.filter((grantee) => lacks[grantee].length === 0);
  const what = `${role} lacks ${listed(lacks.worker, 3)}`;
  if (others.length > 0) {
    return warn(
      `${role}, with the rights of a ${others.join(' and a ')}`,
      'A worker or an API cannot run with it. If yours use it, run "posthorn roles" as the owner, and grant it the worker’s role.',
    );
  }
  return fail(
    what,
    'Run "posthorn roles" as the owner, and grant this role the one that it should be.',
  );
}

/** A role can see that other roles have sessions, but not what they run. */
export function judgeSight({ role, can_see_all: canSeeAll }: ServerFacts): Finding {
  const { ok, warn } = verdictsOf(
    'sight',
    'may see what all sessions run: otherwise the checks of transactions see only those of this role',
  );
  return canSeeAll
    ? ok('all sessions')
    : warn('own sessions', `grant pg_read_all_stats to ${identifier(role)};`);
}

/** Whether the roles have the rights that this version grants them. */
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
  if (prefix === undefined) return ok('not made');
  const sayings = (rights: typeof expected) =>
    new Set(rights.map(({ who, what }) => `${who}: ${what}`));
  const [should, is] = [sayings(expected), sayings(granted)];
  const missing = [...should].filter((one) => !is.has(one));
  const extra = [...is].filter((one) => !should.has(one));
  const remedy = `posthorn roles --prefix ${prefix}`;
  const also = extra.length === 0 ? '' : `; and has more: ${listed(extra)}`;
  if (missing.length > 0) return fail(`missing: ${listed(missing)}${also}`, remedy);
  if (extra.length > 0) {
    return warn(
      `more than that: ${listed(extra)}`,
      `${remedy} takes them back; grant additional rights to the logins.`,
    );
  }
  return ok(`${prefix}_owner, ${grantees.map((grantee) => `${prefix}_${grantee}`).join(', ')}`);
}
