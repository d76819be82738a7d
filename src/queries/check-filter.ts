import { type CommonQueryMethods, InvalidInputError, sql } from 'slonik';
import { z } from 'zod';
import { codeOf } from '../db/sqlstate.ts';

/** The result of checking a filter. */
export type CheckedFilter =
  | { readonly kind: 'usable' }
  /** It breaks this rule of posthorn.subscriptions. */
  | { readonly kind: 'refused'; readonly rule: string }
  /** Postgres cannot read it, and says why. */
  | { readonly kind: 'unreadable'; readonly message: string };

const ruleRow = z.object({ rule: z.string().nullable() });

/** Checks whether a text can be the filter of a subscription. */
export async function checkFilter(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  filter: string,
): Promise<CheckedFilter> {
  try {
    const rule = await connection.oneFirst(sql.type(ruleRow)`
      select posthorn.filter_rule(${filter}::jsonpath) as rule`);
    return rule === null ? { kind: 'usable' } : { kind: 'refused', rule };
  } catch (error) {
    const message = messageOf(error);
    if (message === undefined) throw error;
    return { kind: 'unreadable', message: withPosition(message, filter) };
  }
}

/**
 * What Postgres says about a text that is no jsonpath; undefined for other errors. slonik wraps Postgres' error, and keeps
 * only the message of a 22P02.
 */
function messageOf(error: unknown): string | undefined {
  if (error instanceof InvalidInputError) return error.message;
  let source = error;
  while (source instanceof Error) {
    const code = codeOf(source);
    const isAboutText = code !== undefined && (code.startsWith('22') || code === '42601');
    if (isAboutText && source.cause === undefined) return source.message;
    source = source.cause;
  }
  return undefined;
}

/** Adds the character at which Postgres stopped to its message, if that is certain. It names the text there, and no place. */
function withPosition(message: string, filter: string): string {
  if (message.includes(' at end of jsonpath input'))
    return `${message} (character ${[...filter].length + 1})`;
  const near = /at or near "(.*)" of jsonpath input/su.exec(message)?.[1];
  if (near === undefined) return message;
  const at = filter.indexOf(near);
  if (at < 0 || filter.indexOf(near, at + 1) >= 0) return message;
  return `${message} (character ${[...filter.slice(0, at)].length + 1})`;
}
