// Pure: no I/O, no clock, no randomness.

import { isThing, type Thing } from '../transaction/thing.ts';
import type { Statement } from '../transaction/transaction.ts';
import { RefusedError } from './refused-error.ts';

/*
 * Libraries wrap Postgres's error in their own ways, and several write the statement's parameters into it: Knex and Drizzle
 * into the message, Sequelize, TypeORM and slonik into properties. The parameters hold bodies and secrets, which would end
 * up in a log.
 */

/**
 * Makes the error that the caller gets. A refusal becomes a {@link RefusedError}. Any other error stays the library's own,
 * because its retries look at it; only the parameters are taken out of it.
 *
 * @param secrets what must not appear anywhere in it, beside the statement's parameter
 */
export function databaseError(
  error: unknown,
  { statement, secrets }: { readonly statement: Statement; readonly secrets: readonly string[] },
): unknown {
  const chain = chainOf(error);
  const hide = hiding({ statement, secrets });
  const refusal = refusalIn(chain, hide);
  // Also of a refusal, because the library may throw its own error at the end of the transaction, as postgres.js does.
  for (const link of chain) clean(link, { hide, seen: new Set(chain) });
  if (refusal !== undefined) return refusal;
  return error;
}

/** Where libraries keep the error that they wrap. */
const links = [
  'cause',
  'original',
  'parent',
  'driverError',
  'nativeError',
  'previous',
  'meta',
  'driverAdapterError',
];

/** The error and the errors in it, the outermost first. */
function chainOf(error: unknown): readonly Thing[] {
  const chain: Thing[] = [];
  const add = (value: unknown): void => {
    if (!isThing(value) || chain.includes(value) || chain.length === 16) return;
    chain.push(value);
    for (const name of links) add(value[name]);
  };
  add(error);
  return chain;
}

/** Classes 22 and 23 of SQLSTATE: data exceptions and integrity constraint violations. */
const refusing = /^2[23][0-9A-Z]{3}$/;

/** A rule's name as Postgres and Posthorn quote it in their messages. */
const quotedRule = /\bconstraint "([^"]+)"|\brule (\w+)/;

function refusalIn(
  chain: readonly Thing[],
  hide: (text: string) => string,
): RefusedError | undefined {
  // The innermost is closest to what Postgres said. Prisma has the code of an adapter's error as originalCode.
  const innermost = [...chain].reverse();
  const [code, link] = firstOf(innermost, (one) =>
    [one['originalCode'], one['code'], slonikCodeOf(one)].find((value) =>
      refusing.test(`${value}`),
    ),
  );
  if (link === undefined) return undefined;
  const said = hide(textOf(link['originalMessage']) ?? textOf(link['message']) ?? '');
  const [hint] = firstOf(innermost, (one) => textOf(one['hint']));
  const [named] = firstOf(
    innermost,
    (one) => textOf(one['constraint']) ?? textOf(one['constraint_name']),
  );
  const quoted = quotedRule.exec(said);
  return new RefusedError(hint === undefined ? said : `${said}. ${hint}`, {
    code: `${code}`,
    constraint: named ?? quoted?.[1] ?? quoted?.[2],
    hint,
  });
}

/** Of a malformed value, Slonik keeps the message and no code. */
function slonikCodeOf({ constructor: kind }: Thing): string | undefined {
  return isThing(kind) && kind['name'] === 'InvalidInputError' ? '22P02' : undefined;
}

function firstOf<Value>(
  chain: readonly Thing[],
  pick: (link: Thing) => Value | undefined,
): readonly [Value | undefined, Thing | undefined] {
  for (const link of chain) {
    const value = pick(link);
    if (value !== undefined) return [value, link];
  }
  return [undefined, undefined];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

const hidden = '[not shown]';

/** Takes what must not be shown out of a text. */
function hiding({
  statement,
  secrets,
}: {
  readonly statement: Statement;
  readonly secrets: readonly string[];
}): (text: string) => string {
  const [start = '', end = ''] = statement.text.split('$1');
  return (text) => {
    let shown = text;
    for (const one of [statement.parameter, ...secrets]) shown = shown.replaceAll(one, hidden);
    // Knex writes the parameter into the statement, as a literal with escapes, and the statement before the message.
    const from = shown.indexOf(start);
    const to = shown.lastIndexOf(end);
    if (from < 0 || to < from) return shown;
    return shown.slice(0, from) + shown.slice(to + end.length).replace(/^ - /, '');
  };
}

/** Takes it out of all texts of an error, and of the lists and objects in it. */
function clean(
  thing: Thing,
  { hide, seen }: { readonly hide: (text: string) => string; readonly seen: Set<unknown> },
): void {
  for (const name of Object.getOwnPropertyNames(thing)) {
    const value = thing[name];
    // Postgres's context may quote the parameters, cut off: log_parameter_max_length_on_error.
    const isContext = name === 'where' && typeof value === 'string';
    const shown = isContext && value.includes('$1') ? hidden : value;
    if (typeof shown === 'string' && hide(shown) !== value) {
      Reflect.set(thing, name, hide(shown));
    } else if (isPlain(value) && !seen.has(value)) {
      seen.add(value);
      clean(value, { hide, seen });
    }
  }
}

/** Lists and objects without a class: an error may also refer to a whole client, which is none of our business. */
function isPlain(value: unknown): value is Thing {
  if (!isThing(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}
