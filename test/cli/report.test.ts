import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFolder } from '../../src/cli/output_folder';
import { reducedIn } from '../../src/compare/fidelity';
import { eml } from '../mail/sample';
import { faultline, fixtureText, folder, put } from './terminal';

const place = folder();
const fixture = put(place, 'written-page.yaml', fixtureText('written-page'));
const small = (command: string, ...more: string[]): string[] => [
  ...[command, '--jobs', '0', '--fixture', fixture],
  ...['--variant', 'uffd-wp-2018', '--variant', 'dirty-accountable-false', ...more],
];

describe('report', () => {
  test('writes an overview and a page for each variant', async () => {
    const output = join(folder(), 'reports');
    const { code, stderr } = await faultline(small('report', '--output', output));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(readdirSync(output).sort()).toEqual([
      'README.md',
      'dirty-accountable-false.md',
      'uffd-wp-2018.md',
    ]);
    const page = readFileSync(join(output, 'dirty-accountable-false.md'), 'utf8');
    expect(page).toContain('-    const cp_flags = enable_wp ? 0 : MM_CP_DIRTY_ACCT;');
    expect(page).toContain('### no-sigbus (sigbus-loop)');
  });

  test.each([
    { format: 'ktap', file: 'report.ktap', has: 'not ok 1 written_page' },
    { format: 'junit', file: 'report.xml', has: '<failure type="breaks"' },
    { format: 'json', file: 'report.json', has: '"faultline-comparison"' },
    { format: 'html', file: 'report.html', has: '<!doctype html>' },
    { format: 'table', file: 'report.txt', has: 'written-page' },
    {
      format: 'lkml',
      file: 'dirty-accountable-false.eml',
      has: 'In-Reply-To: <20180912132438.GB4009@redhat.com>',
    },
  ])('writes $format', async ({ format, file, has }) => {
    const output = folder();
    const { code } = await faultline(small('report', '--output', output, '--format', format));
    expect(code).toBe(0);
    expect(readFileSync(join(output, file), 'utf8')).toContain(has);
  });

  test.each([
    { format: 'markdown', file: 'dirty-accountable-false.md', marked: ['| >> SIGBUS |', '### >> no-sigbus'] },
    { format: 'markdown', file: 'README.md', marked: ['| >> SIGBUS |', '**>>**'] },
    { format: 'html', file: 'report.html', marked: ['>&gt;&gt; SIGBUS<', '&gt;&gt; is new'] },
  ])('marks in $file what is new against a saved comparison', async ({ format, file, marked }) => {
    const saved = join(folder(), 'saved.json');
    await faultline(small('compare', '--format', 'json', '--output', saved));
    const output = folder();
    const report = small('report', '--format', format, '--output', output, '--against', saved);
    expect((await faultline(report)).code).toBe(0);
    const before = readFileSync(join(output, file), 'utf8');
    const comparison = JSON.parse(readFileSync(saved, 'utf8'));
    for (const cell of comparison.cells) Object.assign(cell, { verdict: 'survives', broken: [] });
    writeFileSync(saved, JSON.stringify(comparison));
    expect((await faultline(report)).code).toBe(1);
    const after = readFileSync(join(output, file), 'utf8');
    for (const text of marked) expect(after).toContain(text);
    expect(before).not.toContain(marked[0]);
  });

  test('addresses a mail to whom the proposal went, and says where that is not known', async () => {
    const mailed = folder();
    const to =
      'To: linux-mm@kvack.org\nCc: "Last, First" <first@example.org>,\n none, two@example.org\nSubject:';
    const mail = put(mailed, 'proposal.eml', eml.replace(/^Subject:/m, to));
    const idea = join(mailed, 'addressed.ts');
    await faultline(['new', 'variant', 'addressed', '--mail', mail, '--output', idea]);
    const argv = ['report', '--format', 'lkml', '--output', mailed, '--jobs', '0', '--fixture', fixture];
    const ended = await faultline([...argv, '--variant', idea, '--variant', 'uffd-wp-2018']);
    expect(ended.stderr).toBe(
      'faultline: no address is known, so git send-email needs --to and --cc for uffd-wp-2018.eml\n',
    );
    const [head] = readFileSync(join(mailed, 'addressed.eml'), 'utf8').split('\n\n');
    expect(head!.split('\n').slice(0, 4)).toEqual([
      'To: =?UTF-8?Q?Zo=C3=AB=20Ma=C3=9F?= <zoe@example.org>',
      'Cc: linux-mm@kvack.org,',
      ' "Last, First" <first@example.org>,',
      ' two@example.org',
    ]);
    expect(head).toContain('\nIn-Reply-To: <20200304071001.1-zoe@example.org>\n');
    expect(readFileSync(join(mailed, 'uffd-wp-2018.eml'), 'utf8')).not.toMatch(/^(To|Cc):/m);
  }, 60_000);

  test('refuses a folder that is a file', async () => {
    const { code, stderr } = await faultline(small('report', '--output', fixture));
    expect(code).toBe(64);
    expect(stderr).toBe(`faultline: cannot write --output ${fixture}: is a file, not a directory\n`);
  });

  // Node's own mkdir for a folder with its parents goes round for ever there.
  test('refuses a folder that no file system makes', async () => {
    const { code, stderr } = await faultline(small('report', '--output', '/proc/faultline'));
    expect(code).toBe(64);
    expect(stderr).toMatch(/^faultline: cannot write --output \/proc\/faultline: .+\n$/);
  });
});

