// Pure: no I/O, no clock, no randomness.

import type { Random } from '../harness/random.ts';
import type { Schema } from './document.ts';
import {
  brokenJson,
  hostileNumbers,
  hostileTexts,
  likelyLimits,
  oddTimes,
  oddUrls,
} from './hostile-lists.ts';
import { idOf, type Known, uuid } from './known.ts';

/*
 * What to put where a value is expected.
 */

/** A text that is hard to bear. */
export function hostileText(random: Random): string {
  const part = random.next();
  if (part < 0.6) return random.pick(hostileTexts);
  if (part < 0.8)
    return random.pick(['a', 'ü', '\u{1f600}', ' ', '%', '"']).repeat(random.pick(likelyLimits));
  return Array.from({ length: random.whole(1, 12) }, () =>
    String.fromCharCode(random.pick([random.whole(0, 127), random.whole(0, 0xffff)])),
  ).join('');
}

/** A JSON text to stand where this schema's value is expected: of another type, just beyond a bound, or worse. */
export function hostileJson(
  schema: Schema,
  {
    random,
    known,
    name,
  }: { readonly random: Random; readonly known: Known; readonly name: string },
): string {
  const quoted = (text: string) => JSON.stringify(text);
  const kinds: (() => string)[] = [
    () =>
      random.pick(['null', 'true', 'false', '0', '""', '[]', '{}', '[null]', '[[]]', '{"a":1}']),
    () => random.pick(hostileNumbers),
    () => quoted(hostileText(random)),
    () => random.pick(brokenJson),
    () =>
      `"${random.pick(['\\u0000', '\\ud800', '\\udc00\\ud800', '\\/', '\\u002e', '\x01', '\x7f'])}"`,
  ];
  // Twice, so that what fits the field comes more often than the rest.
  const fitting = fittingKinds(schema, { random, known, name });
  return random.pick([...kinds, ...fitting, ...fitting])();
}

function fittingKinds(
  schema: Schema,
  {
    random,
    known,
    name,
  }: { readonly random: Random; readonly known: Known; readonly name: string },
): (() => string)[] {
  const quoted = (text: string) => JSON.stringify(text);
  const kinds: (() => string)[] = [];
  const bounds = boundsOf(schema);
  if (bounds.length > 0) kinds.push(() => random.pick(bounds));
  const choices = (schema.enum ?? []).filter((choice) => typeof choice === 'string');
  if (choices.length > 0) kinds.push(() => quoted(almost(random.pick(choices), random)));
  if (schema.format === 'date-time' || /_at$|^from$|^until$/.test(name)) {
    kinds.push(() => quoted(random.pick(oddTimes)));
  }
  if (/url/.test(name)) kinds.push(() => quoted(random.pick(oddUrls)));
  if (/id/.test(name)) kinds.push(() => quoted(oddId(random, known)));
  if (/headers/.test(name)) kinds.push(() => oddHeaders(random));
  if (/secret/.test(name)) kinds.push(() => quoted(oddSecret(random)));
  if (schema.type === 'array' || schema.items !== undefined) {
    kinds.push(
      () =>
        `[${Array(random.pick([2, 99, 100, 101, 999, 1_001]))
          .fill(random.pick(['0', '"a"', quoted(uuid(random))]))
          .join(',')}]`,
    );
  }
  return kinds;
}

function boundsOf({ minimum, maximum, maxLength, minLength }: Schema): readonly string[] {
  const around = (bound: number | undefined) =>
    bound === undefined ? [] : [bound - 1, bound, bound + 1, bound - 0.0001, bound + 0.0001];
  const lengthsAround = [minLength, maxLength].flatMap((length) =>
    length === undefined || length > 100_000 ? [] : [length - 1, length, length + 1],
  );
  return [
    ...[...around(minimum), ...around(maximum)].map(String),
    ...lengthsAround
      .filter((length) => length >= 0)
      .map((length) => JSON.stringify('a'.repeat(length))),
  ];
}

/** A word that looks like the right one. */
export function almost(word: string, random: Random): string {
  return random.pick([
    word.toUpperCase(),
    ` ${word}`,
    `${word} `,
    `${word}\0`,
    `${word},${word}`,
    word.slice(0, -1),
    `${word}\u0301`,
    word.replace(/e/g, '\u0435'),
  ]);
}

/** An id that is there but of another kind, that is nowhere, or that is written oddly. */
export function oddId(random: Random, known: Known): string {
  const id = idOf(random.pick(['webhooks', 'events', 'endpoints', 'subscriptions', 'replays']), {
    known,
    random,
  });
  return random.pick([
    id,
    uuid(random),
    id.toUpperCase(),
    id.replaceAll('-', ''),
    `{${id}}`,
    `urn:uuid:${id}`,
    ` ${id}`,
    `${id}\n`,
    `${id}\0`,
    id.slice(0, -1),
    `${id}0`,
    id.replace('-', '\u2010'),
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '00000000-0000-7000-8000-000000000000',
    'ffffffff-ffff-7fff-bfff-ffffffffffff',
    '01800000-0000-7000-8000-000000000000',
    '550e8400-e29b-41d4-a716-446655440000',
    hostileText(random),
  ]);
}

function oddHeaders(random: Random): string {
  const name = random.pick([
    'Host',
    'content-length',
    'X-A',
    'x-a',
    '',
    'a b',
    'é',
    ':path',
    'webhook-id',
    '__proto__',
    'X'.repeat(129),
    'a\0',
    '\ud800',
  ]);
  const value = random.pick([
    '1',
    '',
    'a\r\nb',
    'é',
    '\0',
    ' x ',
    'v'.repeat(8_200),
    '\ud800',
    '\t',
  ]);
  const own = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  const many = Array.from({ length: random.whole(1, 300) }, (_, n) => `"X-${n}":"${n}"`).join(',');
  return random.pick([
    `{${own}}`,
    `{${own},${own}}`,
    `{${own},"X-A":"1","x-a":"2"}`,
    `{${many}}`,
    `{${own.replace(/"$/, '')}}`,
    '{"X-A":1}',
    '{"X-A":["a"]}',
    '{"X-A":null}',
  ]);
}

function oddSecret(random: Random): string {
  const base64 = (bytes: number) => Buffer.alloc(bytes, random.whole(0, 255)).toString('base64');
  return random.pick([
    `whsec_${base64(random.pick([0, 1, 23, 24, 32, 64, 65]))}`,
    `whsk_${base64(random.pick([0, 32, 63, 64, 65]))}`,
    `whpk_${base64(32)}`,
    'whsec_',
    'whsec_ä',
    'sealed:x:y:z',
    'sealed:',
    's'.repeat(512),
    's'.repeat(513),
    'ü'.repeat(257),
  ]);
}
