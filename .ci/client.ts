import { writeFile } from 'node:fs/promises';
import { clientOperations } from './client-operations.ts';

/** `npm run client`: writes src/client/operations.ts from the OpenAPI document of the API. */
await writeFile(new URL('../src/client/operations.ts', import.meta.url), clientOperations());
