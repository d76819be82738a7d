import { type CommonQueryMethods, type DatabasePool, sql } from 'slonik';
import { z } from 'zod';

/**
 * The same rule as in pinStatement() of db/session-settings.ts: never weaker than "on", because a confirmed commit must
 * not be lost.
 */
export function waitForCommits(during: 'session' | 'transaction') {
  return sql.fragment`set_config(
    'synchronous_commit',
    case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end,
    ${during === 'transaction'})`;
}

/**
 * Wraps a pool so that each statement runs in its own transaction, which carries the settings. Needed behind a pooler,
 * where sessions do not keep them. It costs three more round trips per statement.
 */
export function withLocalSettings(
  pool: DatabasePool,
  settings: Readonly<Record<string, string>>,
): DatabasePool {
  const all = Object.entries(settings).map(
    ([name, value]) => sql.fragment`set_config(${name}, ${value}, true)`,
  );
  const set = sql.type(
    z.looseObject({}),
  )`select ${waitForCommits('transaction')}, ${sql.join(all, sql.fragment`, `)}`;
  const transaction: CommonQueryMethods['transaction'] = (handler, retryLimit) =>
    pool.transaction(async (connection) => {
      await connection.query(set);
      return handler(connection);
    }, retryLimit);
  return {
    ...pool,
    transaction,
    any: (query) => transaction((connection) => connection.any(query)),
    anyFirst: (query) => transaction((connection) => connection.anyFirst(query)),
    exists: (query) => transaction((connection) => connection.exists(query)),
    many: (query) => transaction((connection) => connection.many(query)),
    manyFirst: (query) => transaction((connection) => connection.manyFirst(query)),
    maybeOne: (query) => transaction((connection) => connection.maybeOne(query)),
    maybeOneFirst: (query) => transaction((connection) => connection.maybeOneFirst(query)),
    one: (query) => transaction((connection) => connection.one(query)),
    oneFirst: (query) => transaction((connection) => connection.oneFirst(query)),
    query: (query) => transaction((connection) => connection.query(query)),
  };
}
