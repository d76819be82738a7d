import { once } from 'node:events';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { abortedBySignals } from '../harness/stopping.ts';
import { startTemporaryPostgres } from '../harness/temporary-postgres.ts';
import { urlAssignment } from '../src/commands/banner.ts';
import { readConfig } from '../src/config/config.ts';
import { createLog } from '../src/log.ts';
import { startPosthorn } from '../src/posthorn.ts';
import { arrivalsPerS, usual } from './arrivals.ts';
import { customers, sideEndpoints } from './customers.ts';
import { letThingsHappen } from './happenings.ts';
import { createPlainLog } from './plain-log.ts';
import { startReceiver } from './receiver.ts';
import { openShop, sell } from './shop.ts';

/*
 * `npm run demo`: Posthorn with life in it. An embedded Postgres in a directory of its own, the service, the receivers of
 * some customers, and a shop that sells to them. Ctrl-C ends all of it and removes the directory.
 */

const usage = `Usage: npm run demo -- [options]

  --rate ${usual.perSecond}     orders a second; from ${tooManyPerS()} on, more than the slowest receiver takes
  --orders ${usual.atOnce}  orders placed at once at the start

HOST and PORT are as for "posthorn start", and POSTHORN_LOG_LEVEL, if it is set: else the demo prints errors only, as plain
lines. Everything else is the demo's own.`;

/** So short that a webhook's whole life can be watched. */
const settings = {
  POSTHORN_RETRY_SCHEDULE: '3s,10s,30s,1m,2m',
  POSTHORN_GRACE: '3s',
  POSTHORN_ALLOW_NETWORKS: '127.0.0.0/8',
  POSTHORN_LOG_ATTEMPTS: 'none',
  POSTHORN_ALERT_WINDOW: '1m',
  POSTHORN_ALERT_MIN_ATTEMPTS: '10',
  POSTHORN_ALERT_BREAKER_OPEN: '1m',
  POSTHORN_ALERT_RESOLVE_AFTER: '1m',
};

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  // Ctrl-C reaches us from the terminal and once more from npm: what comes while we stop changes nothing.
  const stopping = abortedBySignals();
  // Whoever read the output has gone, as `| head` does: that ends the demo, and it still cleans up.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stopping.abort());
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rate: { type: 'string', default: String(usual.perSecond) },
        orders: { type: 'string', default: String(usual.atOnce) },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      return 0;
    }
    await run({
      perSecond: whole(values.rate, { option: 'rate', min: 1 }),
      atOnce: whole(values.orders, { option: 'orders', min: 0 }),
      signal: stopping.signal,
    });
    return 0;
  } catch (error) {
    // Ctrl-C ends what is being started, too: initdb is in the same process group.
    if (stopping.signal.aborted) return 0;
    console.error(error instanceof Error ? error.message : String(error));
    if (error instanceof TypeError) console.error(`\n${usage}`);
    return 1;
  }
}

async function run(options: {
  readonly perSecond: number;
  readonly atOnce: number;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { signal } = options;
  const { HOST, PORT, POSTHORN_LOG_LEVEL } = process.env;
  const ours = { HOST, PORT, POSTHORN_LOG_LEVEL, ...settings };
  // Wrong settings are told before anything is started.
  const { logLevel } = readConfig(ours);
  const log = POSTHORN_LOG_LEVEL === undefined ? createPlainLog(console.log) : createLog(logLevel);
  console.log('Starting Postgres, Posthorn, the receivers and the shop …');

  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startTemporaryPostgres({ name: 'demo', log }));
  if (signal.aborted) return;

  const config = readConfig({ ...ours, DATABASE_URL: server.url });
  const posthorn = await startPosthorn({ config, log, worker: true, api: true });
  stack.defer(() => posthorn.stop());
  if (signal.aborted) return;

  const receiver = stack.use(await startReceiver([...customers, ...sideEndpoints]));
  const pool = new pg.Pool({ connectionString: server.url, max: 2 });
  pool.on('error', (error) => log.error({ error: error.message }, 'The shop lost a connection'));
  stack.defer(() => pool.end());
  const shop = await openShop(pool, {
    customers,
    sideEndpoints,
    urlOf: (endpoint) => receiver.urlOf(endpoint),
  });

  const selling = new AbortController();
  const until = AbortSignal.any([signal, selling.signal]);
  const sold = Promise.all([
    sell(pool, { ...options, to: customers, signal: until }),
    letThingsHappen(pool, { ...shop, signal: until }),
  ]);
  // Last in, first out: the shop closes first, then what it needs.
  stack.defer(() => {
    selling.abort();
    return sold.then(() => {}).catch(() => {});
  });
  console.log(
    welcome({ address: posthorn.address, psql: server.psql, urlFile: server.urlFile, ...options }),
  );
  if (!signal.aborted) await Promise.race([sold, once(signal, 'abort')]);
  console.log('Stopping …');
}

function welcome(options: {
  address: string;
  psql: string;
  urlFile: string;
  perSecond: number;
}): string {
  const { address, psql, urlFile, perSecond } = options;
  return `
The shop sells, about ${perSecond} orders a second, and publishes an event for each. The customer's endpoints that subscribe to it receive a webhook.

  Dashboard  ${address}/
  psql       ${psql}
  Apps       ${urlAssignment(urlFile)}

${[...customers, ...sideEndpoints].map(({ description }) => `  ${description}`).join('\n')}

One order in twenty is rolled back: neither it nor its event is ever there. The charts get their first points after a
minute, and from then on one each minute. Dune is away for a while after 20 seconds: watch its breaker open, then its backlog go.
Birch's warehouse is disabled for 15 seconds again and again, and catches up afterwards. Every 30 seconds there is an event for all
tenants. Gale tries the shop and has no endpoint: its events have no recipient.

Ctrl-C stops everything and leaves nothing behind.`;
}

/** With so many orders a second a customer gets more than its receiver takes, and its backlog can only grow. */
function tooManyPerS(): number {
  const most = customers.map(
    (customer) => customer.takesPerS / arrivalsPerS(customer, { among: customers, perSecond: 1 }),
  );
  return Math.ceil(Math.min(...most));
}

function whole(value: string, { option, min }: { option: string; min: number }): number {
  const number = /^\d{1,4}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min) return number;
  throw new TypeError(
    `Cannot use --${option} as it must be a whole number from ${min} to 9999: current value is ${value}`,
  );
}
