import type { Bench } from '../../bench.ts';
import type { Grown } from './grown.ts';

const endpoints = 5_000;

/** Nothing is there before: the webhooks of the figures go to 5,000 endpoints, as many to each. */
export async function* growEndpoints({ server }: Bench): AsyncGenerator<Grown, void, void> {
  yield {
    title: `${endpoints.toLocaleString('en')} endpoints`,
    size: endpoints,
    endpoints,
    async open() {
      const database = await server.createDatabase();
      return { database, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
    },
    facts: () => [],
  };
}
