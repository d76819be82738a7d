import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Change } from './settings.ts';
import type { Arrival, EndpointName, OperatorLine, ProducerLine } from './traffic.ts';

/** An operator's order to cancel or retry a webhook. */
export type Order = Extract<OperatorLine, { event: 'cancel' | 'retry' }>;

/** What an operator did. */
export interface OperatorBook {
  readonly changes: ReadonlyMap<EndpointName, readonly Change[]>;
  readonly orders: readonly Order[];
  /** Webhooks whose rows were spoilt, by id: how. Some may not be committed. */
  readonly poison: ReadonlyMap<string, string>;
}

/** What producers, operator and receiver saw, read from their logs. */
export interface Books {
  /** Committed, and the producer was told so: id → hash of the body. */
  readonly acked: ReadonlyMap<string, string>;
  readonly aborted: ReadonlySet<string>;
  /** By transaction: the COMMIT's answer was lost, or the producer's connection before it. */
  readonly unknown: readonly (readonly string[])[];
  readonly hashes: ReadonlyMap<string, string>;
  readonly arrivals: readonly Arrival[];
  readonly operator: OperatorBook;
}

export async function readBooks(files: {
  readonly producers: readonly string[];
  readonly operator: string;
  readonly receiver: string;
}): Promise<Books> {
  const transactions = new Map<string, { rows: readonly [string, string][]; end?: string }>();
  for (const file of files.producers) {
    for await (const line of linesOf<ProducerLine>(file)) {
      if (line.event === 'rows') transactions.set(line.tx, { rows: line.rows });
      else
        transactions.set(line.tx, { rows: transactions.get(line.tx)?.rows ?? [], end: line.event });
    }
  }
  const acked = new Map<string, string>();
  const aborted = new Set<string>();
  const unknown: string[][] = [];
  const hashes = new Map<string, string>();
  for (const { rows, end } of transactions.values()) {
    for (const [id, hash] of rows) {
      hashes.set(id, hash);
      if (end === 'ack') acked.set(id, hash);
      // Without an end the connection was lost before COMMIT was said.
      if (end === 'abort' || end === undefined) aborted.add(id);
    }
    if (end === 'unknown') unknown.push(rows.map(([id]) => id));
  }
  const arrivals: Arrival[] = [];
  for await (const arrival of linesOf<Arrival>(files.receiver)) arrivals.push(arrival);
  return {
    acked,
    aborted,
    unknown,
    hashes,
    arrivals,
    operator: await readOperator(files.operator),
  };
}

async function readOperator(file: string): Promise<OperatorBook> {
  const changes = new Map<EndpointName, Change[]>();
  const orders: Order[] = [];
  const poison = new Map<string, string>();
  for await (const line of linesOf<OperatorLine>(file)) {
    if (line.event === 'poison') poison.set(line.id, line.kind);
    else if (line.event === 'change') {
      changes.set(line.endpoint, [...(changes.get(line.endpoint) ?? []), line]);
    } else orders.push(line);
  }
  return { changes, orders, poison };
}

async function* linesOf<Line>(file: string): AsyncGenerator<Line> {
  if (!existsSync(file)) return;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line !== '') yield JSON.parse(line) as Line;
  }
}
