/** Every report says on how much the model and real kernels agree. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { formats } from '../../src/cli/formats';
import { figuresBriefly, figuresHere, figuresSentence } from '../../src/conform/figures';
import { faultline, folder, put } from '../cli/terminal';
import { fixtureText } from '../conform/sample';

const place = folder();
afterAll(() => rmSync(place, { recursive: true }));
const fixture = put(place, 'one.yaml', fixtureText('one'));
const argv = ['--variant', 'uffd-wp-2018', '--fixture', fixture, '--jobs', '0'];

/** Without what the format puts around words. */
const plain = (text: string): string => text.replaceAll('=\\n', '').replace(/\s+/g, ' ');

test.each(formats)(
  'as %s',
  async (format) => {
    const folderOf = join(place, format);
    const { code } = await faultline(['report', ...argv, '--format', format, '--output', folderOf]);
    const texts = readdirSync(folderOf).map((name) => readFileSync(join(folderOf, name), 'utf8'));
    const { stdout } = await faultline(['compare', ...argv, '--format', format]);
    expect(code).toBe(0);
    for (const text of [texts.join('\n'), stdout]) {
      if (format === 'json') expect(JSON.parse(text).besideKernels).toEqual(figuresHere());
      else expect([figuresSentence(), figuresBriefly()].some((one) => plain(text).includes(one))).toBe(true);
    }
  },
  60_000,
);

test('each page of a review says so by itself, and the overview for every run', async () => {
  const folderOf = join(place, 'pages');
  await faultline(['report', ...argv, '--variant', 'linux-6.1', '--output', folderOf]);
  const pageOf = (name: string): string => readFileSync(join(folderOf, name), 'utf8');
  expect(readdirSync(folderOf).sort()).toEqual(['README.md', 'linux-6.1.md', 'uffd-wp-2018.md']);
  expect(pageOf('README.md')).toContain(figuresSentence());
  for (const name of ['linux-6.1.md', 'uffd-wp-2018.md']) expect(pageOf(name)).toContain(figuresBriefly());
}, 60_000);

test('of every kernel that was recorded', () => {
  const kernels = figuresHere().map(({ kernel }) => kernel);
  expect(kernels).not.toEqual([]);
  for (const kernel of kernels) {
    expect(figuresSentence()).toContain(`${kernel} on `);
    expect(figuresBriefly()).toContain(`steps agree with ${kernel}, `);
  }
});

const figures = { fixtures: 2, agreed: 1, explained: 0, cut: 0, variant: 'linux-6.1', command: '' };

test('briefly, the runs on one kernel are added up', () => {
  const all = [
    { ...figures, kernel: '6.1.0', seed: null, observations: 10, observationsAgreed: 10, disagreed: 0 },
    { ...figures, kernel: '6.1.0', seed: 7, observations: 20, observationsAgreed: 18, disagreed: 2 },
    { ...figures, kernel: '6.18', seed: null, observations: 5, observationsAgreed: 5, disagreed: 0 },
  ];
  expect(figuresBriefly(all)).toBe(
    'The model beside real kernels: 28 of 30 steps agree with 6.1.0, 2 unexplained; ' +
      '5 of 5 steps agree with 6.18, 0 unexplained.',
  );
  expect(figuresBriefly([])).toBe('');
});
