import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { answerParent } from '../harness/parent.ts';
import { Random } from '../harness/random.ts';
import { notify, touch } from './notifications.ts';
import { plant, poisonKinds } from './poison.ts';
import { nextSettings, urlOf } from './settings.ts';
import {
  type ChangingName,
  changing,
  type EndpointName,
  endpointNames,
  endpoints,
  type OperatorAct,
  type OperatorLine,
  type ProducerLine,
  plainSettings,
  type Settings,
  versionHeader,
} from './traffic.ts';

/*
 * An operator, a process of its own: while the load runs it changes the settings of registered endpoints, cancels and
 * retries webhooks, and does what no operator should: malformed notifications and rows that Posthorn would never write.
 *
 * It logs to append-only files what it did and between which moments. It is never harmed itself, only its connections are.
 */

export interface OperatorTask {
  readonly ask: 'operate';
  readonly databaseUrl: string;
  readonly receiverUrl: string;
  /** What it does to settings and webhooks. */
  readonly logFile: string;
  /** What it inserts, as a producer logs it. */
  readonly rowsFile: string;
  readonly seed: number;
  /** Ms between two acts, from and to. */
  readonly everyMs: readonly [number, number];
  /** What it leaves alone. */
  readonly without: readonly OperatorAct[];
  readonly endpoints: Readonly<Record<EndpointName, string>>;
}

export type OperatorQuestion =
  | OperatorTask
  /** Opens all endpoints, so that what waits can be delivered, and ends; answers then. */
  | { readonly ask: 'finish' };

export type OperatorCounters = Readonly<Record<string, number>>;

const counters: Record<string, number> = {};
let finishing = false;
let running: Promise<void> = Promise.resolve();

answerParent<OperatorQuestion>({
  ready: true,
  answer: async (question) => {
    if (question.ask === 'operate') running = new Operator(question).operate();
    else {
      finishing = true;
      await running;
    }
    return counters;
  },
});

function count(what: string): void {
  counters[what] = (counters[what] ?? 0) + 1;
}

/** Of ten acts. */
const actsByWeight: readonly OperatorAct[] = [
  ...Array<OperatorAct>(4).fill('settings'),
  ...Array<OperatorAct>(2).fill('orders'),
  ...Array<OperatorAct>(2).fill('notifications'),
  ...Array<OperatorAct>(2).fill('poison'),
];

/** A registered endpoint, or plain URLs. */
type Target = EndpointName | 'plain';

interface Unsure {
  readonly fromMs: number;
  readonly tried: Settings;
}

class Operator {
  readonly #task: OperatorTask;
  readonly #random: Random;
  readonly #log: (line: OperatorLine) => void;
  readonly #logRows: (line: ProducerLine) => void;
  readonly #known: Record<EndpointName, Settings> = { ...endpoints };
  /** Changes whose COMMIT had no answer. */
  readonly #unsure = new Map<EndpointName, Unsure>();
  /** Endpoints with a transaction that is held open. */
  readonly #held = new Map<ChangingName, Promise<void>>();
  readonly #poisoned: string[] = [];
  #client: pg.Client | undefined;
  #acts = 0;

  constructor(task: OperatorTask) {
    this.#task = task;
    this.#random = new Random(task.seed);
    const [file, rowsFile] = [openSync(task.logFile, 'a'), openSync(task.rowsFile, 'a')];
    this.#log = (line) => writeSync(file, `${JSON.stringify(line)}\n`);
    this.#logRows = (line) => writeSync(rowsFile, `${JSON.stringify(line)}\n`);
  }

