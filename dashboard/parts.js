import { html, useEffect, useRef, useState } from '/dashboard/vendor/preact.js';
import { ask } from './api.js';

/**
 * Asks the API, and again every so often while the page is seen. What was known stays when an answer fails.
 *
 * @param {string | null} path @param {number} [everyMs]
 */
export function useAnswer(path, everyMs) {
  const [state, setState] = useState({ path: '', data: undefined, problem: undefined });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === null) return;
    const aborted = new AbortController();
    let timer;
    const look = async () => {
      if (!document.hidden) {
        try {
          const data = await ask(path, { signal: aborted.signal });
          setState({ path, data, problem: undefined });
        } catch (problem) {
          if (aborted.signal.aborted) return;
          setState((known) => ({
            path,
            data: known.path === path ? known.data : undefined,
            problem,
          }));
        }
      }
      if (everyMs !== undefined && !aborted.signal.aborted) timer = setTimeout(look, everyMs);
    };
    look();
    return () => {
      aborted.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, turn]);
  const current = state.path === path ? state : { data: undefined, problem: undefined };
  return {
    data: current.data,
    problem: current.problem,
    again: () => setTurn((before) => before + 1),
  };
}

/** @param {{ status: string }} props */
export const Badge = ({ status, children }) =>
  html`<span class=${`badge ${status}`}>${children ?? status.replaceAll('_', ' ')}</span>`;

/** @param {{ problem: Error | undefined }} props */
export const Trouble = ({ problem }) =>
  problem === undefined || problem.status === 401
    ? null
    : html`<p class="trouble" role="alert">${problem.message}</p>`;

/** While nothing is known yet. */
export const Loading = () => html`<p class="muted" role="status">Asking …</p>`;

/** @param {{ title: string, children: any }} props */
export const Empty = ({ title, children }) =>
  html`<div class="empty"><h2>${title}</h2>${children}</div>`;

/** Code that can be copied. @param {{ text: string }} props */
export function Snippet({ text }) {
  const [said, setSaid] = useState('Copy');
  const code = useRef(null);
  const say = (what) => {
    setSaid(what);
    setTimeout(() => setSaid('Copy'), 1_500);
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say('Copied');
    } catch {
      // Over plain HTTP from afar browsers give no clipboard: it is marked, to be copied by hand.
      getSelection()?.selectAllChildren(code.current);
      say('Marked');
    }
  };
  return html`<div class="snippet">
    <pre tabindex="0" ref=${code}>${text}</pre>
    <button type="button" class="small" onClick=${copy}>${said}</button>
  </div>`;
}

/**
 * A button that does something at the API, and says what came of it.
 *
 * @param {{ label: string, act: () => Promise<any>, onDone?: (answer: any) => void, confirm?: string, kind?: string, disabled?: boolean }} props
 */
export function Action({ label, act, onDone, confirm, kind = '', disabled = false }) {
  const [state, setState] = useState({ isBusy: false, problem: undefined });
  const [isAsking, setAsking] = useState(false);
  const run = async () => {
    setAsking(false);
    setState({ isBusy: true, problem: undefined });
    try {
      const answer = await act();
      setState({ isBusy: false, problem: undefined });
      onDone?.(answer);
    } catch (problem) {
      setState({ isBusy: false, problem });
    }
  };
  return html`<span class="action">
    <button type="button" class=${kind} disabled=${disabled || state.isBusy}
      onClick=${() => (confirm === undefined ? run() : setAsking(true))}>${state.isBusy ? `${label} …` : label}</button>
    ${isAsking && html`<${Confirm} text=${confirm} label=${label} onYes=${run} onNo=${() => setAsking(false)} />`}
    ${state.problem && html`<span class="trouble small" role="alert">${state.problem.message}</span>`}
  </span>`;
}

/** Asks once more. @param {{ text: string, label: string, onYes: () => void, onNo: () => void }} props */
export function Confirm({ text, label, onYes, onNo }) {
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return html`<dialog ref=${dialog} onClose=${onNo} aria-label=${label}>
    <p>${text}</p>
    <p class="actions">
      <button type="button" onClick=${onNo}>Leave it</button>
      <button type="button" class="primary" onClick=${onYes}>${label}</button>
    </p>
  </dialog>`;
}
