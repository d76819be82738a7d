// Pure: no I/O, no clock, no randomness.

/** What a program is asked to do. examples/README.md says what each one is. */
export const checks = [
  'commit',
  'rollback',
  'headers',
  'bulk',
  'illegal',
  'key',
  'event',
  'migration',
  'producer',
] as const;

/** The columns of the table. */
export const columns = [
  'commit',
  'rollback',
  'id',
  'headers',
  'bulk',
  'illegal',
  'key',
  'event',
  'migration',
  'pgbouncer',
  'producer',
] as const;

/** Repeated through PgBouncer in transaction mode. */
export const pooledChecks = ['commit', 'rollback', 'headers', 'key'] as const;

/** What the examples give an illegal webhook, and what nobody may read afterwards. */
export const secret = 'whsec_dGhpcyBpcyBub3QgYSBzZWNyZXQhISE=';

export type Check = (typeof checks)[number];
export type Column = (typeof columns)[number];

export type Verdict =
  | { readonly kind: 'good' }
  | { readonly kind: 'bad'; readonly why: string }
  /** Not tried, and that is no fault: the ecosystem has no such thing, or the machine has not. */
  | { readonly kind: 'none'; readonly why?: string };

export type Verdicts = Readonly<Partial<Record<Column, Verdict>>>;

