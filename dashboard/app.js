import { html, render, useEffect, useRef, useState } from '/dashboard/vendor/preact.js';
/** @import { Ref } from '/dashboard/vendor/preact.js' */
import { hasKey, setKey, whenRefused } from './api.js';
import { Endpoints } from './endpoints.js';
import { Event } from './event.js';
import { Events } from './events.js';
import { timeZone } from './format.js';
import { Overview } from './overview.js';
import { TryEvent } from './recipients.js';
import { Reference } from './reference.js';
import { Replays } from './replays.js';
import { Settings } from './settings.js';
import { Tenants } from './tenants.js';
import { Webhook } from './webhook.js';
import { Webhooks } from './webhooks.js';

/** The path of each page, its name and its key. @type {[string, string, string][]} */
const pages = [
  ['', 'Overview', 'o'],
  ['events', 'Events', 'v'],
  ['webhooks', 'Webhooks', 'w'],
  ['endpoints', 'Endpoints', 'e'],
  ['tenants', 'Tenants', 't'],
  ['replays', 'Replays', 'r'],
  ['api', 'API', 'a'],
  ['settings', 'Settings', 's'],
];
/** @param {string} hash */
const go = (hash) => {
  location.hash = hash;
};

function useHash() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener('hashchange', changed);
    // It may have changed since the page was drawn, before anything listened.
    changed();
    return () => removeEventListener('hashchange', changed);
  }, []);
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
  const [page = '', id] = path.split('/');
  return { page, id, parameters: new URLSearchParams(search) };
}

/** The theme follows the system until somebody chooses one. */
function useTheme() {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const [chosen, setChosen] = useState(localStorage.getItem('posthorn-theme'));
  const [isDark, setDark] = useState(system.matches);
  useEffect(() => {
    const changed = () => setDark(system.matches);
    system.addEventListener('change', changed);
    changed();
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

/** The keys g and a letter open a page; / opens the search. */
function useKeys() {
  useEffect(() => {
    let isGoing = false;
    /** @param {KeyboardEvent} event */
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.matches('input, select, textarea'))
        return;
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
  /** @type {Ref<HTMLElement>} */
  const main = useRef(null);
  useKeys();
  useEffect(() => whenRefused(() => setRefused(true)), []);
  useEffect(() => {
    const title = pages.find(([path]) => path === page)?.[1] ?? 'Not found';
    const one = { webhooks: 'Webhook', events: id === 'recipients' ? 'Recipients' : 'Event' }[page];
    document.title = `${id === undefined ? title : (one ?? id)} · Posthorn`;
  }, [page, id]);
  const enter = () => {
    setRefused(false);
    setVisit(visit + 1);
  };
  return html`
    <a class="skip" href="#main" onClick=${(event) => {
      event.preventDefault();
      main.current?.focus();
    }}>Skip to the content</a>
    <header>
      <a class="brand" href="#/"><img src="/dashboard/icon.svg" alt="" width="22" height="22" /> Posthorn</a>
      <nav aria-label="Pages">${pages.map(
        ([path, label, letter]) =>
          html`<a href=${`#/${path}`} aria-current=${path === page ? 'page' : undefined} title=${`Press g, then ${letter}`}>${label}</a>`,
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

/** @param {{ page: string, id: string | undefined, parameters: URLSearchParams, theme: string }} props */
function Page({ page, id, parameters, theme }) {
  if (page === '') return html`<${Overview} theme=${theme} />`;
  if (page === 'events' && id === 'recipients')
    return html`<${TryEvent} parameters=${parameters} key=${parameters.toString()} />`;
  if (page === 'events' && id !== undefined) return html`<${Event} id=${id} key=${id} />`;
  if (page === 'events') return html`<${Events} parameters=${parameters} go=${go} />`;
  if (page === 'webhooks' && id !== undefined) return html`<${Webhook} id=${id} key=${id} />`;
  if (page === 'webhooks') return html`<${Webhooks} parameters=${parameters} go=${go} />`;
  if (page === 'endpoints') return html`<${Endpoints} parameters=${parameters} go=${go} />`;
  if (page === 'tenants') return html`<${Tenants} parameters=${parameters} go=${go} />`;
  if (page === 'replays') return html`<${Replays} parameters=${parameters} />`;
  if (page === 'api') return html`<${Reference} id=${id} go=${go} />`;
  if (page === 'settings') return html`<${Settings} />`;
  return html`<h1>There is no such page</h1><p><a href="#/">Go to the overview</a></p>`;
}

/** @param {{ onEntered: () => void }} props */
function KeyForm({ onEntered }) {
  const [key, set] = useState('');
  return html`<form class="key-form" onSubmit=${(event) => {
    event.preventDefault();
    setKey(key.trim());
    onEntered();
  }}>
    <h1>Enter an API key</h1>
    ${hasKey() && html`<p class="trouble" role="alert">This key is unknown, revoked or expired.</p>`}
    <p>Create a key with <code>posthorn keys create --name me --scope read,send,manage</code>. Your browser keeps it until you close this tab.</p>
    <label>API key <input type="password" autocomplete="off" required value=${key} onInput=${(event) => set(event.target.value)} /></label>
    <button class="primary">Enter</button>
  </form>`;
}

const place = document.getElementById('app');
if (place !== null) render(html`<${App} />`, place);
