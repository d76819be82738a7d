import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chosen, findExamples } from '../../examples/runner/example.ts';
import {
  type Arrived,
  type Check,
  type Evidence,
  judge,
  judgeRepeated,
  secret,
} from '../../examples/runner/judge.ts';
import { isUnreachable } from '../../examples/runner/program.ts';
import { asText, withRows } from '../../examples/runner/table.ts';

// The parts of `npm run examples` whose mistakes would be taken for examples that work.

const to = (path: string, id: string, headers: Record<string, string> = {}): Arrived => ({
  path: `/drizzle${path}`,
  headers: { 'x-webhook-id': id, ...headers },
});

const many = Array.from({ length: 1_000 }, (_, n) => to('/bulk', `b${n}`));

/** All that a good example leaves behind. */
const good: Evidence = {
  answers: [
    { check: 'commit', ids: ['C'] },
    { check: 'rollback' },
    { check: 'headers', ids: ['h1', 'h2'] },
    { check: 'bulk', count: 1_000 },
    { check: 'illegal', constraint: null, message: '… "outbox_url_is_http"' },
    { check: 'key', ids: ['k', 'k'] },
    { check: 'event', ids: ['e'] },
    { check: 'migration', statements: ['alter table orders add column note text'] },
    { check: 'producer', ids: ['p'] },
  ],
  trouble: undefined,
  strange: undefined,
  output: '',
  base: '/drizzle',
  arrived: [
    to('/commit', 'c'),
    to('/headers', 'h1', { 'x-shop': 'a' }),
    to('/headers', 'h2'),
    ...many,
    to('/key', 'k'),
    to('/producer', 'p'),
  ],
  subscribed: [{ path: '/endpoint', headers: { 'webhook-id': 'e', 'x-webhook-id': 'w' } }],
  orders: 1,
};

const all = good.answers.map(({ check }) => check) as Check[];

describe('an example', () => {
  it('is good in all that it was asked for', () => {
    const verdicts = judge(all, good);
    expect(new Set(Object.values(verdicts).map(({ kind }) => kind))).toEqual(new Set(['good']));
    expect(Object.keys(verdicts)).toHaveLength(10);
    expect(judgeRepeated(verdicts)).toEqual({ kind: 'good' });
  });

  const answering = (answer: Record<string, unknown>): Partial<Evidence> => ({
    answers: good.answers.map((one) => (one['check'] === answer['check'] ? answer : one)),
  });
  const receiving = (...arrived: Arrived[]): Partial<Evidence> => ({
    arrived: [...good.arrived, ...arrived],
  });

  it.each<[string, string, Partial<Evidence>]>([
    ['commit', 'stores no order', { orders: 0 }],
    ['commit', 'has no table of orders', { orders: undefined }],
    ['commit', 'is sent twice', receiving(to('/commit', 'c'))],
    ['id', 'is another', answering({ check: 'commit', ids: ['other'] })],
    ['id', 'is missing', answering({ check: 'commit' })],
    ['rollback', 'is sent', receiving(to('/rollback', 'r'))],
    [
      'headers',
      'are not sent',
      {
        arrived: good.arrived.map(({ path, headers }) => ({
          path,
          headers: { ...headers, 'x-shop': undefined },
        })),
      },
    ],
    ['headers', 'are sent once too often', receiving(to('/headers', 'h3'))],
    [
      'bulk',
      'is one short',
      { arrived: good.arrived.filter(({ headers }) => headers['x-webhook-id'] !== 'b7') },
    ],
    ['bulk', 'says another number', answering({ check: 'bulk', count: 999 })],
    ['illegal', 'does not name the rule', answering({ check: 'illegal', message: 'Failed' })],
    ['illegal', 'shows the secret', { output: `params: ftp://x,${secret}` }],
    ['key', 'has two ids', answering({ check: 'key', ids: ['k', 'l'] })],
    ['key', 'is sent twice', receiving(to('/key', 'k'))],
    ['event', 'reaches no endpoint', { subscribed: [] }],
    [
      'migration',
      'drops our table',
      answering({ check: 'migration', statements: ['DROP TABLE "posthorn"."outbox"'] }),
    ],
    ['producer', 'sends what was rolled back', receiving(to('/producer-rollback', 'x'))],
    ['producer', 'ends badly after all answers', { trouble: 'It ended with 1' }],
    ['key', 'prints nothing', { answers: [], trouble: 'It ended with 1' }],
  ])('whose %s %s is bad', (column, _how, over) => {
    const verdicts = judge(all, { ...good, ...over });
    expect(verdicts[column as 'commit']).toMatchObject({ kind: 'bad' });
    expect(judgeRepeated(verdicts)).toMatchObject({ kind: 'bad' });
  });

  it('says what a tool lacks that cannot be had here', () => {
    const answers = [{ check: 'migration', unavailable: 'no engine' }];
    expect(judge(['migration'], { ...good, answers }).migration).toEqual({
      kind: 'none',
      why: 'no engine',
    });
  });
});

describe('the table', () => {
  const page = 'a\n<!-- results: begin -->\n| Old | ✔ |\n| Kept | ✔ |\n<!-- results: end -->\nb\n';
  const row = {
    title: 'Old',
    verdicts: { commit: { kind: 'bad', why: 'No order is stored' } },
    notes: { migration: 'has none' },
  } as const;

  it('replaces the rows of what ran, keeps those of what did not, and drops those of what is gone', () => {
    const written = withRows(page, { rows: [row], titles: ['Kept', 'Old'] });
    expect(written).toContain('| Kept | ✔ |\n| Old | ✘ |');
    expect(written).toContain('| – has none |');
    expect(written.startsWith('a\n') && written.endsWith('-->\nb\n')).toBe(true);
    expect(withRows(written, { rows: [row], titles: ['Old'] })).not.toContain('Kept');
    expect(() => withRows('no table', { rows: [], titles: [] })).toThrow('must have the lines');
  });

  it('says what went wrong', () => {
    expect(asText([row])).toContain('Old, commit: No order is stored');
  });
});

describe('the examples', () => {
  const examples = findExamples();

  it('are found, and chosen by name or folder', () => {
    expect(examples.length).toBeGreaterThan(8);
    expect(chosen(examples, ['drizzle']).map(({ name }) => name)).toEqual(['drizzle']);
    expect(() => chosen(examples, ['dizzle'])).toThrow('"dizzle" is none of');
  });

  it.each(examples)(
    '$name has a README, and does what its rows promise',
    ({ folder, checks, receiver }) => {
      expect(existsSync(join(folder, 'README.md'))).toBe(true);
      expect(checks.length > 0).toBe(!receiver);
    },
  );

  it('stand in docs/orms.md', () => {
    const text = readFileSync(new URL('../../docs/orms.md', import.meta.url), 'utf8');
    for (const { title, receiver } of examples) {
      if (!receiver) expect(text).toContain(`| ${title} |`);
    }
  });
});

it.each([
  ['npm error code ENOTFOUND', true],
  ['dial tcp 127.0.0.1:9: connect: connection refused', true],
  ['[ERROR] Could not transfer artifact: Unknown host', true],
  ['Temporary failure in name resolution', true],
  ['checks.go:12:2: undefined: url', false],
  ["ModuleNotFoundError: No module named 'psycopg'", false],
])('tells a registry that cannot be reached from a fault of the example: %s', (said, is) => {
  expect(isUnreachable(said)).toBe(is);
});
