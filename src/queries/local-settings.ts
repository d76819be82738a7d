import { type CommonQueryMethods, type DatabasePool, sql } from 'slonik';
import { z } from 'zod';

/** As pinStatement() of db/session-settings.ts: not weaker than "on", as what is answered for must not be forgotten. */
export function waitForCommits(during: 'session' | 'transaction') {
  return sql.fragment`set_config(
    'synchronous_commit',
    case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end,
    ${during === 'transaction'})`;
}

/**
 * A pool whose every statement runs in a transaction of its own that brings the settings along, for where a session does
 * not keep them: behind a pooler. It costs three round trips more a statement.
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
