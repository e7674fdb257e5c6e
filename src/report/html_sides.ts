/** One run of the HTML review's stepper, or two beside each other: the lanes, and the state at a step. */
export const htmlSides = String.raw`
const say = ({ text, changes }) => changes.map(changeText).join('; ') || text;

// What stays the same of an entry, or of a page's flags, is not said twice.
function changeText({ object, before, after }) {
  return object + '  ' + before + ' -> ' + (object.endsWith(' flags') ? flagsAfter : entryAfter)(before, after);
}
function entryAfter(before, after) {
  const form = /^(\S+) (\S{6,})$/;
  const was = form.exec(before), is = form.exec(after);
  return was && is && was[1] === is[1] ? is[2] : after;
}
function flagsAfter(before, after) {
  const was = before.split(' '), is = after.split(' ');
  const change = [
    ...is.filter((flag) => !was.includes(flag)).map((flag) => '+' + flag),
    ...was.filter((flag) => !is.includes(flag)).map((flag) => '-' + flag),
  ].join(' ');
  return change.length < after.length ? change : after;
}

// No line ends within an entry's bits, or before its arrow.
const whole = (text) => text.split(/(\S*-\S*)/).map((part, i) => i % 2 === 0 || part.length > 20 ? part : make('span', { className: 'whole' }, part));
const inLane = (lane, node) => { node.style.setProperty('--lane', lane); return node; };

function sidesOf(run, other, hrefOf) {
  const parts = other && other.parts;
  const own = sideOf(run.variant, run, run.lines, parts ? parts.here : -1, hrefOf);
  if (!parts) return [own];
  const beside = sideOf(other.variant, run, other.lines, parts.there);
  own.node.prepend(make('h3', { className: 'name' }, run.variant));
  beside.node.prepend(make('h3', { className: 'name' }, other.variant + ', up to where they part'));
  return [own, beside];
}

// The line at which two runs part is behind the last one where one of them has ended.
function sideOf(name, run, told, parts, hrefOf) {
  const lines = parts < told.length ? told
    : [...told, { actor: told.length ? told[told.length - 1].actor : 0, depth: 0, kind: 'end', text: 'the run has ended', changes: [] }];
  const isTold = (i) => lines[i].kind !== 'call';
  const steps = lines.map((_, i) => i).filter(isTold);
  // A release belongs to the step before it and is none at which two runs could part.
  const compared = steps.filter((i) => lines[i].kind !== 'release');
  const stepOf = (i) => Math.max(1, steps.findIndex((at) => at >= i) + 1);
  const lanes = make('div', { className: 'lanes', tabIndex: 0, role: 'region', ariaLabel: 'the run under ' + name });
  lanes.style.setProperty('--lanes', run.actors.length);
  lanes.append(make('div', { className: 'lane-heads' }, ...run.actors.map((actor, i) => inLane(i, make('span', {}, 'CPU' + i + ' ' + actor)))));
  const rows = lines.map((line, i) => {
    if (i === parts) lanes.append(make('div', { className: 'parts' }, 'here they part'));
    const spans = run.actors.map((_, lane) => lane !== line.actor ? make('span') : inLane(lane, make('span', { className: line.kind }, ...whole(say(line)))));
    if (spans[line.actor]) spans[line.actor].style.paddingLeft = 'calc(.4rem + ' + Math.min(line.depth, 10) + ' * var(--deep))';
    const row = hrefOf ? make('a', { className: 'line', href: hrefOf(stepOf(i)), tabIndex: -1 }, ...spans)
      : make('div', { className: 'line' }, ...spans);
    lanes.append(row);
    return row;
  });
  const state = make('div', { className: 'state' });
  const show = (at) => {
    rows.forEach((row, i) => {
      row.classList.toggle('later', i > at);
      if (i === at) row.setAttribute('aria-current', 'step'); else row.removeAttribute('aria-current');
    });
    const row = rows[at];
    if (row) lanes.scrollTop = row.offsetTop - lanes.offsetTop - lanes.clientHeight / 2;
    state.replaceChildren(...stateNodes(run.before, lines, at));
  };
  // Up to where they part both take the same steps, in whatever functions.
  const beside = (own, line) => {
    const taken = own.compared.filter((i) => i <= line);
    if (taken.length > compared.length) return lines.length - 1;
    const at = compared[taken.length - 1] ?? 0;
    const released = own.steps.filter((i) => i > (taken[taken.length - 1] ?? -1) && i <= line).length;
    const next = steps.filter((i) => i > at).slice(0, released).filter((i) => lines[i].kind === 'release');
    return next[next.length - 1] ?? at;
  };
  const tell = (i) => run.actors[lines[i].actor] + ': ' + say(lines[i]);
  const node = make('div', { className: 'side' }, make('div', { className: 'stepper' }, lanes, state));
  return { node, lanes, steps, compared, stepOf, show, beside, tell };
}

const groups = [
  ['entries', /(^|: )(pte|pmd) (?!lock)/], ['pages', /^page \d+ (?!lock)/], ['TLBs', /^tlb of /],
  ['locks', /ptl|lock|mmap_sem/], ['rest', /./],
];

function stateAt(lines, last) {
  const state = new Map();
  lines.forEach(({ changes }, i) => {
    for (const { object, before, after } of changes) {
      if (i > last) { if (!state.has(object)) state.set(object, { value: before }); }
      else state.set(object, { value: after, was: before, now: i === last });
    }
  });
  return [...state];
}

function stateNodes(before, lines, last) {
  const state = stateAt(lines, last);
  const nodes = groups.flatMap(([title, form], g) => {
    const own = state.filter(([name]) => groups.findIndex(([, f]) => f.test(name)) === g);
    if (own.length === 0) return [];
    return [make('h3', {}, title), ...own.sort((a, b) => a[0].localeCompare(b[0], 'en', { numeric: true })).map(([name, one]) =>
      make('div', one.now ? { className: 'now' } : {}, ...whole(name + '  '), ...(one.now ? [make('s', {}, ...whole(one.was)), ' → '] : []), ...whole(one.value)))];
  });
  const first = before.map(([where, entry]) => make('div', {}, ...whole(where + '  ' + entry)));
  return first.length > 0 ? [...nodes, make('h3', {}, 'entries at the start'), ...first] : nodes;
}
`;
