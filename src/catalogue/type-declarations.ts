// Pure: no I/O, no clock, no randomness.

import type { JsonSchema } from '../domain/json-schema.ts';
import { commentOf, keyOf, pascalCase, typeOfSchema } from '../domain/schema-types.ts';

/** An event type, as its type declaration needs it. */
interface Declared {
  readonly name: string;
  readonly description: string;
  /** Null: any body. */
  readonly schema: JsonSchema | null;
  readonly deprecated: boolean;
}

/**
 * The text of a .d.ts file: the interface PosthornEvents has a member for each event type, the type of its body. The same
 * catalogue always makes the same text, so that a build can tell whether the file is up to date.
 */
export function declarationsOf(eventTypes: readonly Declared[]): string {
  const prefixes = prefixesOf(eventTypes.map(({ name }) => name));
  const named: string[] = [];
  const members = eventTypes.map(({ name, description, schema, deprecated }) => {
    const made = typeOfSchema(schema ?? true, { prefix: `${prefixes.get(name)}_` });
    for (const [typeName, text] of made.named) named.push(`export type ${typeName} = ${text};\n`);
    const comment = commentOf({ description, isDeprecated: deprecated }, '  ');
    return `${comment}  ${keyOf(name)}: ${made.text};\n`;
  });
  const body = members.length === 0 ? '{}' : `{\n${members.join('')}}`;
  return [
    '// Made by "posthorn types" from the catalogue of event types. Do not edit it.\n',
    '/* eslint-disable */\n/* biome-ignore-all lint: generated */\n\n',
    '/** The bodies of events, by event type. */\n',
    `export interface PosthornEvents ${body}\n`,
    ...(named.length === 0 ? [] : ['\n', named.join('\n')]),
  ].join('');
}

/** A beginning for the names of types that an event type needs; "a.b" and "a_b" have different ones. */
function prefixesOf(names: readonly string[]): ReadonlyMap<string, string> {
  const prefixes = new Map<string, string>();
  const taken = new Set<string>();
  for (const name of names) {
    const wanted = pascalCase(name);
    let prefix = wanted;
    for (let number = 2; taken.has(prefix); number += 1) prefix = `${wanted}${number}`;
    taken.add(prefix);
    prefixes.set(name, prefix);
  }
  return prefixes;
}
