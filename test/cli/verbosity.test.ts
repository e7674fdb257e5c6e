import { readdirSync } from 'node:fs';
import { progressOn } from '../../src/cli/terminal';
import { faultline, fixtureText, folder, put, variantText } from './terminal';

const place = folder();
const fixture = put(place, 'written-page.yaml', fixtureText('written-page'));
const idea = put(place, 'my-idea.ts', variantText(''));
const on = ['--fixture', fixture, '--jobs', '0'];

describe('--quiet', () => {
  test('of compare prints a line per variant with what broke', async () => {
    const variants = ['my-idea', 'dirty-accountable-false', 'mkwrite-reuse-as-posted'];
    const named = variants.flatMap((one) => ['--variant', one === 'my-idea' ? idea : one]);
    const { code, stdout, stderr } = await faultline(['compare', '--quiet', ...named, ...on]);
    expect(stdout.split('\n')).toEqual([
      'my-idea: survived 1/1',
      'dirty-accountable-false: survived 0/1, SIGBUS 1',
      'mkwrite-reuse-as-posted: no build',
      '',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('of check says why it ends with 1', async () => {
    const { code, stdout } = await faultline(['check', idea, '--quiet', '--bound', '1', ...on]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'my-idea: survived 0/1, cut 1\n' });
  });

  test('of report writes the files and prints nothing', async () => {
    const output = folder();
    const ended = await faultline(['report', '--variant', idea, '--output', output, '--quiet', ...on]);
    expect(ended).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readdirSync(output).sort()).toEqual(['README.md', 'my-idea.md']);
  });

  test('leaves a format alone that a program reads', async () => {
    const argv = ['compare', '--variant', idea, '--format', 'json', ...on];
    expect((await faultline([...argv, '--quiet'])).stdout).toBe((await faultline(argv)).stdout);
  });
});

describe('--verbose', () => {
  test('tells what is from where, every cell, and how long it took', async () => {
    const argv = ['compare', '--variant', idea, '--variant', 'uffd-wp-2018', ...on];
    const { code, stdout, stderr } = await faultline([...argv, '--verbose']);
    expect(stderr.replace(/in \d+ ms/g, 'in N ms').split('\n')).toEqual([
      `read ${idea}`,
      `fixture written-page: ${fixture}`,
      `variant my-idea: ${idea}, based on uffd-wp-2018`,
      'variant uffd-wp-2018: built in, based on linux-4.19',
      'loaded fixtures (1) and variants (2) in N ms',
      expect.stringMatching(/^cell written-page my-idea: survives, \d+ runs, \d+ states$/),
      expect.stringMatching(/^cell written-page uffd-wp-2018: survives, \d+ runs, \d+ states$/),
      'judged cells (2) with --jobs 0 in N ms',
      'written as table in N ms',
      '',
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: (await faultline(argv)).stdout });
  });

  test('of fuzz tells the variants and every fixture', async () => {
    const argv = ['fuzz', '--seed', '1', '--runs', '2', '--variant', idea, '--save', folder()];
    const { stderr } = await faultline([...argv, '--verbose']);
    expect(stderr.replace(/in \d+ ms/g, 'in N ms').split('\n')).toEqual([
      `variant my-idea: ${idea}, based on uffd-wp-2018`,
      expect.stringMatching(/^seed 1: 1 fixture, \d+ findings?$/),
      expect.stringMatching(/^seed 1: 2 fixtures, \d+ findings?$/),
      'tried fixtures (2) in N ms',
      '',
    ]);
    expect((await faultline(argv)).stderr).toBe('');
  }, 60_000);
});

describe('progress on a terminal', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  test.each([
    { seconds: 1, done: 1, of: 10, says: '1/10 first uffd-wp-2018' },
    { seconds: 10, done: 2, of: 10, says: '2/10 about 40 s left: first uffd-wp-2018' },
    { seconds: 100, done: 1, of: 4, says: '1/4 about 5 min left: first uffd-wp-2018' },
    { seconds: 100, done: 4, of: 4, says: '4/4 first uffd-wp-2018' },
  ])('after $seconds s with $done of $of', ({ seconds, done, of, says }) => {
    jest.useFakeTimers();
    let shown = '';
    const stream = { isTTY: true, write: (text: string) => (shown = text) };
    const terminal = { stdout: stream, stderr: stream, env: {}, onInterrupt: () => () => {} };
    const progress = progressOn(terminal, false);
    jest.advanceTimersByTime(seconds * 1000);
    progress.show('first uffd-wp-2018', done, of);
    expect(shown.slice(shown.indexOf('K') + 1)).toBe(says);
  });
});
