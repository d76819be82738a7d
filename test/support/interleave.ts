import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { TestDatabase } from './database.ts';

/** One statement of a session, or a few that belong together. */
export interface Step {
  /** Unique within the interleaving: results and errors are kept under it. */
  readonly name: string;
  readonly run: (client: pg.Client) => Promise<unknown>;
}

export interface Outcome {
  /** The names of the steps, in the order in which they were begun. */
  readonly order: readonly string[];
  /** What each step returned. A step that failed has none. */
  readonly results: Readonly<Record<string, unknown>>;
  /** What each failed step threw. */
  readonly errors: Readonly<Record<string, unknown>>;
  /** The steps that had to wait for a lock of another session, or for an earlier step that waited. */
  readonly blocked: readonly string[];
}

export interface Interleaving {
  readonly database: TestDatabase;
  /** The steps of each session, which keep their order within it. */
  readonly sessions: Readonly<Record<string, readonly Step[]>>;
  /** Puts the rows in place, before each order. */
  readonly reset: () => Promise<void>;
  /** Asserts what must hold after each order, whatever the order was. */
  readonly check: (outcome: Outcome) => Promise<void> | void;
  /** SQL that each session runs first, such as the planner settings of the engine. */
  readonly prepare?: string;
  /** Steps that may fail in some orders. Any other failure fails the test. */
  readonly mayFail?: readonly string[];
  /** Orders to leave out, by the sessions of their steps. */
  readonly leaveOut?: (order: readonly string[]) => boolean;
  /** Connections to use again, so that their plans are kept: see {@link connections}. Default: new ones. */
  readonly on?: Connections;
}

/** Of the sessions by their names, and one that looks on. */
export interface Connections extends AsyncDisposable {
  get(name: string): pg.Client | undefined;
  readonly observer: pg.Client;
}

/** A step that runs one statement and returns its rows. */
export function statement(name: string, text: string, values: readonly unknown[] = []): Step {
  return { name, run: async (client) => (await client.query(text, [...values])).rows };
}

/** The steps as one transaction: begin and commit are steps of their own, so that other sessions come in between. */
export function transaction(name: string, steps: readonly Step[]): Step[] {
  return [statement(`${name}: begin`, 'begin'), ...steps, statement(`${name}: commit`, 'commit')];
}

/**
 * Runs sessions against each other in every order of their steps, each session on a connection of its own.
 *
 * A step that waits for a lock is left waiting while the other sessions go on, as Postgres would have it; later steps of its
 * session follow when it is done. Returns the number of orders.
 *
 * @throws what `check` throws, or a step that may not fail, with the order in the message.
 */
export async function interleave(options: Interleaving): Promise<number> {
  const names = Object.keys(options.sessions);
  const clients = options.on ?? (await connections(names, options));
  try {
    const steps = names.map((name) => (options.sessions[name] ?? []).map(() => name));
    const orders = ordersOf(steps).filter((order) => options.leaveOut?.(order) !== true);
    for (const order of orders) await runOrder(order, { ...options, clients });
    return orders.length;
  } finally {
    if (options.on === undefined) await clients[Symbol.asyncDispose]();
  }
}

/** Connects once for many interleavings. */
export async function connections(
  names: readonly string[],
  options: Pick<Interleaving, 'database' | 'prepare'>,
): Promise<Connections> {
  const observer = await connect({ database: options.database });
  const clients = new Map<string, pg.Client>();
  for (const name of names) clients.set(name, await connect(options));
  const close = async () => {
    await Promise.all([...clients.values(), observer].map((client) => client.end()));
  };
  return { observer, get: (name) => clients.get(name), [Symbol.asyncDispose]: close };
}

/** All ways to merge sequences without changing the order within one. */
export function ordersOf<Item>(sequences: readonly (readonly Item[])[]): Item[][] {
  const left = sequences.filter((sequence) => sequence.length > 0);
  if (left.length === 0) return [[]];
  return left.flatMap((sequence, index) => {
    const [first, ...rest] = sequence;
    const others = left.map((other, at) => (at === index ? rest : other));
    return ordersOf(others).map((order) => [first as Item, ...order]);
  });
}

async function connect({
  database,
  prepare,
}: Pick<Interleaving, 'database' | 'prepare'>): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  // A deadlock is found at once, and nothing waits for ever.
  await client.query(`set deadlock_timeout = '10ms'; set lock_timeout = '10s'`);
  if (prepare !== undefined) await client.query(prepare);
  return client;
}

async function runOrder(
  order: readonly string[],
  { sessions, reset, check, mayFail = [], clients }: Interleaving & { clients: Connections },
): Promise<void> {
  await reset();
  const results: Record<string, unknown> = {};
  const errors: Record<string, unknown> = {};
  const begun: string[] = [];
  const blocked: string[] = [];
  const tails = new Map<string, Promise<void>>();
  const next = new Map<string, number>();
  for (const name of order) {
    const client = clients.get(name);
    const at = next.get(name) ?? 0;
    const step = sessions[name]?.[at];
    if (client === undefined || step === undefined) throw new Error(`no step ${at} of ${name}`);
    next.set(name, at + 1);
    begun.push(step.name);
    const tail = (tails.get(name) ?? Promise.resolve()).then(async () => {
      try {
        results[step.name] = await step.run(client);
      } catch (error) {
        errors[step.name] = error;
      }
    });
    tails.set(name, tail);
    if (await isBlocked(tail, { client, observer: clients.observer })) blocked.push(step.name);
  }
  await Promise.all(tails.values());
  if (Object.keys(errors).length > 0) {
    await Promise.all(Object.keys(sessions).map((name) => clients.get(name)?.query('rollback')));
  }
  const where = `in the order ${begun.join(', ')}`;
  for (const [step, error] of Object.entries(errors)) {
    if (!mayFail.includes(step)) throw new Error(`${step} failed ${where}`, { cause: error });
  }
  try {
    await check({ order: begun, results, errors, blocked });
  } catch (error) {
    if (error instanceof Error) error.message = `${error.message}\n${where}`;
    throw error;
  }
}

/**
 * Waits until a step is done or waits for a lock; says which. Postgres is asked again and again, which tells a session that waits
 * for a lock from one that is slow.
 */
async function isBlocked(
  tail: Promise<void>,
  { client, observer }: { client: pg.Client; observer: pg.Client },
): Promise<boolean> {
  let isSettled = false;
  void tail.then(() => {
    isSettled = true;
  });
  // Most are done by now, and Postgres need not be asked.
  await Promise.race([tail, delay(2)]);
  while (!isSettled) {
    const asked = observer.query<{ is_blocked: boolean }>(
      'select cardinality(pg_blocking_pids($1)) > 0 as is_blocked',
      [(client as unknown as { processID: number }).processID],
    );
    await Promise.race([tail, asked]);
    const { rows } = await asked;
    if (rows[0]?.is_blocked && !isSettled) return true;
    await Promise.race([tail, delay(2)]);
  }
  return false;
}
