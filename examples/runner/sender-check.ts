import type { Example } from './example.ts';
import {
  type Check,
  type Column,
  judge,
  judgeRepeated,
  pooledChecks,
  type Verdict,
  type Verdicts,
} from './judge.ts';
import { runProgram } from './program.ts';
import type { World } from './world.ts';

/**
 * Has an example send its webhooks, and judges what arrived. What it can do through PgBouncer, it does once more, and its
 * migration tool compares once more as a superuser, from whom no right hides or protects anything.
 */
export async function checkSender(example: Example, world: World): Promise<Verdicts> {
  await world.empty();
  const base = `/${example.name}`;
  const verdicts: Partial<Record<Column, Verdict>> = {
    ...(await tryChecks(example, { world, asked: example.checks, base, url: world.url })),
  };
  if (verdicts.migration?.kind === 'good') {
    const url = world.superuserUrl;
    const again = await tryChecks(example, { world, asked: ['migration'], base, url });
    verdicts.migration = judgeRepeated(again);
  }
  if (example.pgbouncer) verdicts.pgbouncer = await tryPooled(example, world);
  return verdicts;
}

async function tryPooled(example: Example, world: World): Promise<Verdict> {
  if (world.pooledUrl === undefined) return { kind: 'none', why: 'no pgbouncer here' };
  const asked = pooledChecks.filter((check) => example.checks.includes(check));
  const base = `/${example.name}/pooled`;
  return judgeRepeated(await tryChecks(example, { world, asked, base, url: world.pooledUrl }));
}

async function tryChecks(
  example: Example,
  {
    world,
    asked,
    base,
    url,
  }: {
    readonly world: World;
    readonly asked: readonly Check[];
    readonly base: string;
    readonly url: string;
  },
): Promise<Verdicts> {
  const { receiver, endpointPath } = world;
  const { trouble, stdout, stderr } = await runProgram(example, {
    args: asked,
    env: { DATABASE_URL: url, WEBHOOK_URL: receiver.url + base },
  });
  const isSettled = await world.settle();
  const { answers, strange } = answersIn(stdout);
  return judge(asked, {
    answers,
    trouble: trouble ?? (isSettled ? undefined : 'Not all webhooks were delivered'),
    strange,
    output: stdout + stderr,
    base,
    arrived: receiver.requests,
    subscribed: receiver.requests.filter(({ path }) => path === endpointPath),
    orders: await world.countOrders(),
  });
}

/** The lines as objects, and the first that is none. */
function answersIn(stdout: string): {
  readonly answers: readonly Readonly<Record<string, unknown>>[];
  readonly strange: string | undefined;
} {
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  const parsed = lines.map((line) => ({ line, answer: asObject(line) }));
  return {
    answers: parsed.flatMap(({ answer }) => (answer === undefined ? [] : [answer])),
    strange: parsed.find(({ answer }) => answer === undefined)?.line,
  };
}

function asObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
