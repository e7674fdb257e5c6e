/** The tables of a reproducer: its steps with what they may come to, what is read, and what must be heard of. */
import { addressOfPage, type Workload } from '../workload/index';
import type { Expected, Values } from './reproducer_expect';
import { identifier, valueText } from './reproducer_steps';
import { SEGV } from './reproducer_watch';
import type { ListedStep } from './steps';

const MOST_WAYS = 6;
const errors: Readonly<Record<number, string>> = {
  2: 'ENOENT',
  3: 'ESRCH',
  4: 'EINTR',
  5: 'EIO',
  9: 'EBADF',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EFAULT',
  16: 'EBUSY',
  17: 'EEXIST',
  22: 'EINVAL',
};

const resultText = (result: number): string =>
  result === SEGV ? 'SEGV' : result < 0 ? `-${errors[-result] ?? -result}` : String(result);

export function stepTable(steps: readonly ListedStep[], expected: Expected): string {
  const rows = steps.map(({ id, actor, text }) => {
    const ways = [...(expected.outcomes.get(id) ?? [])];
    // A range that lies above all mappings: a real process has its stack there.
    if (text.startsWith('uffd_') && ways.includes(-12)) ways.push(-22);
    const known = ways.length <= MOST_WAYS ? ways : [];
    const may = known.length > 0 ? known.map(resultText).join(', ') : '0';
    return `\t/* ${id} */ { "${actor}: ${text}", ${known.length}, { ${may} } },`;
  });
  return `static const struct step steps[STEPS] = {\n${rows.join('\n')}\n};`;
}

interface Row {
  readonly first: number;
  last: number;
  readonly value: number;
  stride: number | null;
}

/** @param contents number of the first test of what is left */
export function expectedTable({ values, left }: Expected, contents: number): string {
  const after = [...left.values()].map((pages, i): [number, Values] => [contents + i, pages]);
  const lines = [...[...values].sort(([a], [b]) => a - b), ...after].flatMap(([step, pages]) =>
    rowsOf(pages).map(
      ({ first, last, value, stride }) =>
        `\t{ ${step}, ${first}, ${last}, ${valueText(value)}, ${stride ?? 0} },`,
    ),
  );
  return `static const struct expected expected[] = {\n${[...lines, '\t{ .step = -1 },'].join('\n')}\n};`;
}

/** What is looked at when all is done. */
export function contentsTable({ left }: Expected, processes: readonly string[]): string {
  const lines = [...left.keys()].map((key) => {
    const [process, region] = key.split(' ') as [string, string];
    const what = processes.length > 1 ? `${region} of ${process}` : region;
    return `\t{ "contents of ${what} in the end", ${processes.indexOf(process)}, ${identifier(region)}_at },`;
  });
  return `static const struct contents contents[] = {\n${[...lines, '\t{ .what = NULL },'].join('\n')}\n};`;
}

/** Pages that follow each other and hold what one step stored, or the same, are one row. */
function rowsOf(pages: Values): Row[] {
  const rows: Row[] = [];
  for (const [page, values] of [...pages].sort(([a], [b]) => a - b)) {
    for (const value of values) {
      const row = rows.find(
        (one) =>
          one.last === page - 1 &&
          (one.stride === null
            ? value === one.value || value === one.value + 1
            : value === one.value + one.stride * (page - one.first)),
      );
      if (!row) rows.push({ first: page, last: page, value, stride: null });
      else {
        row.stride ??= value - row.value;
        row.last = page;
      }
    }
  }
  return rows;
}

interface Heard {
  readonly region: string;
  readonly first: number;
  last: number;
  readonly wp: boolean;
  readonly least: number;
}

/** Pages that must be heard of, equal neighbours as one. */
function heardOf(workload: Workload, expected: Expected): Heard[] {
  const all: Heard[] = [];
  for (const [name, region] of workload.regions) {
    for (const kind of ['wp', 'missing']) {
      for (let page = 0; page < region.pages; page++) {
        const least = expected.heard.get(`${kind} ${addressOfPage(region, page)}`) ?? 0;
        const before = all.at(-1);
        const wp = kind === 'wp';
        if (least === 0) continue;
        const joins = before?.region === name && before.wp === wp && before.last === page - 1;
        if (joins && before.least === least) before.last = page;
        else all.push({ region: name, first: page, last: page, wp, least });
      }
    }
  }
  return all;
}

export function eventTable(
  workload: Workload,
  expected: Expected,
): { text: string; events: number; pages: number } {
  let counter = 0;
  const all = heardOf(workload, expected);
  const lines = all.map(({ region, first, last, wp, least }) => {
    const pages = last - first + 1;
    const where = pages === 1 ? `${region}[${first}]` : `${region}[${first}..${last}]`;
    const what = `messages of ${wp ? 'writes to protected' : 'missing'} ${where}`;
    const at = `${identifier(region)}_at${first === 0 ? '' : ` + ${first} * PAGE`}`;
    const line = `\t{ "${what}", ${at}, ${pages}, ${wp}, ${least}, ${counter} },`;
    counter += pages;
    return line;
  });
  const text = `static const struct event events[] = {\n${[...lines, '\t{ .what = NULL },'].join('\n')}\n};`;
  return { text, events: all.length, pages: counter };
}
