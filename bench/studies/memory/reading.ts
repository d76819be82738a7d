import { memoryOf } from '../../../harness/machine.ts';

/** What a process takes at one moment, bytes. */
export interface Reading {
  /** Since the run began. */
  readonly atS: number;
  readonly rss: number;
  /** What V8 has reserved for new objects and for those that lived longer. */
  readonly youngSpace: number;
  readonly oldSpace: number;
  /** Everything on the heap, garbage included. */
  readonly heapUsed: number;
  readonly external: number;
  /** CPU time of the process so far, and how long it stood still for garbage collection, s. */
  readonly cpuS: number;
  readonly collectingS: number;
}

/** Asks the process itself, by its metrics; its resident memory is what the system says. */
export async function readMemory(
  { pid, address }: { pid: number; address: string },
  { atS }: { atS: number },
): Promise<Reading> {
  const response = await fetch(`${address}/metrics`, { signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  const value = (name: string) => sumOf(text, name);
  return {
    atS,
    rss: memoryOf(pid)?.rss ?? value('process_resident_memory_bytes'),
    youngSpace: value('nodejs_heap_space_size_total_bytes{space="new"}'),
    oldSpace: value('nodejs_heap_space_size_total_bytes{space="old"}'),
    heapUsed: value('nodejs_heap_size_used_bytes'),
    external: value('nodejs_external_memory_bytes'),
    cpuS: value('process_cpu_seconds_total'),
    collectingS: value('nodejs_gc_duration_seconds_sum'),
  };
}

/** Of all lines whose name begins so. */
function sumOf(text: string, name: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
