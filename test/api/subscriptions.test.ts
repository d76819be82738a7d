import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { registerEndpoint } from '../support/endpoints.ts';
import { unknownId } from '../support/unknown-id.ts';
import { eventApi, newTenant } from './event-api.ts';

const on = eventApi();
const recipientsOf = async (tenant: string, body: unknown) => {
  const { json } = await on.post('/events', { tenant, event_type: 'order.paid', body });
  return (await on.api.ask(`/events/${json.id}`)).json;
};
const remove = (path: string) => on.api.ask(path, { method: 'DELETE' });

describe('POST /subscriptions', () => {
  it('subscribes an endpoint from the next event on', async () => {
    const tenant = newTenant();
    const endpoint_id = await on.subscriber(tenant);
    expect(await recipientsOf(tenant, { total: 1_000 })).toMatchObject({ recipients: 0 });
    const { status, headers, json } = await on.post('/subscriptions', {
      endpoint_id,
      event_type: 'order.*',
      filter: '$.total>=1000',
    });
    expect([status, headers.get('location')]).toEqual([201, `/subscriptions/${json.id}`]);
    expect(json).toEqual({
      id: json.id,
      endpoint_id,
      tenant,
      event_type: 'order.*',
      filter: '($."total" >= 1000)',
      created_at: expect.any(String),
      ended_at: null,
    });
    expect((await on.api.ask(`/subscriptions/${json.id}`)).json).toEqual(json);
    expect(await recipientsOf(tenant, { total: 1_000 })).toMatchObject({ recipients: 1 });
    expect(await recipientsOf(tenant, { total: 999 })).toMatchObject({ recipients: 0 });
  });

  it('refuses what the endpoint is subscribed to already, however the filter is written', async () => {
    const endpoint_id = await on.subscriber(newTenant());
    const { json } = await on.post('/subscriptions', {
      endpoint_id,
      event_type: 'a',
      filter: '$.b > 1',
    });
    const before = await on.counts();
    const again = await on.post('/subscriptions', {
      endpoint_id,
      event_type: 'a',
      filter: '$."b">1',
    });
    expect([again.status, again.json.code, again.json.detail]).toEqual([
      409,
      'subscription_exists',
      `The endpoint is subscribed to this already: ${json.id}`,
    ]);
    expect(await on.counts()).toEqual(before);
    expect((await on.post('/subscriptions', { endpoint_id, event_type: 'a' })).status).toBe(201);
    await remove(`/subscriptions/${json.id}`);
    const anew = await on.post('/subscriptions', {
      endpoint_id,
      event_type: 'a',
      filter: '$.b > 1',
    });
    expect(anew.status).toBe(201);
  });

  it('refuses an endpoint that is not registered, or was deleted', async () => {
    const deleted = await on.subscriber(newTenant());
    await remove(`/endpoints/${deleted}`);
    const before = await on.counts();
    for (const endpoint_id of [unknownId(), deleted]) {
      const { status, json } = await on.post('/subscriptions', { endpoint_id, event_type: 'a' });
      expect([status, json.code, json.errors[0]?.pointer]).toEqual([
        400,
        'subscriptions_endpoint_is_registered',
        '/endpoint_id',
      ]);
    }
    expect(await on.counts()).toEqual(before);
  });

  it.each([
    ['order.', 'subscriptions_event_type_is_words_or_ends_with_a_star'],
    ['*.paid', 'subscriptions_event_type_is_words_or_ends_with_a_star'],
    ['order*', 'subscriptions_event_type_is_words_or_ends_with_a_star'],
    ['a-129-times'.padEnd(129, 'a'), 'subscriptions_event_type_is_words_or_ends_with_a_star'],
    [1, 'invalid_event_type'],
    [undefined, 'missing_event_type'],
  ])('refuses the event_type %j', async (event_type, code) => {
    const endpoint_id = await on.subscriber(newTenant());
    const before = await on.counts();
    const { status, json } = await on.post('/subscriptions', { endpoint_id, event_type });
    expect([status, json.type, json.code, json.errors[0]?.pointer]).toEqual([
      400,
      'urn:posthorn:problem:invalid_subscription',
      code,
      '/event_type',
    ]);
    expect(await on.counts()).toEqual(before);
  });

  it.each([
    ['$.a == ', 'syntax error at end of jsonpath input (character 8)'],
    ['$.total >>= 1000', 'syntax error at or near ">=" of jsonpath input (character 10)'],
    ['total >= 1000', 'syntax error at or near " " of jsonpath input'],
    ['$.é >= = 1', 'syntax error at or near "=" of jsonpath input'],
    ['$.é == 1 ]', 'syntax error at or near "]" of jsonpath input (character 10)'],
    ['', 'invalid input syntax for type jsonpath: ""'],
    ['@.a == 1', '@ is not allowed in root expressions'],
  ])("refuses the filter %j in Postgres' own words", async (filter, words) => {
    const endpoint_id = await on.subscriber(newTenant());
    const before = await on.counts();
    const { status, json } = await on.post('/subscriptions', {
      endpoint_id,
      event_type: 'a',
      filter,
    });
    expect([status, json.type, json.code]).toEqual([
      400,
      'urn:posthorn:problem:invalid_subscription',
      'invalid_filter',
    ]);
    expect(json.errors).toEqual([
      {
        pointer: '/filter',
        code: 'invalid_filter',
        detail: `filter must be a jsonpath predicate such as $.total >= 1000: ${words}`,
      },
    ]);
    expect(await on.counts()).toEqual(before);
  });

  it.each([
    ['$.total', 'subscriptions_filter_is_a_predicate'],
    ['$.a like_regex "^a"', 'subscriptions_filter_has_no_like_regex'],
    ['$.** == 1', 'subscriptions_filter_has_no_recursive_wildcard'],
    ['$.a == $b', 'subscriptions_filter_has_no_variables'],
    ['$.a.datetime() < "2030-01-01".datetime()', 'subscriptions_filter_methods_are_type_and_size'],
    ['$.a[0, 0] == 1', 'subscriptions_filter_subscripts_are_one_index_or_range'],
    ['$.a + 1 == 2', 'subscriptions_filter_does_not_calculate'],
    [`$${'.*'.repeat(61)} == 1`, 'subscriptions_filter_has_at_most_60_steps'],
    ['$.a == $.b', 'subscriptions_filter_compares_paths_with_values'],
    ['$.a.double() > 1', 'subscriptions_filter_methods_are_type_and_size'],
    ['$.a[0, 0] == 1', 'subscriptions_filter_subscripts_are_one_index_or_range'],
    ['$.a * 2 > 1', 'subscriptions_filter_does_not_calculate'],
    [`$${'[*]'.repeat(60)} == 1`, 'subscriptions_filter_has_at_most_60_steps'],
    ['exists($.a[*] ? ($.b == 1))', 'subscriptions_filter_conditions_begin_with_at'],
    [
      Array.from({ length: 11 }, () => '$.a == 1').join(' || '),
      'subscriptions_filter_has_at_most_10_paths',
    ],
    [`$.a == "${'x'.repeat(1_024)}"`, 'subscriptions_filter_is_at_most_1_kib'],
    // Postgres writes it with more quotes than it came with.
    [`$${'.a'.repeat(500)} == 1`, 'subscriptions_filter_is_at_most_1_kib'],
  ])(
    'refuses the filter %.40s, which could cost a producer much or says nothing',
    async (filter, code) => {
      const endpoint_id = await on.subscriber(newTenant());
      const before = await on.counts();
      const { status, json } = await on.post('/subscriptions', {
        endpoint_id,
        event_type: 'a',
        filter,
      });
      expect([status, json.code, json.errors]).toEqual([
        400,
        code,
        [{ pointer: '/filter', code, detail: expect.stringMatching(/^filter must /) }],
      ]);
      expect(await on.counts()).toEqual(before);
    },
  );
});

