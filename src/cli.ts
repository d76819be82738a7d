#!/usr/bin/env node
const leastMajor = 24;

// Imported only now: under an older Node the libraries fail while they are loaded, with a stack trace of theirs.
if (Number(process.versions.node.split('.')[0]) < leastMajor) {
  console.error(
    `Cannot run Posthorn as Node.js must be version ${leastMajor} or later: current value is ${process.versions.node}`,
  );
  process.exitCode = 1;
} else {
  const args = process.argv.slice(2);
  (await import('./commands/young-generation.ts')).boundYoungGeneration(args);
  // Half a second of a start, and the memory of the compiler of TypeScript, are saved from the second one on.
  (await import('node:module')).enableCompileCache();
  const { main } = await import('./commands/main.ts');
  process.exitCode = await main(args);
}
