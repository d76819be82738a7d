import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { canRunPsql } from '../../harness/can-run.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

// posthorn.enqueue() and posthorn.publish() take a body of type text or jsonb. What has no type yet is text.

const database = forFile(createTestDatabase);
const hasPsql = canRunPsql('enqueue() with a literal in psql');

const url = 'https://example.com/hook';
/** jsonb would lose the blanks. */
const text = '{"a":   1}';
const json = '{"a": 1}';

async function bodyOf(id: unknown): Promise<unknown> {
  const { rows } = await database.pool.query('select body from posthorn.outbox where id = $1', [
    id,
  ]);
  return rows[0]?.body;
}

describe.each([
  ['enqueue', (body: string) => `posthorn.enqueue(url => '${url}', body => ${body})`],
  ['publish', (body: string) => `posthorn.publish('acme', 'order.paid', ${body})`],
])('%s()', (_name, call) => {
  it.each([
    ['a literal', `'${text}'`, text],
    ['text', `'${text}'::text`, text],
    ['varchar', `'${text}'::varchar`, text],
    ['jsonb', `'${text}'::jsonb`, json],
    ['jsonb that was built', `jsonb_build_object('a', 1)`, json],
  ])('takes %s', async (_what, body, sent) => {
    const { rows } = await database.pool.query(`select ${call(body)} as id`);
    expect(await bodyOf(rows[0]?.id)).toBe(sent);
  });

  it('takes a parameter of unknown type for text, also in a prepared statement', async () => {
    const { rows } = await database.pool.query(`select ${call('$1')} as id`, [text]);
    expect(await bodyOf(rows[0]?.id)).toBe(text);
    const client = await database.pool.connect();
    try {
      await client.query(`prepare send as select ${call('$1')} as id`);
      const prepared = await client.query(`execute send ('${text}')`);
      expect(await bodyOf(prepared.rows[0]?.id)).toBe(text);
      await client.query('deallocate send');
    } finally {
      client.release();
    }
  });

  it.skipIf(!hasPsql)('takes a literal and a variable of psql for text', async () => {
    const script = `\\set b '${text}'\nselect ${call(`'${text}'`)};\nselect ${call(":'b'")};\n`;
    const output = execFileSync('psql', [database.url, '-X', '-q', '-A', '-t'], {
      input: script,
      encoding: 'utf8',
    });
    const ids = output.trim().split('\n');
    expect(ids).toHaveLength(2);
    for (const id of ids) expect(await bodyOf(id)).toBe(text);
  });
});

it('enqueue() takes positions, an endpoint without a url, and all other parameters with jsonb', async () => {
  const { rows } = await database.pool.query(
    `insert into posthorn.endpoints (url) values ('${url}') returning id`,
  );
  const sent = await database.pool.query(
    `select
       posthorn.enqueue('${url}', '${json}'::jsonb) as by_position,
       posthorn.enqueue(endpoint_id => $1, body => '${json}'::jsonb, headers => '{"X-Shop": "a"}', priority => 'high',
         send_at => now(), max_attempts => 3, idempotency_key => 'jsonb', tenant => '') as to_endpoint`,
    [rows[0]?.id],
  );
  expect(await bodyOf(sent.rows[0]?.by_position)).toBe(json);
  expect(await bodyOf(sent.rows[0]?.to_endpoint)).toBe(json);
});
