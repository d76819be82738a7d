import { z } from 'zod';
import type { Look } from '../look.ts';

const holdRow = z.object({
  kind: z.enum(['copy', 'environment', 'request']),
  reason: z.string(),
});
const identityRow = z.object({ environment: z.string().nullable() });

/** Why this database is held, and whether a worker has recorded its identity. */
export interface HoldFacts {
  readonly hold: z.infer<typeof holdRow> | undefined;
  /** Undefined: no worker has started yet. */
  readonly recorded: z.infer<typeof identityRow> | undefined;
}

export async function readHold(look: Look, environment: string): Promise<HoldFacts> {
  const [hold] = await look.all(holdRow, 'select kind, reason from posthorn.held($1)', [
    environment,
  ]);
  const [recorded] = await look.all(
    identityRow,
    'select environment from posthorn.identity where recorded_at is not null',
  );
  return { hold, recorded };
}
