import { html, useEffect, useRef, useState } from '/dashboard/vendor/preact.js';
import { ask, Problem } from './api.js';

/** @import { AnswerTo } from './answers.ts' */
/** @import { Ref, Value } from '/dashboard/vendor/preact.js' */

/**
 * Asks the API once, and again every so often while the page is seen; at once when it is seen again. When a request fails, the last
 * answer stays.
 *
 * @template {string} Path
 * @param {Path | null} path null: nothing is asked @param {number} [everyMs]
 */
export function useAnswer(path, everyMs) {
  const [state, setState] = useState(/** @type {Known<Path>} */ ({ path: null }));
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === null) return;
    const aborted = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const look = async () => {
      timer = undefined;
      try {
        const data = await ask(path, { signal: aborted.signal });
        setState({ path, data });
      } catch (error) {
        if (aborted.signal.aborted) return;
        setState((known) => ({
          path,
          data: known.path === path ? known.data : undefined,
          problem: errorOf(error),
        }));
      }
      if (everyMs !== undefined && !aborted.signal.aborted) timer = setTimeout(lookIfSeen, everyMs);
    };
    // A page that waits to be seen has no timer: seen() goes on.
    let isWaiting = false;
    const lookIfSeen = () => {
      isWaiting = document.hidden;
      if (!isWaiting) void look();
    };
    const seen = () => {
      if (isWaiting) lookIfSeen();
    };
    document.addEventListener('visibilitychange', seen);
    // Also in a tab that was opened in the background.
    void look();
    return () => {
      aborted.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [path, everyMs, turn]);
  const current = state.path === path ? state : undefined;
  return {
    data: current?.data,
    problem: current?.problem,
    again: () => setTurn((before) => before + 1),
  };
}

/**
 * What useAnswer() knows of a path.
 *
 * @template {string} Path
 * @typedef {{ path: Path | null, data?: AnswerTo<Path> | undefined, problem?: Error | undefined }} Known
 */

/** @param {unknown} error */
export const errorOf = (error) => (error instanceof Error ? error : new Error(String(error)));

/** @param {{ status: string, children?: Value }} props */
export const Badge = ({ status, children }) =>
  html`<span class=${`badge ${status}`}>${children ?? status.replaceAll('_', ' ')}</span>`;

/** @param {{ problem: Error | undefined }} props */
export const Trouble = ({ problem }) =>
  problem === undefined || (problem instanceof Problem && problem.status === 401)
    ? null
    : html`<p class="trouble" role="alert">${problem.message}</p>`;

/** Shown until the first answer. */
export const Loading = () => html`<p class="muted" role="status">Loading …</p>`;

/** @param {{ title: string, children?: Value }} props */
export const Empty = ({ title, children }) =>
  html`<div class="empty"><h2>${title}</h2>${children}</div>`;

/** Code that can be copied. @param {{ text: string }} props */
export function Snippet({ text }) {
  const [said, setSaid] = useState('Copy');
  /** @type {Ref<HTMLElement>} */
  const code = useRef(null);
  /** @param {string} what */
  const say = (what) => {
    setSaid(what);
    setTimeout(() => setSaid('Copy'), 1_500);
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say('Copied');
    } catch {
      // Browsers give a page from another machine no clipboard over plain HTTP: the reader copies the selected text.
      if (code.current !== null) getSelection()?.selectAllChildren(code.current);
      say('Selected');
    }
  };
  return html`<div class="snippet">
    <pre tabindex="0" ref=${code}>${text}</pre>
    <button type="button" class="small" onClick=${copy}>${said}</button>
  </div>`;
}

/**
 * A button that changes something through the API, and shows the problem if that fails.
 *
 * @param {{ label: string, act: () => Promise<unknown>, onDone?: (answer: unknown) => void, confirm?: Question, kind?: string, disabled?: boolean }} props
 */
export function Action({ label, act, onDone, confirm, kind = '', disabled = false }) {
  const [state, setState] = useState(
    /** @type {{ isBusy: boolean, problem?: Error }} */ ({ isBusy: false }),
  );
  const [isAsking, setAsking] = useState(false);
  const run = async () => {
    setAsking(false);
    setState({ isBusy: true });
    try {
      const answer = await act();
      setState({ isBusy: false });
      onDone?.(answer);
    } catch (error) {
      setState({ isBusy: false, problem: errorOf(error) });
    }
  };
  return html`<span class="action">
    <button type="button" class=${kind} disabled=${disabled || state.isBusy}
      onClick=${() => (confirm === undefined ? run() : setAsking(true))}>${state.isBusy ? `${label} …` : label}</button>
    ${isAsking && html`<${Confirm} question=${confirm} onYes=${run} onNo=${() => setAsking(false)} />`}
    ${state.problem && html`<span class="trouble small" role="alert">${state.problem.message}</span>`}
  </span>`;
}

/**
 * What a dialog asks. The title names the act and the thing. Each button says what happens when it is pressed: "Cancel" alone
 * would mean one thing in a dialog and the opposite for a webhook.
 *
 * @typedef {{ title: string, thing?: string, text: string, yes: string, no: string, isHarmful?: boolean }} Question
 */

/** Asks for a confirmation. @param {{ question: Question, onYes: () => void, onNo: () => void }} props */
export function Confirm({ question, onYes, onNo }) {
  const { title, thing, text, yes, no, isHarmful = false } = question;
  /** @type {Ref<HTMLDialogElement>} */
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return html`<dialog ref=${dialog} onClose=${onNo} aria-labelledby="question">
    <h2 id="question" class="question">${title}</h2>
    ${thing !== undefined && html`<p class="url"><b>${thing}</b></p>`}
    <p>${text}</p>
    <p class="actions">
      <button type="button" onClick=${onNo}>${no}</button>
      <button type="button" class=${isHarmful ? 'harmful' : 'primary'} onClick=${onYes}>${yes}</button>
    </p>
  </dialog>`;
}
