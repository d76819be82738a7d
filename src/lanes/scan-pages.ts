import type { Pool } from 'pg';
import { runSql, sqlFile } from '../db/sql-file.ts';
import type { LaneAccess, TenantAccess } from './lane.ts';

/** As scan-owned.sql returns it. */
export interface OwnedRow {
  readonly lane: string;
  readonly priority: number;
  readonly due_ms: number;
  readonly origin: string | null;
  readonly tenant_key: string | null;
}

export interface ScannedRow extends OwnedRow {
  readonly access: Exclude<LaneAccess, 'blocked'>;
  readonly tenant_access: TenantAccess;
}

/** As scan-lanes.sql returns it. Without access: where a full page ended. */
type PageRow = ScannedRow | (OwnedRow & { readonly access: null });

const scanSql = sqlFile('scan-lanes');
/** Lanes of a page: 5 ms. */
const pageSize = 500;

/** Scans all lanes that have work, page by page. One that appears meanwhile may be in none of them. */
export async function* scanPages(
  pool: Pool,
  { workerNumber, maxHeads = pageSize }: { workerNumber: number; maxHeads?: number },
): AsyncGenerator<readonly ScannedRow[]> {
  let after: { lane: string; priority: number } | undefined = {
    lane: '-9223372036854775808',
    priority: -1,
  };
  while (after !== undefined) {
    const rows: PageRow[] = await runSql<PageRow>(pool, scanSql, {
      workerNumber,
      afterLane: after.lane,
      afterPriority: after.priority,
      maxHeads,
    });
    after = rows.find(({ access }) => access === null);
    yield rows.filter((row): row is ScannedRow => row.access !== null);
  }
}
