import { coreCount, cpuMsOf, familyCpuMs, machineCpu } from '../harness/machine.ts';
import { clockMs } from './clock.ts';

/** Whose CPU time is told apart. */
export interface Cast {
  /** The processes that are measured: the workers, or the yardstick. */
  readonly senders: readonly number[];
  readonly receiver: number;
  readonly postmaster: number | undefined;
  /** The redis-server of a peer that has one. */
  readonly redis?: number | undefined;
  /** Ours too, so that they are not taken for noise. */
  readonly others?: readonly number[];
}

/** What happened between two points in time. */
export interface Window {
  readonly durationMs: number;
  /** CPU times, ms; undefined where it cannot be seen. */
  readonly senderCpuMs: number | undefined;
  readonly receiverCpuMs: number | undefined;
  readonly postgresCpuMs: number | undefined;
  /** 0 where no Redis is used. */
  readonly redisCpuMs: number | undefined;
  /** Share of all cores that others used: programs that are not ours, and the hypervisor. 0 to 1. */
  readonly foreign: number | undefined;
  readonly stolen: number | undefined;
}

/** Share of all cores that was not ours, 0 to 1. */
export function noiseOf({ foreign = 0, stolen = 0 }: Window): number {
  return foreign + stolen;
}

/** Begins a window; the function that is returned ends it. */
export function openWindow(cast: Cast): () => Window {
  const before = read(cast);
  return () => {
    const after = read(cast);
    const durationMs = after.atMs - before.atMs;
    const senderCpuMs = minus(after.senders, before.senders);
    const receiverCpuMs = minus(after.receiver, before.receiver);
    const postgresCpuMs = minus(after.postgres, before.postgres);
    const redisCpuMs = minus(after.redis, before.redis);
    const known = [senderCpuMs, receiverCpuMs, postgresCpuMs, redisCpuMs, after.rest - before.rest];
    const oursMs = known.reduce<number>((sum, ms) => sum + (ms ?? 0), 0);
    const capacityMs = durationMs * coreCount();
    const busyMs = minus(after.machine?.busyMs, before.machine?.busyMs);
    const stolenMs = minus(after.machine?.stolenMs, before.machine?.stolenMs);
    return {
      durationMs,
      senderCpuMs,
      receiverCpuMs,
      postgresCpuMs,
      redisCpuMs,
      foreign: busyMs === undefined ? undefined : Math.max(0, (busyMs - oursMs) / capacityMs),
      stolen: stolenMs === undefined ? undefined : stolenMs / capacityMs,
    };
  };
}

function read({ senders, receiver, postmaster, redis, others = [] }: Cast) {
  const { user, system } = process.cpuUsage();
  return {
    atMs: clockMs(),
    senders: cpuMsOf(senders),
    receiver: cpuMsOf([receiver]),
    postgres: postmaster === undefined ? undefined : familyCpuMs(postmaster),
    redis: redis === undefined ? 0 : cpuMsOf([redis]),
    rest: (user + system) / 1_000 + (cpuMsOf(others) ?? 0),
    machine: machineCpu(),
  };
}

function minus(after: number | undefined, before: number | undefined): number | undefined {
  return after === undefined || before === undefined ? undefined : after - before;
}
