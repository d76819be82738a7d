// Pure: no I/O, no clock, no randomness.

import { has, isThing, type Thing } from './thing.ts';

const accepted = [
  'a Client, PoolClient or Pool of pg',
  'an sql of postgres.js',
  'a transaction of slonik, Knex, Kysely, Drizzle, Prisma or Sequelize',
  'an EntityManager, QueryRunner or DataSource of TypeORM',
  'an EntityManager of MikroORM',
  'an object with query(text, values) that resolves to rows',
].join('; ');

/** Makes the error for something that is no transaction. It says what was given and what would be taken. */
export function unknownTransaction(caller: string, given: unknown): TypeError {
  return new TypeError(
    `${caller}() needs a transaction, but got ${described(given)}. It takes ${accepted}`,
  );
}

/** Its kind and the names of its methods. Never a value, because connections hold passwords. */
function described(given: unknown): string {
  if (given === null || given === undefined) return `${given}`;
  if (!isThing(given)) return `a value of type ${typeof given}`;
  if (has(given, 'then')) return 'a Promise or a query: await it first';
  const methods = methodsOf(given);
  if (methods.length === 0) return `${kindOf(given)} without methods`;
  const more = methods.length > 8 ? ', …' : '';
  return `${kindOf(given)} with the methods ${methods.slice(0, 8).join(', ')}${more}`;
}

function kindOf(given: Thing): string {
  if (typeof given === 'function') return 'a function';
  const name = (Object.getPrototypeOf(given) as { constructor?: { name?: unknown } } | null)
    ?.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object'
    ? `an instance of ${name}`
    : 'an object';
}

function methodsOf(given: Thing): string[] {
  const names = new Set<string>();
  for (let level: object | null = given; isOwn(level); level = Object.getPrototypeOf(level)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value === 'function' && name !== 'constructor' && !name.startsWith('_')) {
        names.add(name);
      }
    }
  }
  return [...names];
}

/** Not what all objects and functions have. */
function isOwn(level: object | null): level is object {
  return level !== null && level !== Object.prototype && level !== Function.prototype;
}
