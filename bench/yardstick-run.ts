import { Child } from '../harness/child.ts';
import type { Bench } from './bench.ts';
import { receiverViolations } from './checks.ts';
import { openWindow } from './window.ts';
import type { YardstickRequest, YardstickResult } from './yardstick.ts';

/** One run of the yardstick. CPU times in µs a webhook. */
export interface YardstickRun {
  readonly by: YardstickRequest['by'];
  readonly perSecond: number;
  readonly senderCpuUs: number;
  readonly receiverCpuUs: number | undefined;
  readonly foreign: number | undefined;
  readonly stolen: number | undefined;
  readonly violations: readonly string[];
}

/** Runs the yardstick in a new process, as the worker is a new one in each round. */
export async function runYardstick(
  { options, receiver, progress, signal }: Bench,
  by: YardstickRequest['by'],
): Promise<YardstickRun> {
  const { webhooks, endpoints, delayMs } = options;
  const withinMs = 30_000 + webhooks * 5 + (webhooks * delayMs) / 50;
  const { child } = await Child.start<YardstickRequest>(new URL('yardstick.ts', import.meta.url), {
    signal,
    withinMs: 20_000,
  });
  await using yardstick = child;
  await receiver.reset({ expected: webhooks, delayMs });
  const close = openWindow({
    senders: [yardstick.pid],
    receiver: receiver.pid,
    postmaster: undefined,
  });
  const answer = yardstick.ask(
    { by, port: receiver.port, webhooks, endpoints },
    { signal, withinMs },
  );
  const result = (await progress.during(answer, async () => {
    const { requests } = await receiver.counters();
    return `yardstick ${by}: ${requests} of ${webhooks}`;
  })) as YardstickResult;
  const window = close();
  return {
    by,
    perSecond: (webhooks / result.durationMs) * 1_000,
    senderCpuUs: (result.cpuMs * 1_000) / webhooks,
    receiverCpuUs:
      window.receiverCpuMs === undefined ? undefined : (window.receiverCpuMs * 1_000) / webhooks,
    foreign: window.foreign,
    stolen: window.stolen,
    violations: receiverViolations(await receiver.counters(), webhooks),
  };
}
