/** Ms on the machine's monotonic clock: the same in all processes of one machine, unlike performance.now(). */
export function clockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