it('the filters of docs/endpoints.md are accepted', async () => {
  const docs = readFileSync(new URL('../../docs/endpoints.md', import.meta.url), 'utf8');
  const filters = [...docs.matchAll(/values \('<id>', '\S+', '(.+)'\);/g)].map(
    ([, filter]) => filter,
  );
  expect(filters.length).toBeGreaterThan(1);
  const endpoint_id = await on.subscriber(newTenant());
  for (const filter of filters) {
    const { status } = await on.post('/subscriptions', { endpoint_id, event_type: 'a', filter });
    expect([filter, status]).toEqual([filter, 201]);
  }
});

describe('DELETE /subscriptions/{id}', () => {
  it('ends a subscription, which can still be looked at', async () => {
    const tenant = newTenant();
    await on.subscriber(tenant, 'order.paid');
    const listed = await on.api.ask(`/subscriptions?tenant=${tenant}`);
    const path = `/subscriptions/${listed.json.subscriptions[0]?.id}`;
    expect((await remove(path)).status).toBe(204);
    expect(await recipientsOf(tenant, 1)).toMatchObject({ recipients: 0 });
    const { json } = await on.api.ask(path);
    expect(json).toMatchObject({ ended_at: expect.any(String) });
    expect((await remove(path)).status).toBe(204);
    expect((await on.api.ask(path)).json).toEqual(json);
  });

  it('finds none that is not there', async () => {
    const path = `/subscriptions/${unknownId()}`;
    for (const answer of [await on.api.ask(path), await remove(path)]) {
      expect([answer.status, answer.json.code]).toEqual([404, 'subscription_not_found']);
    }
  });
});

