// Pure: no I/O, no clock, no randomness.

import { Random } from '../harness/random.ts';
import type { Mutator } from './mutator.ts';

/*
 * What may be wrong with the bytes of a body: cut, garbled, of another encoding, too many.
 */

const wrongUtf8 = [
  [0xff],
  [0xfe, 0xff],
  [0xc0, 0x80],
  [0xc3],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf8, 0x88, 0x80, 0x80, 0x80],
  [0xe2, 0x82],
  [0x80],
].map((bytes) => Buffer.from(bytes));

/** A little more than any request may have at the subject. */
export const hugeBytes = 200_000;

export const byteMutators: readonly Mutator[] = [
  forBytes('cut short', (body, random) => body.subarray(0, random.whole(0, body.length))),
  forBytes('garbage after it', (body, random) =>
    Buffer.concat([
      body,
      Buffer.from(
        random.pick(['x', '}', ',', '{}', '\0', ' \n\t ', '\x0b', '\u00a0', '#', '//', '/**/']),
      ),
    ]),
  ),
  forBytes('something before it', (body, random) =>
    Buffer.concat([
      Buffer.from(random.pick(['\ufeff', ' ', '\r\n\t ', '\0', '\x0c', ")]}',\n", '<!--', ','])),
      body,
    ]),
  ),
  forBytes('flipped bits', (body, random) => {
    const changed = Buffer.from(body);
    for (let flips = random.whole(1, 4); flips > 0 && changed.length > 0; flips -= 1) {
      const at = random.whole(0, changed.length - 1);
      changed[at] = (changed[at] ?? 0) ^ (1 << random.whole(0, 7));
    }
    return changed;
  }),
  forBytes('random bytes in it', (body, random) => {
    const bytes = Buffer.from(
      Array.from({ length: random.whole(1, 6) }, () => random.whole(0, 255)),
    );
    return inserted(body, { bytes, at: random.whole(0, body.length) });
  }),
  forBytes('wrong UTF-8 in a text', (body, random) => {
    const quotes = [...body.entries()].filter(([, byte]) => byte === 0x22).map(([at]) => at + 1);
    const at = quotes.length === 0 ? 0 : random.pick(quotes);
    return inserted(body, { bytes: random.pick(wrongUtf8), at });
  }),
  forBytes('bytes left out', (body, random) => {
    const at = random.whole(0, body.length);
    return Buffer.concat([body.subarray(0, at), body.subarray(at + random.whole(1, 5))]);
  }),
  forBytes('in another encoding', (body, random) => {
    const encoded = Buffer.from(body.toString('utf8'), random.pick(['utf16le', 'latin1'] as const));
    return encoded.length % 2 === 0 && random.next() < 0.3 ? encoded.swap16() : encoded;
  }),
  forBytes('empty', () => Buffer.alloc(0)),
  forBytes('blanks only', (_, random) => Buffer.from(random.pick([' ', '\n', '\t\r\n', '\0']))),
  forBytes('random bytes only', (_, random) =>
    Buffer.from(Array.from({ length: random.whole(1, 60) }, () => random.whole(0, 255))),
  ),
  forBytes('every letter of its keys escaped', (body) =>
    Buffer.from(
      body
        .toString('utf8')
        .replace(
          /"([a-z_]+)":/g,
          (_, key: string) => `"${[...key].map(escapedLetter).join('')}" :`,
        ),
    ),
  ),
  forBytes('huge', (body, random) => {
    const filling = random.pick([' ', 'a', '[', '{"a":', '\0', '9']);
    const at = random.pick([0, 1, body.length]);
    return inserted(body, { bytes: Buffer.alloc(hugeBytes, filling), at });
  }),
];

function forBytes(name: string, edit: (body: Buffer, random: Random) => Buffer): Mutator {
  return {
    name: `bytes: ${name}`,
    fits: ({ body }) => body !== undefined,
    apply(draft, { random }) {
      // Seeded now, as the edit is made later.
      const own = new Random(random.whole(0, 2 ** 32 - 1));
      draft.bodyEdits.push((body) => edit(body, own));
    },
  };
}

function inserted(
  body: Buffer,
  { bytes, at }: { readonly bytes: Buffer; readonly at: number },
): Buffer {
  return Buffer.concat([body.subarray(0, at), bytes, body.subarray(at)]);
}

function escapedLetter(letter: string): string {
  return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
