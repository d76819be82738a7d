// Pure: no I/O, no clock, no randomness.

/** The reports of sql/history: the names of the files. */
export const reportNames = [
  'failures',
  'failed',
  'slow-endpoints',
  'deliveries',
  'backlog',
  'held-back',
  'endpoints',
  'alerts',
  'webhook',
  'why-not-delivered',
  'event',
] as const;

export type ReportName = (typeof reportNames)[number];