describe('GET /subscriptions', () => {
  it('lists those of an endpoint, a tenant and a type, newest first, and those that have ended when asked', async () => {
    const [tenant, other] = [newTenant(), newTenant()];
    const one = await on.subscriber(tenant, 'a', 'b.*', ['a', '$.x == 1']);
    const two = await on.subscriber(tenant, 'a');
    await on.subscriber(other, 'a');
    const listed = async (query: string) =>
      (await on.api.ask(`/subscriptions?${query}`)).json.subscriptions;
    const all = await listed(`tenant=${tenant}`);
    expect(
      all.map((each) => [Reflect.get(each, 'endpoint_id'), Reflect.get(each, 'event_type')]),
    ).toEqual([
      [two, 'a'],
      [one, 'a'],
      [one, 'b.*'],
      [one, 'a'],
    ]);
    expect(await listed(`endpoint_id=${one}`)).toEqual(all.slice(1));
    expect(await listed(`endpoint_id=${one}&event_type=a`)).toEqual([all[1], all[3]]);
    expect(await listed(`tenant=${tenant}&event_type=b.*`)).toEqual([all[2]]);
    await remove(`/subscriptions/${all[2]?.id}`);
    expect(await listed(`tenant=${tenant}`)).toEqual([all[0], all[1], all[3]]);
    expect((await listed(`tenant=${tenant}&ended=true`)).map(({ id }) => id)).toEqual([all[2]?.id]);
    const first = await on.api.ask(`/subscriptions?tenant=${tenant}&limit=2`);
    const second = await on.api.ask(
      `/subscriptions?tenant=${tenant}&limit=2&cursor=${first.json.next_cursor}`,
    );
    expect([...first.json.subscriptions, ...second.json.subscriptions]).toEqual([
      all[0],
      all[1],
      all[3],
    ]);
    expect(second.json.next_cursor).toBeNull();
  });

  it('lists those of the application itself for an empty tenant', async () => {
    const endpoint = await on.subscriber('', 'own');
    const { json } = await on.api.ask('/subscriptions?tenant=');
    expect(json.subscriptions).toMatchObject([{ endpoint_id: endpoint, tenant: '' }]);
  });

  it('refuses another word than true or false for ended', async () => {
    const { status, json } = await on.api.ask('/subscriptions?ended=yes');
    expect([status, json.code, json.detail]).toEqual([
      400,
      'invalid_ended',
      'ended must be true or false: "yes" is not',
    ]);
  });
});

