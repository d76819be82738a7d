import { html, render, useEffect, useRef, useState } from '/dashboard/vendor/preact.js';
import { hasKey, setKey, whenRefused } from './api.js';
import { Endpoints } from './endpoints.js';
import { timeZone } from './format.js';
import { Overview } from './overview.js';
import { Reference } from './reference.js';
import { Replays } from './replays.js';
import { Settings } from './settings.js';
import { Webhook } from './webhook.js';
import { Webhooks } from './webhooks.js';

const pages = [
  ['', 'Overview', 'o'],
  ['webhooks', 'Webhooks', 'w'],
  ['endpoints', 'Endpoints', 'e'],
  ['replays', 'Replays', 'r'],
  ['api', 'API', 'a'],
  ['settings', 'Settings', 's'],
];
const go = (hash) => {
  location.hash = hash;
};

function useHash() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
  const [page = '', id] = path.split('/');
  return { page, id, parameters: new URLSearchParams(search) };
}

/** Follows the system until somebody chooses. */
function useTheme() {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const [chosen, setChosen] = useState(localStorage.getItem('posthorn-theme'));
  const [isDark, setDark] = useState(system.matches);
  useEffect(() => {
    const changed = () => setDark(system.matches);
    system.addEventListener('change', changed);
    return () => system.removeEventListener('change', changed);
  }, []);
  const theme = chosen ?? (isDark ? 'dark' : 'light');
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  document.documentElement.dataset.theme = theme;
  const turn = () => {
    const next = theme === 'dark' ? 'light' : 'dark';
    localStorage.setItem('posthorn-theme', next);
    setChosen(next);
  };
  return { theme, turn };
}

/** g and a letter go to a page, / to the search. */
function useKeys() {
  useEffect(() => {
    let isGoing = false;
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
      if (event.key === '/') {
        event.preventDefault();
        const search = document.getElementById('search');
        search?.focus();
        if (search !== null) return;
        go('#/webhooks');
        setTimeout(() => document.getElementById('search')?.focus(), 50);
      } else if (event.key === 'g') {
        isGoing = true;
        setTimeout(() => {
          isGoing = false;
        }, 1_000);
      } else if (isGoing) {
        const page = pages.find(([, , letter]) => letter === event.key);
        if (page !== undefined) go(`#/${page[0]}`);
        isGoing = false;
      }
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
}

function App() {
  const { page, id, parameters } = useHash();
  const { theme, turn } = useTheme();
  const [isRefused, setRefused] = useState(false);
  const [visit, setVisit] = useState(0);
  const main = useRef(null);
  useKeys();
  useEffect(() => whenRefused(() => setRefused(true)), []);
  useEffect(() => {
    const title = pages.find(([path]) => path === page)?.[1] ?? 'Not found';
    document.title = `${id === undefined ? title : page === 'webhooks' ? 'Webhook' : id} · Posthorn`;
  }, [page, id]);
  const enter = () => {
    setRefused(false);
    setVisit(visit + 1);
  };
  return html`
    <a class="skip" href="#main" onClick=${(event) => {
      event.preventDefault();
      main.current?.focus();
    }}>To the content</a>
    <header>
      <a class="brand" href="#/"><img src="/dashboard/icon.svg" alt="" width="22" height="22" /> Posthorn</a>
      <nav aria-label="Pages">${pages.map(
        ([path, label, letter]) =>
          html`<a href=${`#/${path}`} aria-current=${path === page ? 'page' : undefined} title=${`Keys: g ${letter}`}>${label}</a>`,
      )}</nav>
      <div class="tools">
        ${
          hasKey() &&
          html`<button type="button" class="small" onClick=${() => {
            setKey(null);
            enter();
          }}>Forget key</button>`
        }
        <button type="button" class="small" onClick=${turn} aria-label=${`Use ${theme === 'dark' ? 'light' : 'dark'} colours`}>${theme === 'dark' ? '☀' : '☾'}</button>
      </div>
    </header>
    <main id="main" tabindex="-1" ref=${main} key=${visit}>
      ${isRefused ? html`<${KeyForm} onEntered=${enter} />` : html`<${Page} page=${page} id=${id} parameters=${parameters} theme=${theme} />`}
    </main>
    <footer>Times are in your time zone, ${timeZone()}.</footer>`;
}

function Page({ page, id, parameters, theme }) {
  if (page === '') return html`<${Overview} theme=${theme} />`;
  if (page === 'webhooks' && id !== undefined) return html`<${Webhook} id=${id} key=${id} />`;
  if (page === 'webhooks') return html`<${Webhooks} parameters=${parameters} go=${go} />`;
  if (page === 'endpoints') return html`<${Endpoints} parameters=${parameters} go=${go} />`;
  if (page === 'replays') return html`<${Replays} />`;
  if (page === 'api') return html`<${Reference} id=${id} go=${go} />`;
  if (page === 'settings') return html`<${Settings} />`;
  return html`<h1>There is no such page</h1><p><a href="#/">To the overview</a></p>`;
}

function KeyForm({ onEntered }) {
  const [key, set] = useState('');
  return html`<form class="key-form" onSubmit=${(event) => {
    event.preventDefault();
    setKey(key.trim());
    onEntered();
  }}>
    <h1>This Posthorn asks for a key</h1>
    ${hasKey() && html`<p class="trouble" role="alert">The key that was entered is unknown, revoked or expired.</p>`}
    <p>Make one with <code>posthorn keys create --name me --scope read,send,manage</code>. It is kept for this tab alone.</p>
    <label>API key <input type="password" autocomplete="off" required value=${key} onInput=${(event) => set(event.target.value)} /></label>
    <button class="primary">Enter</button>
  </form>`;
}

render(html`<${App} />`, document.getElementById('app'));
