import { relative } from 'node:path';
import { faultline, fixtureText, folder, put, variantText } from './terminal';

/** A folder with a config that names its neighbours. */
function configured(settings: string, name = 'faultline.config.ts'): { place: string; file: string } {
  const place = folder();
  put(place, 'written-page.yaml', fixtureText('written-page'));
  put(place, 'my-idea.ts', variantText(''));
  const text = `import { defineConfig } from 'faultline';\nexport default defineConfig({\n${settings}\n});\n`;
  return { place, file: put(place, name, text) };
}

const both = "  variants: ['./my-idea.ts', 'dirty-accountable-false'],\n  fixtures: ['written-page.yaml'],";

async function within<T>(place: string, work: () => Promise<T>): Promise<T> {
  const before = process.cwd();
  process.chdir(place);
  try {
    return await work();
  } finally {
    process.chdir(before);
  }
}

describe('a config file', () => {
  test.each(['faultline.config.ts', 'faultline.config.js'])('is found in the folder: %s', async (name) => {
    const { place } = configured(`${both}\n  jobs: 0,`, name);
    const { code, stdout, stderr } = await within(place, () => faultline(['compare']));
    expect(stdout).toMatch(/^written-page +survives \d+ +SIGBUS \d+$/m);
    expect(stdout).toMatch(/^my-idea /m);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('is named from elsewhere, and its files are its neighbours', async () => {
    const { file } = configured(both);
    const argv = ['compare', '--jobs', '0', '--config', relative('', file)];
    const { stdout } = await faultline(argv);
    expect(stdout).toMatch(/^written-page +survives \d+ +SIGBUS \d+$/m);
  });

  test('gives way to the command line, and its list of variants to what check names', async () => {
    const { file } = configured(`${both}\n  jobs: 0,\n  bound: 1,`);
    const all = await faultline(['compare', '--config', file]);
    expect(all.stdout).toMatch(/stopped\s+by:\s+the\s+bound\s+of\s+1\s+run\b/);
    const more = await faultline(['compare', '--config', file, '--bound', '100']);
    expect(more.stdout).toContain('Searched to the end in all 2 cells');
    const one = await faultline(['check', 'page-dirty-check', '--config', file, '--bound', '100']);
    expect(one.stdout).toMatch(/^fixture +page-dirty-check$/m);
    expect(one.code).toBe(0);
  });

  test.each([
    {
      settings: '  fixtures: ["base-dirty-4k"],\n  varaints: ["uffd-wp-2018"],',
      says: ':4:3: there is no setting "varaints"; did you mean "variants"?; allowed are variants, fixtures',
    },
    { settings: '  jobs: -1,', says: ':3:3: "jobs" must be a whole number, at least 0, found -1' },
    { settings: '  variants: "uffd-wp-2018",', says: ':3:3: "variants" must be a list of ids and files' },
    { settings: '  jobs: 1 +,', says: ':3:12: ' },
  ])('$settings: $says', async ({ settings, says }) => {
    const { file } = configured(settings);
    const { code, stdout, stderr } = await faultline(['compare', '--config', file]);
    expect(stderr).toContain(`${file}${says}`);
    expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
  });

  test('that is not there is told', async () => {
    const { code, stderr } = await faultline(['compare', '--config', 'nowhere.config.ts']);
    expect({ code, stderr }).toEqual({ code: 65, stderr: 'nowhere.config.ts: no such file\n' });
  });
});
