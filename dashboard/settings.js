import { html } from '/dashboard/vendor/preact.js';
import { seconds } from './format.js';
import { Loading, Trouble, useAnswer } from './parts.js';

export function Settings() {
  const { data, problem } = useAnswer('/settings');
  const { data: stats } = useAnswer('/stats', 10_000);
  const tasks = Object.entries(stats?.tasks ?? {});
  return html`
    <h1>Settings in force</h1>
    <p class="lead">These are the settings of the process that serves this page. It read them from its environment when it started. docs/configuration.md explains each one.</p>
    <${Trouble} problem=${problem} />
    ${data === undefined && problem === undefined && html`<${Loading} />`}
    ${
      data !== undefined &&
      html`<div class="scroll" tabindex="0" role="group" aria-label="Settings"><table class="list">
      <thead><tr><th scope="col">Setting</th><th scope="col">Value</th></tr></thead>
      <tbody>${data.settings.map(({ name, value }) => html`<tr><th scope="row"><code>${name}</code></th><td>${value}</td></tr>`)}</tbody>
    </table></div>`
    }
    <h2 class="apart">Scheduled tasks</h2>
    ${tasks.length === 0 && html`<p class="muted">No task has run yet.</p>`}
    <ul class="plain">${tasks.map(([name, { ended_at: ended, duration_s: took }]) => html`<li><code>${name}</code> ended ${seconds(Date.now() / 1_000 - ended)} ago, took ${seconds(took)}</li>`)}</ul>
    ${stats !== undefined && html`<p class="muted">Posthorn ${stats.version}</p>`}`;
}
