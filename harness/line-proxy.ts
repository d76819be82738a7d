import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What happens to the bytes.
 *
 * - pass: all go through
 * - delay: all go through, so many ms late
 * - trickle: a byte a second
 * - silent: half-open; connections stand and nothing goes through. The far side gives up after `farSideMs`, as TCP
 *   keepalive would make it
 * - cut: connections are closed, new ones refused
 * - reset: connections are reset once, then all go through
 */
export type ProxyMode =
  | { readonly kind: 'pass' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'trickle' }
  | { readonly kind: 'silent'; readonly farSideMs: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'reset' };

/** A TCP proxy on a port of loopback whose line can be made bad. */
export class LineProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: { host: string; port: number };
  readonly #lines = new Set<Line>();
  #mode: ProxyMode = { kind: 'pass' };

  static async start(target: { host: string; port: number }): Promise<LineProxy> {
    const proxy = new LineProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (near) => this.#accept(near));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Applies to the connections there are and to new ones. */
  set(mode: ProxyMode): void {
    this.#mode = mode.kind === 'reset' ? { kind: 'pass' } : mode;
    for (const line of this.#lines) line.set(mode);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.set({ kind: 'cut' });
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(near: Socket): void {
    if (this.#mode.kind === 'cut') {
      near.on('error', () => {});
      near.resetAndDestroy();
      return;
    }
    const line = new Line(near, this.#target);
    this.#lines.add(line);
    line.onEnd = () => this.#lines.delete(line);
    line.set(this.#mode);
  }
}

/** One connection through the proxy. */
class Line {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #queues = new Map<Socket, Buffer[]>();
  #mode: ProxyMode = { kind: 'pass' };
  #timer: NodeJS.Timeout | undefined;
  onEnd: () => void = () => {};

  constructor(near: Socket, target: { host: string; port: number }) {
    this.#near = near;
    this.#far = connect({ ...target, noDelay: true });
    this.#forward(this.#near, this.#far);
    this.#forward(this.#far, this.#near);
  }

  set(mode: ProxyMode): void {
    clearTimeout(this.#timer);
    clearInterval(this.#timer);
    this.#mode = mode;
    switch (mode.kind) {
      case 'pass':
        this.#release();
        return;
      case 'delay':
        return;
      case 'trickle':
        this.#timer = setInterval(() => this.#trickle(), 1_000);
        return;
      case 'silent':
        this.#timer = setTimeout(() => this.#far.resetAndDestroy(), mode.farSideMs);
        return;
      case 'cut':
        this.#near.destroy();
        this.#far.destroy();
        return;
      case 'reset':
        this.#near.resetAndDestroy();
        this.#far.resetAndDestroy();
        return;
      default:
        mode satisfies never;
    }
  }

  #forward(from: Socket, to: Socket): void {
    this.#queues.set(to, []);
    from.on('data', (chunk: Buffer) => {
      const queue = this.#queues.get(to) ?? [];
      if (this.#mode.kind === 'pass' && queue.length === 0) write(to, chunk);
      else queue.push(chunk);
      const mode = this.#mode;
      if (mode.kind === 'delay') setTimeout(() => write(to, queue.shift()), mode.ms);
    });
    from.on('error', () => {});
    from.on('close', () => {
      // The near side of a silent line learns nothing; what was sent before an end still arrives otherwise.
      if (this.#mode.kind === 'silent' && from === this.#far) return;
      this.#release();
      to.end();
      clearInterval(this.#timer);
      this.onEnd();
    });
  }

  #release(): void {
    for (const [to, queue] of this.#queues) for (const chunk of queue.splice(0)) write(to, chunk);
    // Held back while the line was silent: the other side is gone.
    if (this.#far.destroyed && !this.#near.destroyed) this.#near.resetAndDestroy();
  }

  #trickle(): void {
    for (const [to, queue] of this.#queues) {
      const [first] = queue;
      if (first === undefined) continue;
      write(to, first.subarray(0, 1));
      if (first.length > 1) queue[0] = first.subarray(1);
      else queue.shift();
    }
  }
}

function write(to: Socket, chunk: Buffer | undefined): void {
  if (chunk !== undefined && to.writable) to.write(chunk);
}
