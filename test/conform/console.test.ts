import { consoleLines, findingOf, lastLines } from '../../src/conform/console';

const boot = '[    0.000000] Linux version 6.1.0\r\n[    1.5] Run /init as init process\r\n';

test.each([
  {
    text: '[   3.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\r\n[  3.2] CPU: 0 PID: 1\r\n',
    what: 'panic',
    first: 'Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b',
    lines: 2,
  },
  {
    text: '[ 3.0][  T42] kernel BUG at mm/rmap.c:1234!\n[ 3.1] invalid opcode: 0000\n[ 3.2] Kernel panic - not syncing: Fatal\n',
    what: 'panic',
    first: 'kernel BUG at mm/rmap.c:1234!',
    lines: 3,
  },
  {
    text: '[ 3.0] BUG: Bad page state in process init  pfn:1\n',
    what: 'oops',
    first: 'BUG: Bad page state in process init  pfn:1',
    lines: 1,
  },
  {
    text: '[ 3.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s!',
    what: 'oops',
    first: 'watchdog: BUG: soft lockup - CPU#0 stuck for 26s!',
    lines: 1,
  },
])('$first', ({ text, what, first, lines }) => {
  const finding = findingOf(boot + text)!;
  expect(finding.what).toBe(what);
  expect(finding.lines[0]).toBe(first);
  expect(finding.lines).toHaveLength(lines);
});

test('a boot without trouble has none', () => {
  expect(findingOf(boot)).toBeNull();
  expect(lastLines(boot, 1)).toEqual(['Run /init as init process']);
});

test('garbage is no finding, and does not reach a terminal', () => {
  const garbage = '\x1b[2J\x07\xff\xfe\x00\x01[  1.0] abc\x1b]0;title\x07\r\n';
  expect(findingOf(garbage)).toBeNull();
  expect(consoleLines(garbage).join('')).not.toMatch(/[^\t\x20-\x7e]/);
});

test('a console that is cut in the middle of a line keeps what there is', () => {
  expect(findingOf(`${boot}[ 3.0] Kernel panic - not syncing: Atte`)).toEqual({
    what: 'panic',
    lines: ['Kernel panic - not syncing: Atte'],
  });
});

test('of a console without end only the beginning of the trouble is kept', () => {
  expect(findingOf('[ 1.0] BUG: x\n'.repeat(100_000))!.lines.length).toBeLessThan(100);
});
