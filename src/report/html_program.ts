/** What runs in the HTML review: filters, the way from a cell to its witness, and the stepper. */
export const htmlProgram = String.raw`
(() => {
const data = JSON.parse(document.getElementById('data').textContent);
const text = (i) => data.texts[i];
for (const run of Object.values(data.runs)) run.lines = run.lines.map((i) => data.lines[i]);
const make = (tag, props, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (name in node) node[name] = value; else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
};
const box = document.getElementById('cell');
let shown = null;

document.getElementById('filters').addEventListener('change', (event) => {
  const wanted = event.target.value;
  for (const row of document.querySelectorAll('tbody tr')) {
    const has = [...row.cells].some((cell) => (cell.dataset.classes || '').split(' ').includes(wanted));
    row.hidden = wanted !== 'all' && !has;
  }
});

// #fixture/variant/token/step
const place = () => location.hash.slice(1).split('/').map(decodeURIComponent);
const link = (parts) => '#' + parts.map(encodeURIComponent).join('/');

function follow() {
  const [fixture, variant, token, step] = place();
  const id = fixture + '/' + variant;
  const cell = data.cells[id];
  for (const a of document.querySelectorAll('td a[aria-current]')) a.removeAttribute('aria-current');
  if (!cell) { box.hidden = true; shown = null; return; }
  const current = [...document.querySelectorAll('td a')].find((a) => a.getAttribute('href') === link([fixture, variant]));
  if (current) current.setAttribute('aria-current', 'true');
  const keys = [...new Set(data.index[id] || [])];
  const key = keys.includes(id + '/' + token) ? id + '/' + token : keys[0];
  const isOther = !shown || shown.id !== id || shown.key !== key;
  if (isOther) draw(fixture, variant, cell, keys, key);
  if (key) go(Number(step) || 1, false);
  if (isOther) box.scrollIntoView({ block: 'start' });
}

function draw(fixture, variant, cell, keys, key) {
  box.hidden = false;
  shown = { id: fixture + '/' + variant, key, fixture, variant };
  box.replaceChildren(
    make('h2', {}, fixture + ' under ' + variant),
    make('p', {}, cell.says + (cell.bound ? ' (' + cell.bound + ')' : '')),
    ...cell.broken.map((one) => make('p', {}, one)),
  );
  if (!key) return;
  const run = data.runs[key];
  shown.run = run;
  shown.token = key.split('/').pop();
  shown.steps = run.lines.map((line, i) => i).filter((i) => text(run.lines[i][2]) !== 'call');
  shown.range = make('input', { type: 'range', min: 1, max: shown.steps.length, value: 1, ariaLabel: 'step' });
  shown.range.addEventListener('input', () => go(Number(shown.range.value)));
  shown.count = make('a', {});
  const button = (label, title, to) => {
    const node = make('button', { type: 'button', title }, label);
    node.addEventListener('click', () => go(to()));
    return node;
  };
  const bar = make('div', { className: 'bar' },
    button('first', 'first step (Home)', () => 1), button('◀ back', 'left arrow, k or p', () => shown.at - 1),
    button('forward ▶', 'right arrow, j or n', () => shown.at + 1), button('last', 'last step (End)', () => shown.steps.length),
    shown.range, shown.count);
  if (keys.length > 1) bar.append(runChoice(keys, key));
  shown.state = make('div', { className: 'state' });
  box.append(bar, make('div', { className: 'stepper' }, lanes(run), shown.state), make('p', {}, make('code', {}, run.replay)));
}

function runChoice(keys, key) {
  const choice = make('select', { ariaLabel: 'witness' }, ...keys.map((one) =>
    make('option', { value: one, selected: one === key }, data.runs[one].invariant)));
  choice.addEventListener('change', () => {
    location.hash = link([shown.fixture, shown.variant, choice.value.split('/').pop(), 1]);
  });
  return choice;
}

function lanes(run) {
  const all = make('div', { className: 'lanes', tabIndex: 0, ariaLabel: 'the run' });
  all.style.setProperty('--lanes', run.actors.length);
  all.append(make('div', { className: 'lane-heads' }, ...run.actors.map((name, i) => make('span', {}, 'CPU' + i + ' ' + name))));
  shown.rows = run.lines.map((line, i) => {
    const [actor, depth, kind, said, changes] = line;
    const spans = run.actors.map((_, lane) => lane !== actor ? make('span') : make('span', { className: text(kind) },
      changes ? changes.map((one) => text(one[3])).join('; ') : text(said)));
    spans[actor].style.paddingLeft = 'calc(.4rem + ' + Math.min(depth, 10) + ' * var(--deep))';
    const step = Math.max(1, shown.steps.findIndex((at) => at >= i) + 1);
    const row = make('a', { className: 'line', href: link([shown.fixture, shown.variant, shown.token, step]), tabIndex: -1 }, ...spans);
    all.append(row);
    return row;
  });
  shown.lanes = all;
  return all;
}

const groups = [
  ['entries', /(^|: )(pte|pmd) (?!lock)/], ['pages', /^page \d+ (?!lock)/], ['TLBs', /^tlb cpu/],
  ['locks', /ptl|lock|mmap_sem/], ['rest', /./],
];

function stateAt(run, last) {
  const state = new Map();
  for (const [where, entry] of run.before) state.set('at the start: ' + text(where), { value: text(entry), start: true });
  run.lines.forEach(([, , , , changes], i) => {
    for (const [object, before, after] of changes || []) {
      const name = text(object);
      if (i > last) { if (!state.has(name)) state.set(name, { value: text(before) }); }
      else state.set(name, { value: text(after), was: text(before), now: i === last });
    }
  });
  return state;
}

function drawState(run, last) {
  const state = [...stateAt(run, last)];
  const starts = state.filter(([, one]) => one.start);
  const parts = groups.flatMap(([title, form], g) => {
    const own = state.filter(([name, one]) => !one.start && groups.findIndex(([, f]) => f.test(name)) === g);
    if (own.length === 0) return [];
    return [make('h3', {}, title), ...own.sort((a, b) => a[0].localeCompare(b[0], 'en', { numeric: true })).map(([name, one]) =>
      make('div', one.now ? { className: 'now' } : {}, name + '  ', ...(one.now ? [make('s', {}, one.was), ' → '] : []), one.value))];
  });
  const first = starts.length ? [make('h3', {}, 'entries at the start'), ...starts.map(([name, one]) =>
    make('div', {}, name.replace('at the start: ', '') + '  ' + one.value))] : [];
  shown.state.replaceChildren(...parts, ...first);
}

function go(step, push = true) {
  if (!shown || !shown.run) return;
  shown.at = Math.min(Math.max(step, 1), shown.steps.length);
  const line = shown.steps[shown.at - 1];
  shown.rows.forEach((row, i) => {
    row.classList.toggle('later', i > line);
    if (i === line) row.setAttribute('aria-current', 'step'); else row.removeAttribute('aria-current');
  });
  const row = shown.rows[line];
  if (row) shown.lanes.scrollTop = row.offsetTop - shown.lanes.offsetTop - shown.lanes.clientHeight / 2;
  shown.range.value = shown.at;
  const here = link([shown.fixture, shown.variant, shown.token, shown.at]);
  shown.count.textContent = 'step ' + shown.at + ' of ' + shown.steps.length;
  shown.count.href = here;
  if (push) history.replaceState(null, '', here);
  drawState(shown.run, line);
}

document.addEventListener('keydown', (event) => {
  if (!shown || !shown.run || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const to = { ArrowRight: 1, j: 1, n: 1, ArrowLeft: -1, k: -1, p: -1, Home: -1e9, End: 1e9 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  go(shown.at + to);
});
window.addEventListener('hashchange', follow);
follow();
})();
`;
