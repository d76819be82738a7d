// Pure: no I/O, no clock, no randomness.

/** Formats an age for people, in its largest unit. */
export function age(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 2 * 3_600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

export function bytes(count: number): string {
  if (count < 1_048_576) return `${Math.round(count / 1_024)} kB`;
  if (count < 1_073_741_824) return `${Math.round(count / 1_048_576)} MB`;
  return `${(count / 1_073_741_824).toFixed(1)} GB`;
}

/** A count with its noun: 1 row, 2 rows. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The first few names, and how many more there are. */
export function listed(names: readonly string[], most = 5): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(', ')} and ${rest} more` : names.join(', ');
}