  async operate(): Promise<void> {
    while (!finishing) {
      await delay(this.#random.between(...this.#task.everyMs));
      await this.#attempt((client) => this.#act(client));
    }
    await Promise.all(this.#held.values());
    for (const name of changing) {
      while (this.#unsure.size > 0 || !isOpen(this.#known[name])) {
        const isDone = await this.#attempt((client) =>
          this.#change(client, name, { ...plainSettings, version: this.#known[name].version }),
        );
        if (!isDone) await delay(100);
      }
    }
    await this.#client?.end().catch(() => {});
  }

  /** Whether it worked. After an error there is another connection, and what is not known is looked up first. */
  async #attempt(work: (client: pg.Client) => Promise<void>): Promise<boolean> {
    try {
      this.#client ??= (await connect(this.#task.databaseUrl)).client;
      for (const [name, unsure] of this.#unsure) await this.#lookUp(this.#client, name, unsure);
      await work(this.#client);
      return true;
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      count(`error ${typeof code === 'string' ? code : String((error as Error).message)}`);
      const broken = this.#client;
      this.#client = undefined;
      broken?.end().catch(() => {});
      return false;
    }
  }

  async #act(client: pg.Client): Promise<void> {
    this.#acts += 1;
    const random = this.#random;
    const [act] = random.shuffled(actsByWeight);
    if (act === undefined || this.#task.without.includes(act)) return;
    const acts: Record<OperatorAct, () => Promise<void>> = {
      settings: async () => {
        const free = changing.filter((name) => !this.#held.has(name));
        if (free.length === 0) return;
        const name = random.pick(free);
        if (random.next() < 0.25) await this.#hold(client, name);
        else
          await this.#change(client, name, nextSettings(name, { now: this.#known[name], random }));
      },
      orders: () => {
        const names = ['queued', 'queued', 'ordered', 'narrow', 'mixed', 'plain'] as const;
        return this.#meddle(client, random.pick(names));
      },
      notifications: async () => {
        await notify(client, { random, endpoints: Object.values(this.#task.endpoints) });
        count('notifications');
      },
      poison: () => this.#poison(client),
    };
    await acts[act]();
  }

  /** Changes an endpoint's settings, in a transaction that may stay open for a while and may be rolled back. */
  async #change(
    client: pg.Client,
    name: ChangingName,
    next: Settings,
    { openMs = 0, isTaken = true }: { openMs?: number; isTaken?: boolean } = {},
  ): Promise<void> {
    await client.query('begin');
    await client.query(
      `update posthorn.endpoints
       set status = $2, ordered = $3, max_in_flight = $4, rate_limit_per_s = $5, url = $6, headers = $7
       where id = $1`,
      [
        this.#task.endpoints[name],
        next.isPaused ? 'paused' : 'active',
        next.isOrdered,
        next.maxInFlight,
        next.ratePerS,
        urlOf(this.#task.receiverUrl, { name, version: next.version }),
        { [versionHeader]: String(next.version) },
      ],
    );
    if (openMs > 0) await delay(openMs);
    if (!isTaken) {
      await client.query('rollback');
      return;
    }
    const fromMs = Date.now();
    try {
      const { command } = await client.query('commit');
      if (command !== 'COMMIT') throw new Error(command);
    } catch (error) {
      this.#unsure.set(name, { fromMs, tried: next });
      throw error;
    }
    this.#note(name, { fromMs, tried: next, after: next });
    count('changes of settings');
  }

  /** Leaves a change uncommitted for a while, and goes on with other things; at times right after another change. */
  async #hold(client: pg.Client, name: ChangingName): Promise<void> {
    const random = this.#random;
    if (random.next() < 0.5) {
      await this.#change(client, name, nextSettings(name, { now: this.#known[name], random }));
    }
    const next = nextSettings(name, { now: this.#known[name], random });
    const how = { openMs: random.between(1_000, 5_000), isTaken: random.next() < 0.7 };
    const isTouched = random.next() < 0.7;
    const holding = async () => {
      await using own = await connect(this.#task.databaseUrl);
      await this.#change(own.client, name, next, how);
    };
    // Workers look at the endpoint's rule again while nobody else can lock it.
    const touching = async () => {
      await delay(how.openMs / 4);
      await using other = await connect(this.#task.databaseUrl);
      await touch(other.client, this.#task.endpoints[name]);
    };
    count('changes held open');
    const held = Promise.all([holding(), isTouched ? touching() : undefined])
      .catch(() => count('error while held open'))
      .then(() => void this.#held.delete(name));
    this.#held.set(name, held);
  }

  /** Cancels or retries a webhook that waits: of an ordered endpoint mostly the first one. */
  async #meddle(client: pg.Client, name: Target): Promise<void> {
    const { rows } = await client.query<{ webhook_id: string }>(
      `select q.webhook_id
       from posthorn.queue as q
       join posthorn.outbox as o on o.id = q.outbox_id
       where o.endpoint_id is not distinct from $1::uuid
         and o.event_type is null
         and (q.lease_until is null or $3)
         and q.webhook_id <> all ($2::uuid[])
       order by q.attempts = 0, q.due_at
       limit 3`,
      [
        name === 'plain' ? null : this.#task.endpoints[name],
        this.#poisoned,
        // One that is being sent as well: it must be left alone.
        this.#random.next() < 0.2,
      ],
    );
    const id = (this.#random.next() < 0.7 ? rows[0] : rows.at(-1))?.webhook_id;
    if (id === undefined) return;
    const dice = this.#random.next();
    if (dice < 0.65)
      await this.#tell(client, {
        event: 'cancel',
        id,
        endpoint: name === 'plain' ? undefined : name,
      });
    if (dice > 0.35)
      await this.#tell(client, {
        event: 'retry',
        id,
        endpoint: name === 'plain' ? undefined : name,
      });
  }

  async #tell(
    client: pg.Client,
    order: { event: 'cancel' | 'retry'; id: string; endpoint: EndpointName | undefined },
  ): Promise<void> {
    const fromMs = Date.now();
    let took: boolean | null = null;
    try {
      const { rows } = await client.query<{ took: boolean }>(
        order.event === 'cancel'
          ? 'select posthorn.cancel($1) as took'
          : `select posthorn.retry($1) in ('queued', 'brought_forward') as took`,
        [order.id],
      );
      took = rows[0]?.took ?? null;
    } finally {
      this.#log({ ...order, fromMs, toMs: Date.now(), took });
    }
    if (took === true) count(order.event === 'cancel' ? 'cancelled' : 'retried by hand');
  }

  async #poison(client: pg.Client): Promise<void> {
    const target = this.#random.pick<Target>(['plain', ...endpointNames]);
    await plant(client, {
      random: this.#random,
      // Each kind in turn, so that short runs have all.
      kind: poisonKinds[this.#poisoned.length % poisonKinds.length] ?? '',
      receiverUrl: this.#task.receiverUrl,
      endpointId: target === 'plain' ? undefined : this.#task.endpoints[target],
      tx: `operator-${this.#acts}`,
      log: this.#logRows,
      onPlanted: ({ id, kind }) => {
        this.#log({ event: 'poison', id, kind });
        this.#poisoned.push(id);
      },
    });
    count('poison rows');
  }

  async #lookUp(client: pg.Client, name: EndpointName, { fromMs, tried }: Unsure): Promise<void> {
    // Waits for the transaction in question if it has not ended yet.
    const { rows } = await client.query<{ settings: Settings }>(
      `select jsonb_build_object(
         'isPaused', status <> 'active', 'isOrdered', ordered, 'maxInFlight', max_in_flight,
         'ratePerS', rate_limit_per_s, 'version', coalesce(substring(url from 'v=([0-9]+)')::integer, 0)) as settings
       from posthorn.endpoints where id = $1 for update`,
      [this.#task.endpoints[name]],
    );
    const [row] = rows;
    if (row === undefined) throw new Error(`Endpoint ${name} is gone`);
    this.#note(name, { fromMs, tried, after: row.settings });
    this.#unsure.delete(name);
    count('changes whose answer was lost');
  }

  #note(
    endpoint: EndpointName,
    { fromMs, tried, after }: { fromMs: number; tried: Settings; after: Settings },
  ): void {
    this.#known[endpoint] = after;
    this.#log({ event: 'change', endpoint, fromMs, toMs: Date.now(), tried, after });
  }
}

function isOpen(settings: Settings): boolean {
  const { isPaused, isOrdered, maxInFlight, ratePerS } = settings;
  return !isPaused && !isOrdered && maxInFlight === null && ratePerS === null;
}

async function connect(url: string): Promise<AsyncDisposable & { client: pg.Client }> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'chaos operator',
    connectionTimeoutMillis: 5_000,
    query_timeout: 30_000,
  });
  client.on('error', () => {});
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end().catch(() => {}) };
}
