import { createHmac, timingSafeEqual } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { answerParent } from '../harness/parent.ts';
import { Random } from '../harness/random.ts';
import { type ReceivedRequest, RequestParser } from '../harness/request-parser.ts';
import { fails, hangs } from './crowd.ts';
import { type Answer, type Arrival, hashOf, type Mood, secret, versionHeader } from './traffic.ts';

/*
 * The receiver, a process of its own: logs every request to a file, checks its signature, and answers as it is told.
 *
 * It is never harmed itself: its log is one half of the proof.
 */

export type ReceiverQuestion =
  | { readonly ask: 'open'; readonly logFile: string; readonly seed: number; readonly mood: Mood }
  | { readonly ask: 'mood'; readonly mood: Mood }
  | { readonly ask: 'counters' }
  | { readonly ask: 'close' };

export interface ReceiverCounters {
  readonly requests: number;
  readonly accepted: number;
  /** So long it waited for CPU at most. */
  readonly lagMs: number;
}

const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
let logFile = '';
let random = new Random(0);
let mood: Mood = { failed: 0, reset: 0, delayMs: [0, 0] };
let lines: string[] = [];
/** Ends the requests that hang. */
const held = new Set<() => void>();
let requests = 0;
let accepted = 0;
const lag = monitorEventLoopDelay();
lag.enable();

const server = createServer({ noDelay: true }, serve);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 }, () => {
  const address = server.address();
  answerParent<ReceiverQuestion>({
    ready: typeof address === 'object' ? address?.port : undefined,
    answer: reply,
  });
});
setInterval(flush, 100);

function reply(question: ReceiverQuestion): unknown {
  switch (question.ask) {
    case 'open':
      logFile = question.logFile;
      random = new Random(question.seed);
      mood = question.mood;
      lag.reset();
      requests = 0;
      accepted = 0;
      lines = [];
      return true;
    case 'mood':
      mood = question.mood;
      if (mood.hasTrouble !== true) for (const letGo of held) letGo();
      return true;
    case 'counters':
      return { requests, accepted, lagMs: lag.max / 1e6 } satisfies ReceiverCounters;
    case 'close':
      flush();
      return { requests, accepted, lagMs: lag.max / 1e6 } satisfies ReceiverCounters;
    default:
      return question satisfies never;
  }
}

function flush(): void {
  if (lines.length === 0) return;
  appendFileSync(logFile, `${lines.join('\n')}\n`);
  lines = [];
}

function serve(socket: Socket): void {
  const open = new Set<{ untilMs?: number }>();
  const parser = new RequestParser((request) => {
    const arrival = read(request);
    // Until its answer a request is open, and with its connection it is over.
    const life: { untilMs?: number } = {};
    open.add(life);
    const answer = () => {
      open.delete(life);
      const hungUp = life.untilMs !== undefined;
      // One that hung was not accepted when its sender gave up.
      const answered =
        hungUp && hangs(request.path) ? { ...arrival, answer: 'reset' as const } : arrival;
      respond(socket, { ...answered, untilMs: life.untilMs ?? Date.now(), hungUp });
    };
    const delayMs = random.between(...mood.delayMs);
    if (mood.hasTrouble === true && hangs(request.path)) hold(socket, answer);
    else if (delayMs < 1) answer();
    else setTimeout(answer, delayMs);
  });
  const hangUp = () => {
    for (const life of open) life.untilMs ??= Date.now();
  };
  socket.on('data', (chunk) => parser.push(chunk));
  socket.on('end', hangUp);
  socket.on('error', () => socket.destroy());
  socket.on('close', hangUp);
}

/** Until the mood has no trouble any more, or the sender hangs up. */
function hold(socket: Socket, answer: () => void): void {
  const letGo = () => {
    if (held.delete(letGo)) answer();
  };
  held.add(letGo);
  socket.once('close', letGo);
}

function read(request: ReceivedRequest): Omit<Arrival, 'untilMs' | 'hungUp'> {
  requests += 1;
  const nowMs = Date.now();
  // The event's, if it is one: it is what is signed.
  const messageId = request.header('webhook-id') ?? '';
  const timestamp = request.header('webhook-timestamp') ?? '';
  const skewS = Number(timestamp) - nowMs / 1_000;
  const wanted = createHmac('sha256', key)
    .update(`${messageId}.${timestamp}.`)
    .update(request.body)
    .digest();
  const given = Buffer.from(
    (request.header('webhook-signature') ?? '').replace(/^v1,/, ''),
    'base64',
  );
  const isSigned =
    Math.abs(skewS) <= 300 && given.length === wanted.length && timingSafeEqual(given, wanted);
  const dice = random.next();
  let answer: Answer = 'accepted';
  const isInTrouble = mood.hasTrouble === true && fails(request.path);
  if (isInTrouble || dice < mood.failed) answer = 'failed';
  else if (dice < mood.failed + mood.reset) answer = 'reset';
  return {
    atMs: nowMs,
    id: request.header('x-webhook-id') ?? '',
    attempt: Number(request.header('x-webhook-attempt')),
    answer,
    isSigned,
    hash: hashOf(request.body),
    path: request.path,
    version: Number(request.header(versionHeader) ?? 0),
    skewS,
  };
}

const ok = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
const sorry = Buffer.from('HTTP/1.1 500 Internal Server Error\r\ncontent-length: 5\r\n\r\nsorry');

function respond(socket: Socket, arrival: Arrival): void {
  // A sender that is gone gets no answer: it was not told that the webhook was accepted, but it was.
  lines.push(JSON.stringify(arrival));
  if (arrival.answer === 'accepted') accepted += 1;
  if (!socket.writable) return;
  if (arrival.answer === 'reset') socket.resetAndDestroy();
  else socket.write(arrival.answer === 'accepted' ? ok : sorry);
}
