// Pure: no I/O, no clock, no randomness.

/**
 * The priorities of webhooks, the most urgent first. In the queue a priority is a number: its place in this list.
 * posthorn.priority_of() says the same in SQL, and dashboard/format.js in the browser; tests compare them.
 */
export const priorities = ['high', 'normal', 'low'] as const;

export type Priority = (typeof priorities)[number];
