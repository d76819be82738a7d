import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/*
 * What /proc says about CPU and memory. Linux only: elsewhere everything is undefined and the report says "unknown".
 */

const tickMs = 10;

/** The CPU time of one process, ms: its own, and that of the children it has waited for. */
interface ProcessCpu {
  readonly parent: number;
  readonly ownMs: number;
  readonly endedChildrenMs: number;
}

/** The CPU time of a set of processes, ms; undefined when one of them cannot be seen. */
export function cpuMsOf(pids: readonly number[]): number | undefined {
  let sumMs = 0;
  for (const pid of pids) {
    const cpu = processCpu(pid);
    if (cpu === undefined) return undefined;
    sumMs += cpu.ownMs;
  }
  return sumMs;
}

/** The CPU time of a process and all children it has or had, ms. */
export function familyCpuMs(pid: number): number | undefined {
  const head = processCpu(pid);
  if (head === undefined) return undefined;
  let sumMs = head.ownMs + head.endedChildrenMs;
  for (const name of readdirSync('/proc')) {
    const child = /^\d+$/.test(name) ? processCpu(Number(name)) : undefined;
    if (child?.parent === pid) sumMs += child.ownMs;
  }
  return sumMs;
}

/** The parent of a process that is a Postgres backend: the postmaster. Undefined when it is on another machine. */
export function postmasterOf(backendPid: number): number | undefined {
  if (!/^postgres/.test(read(`/proc/${backendPid}/comm`) ?? '')) return undefined;
  return processCpu(backendPid)?.parent;
}

/** Memory of a process, bytes: resident now, and the most it ever was. */
export function memoryOf(pid: number): { rss: number; peak: number } | undefined {
  const status = read(`/proc/${pid}/status`);
  if (status === undefined) return undefined;
  const bytes = (field: string) =>
    1_024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN);
  return { rss: bytes('VmRSS'), peak: bytes('VmHWM') };
}

/** What all cores together did since boot, ms. */
export interface MachineCpu {
  readonly busyMs: number;
  readonly stolenMs: number;
  readonly totalMs: number;
}

export function machineCpu(): MachineCpu | undefined {
  const line = read('/proc/stat')?.split('\n', 1)[0];
  if (line === undefined) return undefined;
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0] =
    ticks;
  return {
    busyMs: (user + nice + system + irq + softirq) * tickMs,
    stolenMs: steal * tickMs,
    totalMs: (user + nice + system + idle + wait + irq + softirq + steal) * tickMs,
  };
}

export function coreCount(): number {
  return cpus().length;
}

export function cpuModel(): string {
  return cpus()[0]?.model ?? 'unknown';
}

function processCpu(pid: number): ProcessCpu | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name in parentheses may hold spaces; fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (index: number) => Number(fields[index]);
  return {
    parent: ticks(1),
    ownMs: (ticks(11) + ticks(12)) * tickMs,
    endedChildrenMs: (ticks(13) + ticks(14)) * tickMs,
  };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