describe('an endpoint', () => {
  it('is registered with its subscriptions, or not at all', async () => {
    const tenant = newTenant();
    const before = await on.counts();
    const refused = await on.post('/endpoints', {
      url: 'https://a.example/',
      tenant,
      subscriptions: [
        { event_type: 'a' },
        { event_type: 'b', filter: '$.a ==' },
        { event_type: 'b', filter: '$.a' },
      ],
    });
    expect([
      refused.status,
      refused.json.errors.map(({ pointer, code }) => [pointer, code]),
    ]).toEqual([
      400,
      [
        ['/subscriptions/1/filter', 'invalid_filter'],
        ['/subscriptions/2/filter', 'subscriptions_filter_is_a_predicate'],
      ],
    ]);
    for (const [subscriptions, code, pointer] of [
      [
        [{ event_type: 'a b' }],
        'subscriptions_event_type_is_words_or_ends_with_a_star',
        '/subscriptions/0/event_type',
      ],
      [
        [{ event_type: 'a' }, { endpoint_id: 'x', event_type: 'a' }],
        'unknown_field',
        '/subscriptions/1/endpoint_id',
      ],
      [['a'], 'not_an_object', '/subscriptions/0'],
      ['a', 'invalid_subscriptions', '/subscriptions'],
    ]) {
      const { status, json } = await on.post('/endpoints', {
        url: 'https://a.example/',
        subscriptions,
      });
      expect([status, json.code, json.errors[0]?.pointer]).toEqual([400, code, pointer]);
    }
    expect(await on.counts()).toEqual(before);
    const { json } = await on.post('/endpoints', {
      url: 'https://a.example/',
      tenant,
      subscriptions: [
        { event_type: 'a' },
        { event_type: 'b.*', filter: '$.a == 1' },
        { event_type: 'a' },
      ],
    });
    expect(json).toMatchObject({
      tenant,
      catching_up: false,
      catch_up: null,
      subscriptions: [
        { event_type: 'a', filter: null, tenant, endpoint_id: json.id },
        { event_type: 'b.*', filter: '($."a" == 1)' },
      ],
    });
    expect((await on.api.ask(`/endpoints/${json.id}`)).json.subscriptions).toEqual(
      json.subscriptions,
    );
  });

  it('is not registered if Postgres refuses a subscription', async () => {
    await on.database.pool.query(`
      create function public.refuse_fails() returns trigger language plpgsql as $$
      begin
        if new.event_type = 'fails' then
          raise check_violation using constraint = 'subscriptions_end_once', table = 'subscriptions', schema = 'posthorn';
        end if;
        return new;
      end $$;
      create trigger refuse_fails before insert on posthorn.subscriptions
        for each row execute function public.refuse_fails()`);
    const before = await on.counts();
    const { status, json } = await on.post('/endpoints', {
      url: 'https://a.example/',
      subscriptions: [{ event_type: 'a' }, { event_type: 'fails' }],
    });
    expect([status, json.code]).toEqual([400, 'subscriptions_end_once']);
    expect(await on.counts()).toEqual(before);
    await on.database.pool.query('drop function public.refuse_fails cascade');
  });

  it('keeps its tenant', async () => {
    const endpoint = await registerEndpoint(on.database, {
      url: 'https://a.example/',
      tenant: 'a',
    });
    const { status, json } = await on.api.ask(`/endpoints/${endpoint.id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: '{"tenant": "b"}',
    });
    expect([status, json.code]).toEqual([400, 'unknown_field']);
  });

  it.each([
    ['*', 'endpoints_tenant_is_one'],
    ['a\tb', 'endpoints_tenant_is_at_most_255_bytes'],
  ])('is not registered for the tenant %j', async (tenant, code) => {
    const before = await on.counts();
    const { status, json } = await on.post('/endpoints', { url: 'https://a.example/', tenant });
    expect([status, json.code, json.errors[0]?.pointer]).toEqual([400, code, '/tenant']);
    expect(await on.counts()).toEqual(before);
  });

  it('is listed by its tenant', async () => {
    const tenant = newTenant();
    const id = await on.subscriber(tenant, '*');
    await on.subscriber(newTenant(), '*');
    const { text } = await on.api.ask(`/endpoints?tenant=${tenant}`);
    const { endpoints } = JSON.parse(text);
    expect(endpoints).toMatchObject([{ id, tenant }]);
  });
});