test('a folder whose files cannot all be written is left as it was', () => {
  const output = folder();
  put(output, 'README.md', 'old');
  const files = new Map([
    ['README.md', 'new'],
    ['missing/page.md', 'new'],
  ]);
  expect(() => writeFolder(output, files)).toThrow(/^cannot write --output .*: no such file$/);
  expect(readdirSync(output)).toEqual(['README.md']);
  expect(readFileSync(join(output, 'README.md'), 'utf8')).toBe('old');
});

describe('compare', () => {
  test.each([
    { format: 'markdown', has: '| written-page | survives | SIGBUS |' },
    { format: 'ktap', has: 'not ok 2 dirty_accountable_false' },
    { format: 'junit', has: '<testsuites name="faultline" tests="2"' },
    { format: 'lkml', has: 'Subject: Re: [PATCH] userfaultfd: do not set dirty accountable' },
  ])('prints $format', async ({ format, has }) => {
    const { code, stdout } = await faultline(small('compare', '--format', format));
    expect(code).toBe(0);
    expect(stdout).toContain(has);
  });

  test('ends by what is new against a saved comparison', async () => {
    const saved = join(place, 'saved.json');
    await faultline(small('compare', '--format', 'json', '--output', saved));
    const same = await faultline(small('compare', '--against', saved));
    expect(same.code).toBe(0);
    expect(same.stdout).toContain('0 new, 1 as before');
    const value = JSON.parse(readFileSync(saved, 'utf8'));
    value.cells[1].broken = [];
    writeFileSync(saved, JSON.stringify(value));
    const other = await faultline(small('compare', '--against', saved));
    expect(other.code).toBe(1);
    expect(other.stdout).toMatch(/^>> dirty-accountable-false on written-page: no-sigbus/m);
  });

  test.each([
    {
      name: 'cut.json',
      text: '{"format": "faultline-comparison",\n "cells": [',
      says: ':2:12: the JSON ends in the middle',
    },
    {
      name: 'later.json',
      text: '{"format": "faultline-comparison", "version": 2}',
      says: 'this faultline reads version 1',
    },
    { name: 'other.json', text: '[]', says: 'no saved comparison' },
    {
      name: 'cells.json',
      text: '{"format":"faultline-comparison","version":1,"cells":[1]}',
      says: 'cells[0] is no cell',
    },
  ])('refuses $name', async ({ name, text, says }) => {
    const { code, stderr } = await faultline(small('compare', '--against', put(place, name, text)));
    expect(code).toBe(65);
    expect(stderr).toContain(says);
  });

  test('refuses a saved comparison that is a folder', async () => {
    const directory = join(place, 'a-folder');
    mkdirSync(directory);
    const { code, stderr } = await faultline(small('compare', '--against', directory));
    expect({ code, stderr }).toEqual({ code: 65, stderr: `${directory}: is a directory, not a file\n` });
  });
});

test.each([
  {
    source:
      '/**\n * mm/memory.c:f(). Simplified: never out of memory.\n * Enters with x; returns with y.\n */\nexport function* f(',
    found: [{ name: 'f', fidelity: 'Simplified', says: 'never out of memory.' }],
  },
  {
    source: '/** mm/memory.c:f(). Faithful.\n * Enters with x; returns with y. */\nexport const f = ',
    found: [],
  },
])('reads how faithful a function is: $found', ({ source, found }) => {
  expect(reducedIn(source)).toEqual(found);
});
