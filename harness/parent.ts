/*
 * The child's end of the line between the benchmark and its processes: one question at a time, one answer each.
 * A child whose parent is gone ends.
 */

/** Answers the parent's questions; `ready` is told at once. What `answer` throws is told as the error's message. */
export function answerParent<Question>(options: {
  readonly ready: unknown;
  readonly answer: (question: Question) => unknown;
}): void {
  process.on('message', (question: Question) => {
    void reply(() => options.answer(question));
  });
  process.on('disconnect', () => process.exit());
  // Ctrl-C reaches the whole group; the parent ends its children in order.
  process.on('SIGINT', () => {});
  process.send?.({ answer: options.ready });
}

async function reply(work: () => unknown): Promise<void> {
  try {
    process.send?.({ answer: await work() });
  } catch (error) {
    process.send?.({ error: error instanceof Error ? error.message : String(error) });
  }
}
