import { readFile, writeFile } from 'node:fs/promises';
import { settingRows } from '../src/config/settings.ts';

/*
 * Writes the table of docs/configuration.md from src/config/settings.ts: npm run docs:settings
 */

const page = new URL('configuration.md', import.meta.url);
const text = await readFile(page, 'utf8');
const table = /(?:^\| \[`[A-Z_]+`\].*\n)+/m;
if (!table.test(text)) throw new Error('docs/configuration.md has no table of settings');
await writeFile(page, text.replace(table, `${settingRows().join('\n')}\n`));
