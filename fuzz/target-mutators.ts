// Pure: no I/O, no clock, no randomness.

import type { Random } from '../harness/random.ts';
import type { Draft } from './draft.ts';
import { almost, hostileText, oddId } from './hostile.ts';
import { idOf } from './known.ts';
import type { Mutator } from './mutator.ts';

/*
 * What may be wrong with the path and the query.
 */

/** Steps of a path that mean something to somebody. Latin-1: what is above 0x7f goes out as one byte. */
const oddSteps = [
  '',
  '.',
  '..',
  '%2e%2e',
  '..%2f..',
  '%2f',
  '%5c',
  '%00',
  '%',
  '%zz',
  '%c0%ae',
  '%ff',
  '%ed%a0%80',
  '%F0%9F%98%80',
  '\xff\xfe',
  '\xc3\xa9',
  ';a=b',
  '*',
  '~',
  ':id',
  '{id}',
  '__proto__',
  'constructor',
  'null',
  'undefined',
  '-1',
  '0',
  '%20',
  "'%20or%201=1--",
  '"><script>',
  'a'.repeat(300),
  'a'.repeat(8_000),
  '%41'.repeat(2_000),
  'a'.repeat(17_000),
];

const oddQueries = [
  'unknown=1',
  '__proto__=1',
  '__proto__[a]=1',
  'constructor=1',
  'a[]=1',
  '=',
  '=1',
  '&&&',
  '%',
  '%zz=%zz',
  'a=%00',
  'a=%ff',
  '\xff=\xfe',
  'a;b=1',
  'a=1?b=2',
  'q=%',
  '+',
  'a+b=c+d',
  'a'.repeat(4_000),
  `a=${'b'.repeat(15_000)}`,
  Array.from({ length: 1_000 }, (_, n) => `p${n}=1`).join('&'),
  '#fragment',
  'api_key=1',
  'access_token=1',
];

export const targetMutators: readonly Mutator[] = [
  {
    name: 'path: an odd id',
    fits: ({ operation }) => operation.path.includes('{'),
    apply(draft, { random, known }) {
      const id = oddId(random, known);
      setStep(draft, { random, step: encodedAsText(id), isOfId: true });
    },
  },
  {
    name: 'path: an id of another kind',
    fits: ({ operation }) => operation.path.includes('{'),
    apply(draft, { random, known }) {
      const kind = random.pick(['webhooks', 'events', 'endpoints', 'subscriptions', 'replays']);
      setStep(draft, { random, step: idOf(kind, { known, random }), isOfId: true });
    },
  },
  {
    name: 'path: an odd step',
    apply(draft, { random }) {
      setStep(draft, { random, step: random.pick(oddSteps), isOfId: random.next() < 0.5 });
    },
  },
  {
    name: 'path: another shape',
    apply(draft, { random }) {
      draft.path = random.pick([
        `${draft.path}/`,
        `/${draft.path}`,
        draft.path.replaceAll('/', '//'),
        `/.${draft.path}`,
        `/x/..${draft.path}`,
        `${draft.path}/${random.pick(['retry', 'cancel', 'pause', 'test', 'secret', 'x'])}`,
        draft.path.toUpperCase(),
        `${draft.path}${random.pick(oddSteps)}`,
        `http://127.0.0.1${draft.path}`,
        `http://evil.example${draft.path}`,
        `//evil.example${draft.path}`,
        draft.path.replace(/^\//, ''),
        '*',
        '',
        draft.path.replaceAll('/', '\\'),
        draft.path.replace(/[a-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
      ]);
      // What is no target may break the request line.
      if (!draft.path.startsWith('/')) draft.isAlone = true;
    },
  },
  {
    name: 'query: something unknown',
    apply: (draft, { random }) => void draft.query.push(random.pick(oddQueries)),
  },
  {
    name: 'query: the same again',
    fits: ({ query }) => query.length > 0,
    apply: (draft, { random }) => void draft.query.push(random.pick(draft.query)),
  },
  forParameter('a hostile value', (_, random) => encodedAsText(hostileText(random))),
  forParameter('almost the right value', (value, random) =>
    encodedAsText(almost(decoded(value), random)),
  ),
  forParameter('no value', () => ''),
  forParameter(
    'raw bytes',
    (value, random) =>
      value +
      random.pick(['%', '%0', '%00', '%ff', '\xff', '+', '%20', '\t', '"', '%2525', ',', ',,']),
  ),
  forParameter('a number', (_, random) =>
    random.pick([
      '0',
      '-1',
      '1',
      '200',
      '201',
      '1e3',
      '1.0',
      '0x10',
      '00',
      '+1',
      '999999999999999999999',
      'NaN',
      'Infinity',
      '1,2',
    ]),
  ),
  {
    name: 'query: a flipped cursor',
    fits: ({ operation }) => operation.parameters.some(({ name }) => name === 'cursor'),
    apply(draft, { random, known }) {
      const cursor = known.cursors.length === 0 ? 'A'.repeat(43) : random.pick(known.cursors);
      const at = random.whole(0, cursor.length - 1);
      const flipped =
        cursor.slice(0, at) + random.pick(['A', '_', '-', '=', '%00', '']) + cursor.slice(at + 1);
      draft.query.push(
        `cursor=${random.pick([flipped, cursor, cursor + cursor, cursor.slice(1)])}`,
      );
    },
  },
];

/** A mutation of a query parameter that the document names, there or not. */
function forParameter(name: string, change: (value: string, random: Random) => string): Mutator {
  const names = ({ operation }: Draft) =>
    operation.parameters.filter((one) => one.in === 'query').map((one) => one.name);
  return {
    name: `query: ${name}`,
    fits: (draft) => names(draft).length > 0,
    apply(draft, { random }) {
      const parameter = random.pick(names(draft));
      const at = draft.query.findIndex((piece) => piece.startsWith(`${parameter}=`));
      const value = at < 0 ? '' : (draft.query[at] ?? '').slice(parameter.length + 1);
      const piece = `${parameter}=${change(value, random)}`;
      if (at < 0) draft.query.push(piece);
      else draft.query[at] = piece;
    },
  };
}

function setStep(
  draft: Draft,
  {
    random,
    step,
    isOfId,
  }: { readonly random: Random; readonly step: string; readonly isOfId: boolean },
): void {
  const steps = draft.path.split('/');
  const template = draft.operation.path.split('/');
  const ids = template.flatMap((one, at) => (one.startsWith('{') && at < steps.length ? [at] : []));
  const at =
    isOfId && ids.length > 0 ? random.pick(ids) : random.whole(1, Math.max(1, steps.length - 1));
  steps[at] = step;
  draft.path = steps.join('/');
  // A blank or a line feed ends the target: the rest may be taken for anything.
  if (/[\s\0]/.test(step)) draft.isAlone = true;
}

/** Percent-encoded, also what has no UTF-8. */
function encodedAsText(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function decoded(piece: string): string {
  try {
    return decodeURIComponent(piece);
  } catch {
    return piece;
  }
}
