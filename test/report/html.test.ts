import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { renderHtml } from '../../src/report/html';
import { htmlText, pageHtml } from '../../src/report/html_page';
import { packRuns, type ShownRun } from '../../src/report/html_runs';
import { unpackRuns } from '../../src/report/html_unpack';
import type { Review } from '../../src/report/review';
import { comparisonOf, meta, trace } from './sample';

/** Until the monitor's first step the same, then another entry; the trace has 14 steps and 12 calls. */
const there = 17;
const other = trace.lines.map((line, i) =>
  i === there ? { ...line, changes: [{ ...line.changes[0]!, after: '1151 P-WDAS-- uffd' }] } : line,
);
const run = (variant: string, rest: Partial<ShownRun> = {}): ShownRun => ({
  fixture: 'ksm',
  variant,
  broken: ['no-sigbus'],
  trace: { ...trace, variant },
  replay: { fixture: 'ksm', variant, token: 'a3b2a-123456' },
  beside: [],
  ...rest,
});
const runs: ShownRun[] = [
  run('idea', {
    beside: [
      { variant: 'other', lines: other.slice(0, there + 1), parts: { here: there, there } },
      { variant: 'third', lines: [], parts: null },
      { variant: 'fourth', lines: trace.lines.slice(0, there), parts: { here: there, there } },
    ],
  }),
  run('other', { fixture: 'thp', broken: [] }),
];
const metas = ['idea', 'other', 'third', 'fourth'].map((id) => meta(id));
const review = (fixtures: string[]): Review => ({
  comparison: comparisonOf(metas, fixtures),
  about: '',
  variants: metas.map((one) => ({
    ...{ meta: one, bases: ['uffd-wp-2018'], carries: [], supersededBy: [], functions: [] },
    ...{ observations: [], reduced: [], witnesses: [] },
  })),
});
const html = renderHtml(review(['ksm', 'thp', 'swap']), runs);

describe('the page of a variant', () => {
  test.each([
    { what: 'escapes', markdown: '# a &lt;b> \\| c', is: '<h2>a &lt;b> | c</h2>' },
    {
      what: 'links and code',
      markdown: '<https://a.b/c> and `x < y`',
      is: '<p><a href="https://a.b/c">https://a.b/c</a> and <code>x &lt; y</code></p>',
    },
    {
      what: 'fences',
      markdown: '```diff\n+<a>\n\n-b\n```\n\nc',
      is: '<pre tabindex="0">+&lt;a&gt;\n\n-b</pre>\n<p>c</p>',
    },
    { what: 'lists', markdown: '- a\n- b', is: '<ul><li>a</li><li>b</li></ul>' },
    {
      what: 'tables',
      markdown: '| a |  |\n| --- | --- |\n| b | c \\| d |',
      is: '<div class="wide" tabindex="0"><table><thead><tr><th>a</th><th></th></tr></thead><tbody><tr><td>b</td><td>c | d</td></tr></tbody></table></div>',
    },
    {
      what: 'no witnesses',
      markdown: '## A\n\n## Witnesses\n\n### no-sigbus\n\n## B',
      is: '<h3>A</h3>\n<h3>B</h3>',
    },
  ])('has $what', ({ markdown, is }) => expect(pageHtml(markdown)).toBe(is));
});

describe('packed runs', () => {
  const unpack = new Function(`${unpackRuns}; return unpackRuns`)();

  test('come out as they went in', () => {
    const shown = (lines: typeof trace.lines) =>
      lines.map((line) => (line.changes.length > 0 ? { ...line, text: '' } : line));
    expect(unpack(JSON.parse(JSON.stringify(packRuns(runs))))).toMatchObject(
      runs.map(({ fixture, variant, broken, trace, beside }) => ({
        fixture,
        variant,
        broken,
        actors: trace.actors,
        start: expect.stringMatching(/^start, one step after another\n {2}vcpu {5}write guest\n/),
        finish: expect.stringMatching(/ {4}\*\*\* no-leak: page 7$/),
        lines: shown(trace.lines),
        beside: beside.map((one) => ({ ...one, lines: shown(one.lines) })),
      })),
    );
  });

  test('a run that is there already is one copy', () => {
    const [once, twice] = [packRuns([run('idea')]), packRuns([run('idea'), run('other')])];
    expect(twice.lines).toEqual(once.lines);
    expect(twice.tape.slice(once.tape.length)).toEqual([-trace.lines.length, 0]);
  });
});

