// Pure: no I/O, no clock, no randomness.

import type { JsonSchema } from '../domain/json-schema.ts';

/** An event type, as the documents about events need it. */
export interface Described {
  readonly name: string;
  readonly description: string;
  /** Null: any body. */
  readonly schema: JsonSchema | null;
  /** Null: none. */
  readonly example?: unknown;
  readonly deprecated: boolean;
  readonly updated_at: string;
}

/** A part of a document, as JSON. */
export type Part = Readonly<Record<string, unknown>>;

/** The title and version of a document about events. The version is when an event type was last written. */
export function infoOf(eventTypes: readonly Described[]): Part {
  const newest = eventTypes
    .map(({ updated_at: at }) => at)
    .toSorted()
    .at(-1);
  return {
    title: 'Events',
    version: newest ?? '0',
    description:
      'The events that are sent as webhooks. A request is an HTTP POST with the body of the event, and is signed as in Standard Webhooks.',
  };
}

/** The summary of an event type: the first line of its description. */
export function summaryOf({ name, description }: Described): string {
  return description.split(/[\r\n]/)[0]?.trim() || name;
}
