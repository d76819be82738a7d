import { expect } from 'vitest';
import { type Case, secret, url } from './case.ts';
import { owners } from './endpoint-cases.ts';

// Section D: secrets, wherever they are given.

const whsec = (bytes: number) => `whsec_${Buffer.alloc(bytes, 1).toString('base64')}`;

/** [what, the secret, the rule] */
const secrets: readonly (readonly [what: string, value: unknown, rule: string])[] = [
  ['a number', 7, 'invalid'],
  ['NUL', `${secret}\0`, 'invalid'],
  ['nothing', '', 'is_1_to_512_bytes'],
  ['513 bytes', 'a'.repeat(513), 'is_1_to_512_bytes'],
  ['nothing after whsec_', 'whsec_', 'is_base64_after_whsec'],
  ['signs that are not base64', 'whsec_!!!', 'is_base64_after_whsec'],
  ['too short, and would be known', `whsec_${secret}`, 'is_base64_after_whsec'],
  ['base64url', `whsec_${Buffer.alloc(32, 0xfb).toString('base64url')}`, 'is_base64_after_whsec'],
  ['23 bytes', whsec(23), 'is_base64_after_whsec'],
  ['67 bytes', whsec(67), 'is_base64_after_whsec'],
  ['base64 with a blank', `${whsec(24)} `, 'is_base64_after_whsec'],
  ['base64 in two lines', whsec(48).replace('A', '\n'), 'is_base64_after_whsec'],
  ['base64 without its padding', whsec(25).replaceAll('=', ''), 'is_base64_after_whsec'],
  ['an Ed25519 key that is none', 'whsk_short', 'is_ed25519_after_whsk'],
];

const givenCases: readonly Case[] = [
  ...owners,
  { request: 'POST /endpoints/{endpoint}/secret/rotate', rest: {}, table: 'endpoints' },
].flatMap(({ request, rest, table }): Case[] =>
  secrets.map(([what, value, rule]) => {
    const code = rule === 'invalid' ? 'invalid_secret' : `${table}_secret_${rule}`;
    return [
      66,
      `a secret: ${what}`,
      request,
      { json: { ...rest, secret: value } },
      `400 ${code} /secret`,
    ];
  }),
);

const hidden = (_: unknown, { text }: { readonly text: string }) => {
  expect(text).toContain('"has_secret":true');
  expect(text).not.toContain('whsec_');
};
const shown = (_: unknown, { text }: { readonly text: string }) => {
  expect(text).toMatch(/"secret":"whsec_[A-Za-z0-9+/]{43}="/);
};

const rotate = 'POST /endpoints/{endpoint}/secret/rotate';
const conflict = '409 too_many_secrets';

const rotationCases: readonly Case[] = [
  [
    66,
    'a secret that was given, and stays with us,',
    'POST /endpoints',
    { json: { url, secret: whsec(24) } },
    '201',
    hidden,
  ],
  [
    66,
    'no secret: one is made, and shown this once,',
    'POST /endpoints',
    { json: { url } },
    '201',
    shown,
  ],
  [66, 'a look at it later', 'GET /endpoints/{endpoint}', {}, '200', hidden],
  [66, 'a look at all', 'GET /endpoints', {}, '200', hidden],
  [
    66,
    'a secret that looks like a sealed one',
    'POST /endpoints',
    { json: { url, secret: 'sealed:v1' } },
    '400 endpoints_secret_is_not_like_sealed /secret',
  ],
  [
    66,
    'another type than its secret',
    'POST /endpoints',
    { json: { url, secret: 'a', secret_type: 'ed25519' } },
    '400 invalid_secret_type /secret_type',
  ],
  [
    66,
    'an unknown type',
    'POST /endpoints',
    { json: { url, secret_type: 'rsa' } },
    '400 invalid_secret_type /secret_type',
  ],
  ...[604_801, -1, 1.5, '1d', 1e12, true].map(
    (overlap): Case => [
      67,
      `an overlap of ${overlap}`,
      rotate,
      { json: { overlap_s: overlap } },
      '400 invalid_overlap_s /overlap_s',
    ],
  ),
  [67, 'a second secret', rotate, {}, '200', shown],
  [67, 'a third secret', rotate, { json: {} }, '200', shown],
  [67, 'a fourth secret', rotate, {}, conflict],
  [67, 'a fourth secret of its own', rotate, { json: { secret: whsec(32) } }, conflict],
  [67, 'one that ends all others', rotate, { json: { overlap_s: 0 } }, '200', shown],
];

export const secretCases: readonly Case[] = [...givenCases, ...rotationCases];
