// Pure: no I/O, no clock, no randomness.

import { counted, listed } from '../amounts.ts';
import type { Override, ServerFacts } from '../facts/server.ts';
import type { TableFacts } from '../facts/tables.ts';
import { type Finding, verdictsOf } from '../finding.ts';
import { changeSettings, identifier } from './change-settings.ts';

/** Whether committed data survives a crash. */
export function judgeDurability(server: ServerFacts, overrides: readonly Override[]): Finding[] {
  return [judgeFsync(server), judgePageWrites(server), judgeCommit(server, overrides)];
}

/** Whether the tables keep their rows, and each row of the outbox reaches the queue. */
export function judgeTables(
  tables: TableFacts,
  settings: { readonly server: ServerFacts; readonly overrides: readonly Override[] },
): Finding[] {
  return [judgeLogged(tables), judgeTriggers(tables, settings)];
}

function judgeFsync(server: ServerFacts): Finding {
  const { ok, fail } = verdictsOf(
    'fsync',
    'on: without it, a crash of the machine loses or corrupts committed data',
  );
  const value = server.settings['fsync'] ?? '';
  return value === 'on' ? ok(value) : fail(value, changeSettings(server, [['fsync', 'on']]));
}

function judgePageWrites(server: ServerFacts): Finding {
  const { ok, fail } = verdictsOf(
    'full_page_writes',
    'on: without it, a crash in the middle of a write leaves a torn page, unless the file system writes whole pages (ZFS)',
  );
  const value = server.settings['full_page_writes'] ?? '';
  return value === 'on'
    ? ok(value)
    : fail(value, changeSettings(server, [['full_page_writes', 'on']]));
}

/** It can be set per role and per database, so the value in this session does not show everything. */
function judgeCommit(server: ServerFacts, overrides: readonly Override[]): Finding {
  const { settings } = server;
  const remedy = changeSettings(server, [['synchronous_commit', 'on']]);
  const { ok, warn, fail } = verdictsOf(
    'synchronous_commit',
    'on, for producers and workers: with off, a crash loses the commits of the last moments',
  );
  const value = settings['synchronous_commit'] ?? '';
  if (value === 'off') return fail('off', remedy);
  const others = overrides.filter(
    (one) => one.name === 'synchronous_commit' && one.value === 'off',
  );
  if (others.length > 0) {
    return warn(`${value}, but off ${listed(others.map(scopeOf))}`, others.map(resetOf).join(' '));
  }
  if (value === 'local' && settings['synchronous_standby_names'] !== '') {
    return warn(
      'local, with synchronous standbys',
      `${remedy} Otherwise a failover loses the last commits.`,
    );
  }
  return ok(value);
}

function judgeLogged({ unlogged }: TableFacts): Finding {
  const { ok, fail } = verdictsOf(
    'logged tables',
    'all tables of the schema are logged: a crash empties unlogged ones',
  );
  if (unlogged.length === 0) return ok('all');
  return fail(
    `unlogged: ${listed(unlogged)}`,
    unlogged.map((name) => `alter table posthorn.${name} set logged;`).join(' '),
  );
}

/**
 * The triggers that enqueue a row of the outbox. A restore with --disable-triggers that stopped half-way leaves them
 * off.
 */
function judgeTriggers(
  { triggers }: TableFacts,
  { server, overrides }: { server: ServerFacts; overrides: readonly Override[] },
): Finding {
  const { ok, warn, fail } = verdictsOf(
    'triggers',
    'enabled and firing in all sessions: without them, webhooks in the outbox are never sent',
  );
  const off = triggers.filter(({ is_enabled: isEnabled }) => !isEnabled);
  if (off.length > 0) {
    const names = off.map(({ table, name }) => `${name} on ${table}`);
    return fail(
      `disabled or missing: ${listed(names)}`,
      off
        .map(({ table, name }) => `alter table posthorn.${table} enable trigger ${name};`)
        .join(' '),
    );
  }
  if (server.settings['session_replication_role'] === 'replica') {
    return fail(
      'session_replication_role is replica',
      changeSettings(server, [['session_replication_role', 'origin']]),
    );
  }
  const replicas = overrides.filter(
    (one) => one.name === 'session_replication_role' && one.value === 'replica',
  );
  if (replicas.length > 0) {
    return warn(
      `not fired ${listed(replicas.map(scopeOf))}, where session_replication_role is replica`,
      replicas.map(resetOf).join(' '),
    );
  }
  return ok(counted(triggers.length, 'trigger'));
}

function scopeOf({ role, database }: Override): string {
  const parts = [
    ...(role === null ? [] : [`for the role ${role}`]),
    ...(database === null ? [] : [`in the database ${database}`]),
  ];
  return parts.join(' ');
}

function resetOf({ role, database, name }: Override): string {
  const where = database === null ? '' : identifier(database);
  if (role === null) return `alter database ${where} reset ${name};`;
  return `alter role ${identifier(role)}${where === '' ? '' : ` in database ${where}`} reset ${name};`;
}