/** A request that a receiver got. */
export interface Arrived {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What is known after a program has ended and its webhooks have. */
export interface Evidence {
  /** What the program printed, line by line as JSON. */
  readonly answers: readonly Readonly<Record<string, unknown>>[];
  /** How it ended, if not well. */
  readonly trouble: string | undefined;
  /** The first line that it printed which is no JSON, such as a tool's progress. */
  readonly strange: string | undefined;
  /** All that it printed. */
  readonly output: string;
  /** The path of its WEBHOOK_URL. */
  readonly base: string;
  readonly arrived: readonly Arrived[];
  /** Requests to the endpoint that has subscribed to its event. */
  readonly subscribed: readonly Arrived[];
  /** How many orders are stored; undefined: there is no table. */
  readonly orders: number | undefined;
}

const good: Verdict = { kind: 'good' };
const bad = (why: string): Verdict => ({ kind: 'bad', why });

/** Judges what a program was asked to do. */
export function judge(asked: readonly Check[], evidence: Evidence): Verdicts {
  const verdicts = Object.fromEntries(
    asked.map((check) => [check, judgeOne(check, evidence)]),
  ) as Partial<Record<Column, Verdict>>;
  if (asked.includes('commit')) verdicts.id = ifAnswered('commit', evidence, judgeId);
  // It answered everything, and yet it did not end well.
  const last = asked.at(-1);
  if (evidence.trouble !== undefined && last !== undefined && areAllGood(verdicts)) {
    verdicts[last] = bad(evidence.trouble);
  }
  return verdicts;
}

/** One verdict for all that was repeated in another way. */
export function judgeRepeated(verdicts: Verdicts): Verdict {
  for (const [column, verdict] of Object.entries(verdicts)) {
    if (verdict.kind === 'bad') return bad(`${column}: ${verdict.why}`);
  }
  return good;
}

function areAllGood(verdicts: Verdicts): boolean {
  return Object.values(verdicts).every(({ kind }) => kind !== 'bad');
}

type Answer = Readonly<Record<string, unknown>>;
type Judge = (answer: Answer, evidence: Evidence) => Verdict;

function judgeOne(check: Check, evidence: Evidence): Verdict {
  return ifAnswered(check, evidence, judges[check]);
}

function ifAnswered(check: Check, evidence: Evidence, by: Judge): Verdict {
  const answer = evidence.answers.find((one) => one['check'] === check);
  if (answer !== undefined) return by(answer, evidence);
  const { trouble, strange } = evidence;
  const hint = strange === undefined ? '' : `, but this, which is not JSON: ${strange}`;
  return bad(trouble ?? `The program printed no line for it${hint}`);
}

const judges: Readonly<Record<Check, Judge>> = {
  commit: (_answer, evidence) => {
    if (!(Number(evidence.orders) > 0)) return bad('No order is stored');
    return arrivedOnce('/commit', evidence);
  },
  rollback: (_answer, evidence) => arrivedTimes('/rollback', 0, evidence),
  headers: (answer, evidence) => {
    const got = at('/headers', evidence);
    if (got.length !== 2) return bad(`${got.length} requests arrived, not 2`);
    const values = got.map(({ headers }) => headers['x-shop']);
    if (values.filter((value) => value === 'a').length !== 1) {
      return bad('Not exactly one request had the header X-Shop: a');
    }
    if (values.filter((value) => value === undefined).length !== 1) {
      return bad('Not exactly one request came without the header');
    }
    return sameIds(answer, got);
  },
  bulk: ({ count }, evidence) => {
    if (count !== 1_000) return bad(`The program says ${String(count)}, not 1000`);
    const ids = new Set(at('/bulk', evidence).map(idOf));
    return ids.size === 1_000 ? arrivedTimes('/bulk', 1_000, evidence) : bad(`${ids.size} arrived`);
  },
  illegal: ({ constraint, message }, { output }) => {
    const rule = 'outbox_url_is_http';
    if (output.includes(secret)) return bad('The secret is shown');
    if (constraint !== rule && !String(message).includes(rule)) return bad('The rule is not named');
    return good;
  },
  key: (answer, evidence) => {
    const ids = idsOf(answer);
    if (ids.length !== 2 || ids[0] !== ids[1]) return bad(`Two ids: ${ids.join(', ')}`);
    const got = at('/key', evidence);
    return got.length === 1 && got.map(idOf)[0] === ids[0]
      ? good
      : bad(`${got.length} requests arrived, not 1 with that id`);
  },
  event: (answer, { subscribed }) => {
    const [id] = idsOf(answer);
    // At all endpoints that receive it, webhook-id is the event's id.
    const got = subscribed.filter(({ headers }) => headers['webhook-id'] === id);
    return got.length === 1
      ? good
      : bad(`${got.length} requests arrived with the event's id, not 1`);
  },
  migration: ({ statements, unavailable }) => {
    if (typeof unavailable === 'string') return { kind: 'none', why: unavailable };
    if (!Array.isArray(statements)) return bad('The program names no statements');
    const ours = statements.filter((statement) => /posthorn/i.test(String(statement)));
    return ours.length === 0 ? good : bad(`The migration tool proposes: ${ours.join(' ')}`);
  },
  producer: (answer, evidence) => {
    const back = arrivedTimes('/producer-rollback', 0, evidence);
    return back.kind === 'good'
      ? firstBad(arrivedOnce('/producer', evidence), sameIds(answer, at('/producer', evidence)))
      : back;
  },
};

function judgeId(answer: Answer, evidence: Evidence): Verdict {
  return sameIds(answer, at('/commit', evidence));
}

function firstBad(...verdicts: readonly Verdict[]): Verdict {
  return verdicts.find(({ kind }) => kind === 'bad') ?? good;
}

function arrivedOnce(path: string, evidence: Evidence): Verdict {
  return arrivedTimes(path, 1, evidence);
}

function arrivedTimes(path: string, times: number, evidence: Evidence): Verdict {
  const { length } = at(path, evidence);
  return length === times ? good : bad(`${length} requests arrived, not ${times}`);
}

/** The ids that the program was told are those that arrived. */
function sameIds(answer: Answer, got: readonly Arrived[]): Verdict {
  const told = idsOf(answer).toSorted();
  const came = got.map(idOf).toSorted();
  return told.length > 0 && told.join() === came.join()
    ? good
    : bad(`Its ids are ${told.join(', ') || 'none'}, and those that arrived ${came.join(', ')}`);
}

function at(path: string, { base, arrived }: Evidence): Arrived[] {
  return arrived.filter((request) => request.path === base + path);
}

function idOf({ headers }: Arrived): string {
  return String(headers['x-webhook-id']);
}

function idsOf({ ids }: Answer): string[] {
  return Array.isArray(ids) ? ids.map((id) => String(id).toLowerCase()) : [];
}
