import { buildDraft, type Case } from './cases.ts';
import type { Outcome } from './client.ts';
import type { Operation } from './document.ts';
import { type RequestBytes, toBytes } from './draft.ts';
import {
  type Finding,
  judgeByDocument,
  judgeReply,
  mustChangeNothing,
  operationOf,
  type ProblemKinds,
  parseObject,
  type SchemaCheck,
} from './judge.ts';
import type { Stage } from './stage.ts';

/** What answers are held to. */
export interface Rules {
  readonly operations: readonly Operation[];
  readonly problemKinds: ProblemKinds;
  readonly check: SchemaCheck;
}

/** A case as it was tried: what was sent, what came, and what of it must not be. */
export interface Attempt {
  readonly request: RequestBytes;
  readonly outcome: Outcome;
  readonly findings: readonly Finding[];
}

const slowMs = 5_000;

/** Sends the request of a case and looks at all that came of it. One at a time at a stage, so that what is written is its doing. */
export async function attemptCase(
  stage: Stage,
  { one, rules }: { one: Case; rules: Rules },
): Promise<Attempt> {
  const request = toBytes(buildDraft(one, stage.known));
  stage.takeLog();
  const before = stage.watch.position;
  const outcome = await stage.client.ask(request);
  await stage.untilIdle();
  const after = await stage.watch.move();
  const findings = [
    ...judgeOutcome(outcome, { request, rules }),
    ...findSecrets(stage, outcome),
    ...stage
      .takeLog()
      .filter(({ level }) => level === 'error')
      .map(({ text }): Finding => ({ kind: 'error logged', detail: text.slice(0, 500) })),
  ];
  const isHarmless = outcome.replies.every(({ status }, at) =>
    mustChangeNothing({ method: at === 0 ? request.method : '', status }),
  );
  if (after > before && isHarmless && outcome.replies.length > 0) {
    findings.push({ kind: 'changed the database', detail: await stage.watch.since(before) });
  }
  learn(stage, outcome);
  return { request, outcome, findings };
}

function judgeOutcome(
  { replies, fault, ms }: Outcome,
  { request, rules }: { readonly request: RequestBytes; readonly rules: Rules },
): Finding[] {
  const findings: Finding[] = [];
  if (fault !== undefined) findings.push({ kind: 'no answer', detail: fault });
  if (ms > slowMs) findings.push({ kind: 'too slow', detail: `${Math.round(ms)} ms` });
  for (const [at, reply] of replies.entries()) {
    const isHead = at === 0 && request.method === 'HEAD';
    findings.push(...judgeReply(reply, { isHead, problemKinds: rules.problemKinds }));
  }
  const [first] = replies;
  const operation = operationOf(rules.operations, request);
  if (first !== undefined && operation !== undefined) {
    findings.push(...judgeByDocument(first, { operation, check: rules.check }));
  }
  return findings;
}

function findSecrets(stage: Stage, { replies }: Outcome): Finding[] {
  const { planted, keys } = stage.known;
  const secrets = [planted, keys.all, ...keys.others];
  const isIn = (text: string) => secrets.some((secret) => text.includes(secret));
  const inAnswers = replies
    .filter(({ raw }) => isIn(raw.toString('latin1')))
    .map(({ status }): Finding => ({ kind: 'secret shown', detail: `in an answer ${status}` }));
  const inLog = stage
    .peekLog()
    .filter(({ text }) => isIn(text))
    .map((): Finding => ({ kind: 'secret shown', detail: 'in a line of the log' }));
  return [...inAnswers, ...inLog];
}

/** Ids and cursors make the next requests go further. */
function learn(stage: Stage, { replies }: Outcome): void {
  for (const { status, headers, body } of replies) {
    if (status >= 300) continue;
    const [, kind, id] = /^\/([a-z]+)\/([^/]+)$/.exec(headers.get('location') ?? '') ?? [];
    if (kind !== undefined && id !== undefined) stage.learn({ kind, id });
    const cursor = parseObject(body)?.['next_cursor'];
    if (typeof cursor === 'string') stage.learn({ cursor });
  }
}
