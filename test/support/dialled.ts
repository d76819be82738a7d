import { createHook } from 'node:async_hooks';

/** The addresses that this process has tried to connect to by TCP, whoever did it. */
export interface Dialled extends Disposable {
  readonly addresses: readonly string[];
}

/**
 * Notes each connect() of this process: Node makes a TCPCONNECTWRAP for every one, for net and tls alike, and for each address
 * that happy eyeballs try. So an address to which nothing here can listen is noticed too.
 */
export function watchDialled(): Dialled {
  const attempts: { address?: string }[] = [];
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      // The address is written into it afterwards.
      if (type === 'TCPCONNECTWRAP') attempts.push(resource);
    },
  });
  hook.enable();
  return {
    get addresses() {
      return attempts.map(({ address = 'unknown' }) => address);
    },
    [Symbol.dispose]() {
      hook.disable();
    },
  };
}
