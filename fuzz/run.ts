import { type Attempt, attemptCase, type Rules } from './attempt.ts';
import { type Case, describeCase, makeCase, minimise } from './cases.ts';
import { type Finding, parseObject } from './judge.ts';
import type { Stage } from './stage.ts';

/** What came of the requests made for one operation. */
export interface OperationTally {
  requests: number;
  /** By status; 0: no answer, as to a request that was cut off. */
  readonly statuses: Record<number, number>;
  serverErrors: number;
  /** Answers that must change nothing, and did. */
  changes: number;
  slowestMs: number;
}

/** Something that must not be, with what it takes to see it again. */
export interface Report extends Finding {
  /** The operations whose requests showed it, by how often. */
  readonly operations: Record<string, number>;
  /** Of the case that showed it first. */
  readonly number: number;
  readonly description: string;
  /** Of the smallest case that still showed it. */
  readonly request: Buffer;
}

export interface FuzzResult {
  readonly requests: number;
  readonly operations: Readonly<Record<string, OperationTally>>;
  readonly reports: readonly Report[];
  readonly latenciesMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Kinds of problems that were answered, by how often. */
  readonly problems: Readonly<Record<string, number>>;
  /** How often each mutation was made. */
  readonly mutations: Readonly<Record<string, number>>;
  readonly elapsedS: number;
}

export interface FuzzOptions {
  /** Worked at side by side, each request after request. */
  readonly stages: readonly Stage[];
  readonly rules: Rules;
  readonly seed: number;
  /** The number of the first case. */
  readonly from?: number;
  readonly requests: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, findings: number) => void;
}

/** How many requests a stage gets until its rows are put in anew. */
const refreshEvery = 400;

/** Makes so many requests and says what came of them. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { stages, seed, from = 0, requests, rules, signal, onProgress } = options;
  const startMs = performance.now();
  const books = new Books();
  const lanes = stages.map(async (stage, lane) => {
    for (let number = from; number < from + requests; number += 1) {
      if (number % stages.length !== lane) continue;
      signal?.throwIfAborted();
      if (number % (refreshEvery * stages.length) < stages.length && number > from) {
        await stage.refresh();
      }
      const one = makeCase(rules.operations, { seed, number, known: stage.known });
      const attempt = await attemptCase(stage, { one, rules });
      books.note(one, attempt);
      for (const finding of attempt.findings) {
        if (books.knows(one, finding)) continue;
        const smallest = await minimise(one, async (smaller) => {
          const { findings } = await attemptCase(stage, { one: smaller, rules });
          return findings.some(({ kind }) => kind === finding.kind);
        });
        const again =
          smallest === one ? attempt : await attemptCase(stage, { one: smallest, rules });
        books.report(one, { finding, number, smallest, request: again.request.bytes });
      }
      onProgress?.(books.done, books.reports.length);
    }
  });
  await Promise.all(lanes);
  return books.close((performance.now() - startMs) / 1_000);
}

class Books {
  done = 0;
  readonly reports: Report[] = [];
  readonly #operations: Record<string, OperationTally> = {};
  readonly #latenciesMs: number[] = [];
  readonly #problems: Record<string, number> = {};
  readonly #mutations: Record<string, number> = {};

  note({ operation, mutations }: Case, { outcome, findings }: Attempt): void {
    this.done += 1;
    this.#operations[operation.name] ??= {
      requests: 0,
      statuses: {},
      serverErrors: 0,
      changes: 0,
      slowestMs: 0,
    };
    const tally = this.#operations[operation.name];
    if (tally === undefined) return;
    tally.requests += 1;
    const status = outcome.replies[0]?.status ?? 0;
    tally.statuses[status] = (tally.statuses[status] ?? 0) + 1;
    tally.serverErrors += Number(findings.some(({ kind }) => kind === 'server error'));
    tally.changes += Number(findings.some(({ kind }) => kind === 'changed the database'));
    if (outcome.replies.length > 0) {
      tally.slowestMs = Math.max(tally.slowestMs, outcome.ms);
      this.#latenciesMs.push(outcome.ms);
    }
    for (const { mutator } of mutations) count(this.#mutations, mutator.name);
    for (const { status, body } of outcome.replies) {
      const type = status < 400 ? undefined : parseObject(body)?.['type'];
      if (typeof type === 'string')
        count(this.#problems, type.replace(/^urn:posthorn:problem:/, ''));
    }
  }

  /** Whether the like was found before: then it is counted, and not looked into again. */
  knows({ operation }: Case, finding: Finding): boolean {
    const known = this.reports.find(
      ({ kind, detail }) => kind === finding.kind && shapeOf(detail) === shapeOf(finding.detail),
    );
    if (known !== undefined) count(known.operations, operation.name);
    return known !== undefined;
  }

  report(
    { operation }: Case,
    {
      finding,
      number,
      smallest,
      request,
    }: { finding: Finding; number: number; smallest: Case; request: Buffer },
  ): void {
    this.reports.push({
      ...finding,
      operations: { [operation.name]: 1 },
      number,
      description: describeCase(smallest),
      request,
    });
  }

  close(elapsedS: number): FuzzResult {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    const quantile = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
    return {
      requests: this.done,
      operations: this.#operations,
      reports: this.reports,
      latenciesMs: { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) },
      problems: this.#problems,
      mutations: this.#mutations,
      elapsedS,
    };
  }
}

/** Two findings that differ in their ids and numbers alone are one. */
function shapeOf(detail: string): string {
  return detail.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, '0').slice(0, 80);
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
