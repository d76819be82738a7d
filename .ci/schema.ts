import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { startOwnServer } from '../test/support/own-server.ts';
import { schemaText } from '../test/support/schema-text.ts';

/** `npm run schema`: writes sql/schema.sql, as an embedded Postgres describes what migrations/ and sql/ make. */
await using server = await startOwnServer({}, tmpdir());
await using database = await server.database();
const client = await database.pool.connect();
try {
  await writeFile(
    fileURLToPath(new URL('../sql/schema.sql', import.meta.url)),
    await schemaText(client),
  );
} finally {
  client.release(true);
}
