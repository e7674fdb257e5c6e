/** What runs in the HTML review: filters, the way from a cell to its run, and the stepper. */
import { htmlSides } from './html_sides';

export const htmlProgram = `
(async () => {
const make = (tag, props, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (name in node) node[name] = value; else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
};
const box = document.getElementById('cell');
const matrix = document.getElementById('matrix');
const links = [...matrix.querySelectorAll('a')];
let shown = null;

document.getElementById('filters').addEventListener('change', (event) => {
  const wanted = event.target.value;
  for (const row of matrix.querySelectorAll('tbody tr')) {
    const has = [...row.cells].some((cell) => (cell.dataset.classes || '').split(' ').includes(wanted));
    row.hidden = wanted !== 'all' && !has;
  }
  if (stop && stop.closest('tr').hidden) stopAt(links.find((a) => a.closest('td') && !a.closest('tr').hidden));
});

// Of the cells one is a stop of the Tab key; from there the arrow keys go on.
let stop = null;
function stopAt(a) {
  if (stop) stop.tabIndex = -1;
  stop = a || null;
  if (stop) stop.tabIndex = 0;
}
for (const a of links) a.tabIndex = -1;
stopAt(matrix.querySelector('td a'));
matrix.addEventListener('focusin', (event) => { if (event.target.matches('a')) stopAt(event.target); });
matrix.addEventListener('keydown', (event) => {
  const by = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  const cell = event.target.closest('td, th');
  if (!by || !cell || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const rows = [...matrix.querySelectorAll('tr')].filter((row) => !row.hidden);
  const row = rows[rows.indexOf(cell.parentNode) + by[0]];
  const a = row && row.cells[cell.cellIndex + by[1]] && row.cells[cell.cellIndex + by[1]].querySelector('a');
  if (a) a.focus();
});

let data;
try {
  const bytes = Uint8Array.from(atob(document.getElementById('data').textContent), (c) => c.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  data = JSON.parse(await new Response(plain).text());
} catch (error) {
  box.hidden = false;
  box.textContent = 'This browser cannot read the runs (' + error.message + '); the table and the findings are complete.';
  return;
}
const runs = {};
for (const run of unpackRuns(data)) (runs[run.fixture + '/' + run.variant] ??= []).push(run);

// #fixture/variant/token/step/other
const place = () => location.hash.slice(1).split('/').map(decodeURIComponent);
const link = (parts) => '#' + parts.map(encodeURIComponent).join('/');
const hrefOf = (step) => {
  const { fixture, variant, token } = shown.run;
  return link([fixture, variant, token, step, ...(shown.other ? [shown.other.variant] : [])]);
};

function follow() {
  const [fixture, variant, token, step, other] = place();
  const id = fixture + '/' + variant;
  const cell = data.cells[id];
  const current = links.find((a) => a.getAttribute('href') === link(variant === undefined ? [fixture] : [fixture, variant]));
  for (const a of links) a.removeAttribute('aria-current');
  if (current) { current.setAttribute('aria-current', 'true'); stopAt(current); }
  if (variant === undefined && Object.hasOwn(data.pages, fixture)) { drawPage(fixture); return; }
  if (!cell) { box.hidden = true; shown = null; return; }
  const all = runs[id] || [];
  const run = all.find((one) => one.token === token) || all[0];
  const beside = run && run.beside.find((one) => one.variant === other);
  const isNew = !shown || shown.id !== id || shown.run !== run || shown.other !== beside;
  if (isNew) draw(id, cell, all, run, beside);
  if (run) go(Number(step) || 1, false);
  if (isNew) { box.scrollIntoView({ block: 'start' }); (shown.focus || box).focus({ preventScroll: true }); }
}

// A page is written by the same program as this one. The fixtures of its verdicts open their runs.
function drawPage(variant) {
  shown = null;
  box.hidden = false;
  box.tabIndex = -1;
  box.innerHTML = data.pages[variant];
  for (const td of box.querySelectorAll('td:first-child')) {
    if (data.cells[td.textContent + '/' + variant]) td.replaceChildren(make('a', { href: link([td.textContent, variant]) }, td.textContent));
  }
  box.scrollIntoView({ block: 'start' });
  box.focus({ preventScroll: true });
}

function draw(id, cell, all, run, other) {
  box.hidden = false;
  box.tabIndex = -1;
  shown = { id, run, other };
  const [fixture, variant] = place();
  box.replaceChildren(
    make('h2', {}, fixture + ' under ' + variant),
    make('p', {}, cell.says + (cell.bound ? ' (' + cell.bound + ')' : '')),
    ...cell.broken.map((one) => make('p', {}, one)),
  );
  if (run) drawRun(all, run, other);
}

function drawRun(all, run, other) {
  shown.sides = sidesOf(run, other, hrefOf);
  const [own] = shown.sides;
  shown.focus = own.steps.length > 0 ? own.lanes : null;
  shown.range = make('input', { type: 'range', min: 1, max: own.steps.length, value: 1, ariaLabel: 'step' });
  shown.range.addEventListener('input', () => go(Number(shown.range.value)));
  shown.count = make('a', {});
  shown.says = make('span', { className: 'unseen', ariaLive: 'polite' });
  const button = (label, title, to) => {
    const node = make('button', { type: 'button', title }, label);
    node.addEventListener('click', () => go(to()));
    return node;
  };
  const bar = make('div', { className: 'bar' },
    button('first', 'first step (Home)', () => 1), button('◀ back', 'left arrow, k or p', () => shown.at - 1),
    button('forward ▶', 'right arrow, j or n', () => shown.at + 1), button('last', 'last step (End)', () => own.steps.length));
  if (other && other.parts) bar.append(button('where they part', 'the first step that differs', () => own.stepOf(other.parts.here)));
  bar.append(shown.range, shown.count, shown.says);
  const choices = make('div', { className: 'choices' });
  if (all.length > 1) choices.append(choice('run', all.map((one) => ({ value: one.token, text: one.broken.join(', ') || 'holds' })),
    run.token, (token) => link([run.fixture, run.variant, token, 1])));
  if (run.beside.length > 0) choices.append(choice('beside it', [{ value: '', text: 'nothing' },
    ...run.beside.map(({ variant }) => ({ value: variant, text: variant + ' (' + data.cells[run.fixture + '/' + variant].word + ')' }))],
    other ? other.variant : '', (variant) => link([run.fixture, run.variant, run.token, shown.at, ...(variant ? [variant] : [])])));
  box.append(choices);
  if (other && !other.parts) box.append(make('p', {}, other.variant + ' takes the same steps on this schedule, to the same end.'));
  const sides = make('div', { className: shown.sides.length > 1 ? 'sides two' : 'sides' }, ...shown.sides.map((side) => side.node));
  const solo = (text) => text ? [make('pre', { className: 'solo', tabIndex: 0 }, text)] : [];
  box.append(...solo(run.start), ...(own.steps.length > 0 ? [bar, sides] : []), ...solo(run.finish), make('p', {}, make('code', {}, run.replay)));
}

function choice(name, options, chosen, to) {
  const select = make('select', {}, ...options.map(({ value, text }) => make('option', { value, selected: value === chosen }, text)));
  select.addEventListener('change', () => { location.hash = to(select.value); });
  return make('label', {}, name + ' ', select);
}

function go(step, push = true) {
  if (!shown || !shown.run || shown.sides[0].steps.length === 0) return;
  const [own, other] = shown.sides;
  shown.at = Math.min(Math.max(step, 1), own.steps.length);
  const line = own.steps[shown.at - 1];
  own.show(line);
  if (other) other.show(other.beside(own, line));
  shown.range.value = shown.at;
  const here = hrefOf(shown.at);
  shown.count.textContent = 'step ' + shown.at + ' of ' + own.steps.length;
  shown.count.href = here;
  shown.says.textContent = 'step ' + shown.at + ', ' + own.tell(line);
  if (push) history.replaceState(null, '', here);
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, #matrix')) return;
  if (event.key === 'Escape' && stop) { stop.focus(); stop.scrollIntoView({ block: 'center' }); return; }
  if (!shown || !shown.run) return;
  const to = { ArrowRight: 1, j: 1, n: 1, ArrowLeft: -1, k: -1, p: -1, Home: -1e9, End: 1e9 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  go(shown.at + to);
});
${htmlSides}
window.addEventListener('hashchange', follow);
follow();
})();
`;
