import { describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { publish, recipientsOf, subscribe, subscriber } from '../support/events.ts';
import { ask } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// A customer writes the filter, and it runs in the producer's transaction.

const database = forFile(createTestDatabase);

const accepted = [
  '$.total >= 1000',
  '$.a == "x" && ($.b == true || !($.c == null))',
  '$.items[*].sku starts with "A-"',
  'exists($.items[*] ? (@.price > 10 && @.tags[*] == "new"))',
  'exists($.a[*] ? (@.x == 1 && exists(@.y[*] ? (@ == 3))))',
  '$.items.size() > 3',
  '$.a.type() == "string"',
  '$[last] == 1 || $[0 to last - 1] == 2 || $[-1] == 3',
  '$.*.id == 1',
  '$.a > -1.5',
  '($.a == 1) is unknown',
  'strict $.a == 1',
  'true',
  Array.from({ length: 10 }, (_, n) => `$.a${n} == ${n}`).join(' && '),
  // Only names and texts.
  '$."like_regex" == "** like_regex $\\"x\\" [0, 0] .datetime() * 3"',
];

const refused: Readonly<Record<string, readonly string[]>> = {
  subscriptions_filter_is_at_most_1_kib: [`$.a == "${'x'.repeat(1_024)}"`, '$.a > 1e1100'],
  subscriptions_filter_has_no_like_regex: ['$.a like_regex "(a+)+$"', '"x" like_regex "x"'],
  subscriptions_filter_has_no_recursive_wildcard: ['$.**.a == 1', '$.**{2 to last} == 1'],
  subscriptions_filter_has_no_variables: ['$.a == $b', '$"a b" == 1'],
  subscriptions_filter_methods_are_type_and_size: [
    '$.a.datetime("YYYY@MM") == "x"',
    '$.a.datetime() < "2020-01-01T00:00:00+00".datetime()',
    'exists($.keyvalue().keyvalue())',
    '$.a.double() > 1',
    '$.a.abs().floor().ceiling() > 1',
  ],
  subscriptions_filter_subscripts_are_one_index_or_range: [
    '$.a[0, 0][0, 0][0, 0] == 1',
    '$[0 to last, 0 to last] == 1',
    '$[*][$[*]] == 1',
    '$.a[1 + 1] == 1',
    '$.a["x"] == 1',
  ],
  subscriptions_filter_does_not_calculate: [
    '$.a + $.b > 1',
    '$.a * 2 > 1',
    '$.a / 2 > 1',
    '$.a % 2 == 1',
    '$.a > 1 - 2',
    '-$.a == 1',
    '-($.a) == 1',
  ],
  subscriptions_filter_compares_paths_with_values: [
    '$.a == $.b',
    '1 < $.a',
    'exists($.a[*] ? (@.b == @.c))',
    'exists($.a[*] ? (@ == $.b))',
  ],
  subscriptions_filter_conditions_begin_with_at: [
    'exists($.a[*] ? ($.b == 1))',
    'exists($.a[*] ? (@.b == 1 && (($.c == 1))))',
    'exists($.a[*] ? (exists(@ ? (@ > 1)) && $.c == 1))',
  ],
  subscriptions_filter_has_at_most_10_paths: [
    Array.from({ length: 11 }, (_, n) => `$.a${n} == ${n}`).join(' || '),
  ],
  subscriptions_filter_has_at_most_60_steps: [
    `$${'[*]'.repeat(60)} == 1`,
    `exists($[*] ? (${Array.from({ length: 60 }, () => '1==1').join('||')}))`,
    `exists($[*] ? (${'!('.repeat(60)}@ == 1${')'.repeat(60)}))`,
    `$${'.*'.repeat(60)} == 1`,
  ],
  subscriptions_filter_is_a_predicate: ['$.a', '$.a ? (@ == 1)', '"text"', '1'],
};

it.each(accepted)('%s is accepted', async (filter) => {
  expect(await ruleOf(filter)).toBeNull();
  // Whatever the body is, there is an answer.
  for (const { text } of hostileBodies) {
    await ask(database, 'select posthorn.json_of($1) @@ $2::jsonpath', [text, filter]);
  }
});

describe.each(Object.entries(refused))('%s', (rule, filters) => {
  it.each(filters)('refuses %s', async (filter) => {
    expect(await ruleOf(filter)).toBe(rule);
  });
});

it('the error of a refused filter names the rule, and that of a text that is none shows where it is wrong', async () => {
  const { id: endpointId } = await subscriber(database);
  const to = ['order.paid'];
  await expect(
    subscribe(database.pool, { endpointId, to, filter: '$.a like_regex "x"' }),
  ).rejects.toMatchObject({
    ...{ code: '23514', schema: 'posthorn', table: 'subscriptions' },
    constraint: 'subscriptions_filter_has_no_like_regex',
    message:
      'new row for relation "subscriptions" violates check constraint "subscriptions_filter_has_no_like_regex"',
  });
  await expect(subscribe(database.pool, { endpointId, to, filter: '$.a = 1' })).rejects.toThrow(
    'syntax error at or near "=" of jsonpath input',
  );
});

it('the rules are the same in a session with standard_conforming_strings off', async () => {
  const [{ version = 0 } = {}] = await ask<{ version: number }>(
    database,
    `select current_setting('server_version_num')::integer as version`,
  );
  // Later versions have no such setting.
  if (version >= 190_000) return;
  const client = await database.pool.connect();
  try {
    await client.query('set standard_conforming_strings = off');
    const { rows } = await client.query(
      'select f as filter, posthorn.filter_rule(f::jsonpath) as rule from unnest($1::text[]) as f',
      [[...accepted, ...Object.values(refused).flat()]],
    );
    const rules = Object.entries(refused).flatMap(([rule, filters]) => filters.map(() => rule));
    expect(rows.map(({ rule }) => rule)).toEqual([...accepted.map(() => null), ...rules]);
  } finally {
    client.release(true);
  }
});

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const hostileBodies = [
  { what: 'is not JSON', text: 'total=5' },
  { what: 'is empty', text: '' },
  { what: 'is half of JSON', text: '{"a": [1, {"b": ' },
  { what: 'has a NUL character', text: '{"total": 5000, "a": "\\u0000"}' },
  { what: 'has half of a surrogate pair', text: '{"total": 5000, "a": "\\ud800"}' },
  { what: 'is nested 10,000 deep', text: nested(10_000) },
  { what: 'is nested 500,000 deep', text: nested(500_000) },
  { what: 'has a number beyond all bounds', text: '{"total": 1e400000}' },
  { what: 'has a number with 130,000 digits', text: `{"total": 1${'0'.repeat(130_000)}}` },
  { what: 'is a number', text: '5000' },
  { what: 'is null', text: 'null' },
  { what: 'has other types', text: '{"total": {"a": []}, "items": "x", "a": [[[]]], "b": 1e1000}' },
  { what: 'has a key twice', text: '{"total": 5000, "total": 1}' },
  { what: 'is a list of 500,000', text: JSON.stringify(Array.from({ length: 500_000 }, () => 1)) },
];

it.each(hostileBodies)(
  'no filter fails the insert of a body that $what',
  async ({ what, text }) => {
    await database.empty();
    const all = await subscriber(database);
    const filtered = await subscriber(database);
    for (const [at, filter] of accepted.entries()) {
      await subscribe(database.pool, { endpointId: filtered.id, to: ['order.*'], filter });
      await subscribe(database.pool, { endpointId: filtered.id, to: [`type${at}`], filter });
    }
    const id = await publish(database.pool, { body: text });
    expect(await recipientsOf(database, id)).toContain(all.id);
    if (what === 'has a number with 130,000 digits') {
      expect(await recipientsOf(database, id)).toEqual([all.id, filtered.id]);
    }
    await ask(database, `select * from posthorn.recipients('acme', 'order.paid', $1)`, [text]);
  },
);

async function ruleOf(filter: string): Promise<string | null> {
  const [row] = await ask<{ rule: string | null }>(
    database,
    'select posthorn.filter_rule($1::jsonpath) as rule',
    [filter],
  );
  return row === undefined ? 'none' : row.rule;
}
