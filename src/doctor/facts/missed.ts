import { z } from 'zod';
import type { Look } from '../look.ts';

const pageRow = z.object({
  webhook_ids: z.array(z.string()),
  walked: z.int(),
  walked_to: z.string().nullable(),
});
const misruledRow = z.object({
  lane: z.string(),
  endpoint_id: z.string().nullable(),
  tenant: z.string().nullable(),
});

/** Webhooks and events among the newest that no trigger has enqueued. */
export interface MissedFacts {
  readonly webhookIds: readonly string[];
  /** How many webhooks were checked, and whether these were all. */
  readonly looked: number;
  readonly isAll: boolean;
}

/** About 0.1 s of one core. */
const walkRows = 10_000;
const lookForMs = 2_000;
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Checks the newest webhooks for two seconds, so that it costs the same whatever the size of the history. */
export async function readMissed(look: Look): Promise<MissedFacts> {
  const startedMs = performance.now();
  const webhookIds: string[] = [];
  let looked = 0;
  for (let before = lastId; ; ) {
    const page = await look.one(
      pageRow,
      'select webhook_ids, walked, walked_to from posthorn.missed($1, $2)',
      [before, walkRows],
    );
    webhookIds.push(...page.webhook_ids);
    looked += page.walked;
    if (page.walked_to === null) return { webhookIds, looked, isAll: true };
    if (performance.now() - startedMs > lookForMs) return { webhookIds, looked, isAll: false };
    before = page.walked_to;
  }
}

/** Finds endpoints and tenants whose lane rules differ from their settings, and rules that belong to none. */
export async function readMisruled(look: Look): Promise<string[]> {
  const rows = await look.all(
    misruledRow,
    'select lane::text, endpoint_id, tenant from posthorn.misruled_lanes order by endpoint_id limit 1000',
  );
  return rows.map(
    ({ lane, endpoint_id: endpointId, tenant }) =>
      endpointId ?? (tenant === null ? `lane ${lane}` : `tenant "${tenant}"`),
  );
}