describe('the HTML review', () => {
  test('needs no network', () => expect(html).not.toMatch(/(src|href)="(?!#)|url\(|@import/));
  test('has a cell for each fixture and variant', () => expect(html.match(/<td /g)).toHaveLength(12));
  // The data between script tags are base64.
  test.each([{ text: '</script><b a="1">&', shown: '&lt;/script&gt;&lt;b a=&quot;1&quot;&gt;&amp;' }])(
    'shows $text as text',
    ({ text, shown }) => {
      expect(htmlText(text)).toBe(shown);
      expect(renderHtml(review([text]), [])).not.toContain(text);
    },
  );
});

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
if (!executablePath)
  process.stderr.write('html.test.ts: skipped: there is no Chromium (apt-get install chromium)\n');

(executablePath ? describe : describe.skip)('the HTML review in Chromium', () => {
  let browser: Browser;
  let page: Page;
  const errors: string[] = [];
  const file = join(mkdtempSync(join(tmpdir(), 'faultline-')), 'report.html');

  beforeAll(async () => {
    writeFileSync(file, html);
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ['--no-sandbox', '--disable-gpu'],
    });
    page = await browser.newPage({ viewport: { width: 375, height: 740 } });
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(`file://${file}`);
  }, 60_000);
  afterAll(() => browser.close());

  test('filters by class', async () => {
    await page.click('input[value="unsafe-write"]');
    expect(await page.locator('tbody tr:visible th').allTextContents()).toEqual(['thp', 'swap']);
    await page.click('input[value="all"]');
    expect(await page.locator('tbody tr:visible').count()).toBe(3);
  }, 30_000);

  test('goes from a cell to its run and through its steps', async () => {
    await page.click('td a[href="#ksm/idea"]');
    expect(await page.textContent('.bar a')).toBe('step 1 of 14');
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    expect(await page.textContent('.bar a')).toBe('step 13 of 14');
    await page.click('button:has-text("back")');
    expect(page.url()).toMatch(/#ksm\/idea\/a3b2a-123456\/12$/);
  }, 30_000);

  test('is used with the keyboard alone', async () => {
    await page.keyboard.press('Escape');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#cell h2:text-is("thp under other")');
    await page.keyboard.press('n');
    expect(await page.textContent('.bar a')).toBe('step 2 of 14');
  }, 30_000);

  test('steps through the run of a cell in which nothing broke', async () => {
    await page.goto(`file://${file}#thp/other`);
    expect(await page.locator('.lanes .line').count()).toBe(trace.lines.length);
    expect(await page.locator('.solo').allTextContents()).toEqual([
      expect.stringContaining('monitor  uffd_protect guest'),
      expect.stringContaining('exit of all processes'),
    ]);
  }, 30_000);

  test('shows what a step changed, from a link to it', async () => {
    await page.goto(`file://${file}#ksm/idea`);
    const link = await page.locator('.line:has-text("P-WDAS--")').first().getAttribute('href');
    await page.goto(`file://${file}${link}`);
    await page.reload();
    expect(await page.textContent('.state .now')).toBe('pte guest[127]  1151 P-WDAS-- → 1151 P--DAS--');
  }, 30_000);

  test('sets another variant beside it up to where they part', async () => {
    await page.selectOption('label:has-text("beside it") select', 'other');
    await page.click('button:has-text("where they part")');
    const now = page.locator('.state .now');
    await expect(now.allTextContents()).resolves.toEqual([
      'pte guest[127]  1151 P-WDAS-- → 1151 P--DAS--',
      'pte guest[127]  1151 P-WDAS-- → 1151 P-WDAS-- uffd',
    ]);
    expect(await page.locator('.parts + .line[aria-current]').count()).toBe(2);
    await page.keyboard.press('ArrowLeft');
    expect(await page.locator('.line[aria-current]').allTextContents()).toEqual(
      ['pmd guest[0]', 'pmd guest[0]'].map((text) => expect.stringContaining(text)),
    );
    await page.keyboard.press('End');
    expect(await page.locator('.side').last().locator('.line.later').count()).toBe(0);
  }, 30_000);

  test('says where the other has ended, and where both do the same', async () => {
    await page.selectOption('label:has-text("beside it") select', 'fourth');
    await page.click('button:has-text("where they part")');
    expect(await page.locator('.side').last().locator('.parts + .line').textContent()).toBe(
      'the run has ended',
    );
    await page.selectOption('label:has-text("beside it") select', 'third');
    expect(await page.textContent('#cell')).toContain('third takes the same steps on this schedule');
    expect(await page.locator('.side').count()).toBe(1);
  }, 30_000);

  test('opens the page of a variant by its name, and from there a run', async () => {
    await page.click('thead a[href="#idea"]');
    await page.waitForSelector('#cell h2:text-is("idea")');
    await page.click('#cell td a[href="#ksm/idea"]');
    await page.waitForSelector('#cell h2:text-is("ksm under idea")');
  }, 30_000);

  test('is light or dark as the reader has it', async () => {
    const back = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await back()).toBe('rgb(255, 255, 255)');
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await back()).toBe('rgb(22, 24, 28)');
  }, 30_000);

  test('fits a phone, without errors', async () => {
    expect(await page.locator('html').evaluate((node) => node.scrollWidth)).toBeLessThanOrEqual(375);
    expect(errors).toEqual([]);
  }, 30_000);
});
