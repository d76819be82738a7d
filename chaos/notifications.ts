import type pg from 'pg';
import type { Random } from '../harness/random.ts';

/*
 * Notifications on the channel that wakes workers. Postgres asks for no right to send one, so that anybody who may connect can send
 * any text.
 */

/** A role that may do nothing but connect. */
export const stranger = 'chaos_stranger';

const malformed: readonly string[] = [
  '',
  'closed:',
  'closed:abc',
  'closed:-9223372036854775809',
  'closed:1:2:3',
  'rules:',
  'rules:99999999999999999999',
  'rules:1e999',
  'rules:NaN',
  'rules: 5 ',
  'rules:0x10',
  'rules:1;drop',
  'rules:٣',
  'rules:__proto__',
  ':',
  ':::',
  'gone:1',
  'stop',
  '{"a":1}',
  '\u0001\u0002\u007f\u001b[2J',
  '\ufeffrules:1\u2028',
  '🙂'.repeat(500),
  'a'.repeat(7_999),
  `rules:${'9'.repeat(7_990)}`,
];

/** Sends one malformed text, or thousands that look right: lanes that nobody has, and those of our endpoints. */
export async function notify(
  client: pg.Client,
  { random, endpoints }: { random: Random; endpoints: readonly string[] },
): Promise<void> {
  const isFlood = random.next() < 0.15;
  const lanes = `select lane::text from posthorn.endpoints where id = any ($1::uuid[])`;
  const { rows } = await client.query<{ lane: string }>(lanes, [endpoints]);
  await client.query('begin');
  await client.query(`set local role ${stranger}`);
  if (isFlood) {
    await client.query(
      `select pg_notify('posthorn_wake', (array['rules:', 'closed:'])[1 + n % 2] || (n * $1::bigint)) from generate_series(1, 3000) as n`,
      [random.whole(1, 1_000_000_000)],
    );
  }
  if (isFlood || random.next() < 0.3) {
    await client.query(
      `select pg_notify('posthorn_wake', (array['rules:', 'closed:'])[1 + $2::integer] || lane) from unnest($1::text[]) as lane`,
      [rows.map(({ lane }) => lane), random.whole(0, 1)],
    );
  }
  if (!isFlood) {
    await client.query(`select pg_notify('posthorn_wake', $1)`, [random.pick(malformed)]);
  }
  await client.query('commit');
}

/** Tells workers to look at the rule of an endpoint again, as a change of it does. */
export async function touch(client: pg.Client, endpoint: string): Promise<void> {
  await client.query(
    `select pg_notify('posthorn_wake', 'rules:' || lane) from posthorn.endpoints where id = $1`,
    [endpoint],
  );
}
