import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  // Not posthorn.ts: Posthorn migrates its own schema.
  schema: './schema.ts',
  schemaFilter: ['public'],
  dbCredentials: { url: process.env['DATABASE_URL'] ?? '' },
});
